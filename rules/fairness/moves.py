"""Who is moved which way from one arm to another: answers that turned favourable, and those that no longer are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from audit.model import Json
from audit.outputs.table import Groups
from audit.rules.fairness.arm_changes import ArmComparison, Pair
from audit.rules.fairness.arm_figures import Codes, Replicate, Values, compared_groups
from audit.rules.fairness.change_tables import rounded
from audit.statistics.sentences import figure

LEAST_TOLD: Final = 5
"""Outputs of a group below which a sentence gives no count of them."""


def moves(of: ArmComparison, groups: Groups) -> Iterator[tuple[str, dict[str, Json]]]:
    """For every group how many of its questions moved up (to a favourable answer) and down, on average over seeds.

    A question with several samples counts by the share of its favourable answers.
    """
    name = groups.attribute.name
    of_pairs = [(pair.seed, *_by_question(pair, name)) for pair in of.pairs]
    for group in compared_groups(groups):
        code = groups.names.index(group)
        seeds = [{"seed": seed, **_moved(change[codes == code])} for seed, change, codes, _ in of_pairs]
        n = max(int((codes == code).sum()) for _, _, codes, _ in of_pairs)
        if not n:
            continue
        table: dict[str, Json] = {
            "attribute": name,
            "kind": groups.attribute.kind,
            "group": group,
            "arm": of.arm,
            "against": of.against,
            "n": n,
            **_mean(seeds),
            "of_positives": _where(of_pairs, code, 1),
            "of_negatives": _where(of_pairs, code, 0),
            "seeds": seeds,
        }
        table["up_share"], table["down_share"] = rounded(table["up"] / n), rounded(table["down"] / n)
        table["sentence"] = _sentence(table, len(seeds))
        yield group, table


def _by_question(pair: Pair, attribute: str) -> tuple[Values, Codes, Codes]:
    """Of every question the change of the share of favourable answers, the group and whether the truth is."""
    items, first = np.unique(pair.after.item, return_index=True)
    change = _share(pair.after, items) - _share(pair.before, items)
    return change, pair.after.group[attribute][first], pair.after.positive[first]


def _share(one: Replicate, items: Codes) -> Values:
    at = np.searchsorted(items, one.item)
    share: Values = np.bincount(at, weights=one.selected, minlength=len(items)) / np.bincount(at, minlength=len(items))
    return share


def _moved(change: Values) -> dict[str, Json]:
    return {"up": rounded(float(change[change > 0].sum())), "down": rounded(float(-change[change < 0].sum()))}


def _mean(seeds: list[dict[str, Json]]) -> dict[str, Json]:
    return {way: rounded(sum(seed[way] for seed in seeds) / len(seeds)) for way in ("up", "down")}


def _where(of_pairs: list[tuple[int, Values, Codes, Codes]], code: int, truth: int) -> dict[str, Json] | None:
    """The same of the questions whose true answer is favourable (1) or not (0)."""
    marks = [(codes == code) & (positive == truth) for _, _, codes, positive in of_pairs]
    n = max(int(mark.sum()) for mark in marks)
    if not n:
        return None
    seeds = [_moved(change[mark]) for (_, change, _, _), mark in zip(of_pairs, marks, strict=True)]
    return {"n": n, **_mean(seeds)}


def _count(number: float) -> str:
    """In words: a sentence stands where small counts may not."""
    return f"fewer than {LEAST_TOLD}" if 0 < number < LEAST_TOLD else figure(number)


def _sentence(table: dict[str, Json], seeds: int) -> str:
    per = " for each seed on average" if seeds > 1 else ""
    return (
        f"{table['group']}: of {table['n']:,} questions {_count(table['up'])} turn favourable from {table['against']} "
        f"to {table['arm']} and {_count(table['down'])} no longer are{per}."
    )

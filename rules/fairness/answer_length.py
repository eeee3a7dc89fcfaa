"""How long the answers to a group are, against those to all others. For free text; labels differ in length anyway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from audit.model import Json, Measure
from audit.rule import Hit, Rule
from audit.rules.demographics.answers_by_group import LEVEL, least_d
from audit.rules.demographics.groups import Groups, as_json
from audit.rules.fairness.arms import Arm, questions_by
from audit.rules.labels.reporting import quoted

if TYPE_CHECKING:
    from audit.statistics.means import MeanDifference

Found = list[tuple[str, "MeanDifference", float]]
UNIT: Final = "characters"


def answer_length(rule: Rule, arm: Arm, groups: Groups, min_d: float) -> Iterator[Hit | Measure]:
    """The mean length of each group's answers and its difference to the others, by question; a hit for each group of
    the judged arm that differs by more than ``min_d`` standard deviations with its whole interval and Holm's p below
    0.05. Nothing where fewer than two groups have answers."""
    found = _lengths(arm, groups)
    if not found:
        return
    entries: list[Json] = [{"group": group, **as_json(one), "holm_p": p} for group, one, p in found]
    name, questions = groups.attribute.name, questions_by(arm, groups, arm.answered)
    table = {**groups.facts(), "seeds": list(arm.seeds), "groups": entries, "sentence": _sentence(name, found)}
    n = sum(one.n for _, one, _ in found)
    yield rule.measure("outputs.length", table=table, n=n, unit=UNIT, attribute=name, arm=arm.name)
    # Of two groups, one is the mirror image of the other.
    for group, one, p in (found[:1] if len(found) == 2 else found) if arm.judged else []:
        if p < LEVEL and questions[groups.names.index(group)] >= groups.attribute.min_n and least_d(one) > min_d:
            yield rule.hit(
                f"{arm.name}: {groups.title}: answers to {quoted(group)} have {one.mean:,.0f} characters on average "
                f"over {one.n:,} outputs, those to all others {one.other_mean:,.0f} (d {one.standardised:.2f}, "
                f"Holm p {p:.2g})",
                scope="dataset",
                key=f"{arm.name}\x1f{name}\x1f{group}\x1flength",
                evidence={"arm": arm.name, "attribute": name, "feature": "length", **as_json(one), "group": group},
            )


def _lengths(arm: Arm, groups: Groups) -> Found:
    """How the length of the answers to each group differs from that to the others, and Holm's adjusted p."""
    import numpy as np

    from audit.statistics.means import difference_of_means
    from audit.statistics.multiple_tests import holm

    known = arm.answered & np.isin(groups.codes, groups.compared) & (arm.outputs.characters >= 0)
    lengths, codes = arm.outputs.characters[known].astype(np.float64), groups.codes[known]
    clusters = arm.evidence.together[known]
    compared = [(groups.names[at], difference_of_means(lengths, codes == at, clusters)) for at in groups.compared]
    found = [(name, one) for name, one in compared if one is not None]
    adjusted = holm([one.p if one.p is not None else 1.0 for _, one in found])
    return [(name, one, p) for (name, one), p in zip(found, adjusted, strict=True)]


def _sentence(attribute: str, found: Found) -> str:
    """The group whose answers differ most from the others', and whether that is clear."""
    group, one, p = max(found, key=lambda each: abs(each[1].standardised or 0.0))
    clear = "" if p < LEVEL else ", which chance may do"
    return (
        f"By {attribute} the length of answers differs most for {group}: {one.mean:,.0f} characters on average over "
        f"{one.n:,} outputs, {one.other_mean:,.0f} over the {one.other_n:,} others (Holm p {p:.2g}){clear}."
    )

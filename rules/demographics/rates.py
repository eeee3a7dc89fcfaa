"""Rates by group as measures: the table that reports show and that a gate judges again. Compares nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from audit.model import Json, Measure
from audit.rule import Rule
from audit.rules.demographics.groups import Groups, as_json
from audit.statistics.intervals import wilson
from audit.statistics.rates import GroupRate, rate_table

if TYPE_CHECKING:
    from audit.statistics.disparity import Disparity, Question

LEVEL = 0.95


def question_of(groups: Groups, *, scale: Literal["ratio", "difference"], tolerance: float) -> Question:
    """What is asked of the rates of some groups. Against the best group only a lower rate counts."""
    from audit.statistics.disparity import Question

    return Question(
        scale=scale,
        tolerance=tolerance,
        reference=groups.reference_group,
        side="low" if groups.reference_group == "best" else "both",
        min_n=groups.attribute.min_n,
    )


def rate_measure(
    rule: Rule,
    name: str,
    groups: Groups,
    rates: Sequence[GroupRate],
    disparity: Disparity,
    more: Mapping[str, Json],
    *,
    group: str | None = None,
) -> Measure:
    """The overall rate, with the rates of all groups and what the comparison said of each."""
    hits, n = sum(rate.hits for rate in rates), sum(rate.n for rate in rates)
    worth = sum(rate.worth for rate in rates) / n if n else 1.0
    facts = groups.facts()
    unknown = next((rate for rate in rates if rate.group == "unknown"), None)
    table = rate_table(
        [rate for rate in rates if rate is not unknown],
        attribute=facts.pop("attribute"),
        kind=facts.pop("kind"),
        unknown=unknown,
        disparity=disparity,
        **{**facts, "rows": n, "without_outcome": facts["rows"] - n, **more},
    )
    table["question"] = as_json(disparity.question)
    table["verdict"], table["sentence"] = disparity.verdict, disparity.sentence
    return rule.measure(
        name,
        round(hits / n, 6) if n else None,
        table=table,
        n=n,
        interval=rounded(wilson(hits * worth, n * worth, LEVEL)),
        level=LEVEL,
        attribute=groups.attribute.name,
        group=group,
        split=groups.split,
    )


def impact_ratio(rule: Rule, groups: Groups, disparity: Disparity) -> Iterator[Measure]:
    """The smallest ratio to the reference, with the interval that decides about a failure."""
    worst = next((one for one in disparity.groups if one.group == disparity.worst), None)
    if worst is None or worst.estimate is None:
        return
    yield rule.measure(
        "impact_ratio",
        round(worst.estimate, 6),
        n=worst.n,
        interval=None if worst.interval is None else rounded(worst.interval),
        table={
            "interval": "simultaneous",
            "reference": worst.reference,
            "verdict": disparity.verdict,
            "required_n": worst.required_n,
        },
        attribute=groups.attribute.name,
        group=worst.group,
        split=groups.split,
    )


def rounded(interval: tuple[float, float]) -> tuple[float, float]:
    """Six decimals, as every figure of a measure."""
    return round(interval[0], 6), round(interval[1], 6)

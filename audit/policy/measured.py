"""Judges the clauses on measures: a value, or its whole interval, against bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from audit.model import Clause, Measure, Verdict
from audit.policy.counted import where
from audit.policy.demands import MeasureWithin, asks
from audit.policy.facts import Facts, clause, coverage, undecided
from audit.policy.groups import GROUP_MEASURES, declaration, declared
from audit.policy.words import labelled, number, percent
from audit.statistics.intervals import wilson
from audit.statistics.rates import UNCOMPARED

LARGEST: Final = 1e300
"""A value beyond it, or one that is no number, is compared with nothing."""


class _Figure(msgspec.Struct, frozen=True):
    """A measure as it is compared."""

    value: float
    interval: tuple[float, float] | None
    measure: Measure


def judge_measure(demand: MeasureWithin, facts: Facts) -> Clause:
    """The worst of the measures with the demanded name against the bounds."""
    limit = asks(demand)
    codes = tuple(code for code in (demand.code, *demand.rests_on) if code)
    covered = coverage(codes, facts)
    if covered.missing:
        return undecided(demand, limit, covered.missing, codes=codes, attribute=demand.attribute)
    figures = _figures(demand, facts)
    if not figures:
        return _absent(demand, limit, codes, facts)
    worst = max(figures, key=lambda figure: _excess(demand, figure.value))
    verdict, note = _verdict(demand, worst)
    if verdict == "PASS" and (silent := _without_figure(demand, facts)):
        return undecided(demand, limit, silent, codes=codes, attribute=demand.attribute)
    group = worst.measure.group
    name = demand.measure + (f" of {demand.attribute}" if demand.attribute else "") + (f" ({group})" if group else "")
    judged = clause(
        demand,
        limit=limit,
        actual=_shown(demand, worst.value),
        verdict=verdict,
        sentence=f"{name} is {_shown(demand, worst.value)} over {worst.measure.n:,}{note}; asked for {limit}.",
        value=worst.value,
        interval=worst.interval,
        level=(worst.measure.level or 0.95) if worst.interval else None,
        n=worst.measure.n,
        attribute=worst.measure.attribute,
        group=group,
        codes=codes,
        where=where(_loudest(codes, facts), facts) if verdict != "PASS" and codes else "",
    )
    return labelled(judged, [worst.measure, *_of_rule(worst.measure, facts)])


def _of_rule(measure: Measure, facts: Facts) -> list[Measure]:
    """The measures of the same rule and attribute: one of them has the table that says what a figure rests on."""
    if not measure.by_construction:
        return []
    return [
        other for other in facts.result.measures if (other.code, other.attribute) == (measure.code, measure.attribute)
    ]


def _loudest(codes: Sequence[str], facts: Facts) -> str:
    """The rule with the most findings: of rules that rest on one another, the one to look at."""
    return max(codes, key=lambda code: facts.result.counts.get(code, {}).get("findings", 0))


def _figures(demand: MeasureWithin, facts: Facts) -> list[_Figure]:
    """Every measure of the name that rests on something; rows of no known group are no group."""
    figures = []
    for measure in facts.measures(demand.measure, demand.attribute):
        value = measure.value
        if measure.attribute is not None and measure.group in UNCOMPARED:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < LARGEST or measure.n <= 0:
            continue
        if demand.over_n:
            share = round(value / measure.n, 6)
            whole = 0 <= value <= measure.n and float(value).is_integer()
            figures.append(_Figure(share, wilson(int(value), measure.n) if whole else None, measure))
        else:
            figures.append(_Figure(float(value), measure.interval, measure))
    return figures


def _without_figure(demand: MeasureWithin, facts: Facts) -> list[str]:
    """Groups of which the measure says nothing, and attributes that have none, where it is taken by group."""
    found = facts.measures(demand.measure, demand.attribute)
    silent = [
        f"{demand.measure} of {measure.attribute} cannot be told for {measure.group or 'its groups'}"
        for measure in found
        if measure.attribute is not None and measure.value is None and measure.group not in UNCOMPARED
    ]
    if demand.measure in GROUP_MEASURES and demand.attribute is None:
        given = {measure.attribute for measure in found}
        silent += [
            f"{demand.measure} of {name} is not known" for name in declared(facts.attributes) if name not in given
        ]
    return silent


def _absent(demand: MeasureWithin, limit: str, codes: Sequence[str], facts: Facts) -> Clause:
    paste = ""
    of = f" of {demand.attribute}" if demand.attribute else ""
    reason = f"no rule that ran gave a measure {demand.measure}{of} that rests on anything"
    if demand.attribute and facts.attribute(demand.attribute) is None:
        reason = f"the attribute {demand.attribute} is not declared"
        paste = declaration([demand.attribute], facts.seen())
    return undecided(demand, limit, [reason], codes=tuple(codes), attribute=demand.attribute, paste=paste)


def _excess(demand: MeasureWithin, value: float) -> float:
    """How far a value is beyond the bounds; below 0 within."""
    beyond = []
    if demand.max is not None:
        beyond.append(value - demand.max)
    if demand.min is not None:
        beyond.append(demand.min - value)
    return max(beyond)


def _verdict(demand: MeasureWithin, figure: _Figure) -> tuple[Verdict, str]:
    """The verdict, and what the sentence adds on the interval."""
    if not demand.by_interval:
        return ("FAIL" if _excess(demand, figure.value) > 0 else "PASS"), ""
    if figure.interval is None:
        return "NOT_ASSESSED", ", without an interval to judge by"
    low, high = figure.interval
    note = f", interval {_shown(demand, low)} to {_shown(demand, high)}"
    if (demand.max is not None and low > demand.max) or (demand.min is not None and high < demand.min):
        return "FAIL", note
    within = _excess(demand, low) <= 0 and _excess(demand, high) <= 0
    return ("PASS" if within else "INCONCLUSIVE"), note


def _shown(demand: MeasureWithin, value: float) -> str:
    return percent(value) if demand.share or demand.over_n else number(value)

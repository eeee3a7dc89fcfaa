"""One plain sentence for each comparison of rates, made from its figures alone. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Final

from audit.statistics.contrasts import BEST, REST
from audit.statistics.rates import GroupRate
from audit.statistics.verdicts import Compared, Question

LEAST_SHOWN: Final = 5e-5
"""Figures below it are shown as 0: the least ratio that is searched for, or a rate of one in twenty thousand."""
_NAMES_OF_RATES: Final = ("rate", "share", "accuracy")


def sentence_of(one: Compared, other: GroupRate, question: Question, what: str) -> str:
    """What was found of a group: both rates, how they compare, and what follows.

    ``other`` is what it is compared with. ``what`` is what a group gets (``>50K``), or the name of a rate.
    """
    if not one.n:
        return f"{one.group} has no rows."
    start = _rates(one, other, question, what)
    if one.reference == one.group:
        return f"{start}{_at_best(one, question)}{_follows(one, question)}."
    if one.estimate is None:
        return f"{start}: a ratio to a rate of zero cannot be estimated{_follows(one, question)}."
    return f"{start}: {_estimate(one, question)}{_follows(one, question)}."


def _rates(one: Compared, other: GroupRate, question: Question, what: str) -> str:
    words = what.split()
    rows = f"{_percent(one.rate)} of {one.n:,} rows{_worth(one)}"
    if words and words[-1].lower() in _NAMES_OF_RATES:
        start = f"{one.group} has a {what} of {rows}"
    else:
        start = f"{one.group} gets {what.removeprefix('gets ')} in {rows}"
    if one.reference == one.group and not one.rate and question.side != "high":
        return f"{start}, as in all groups"
    if one.reference == one.group:
        return f"{start}, the {'lowest' if question.side == 'high' else 'highest'} rate of all groups"
    name = "the rest" if question.reference == REST else other.group
    return f"{start}, {name} {'of' if ' has a ' in start else 'in'} {_percent(other.rate)} of {other.n:,}"


def _worth(one: Compared) -> str:
    return f" (worth {one.effective_n:,.0f} independent ones)" if one.effective_n < 0.95 * one.n else ""


def _bounds(one: Compared) -> tuple[float, float]:
    """The interval that the verdict rests on."""
    return (one.pass_interval if one.verdict == "PASS" else one.interval) or (0.0, 0.0)


def _at_best(one: Compared, question: Question) -> str:
    """How far the best observed group may lie from the truly best one."""
    low, high = _bounds(one)
    if low == high:
        return ""
    if question.scale == "ratio":
        return f" ({figure(low)} to {figure(high)} times that of the best)"
    return f" ({_points(low)} to {_points(high)} points from that of the best)"


def _estimate(one: Compared, question: Question) -> str:
    low, high = _bounds(one)
    estimate = one.estimate or 0.0
    if question.scale == "ratio":
        return f"{figure(estimate)} times as often ({figure(low)} to {figure(high)})"
    return f"a difference of {_points(estimate)} points ({_points(low)} to {_points(high)})"


def _follows(one: Compared, question: Question) -> str:
    tolerance = _tolerance(question)
    if one.verdict == "FAIL":
        beyond = "below" if question.scale == "ratio" and question.side == "low" else "beyond"
        return f", {beyond} the tolerance of {tolerance}"
    if one.verdict == "PASS":
        return f", within the tolerance of {tolerance}"
    if one.verdict == "NOT_ASSESSED":
        return ""
    if one.undecidable and one.required_n is None:
        return f", and no number of rows could show it to be within a tolerance of {tolerance}"
    if one.undecidable:
        return f", undecidable so near the tolerance of {tolerance}"
    needed = "" if one.required_n is None else f": {one.required_n:,} rows would show parity with probability 0.8"
    if one.too_few:
        return f", from too few rows to judge (fewer than {question.min_n}){needed}"
    enough = one.required_n is not None and one.n >= one.required_n
    return f", which does not decide about the tolerance of {tolerance}{'' if enough else needed}"


def summary_of(groups: Sequence[Compared], worst: Compared | None, verdict: str, question: Question) -> str:
    """What was found of all groups: of the worst where it does not pass, else that all are within."""
    if verdict == "NOT_ASSESSED" or worst is None:
        return _not_assessed(groups, question)
    if verdict != "PASS":
        undecided = [one for one in groups if one.verdict == "INCONCLUSIVE"]
        return worst.sentence if verdict == "FAIL" or worst in undecided else undecided[0].sentence
    against = {BEST: "the best", REST: "the rest"}.get(question.reference, question.reference)
    count = sum(one.verdict == "PASS" for one in groups)
    who = {1: "The only group is", 2: "Both groups are"}.get(count, f"All {count} groups are")
    return f"{who} within the tolerance of {_tolerance(question)} against {against}. {worst.sentence}"


def _not_assessed(groups: Sequence[Compared], question: Question) -> str:
    if sum(one.n > 0 for one in groups) + (question.reference not in (BEST, REST)) < 2:
        return "Fewer than two groups have rows, so nothing can be compared."
    if not any(one.hits for one in groups):
        return "No group has a hit, so that there is no ratio."
    return f"{question.reference} has no rows, so nothing can be compared with it."


def _tolerance(question: Question) -> str:
    if question.scale == "difference":
        return f"{_points(question.tolerance)} points"
    low, high = figure(question.tolerance), figure(1 / question.tolerance)
    return {"low": low, "high": high, "both": f"{low} to {high}" if question.reference != BEST else low}[question.side]


def figure(value: float) -> str:
    """Three significant digits, in plain decimals: 0.358, 12.3, 1,230; what is nearly 0 is 0."""
    if abs(value) < LEAST_SHOWN:
        return "0"
    places = max(0, 2 - floor(log10(abs(value))))
    if places > 6:
        return f"{value:.2g}"
    plain = f"{value:,.{places}f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _percent(rate: float | None) -> str:
    if rate is None:
        return "an unknown share"
    return f"{100 * rate:.1f} %" if rate in (0.0, 1.0) or 0.001 <= rate <= 0.9995 else f"{figure(100 * rate)} %"


def _points(difference: float) -> str:
    points = f"{100 * difference:.1f}".removesuffix(".0")
    return "0" if points == "-0" else points

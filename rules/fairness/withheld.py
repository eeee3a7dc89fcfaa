"""When no verdict may be given although rates are there: too many answers are missing, or a group has no rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from audit.rules.demographics.groups import Groups
from audit.rules.fairness.arms import Arm, count_by
from audit.rules.labels.reporting import quoted
from audit.statistics.rates import UNCOMPARED, GroupRate
from audit.statistics.verdicts import Disparity

MOST_MISSING: Final = 0.05
"""Share of missing answers beyond which nothing is claimed: who got no answer is not known to be like who did."""


LEAST: Final = 30
"""Questions below which nothing is claimed, where an attribute has no ``min_n`` of its own."""


class Withheld(NamedTuple):
    """Why nothing is claimed at all (``whole``), and why nothing can be said to be within (``open``)."""

    whole: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    none_answered: bool = False


def withheld(arm: Arm, groups: Groups, rates: Sequence[GroupRate], what: str) -> Withheld:
    """The reasons of one table. A group that is too small to judge anyway withholds nothing but a PASS."""
    asked, answered = len(arm.answered), int(arm.answered.sum())
    if not answered:
        return Withheld((f"none of the {asked:,} outputs of {quoted(arm.name)} is an answer",), (), True)
    whole: list[str] = []
    open_ones: list[str] = []
    if asked - answered > MOST_MISSING * asked:
        whole.append(_missing(quoted(arm.name), asked - answered, asked))
    missing = count_by(groups, ~arm.answered)
    for rate, lost, n in zip(rates, missing, groups.n, strict=True):
        if rate.group in UNCOMPARED or not n:
            continue
        if lost > MOST_MISSING * n:
            large = n >= groups.attribute.min_n
            (whole if large else open_ones).append(_missing(quoted(rate.group), lost, n))
        elif not rate.n:
            open_ones.append(f"no output of {quoted(rate.group)} is one that the {what} could be about: not estimable")
    return Withheld(tuple(whole), tuple(open_ones))


def _missing(who: str, lost: int, n: int) -> str:
    return f"{lost:,} of {n:,} outputs of {who} ({lost / n:.0%}) are no answers, and nothing says what they would be"


def decided(disparity: Disparity, held: Withheld) -> Disparity:
    """The disparity with the verdicts that may be given."""
    if held.none_answered:
        return replace(disparity, verdict="NOT_ASSESSED", sentence=_sentence(held.whole))
    if held.whole:
        groups = tuple(
            replace(one, verdict="INCONCLUSIVE") if one.verdict in ("PASS", "FAIL") else one for one in disparity.groups
        )
        return replace(
            disparity, groups=groups, verdict="INCONCLUSIVE", sentence=f"{_sentence(held.whole)} {disparity.sentence}"
        )
    if held.open and disparity.verdict == "PASS":
        return replace(disparity, verdict="INCONCLUSIVE", sentence=f"{_sentence(held.open)} {disparity.sentence}")
    return disparity


def because(held: Withheld) -> str:
    """The start of a sentence about figures of which nothing is claimed; "" where something may be."""
    return f"{_sentence(held.whole)} " if held.whole else ""


def _sentence(reasons: Sequence[str]) -> str:
    return "Nothing is claimed: " + "; ".join(reasons) + "."

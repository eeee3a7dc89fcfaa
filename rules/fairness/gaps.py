"""How far groups lie apart: signed gaps to one reference that stays the same, and the unsigned largest difference."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Final, NamedTuple

from audit.model import Json
from audit.rules.demographics.rates import rounded
from audit.statistics.contrasts import BEST, REST, contrasts_of, sample_of
from audit.statistics.intervals import newcombe
from audit.statistics.rates import UNCOMPARED, GroupRate
from audit.statistics.verdicts import Question

NOT_ESTIMABLE: Final = "not estimable"


class Reference(NamedTuple):
    """What signed gaps are to: a group, or ``rest``. ``chosen`` says who chose it."""

    group: str
    chosen: str

    def facts(self) -> dict[str, Json]:
        """For a table."""
        return {"group": self.group, "chosen": self.chosen}


class Gap(NamedTuple):
    """The rate of a group minus that of the reference, with a 95 % interval of this comparison alone."""

    value: float
    interval: tuple[float, float]


class Spread(NamedTuple):
    """The largest rate minus the smallest, the groups that have them, and the smallest over the largest."""

    difference: float | None
    ratio: float | None
    highest: str = ""
    lowest: str = ""


def reference_of(configured: str, names: Sequence[str], asked: Sequence[int], favourable: Sequence[int]) -> Reference:
    """The reference of signed gaps: the configured one. Where that is ``best``, which is another group from arm to arm
    so that a gap could never turn round, the one of the ``names`` with most questions (``asked``, one number for each),
    of equals that with most favourable truths (``favourable``). Where that leaves several, only a name could choose:
    then it is the rest."""
    if configured == REST:
        return Reference(REST, "the rest")
    if configured != BEST:
        return Reference(configured, "configured")
    counts = list(zip(asked, favourable, strict=True))
    most = [name for name, count in zip(names, counts, strict=True) if count == max(counts)]
    if len(most) > 1:
        return Reference(REST, "the rest, for no group is larger")
    return Reference(most[0] if most else "", "the group with most questions")


def signed_gaps(rates: Sequence[GroupRate], reference: Reference) -> dict[str, Gap]:
    """The gap of every group that is compared and is not the reference; nothing where one of both has no rows.

    Newcombe's interval (method 10), of what the rows are worth.
    """
    samples = [sample_of(rate) for rate in rates if rate.n and rate.group not in UNCOMPARED]
    names = {sample.group for sample in samples}
    if len(samples) < 2 or (reference.group != REST and reference.group not in names):
        return {}
    question = Question(scale="difference", tolerance=1.0, reference=reference.group, side="both")
    found = {}
    for contrast in contrasts_of(samples, question):
        own, other = contrast.sample, contrast.rivals[0]
        found[own.group] = Gap(own.rate - other.rate, newcombe(own.hits, own.n, other.hits, other.n))
    return found


def log_odds_of(rates: Sequence[GroupRate], reference: Reference) -> dict[str, float | None]:
    """The log of the odds ratio of every group to the reference, which does not shrink as a difference does where few
    are selected; None where one of the four counts is 0, and for the reference itself."""
    counts = {rate.group: (rate.hits, rate.n - rate.hits) for rate in rates if rate.group not in UNCOMPARED}
    found: dict[str, float | None] = {}
    for group, own in counts.items():
        others = [count for name, count in counts.items() if name != group and reference.group in (REST, name)]
        cells = (*own, sum(hits for hits, _ in others), sum(misses for _, misses in others))
        whole = reference.group != group and all(cells)
        found[group] = round(log(cells[0] * cells[3] / (cells[1] * cells[2])), 6) if whole else None
    return found


def gap_facts(group: str, gaps: dict[str, Gap]) -> dict[str, Json]:
    """A group's gap for its entry in a table; None where there is none."""
    gap = gaps.get(group)
    if gap is None:
        return {"gap": None, "gap_interval": None}
    return {"gap": round(gap.value, 6), "gap_interval": list(rounded(gap.interval))}


def spread(rates: Sequence[tuple[str, float | None]]) -> Spread:
    """How far the rates of groups that are compared lie apart; None where fewer than two can be estimated."""
    known = [(name, rate) for name, rate in rates if rate is not None and name not in UNCOMPARED]
    if len(known) < 2:
        return Spread(None, None)
    (lowest, least), (highest, most) = (choose(known, key=lambda one: one[1]) for choose in (min, max))
    return Spread(most - least, least / most if most else None, highest, lowest)


def simultaneous(rates: Sequence[GroupRate]) -> tuple[float, float] | None:
    """The interval of the largest difference between any two groups, simultaneous over all pairs; None without one."""
    from audit.statistics.disparity import compare

    found = compare(rates, Question(scale="difference", tolerance=1.0, reference=BEST, min_n=1))
    gaps = [one for one in found.groups if one.estimate is not None and one.interval is not None]
    worst = min(gaps, key=lambda one: one.estimate or 0.0, default=None)
    if worst is None or worst.interval is None:
        return None
    return max(0.0, -worst.interval[1]), max(0.0, -worst.interval[0])


def not_estimable(rates: Sequence[GroupRate]) -> list[str]:
    """The groups that are compared and have nothing that the rate could be about."""
    return [rate.group for rate in rates if not rate.n and rate.group not in UNCOMPARED]

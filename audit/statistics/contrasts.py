"""Which group is compared with which, at which level, and the verdict of each comparison. Says nothing in words.

FAIL of a metric is the union over groups, so its intervals are simultaneous; PASS needs all groups within, which is an
intersection-union test (Berger 1982, Technometrics 24) and needs no adjustment. Against the best group, which is chosen
from the same data, all ordered pairs are looked at (Hsu 1984, "Constrained simultaneous confidence intervals for
multiple comparisons with the best", Annals of Statistics 12).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import NormalDist
from typing import Final, Literal, NamedTuple, TypeAlias

from audit.model import Verdict
from audit.statistics.rates import GroupRate
from audit.statistics.score import Pair, above, below, lower, mirrored, upper
from audit.statistics.verdicts import Question

LEAST_EXPECTED: Final = 5.0
"""Hits, and rows without one, that both sides of a comparison must be expected to have for a FAIL (Cochran 1954)."""
REST: Final = "rest"
BEST: Final = "best"

Side: TypeAlias = Literal["low", "high"]


class Sample(NamedTuple):
    """A group's rows and what they are worth: hits and rows of independent evidence. A remedy ``made`` some of the rows
    of others."""

    group: str
    hits: float
    n: float
    rows: int
    made: int = 0

    @property
    def unique(self) -> int:
        return self.rows - self.made

    @property
    def rate(self) -> float:
        return self.hits / self.n


class Contrast(NamedTuple):
    """A group and what it is compared with: one rival, or against the best all other groups, the best first."""

    sample: Sample
    rivals: tuple[Sample, ...]
    too_few: bool

    def reference(self, question: Question) -> Sample:
        """What the shown estimate is to: the rival, or the group itself where it is the best observed one."""
        first = self.rivals[0]
        if question.reference != BEST:
            return first
        return min(first, self.sample, key=lambda one: (_sign(question) * one.rate, one.group))

    def pairs(self, side: Side) -> Iterator[Pair]:
        """The comparisons, turned so that the side that may be worse off stands first."""
        for rival in self.rivals:
            pair = Pair(self.sample.hits, self.sample.n, rival.hits, rival.n)
            yield pair if side == "low" else pair.swapped


class Levels(NamedTuple):
    """The normal quantiles of the one-sided bounds that decide about FAIL and about PASS."""

    fail: float
    passing: float


def sample_of(rate: GroupRate) -> Sample:
    """A group with rows as independent evidence."""
    return Sample(rate.group, rate.hits / rate.n * rate.worth, rate.worth, rate.n, rate.made)


def sides(question: Question) -> tuple[Side, ...]:
    """Which departures are looked at. Of two groups one is above the other: against the best, low is enough."""
    if question.side == "both":
        return ("low",) if question.reference == BEST else ("low", "high")
    return (question.side,)


def contrasts_of(samples: Sequence[Sample], question: Question) -> list[Contrast]:
    """What each group is compared with; a group that is itself the reference is not among them."""
    if question.reference == BEST:
        best_first = sorted(samples, key=lambda one: (_sign(question) * one.rate, one.group))
        return [_against_best(one, best_first, question) for one in samples]
    if question.reference == REST:
        rests = [(one, _rest(one, samples)) for one in samples]
    else:
        named = next(one for one in samples if one.group == question.reference)
        rests = [(one, named) for one in samples if one is not named]
    return [Contrast(one, (rest,), min(one.unique, rest.unique) < question.min_n) for one, rest in rests]


def _against_best(one: Sample, best_first: Sequence[Sample], question: Question) -> Contrast:
    """Groups with too few rows are no rivals, unless there is no other."""
    others = [other for other in best_first if other is not one]
    enough = [other for other in others if other.unique >= question.min_n]
    return Contrast(one, tuple(enough or others), one.unique < question.min_n or not enough)


def _sign(question: Question) -> int:
    """1 where the best rate is the lowest, -1 where it is the highest."""
    return 1 if question.side == "high" else -1


def _rest(one: Sample, samples: Iterable[Sample]) -> Sample:
    """All other groups together, worth what has the variance of their pooled rate."""
    others = [other for other in samples if other is not one]
    rows = sum(other.rows for other in others)
    worth = rows**2 / sum(other.rows**2 / other.n for other in others)
    hits = sum(other.rate * other.rows for other in others)
    return Sample(REST, min(1.0, hits / rows) * worth, worth, rows, sum(other.made for other in others))


def levels_of(groups: int, question: Question) -> Levels:
    """The quantiles for a number of groups that are compared.

    Against the best alpha / (K (K - 1)), one part for each ordered pair (Bonferroni); else Sidak's
    1 - (1 - alpha)^(1/K), for K groups and both directions where both count.
    """
    alpha, normal = question.share_of_alpha, NormalDist()
    if question.reference == BEST:
        fail = -normal.inv_cdf(alpha / max(2, groups * (groups - 1)))
    else:
        fail = normal.inv_cdf((1 - alpha / len(sides(question))) ** (1 / max(1, groups)))
    return Levels(fail, normal.inv_cdf(1 - alpha))


def judgeable(contrasts: Sequence[Contrast]) -> int:
    """Over how many groups the error is spread: those with enough rows, for the others cannot FAIL."""
    return sum(not contrast.too_few for contrast in contrasts)


def verdict_of(contrast: Contrast, question: Question, levels: Levels) -> Verdict:
    """FAIL when an interval lies wholly beyond the tolerance and enough hits are expected, PASS when all lie within."""
    if contrast.too_few:
        return "INCONCLUSIVE"
    scale, limit = question.scale, question.limit
    pairs = [pair for side in sides(question) for pair in contrast.pairs(side)]
    if any(below(pair, scale, limit, levels.fail) and _expected(pair) >= LEAST_EXPECTED for pair in pairs):
        return "FAIL"
    return "PASS" if all(above(pair, scale, limit, levels.passing) for pair in pairs) else "INCONCLUSIVE"


def _expected(pair: Pair) -> float:
    """The least count that is expected in a cell of the table of both sides where nothing differs."""
    share = (pair.hits + pair.other_hits) / (pair.n + pair.other_n)
    return min(pair.n, pair.other_n) * min(share, 1 - share)


def interval_of(contrast: Contrast, question: Question, z: float) -> tuple[float, float]:
    """Both bounds of a group's ratio or difference. Against the best, of that to the best of all groups: the least of
    the pairs' bounds, and at most that of the best to itself."""
    if question.reference != BEST:
        (pair,) = contrast.pairs("low")
        return lower(pair, question.scale, z), upper(pair, question.scale, z)
    (side,) = sides(question)
    least, most = _least_bounds(list(contrast.pairs(side)), question, z)
    if side == "low":
        return least, most
    return mirrored(question.scale, most), mirrored(question.scale, least)


def _least_bounds(pairs: Sequence[Pair], question: Question, z: float) -> tuple[float, float]:
    scale = question.scale
    low = high = 1.0 if scale == "ratio" else 0.0
    for pair in pairs:  # a bound is computed only where a test says that it is the least so far
        if below(pair, scale, high, z):
            high = min(high, upper(pair, scale, z))
        if not above(pair, scale, low, z):
            low = min(low, lower(pair, scale, z))
    return min(low, high), high

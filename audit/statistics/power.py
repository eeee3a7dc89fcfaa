"""How many rows it takes to decide, and what so many rows can show: planned from an assumed truth, never from a result.

Chances are those of the score test by the normal approximation, with the error that the test has at its limit and the
one that the truth has: Farrington and Manning (1990), "Test statistics and sample size formulae for comparative
binomial trials", Statistics in Medicine 9. Draws nothing at random.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil, floor, log2, sqrt
from statistics import NormalDist
from typing import Final

from audit.statistics.contrasts import BEST, REST, levels_of, sides
from audit.statistics.intervals import TWO_SIDED
from audit.statistics.score import Pair, Scale, mirrored, score_of
from audit.statistics.verdicts import Question

POWER: Final = 0.8
"""The chance of a decision that required numbers of rows give."""
PLANNED: Final = 0.83
"""What required numbers are computed for: the normal approximation promises up to three points too much."""
MOST_ROWS: Final = 10**8
"""Where the search for a number of rows ends."""
_CLASSES: Final = 8
"""Classes of group sizes to each doubling, so that many groups have few sizes: each is taken for up to 9 % smaller."""


def rows_to_pass(rate: float, sizes: Sequence[float], question: Question) -> int | None:
    """The least number of independent rows N such that all groups PASS together with probability 0.8 if all have
    ``rate``, the smallest has N rows, and no other has fewer; None where no number below a hundred million will do.

    ``sizes`` are the rows that the groups have, a named reference first: those above N stay as they are. The chances
    that single comparisons do not pass are added up (Bonferroni), so N is rather too large: by a tenth for ten groups
    against the best.
    """
    classes = [2 ** (floor(log2(max(1.0, size)) * _CLASSES) / _CLASSES) for size in sizes]
    return _rows_to_pass(rate, classes[0], tuple(sorted(classes[1:])), question)


@lru_cache(maxsize=1024)
def _rows_to_pass(rate: float, first: float, others: tuple[float, ...], question: Question) -> int | None:
    sizes = [first, *others]
    smallest = sizes.index(min(sizes))
    z = levels_of(len(sizes), question).passing

    def enough(n: int) -> bool:
        planned = [float(n) if at == smallest else max(float(n), size) for at, size in enumerate(sizes)]
        events = _comparisons(planned, question)
        return sum(many * (1 - _pass_chance(rate, *pair, question, z)) for pair, many in events.items()) <= 1 - PLANNED

    return least_rows(enough, question.min_n)


def _comparisons(sizes: Sequence[float], question: Question) -> Counter[tuple[float, float]]:
    """How often which size is compared with which; the side that may be worse off stands first."""
    many = Counter(sizes)
    if question.reference == BEST:
        pairs = Counter({(a, b): many[a] * (many[b] - (a == b)) for a in many for b in many})
    elif question.reference == REST:
        pairs = Counter({(a, sum(sizes) - a): times for a, times in many.items()})
    else:
        pairs = Counter((a, sizes[0]) for a in sizes[1:])
    turned = Counter({(b, a): times for (a, b), times in pairs.items()})
    return sum(({"low": pairs, "high": turned}[side] for side in sides(question)), Counter())


def _pass_chance(rate: float, n: float, other_n: float, question: Question, z: float) -> float:
    """The chance that one comparison of two groups with the same rate lies wholly within the tolerance."""
    pair = Pair(rate * other_n, other_n, rate * n, n)
    return chance_below(pair, question.scale, mirrored(question.scale, question.limit), z)


def rows_to_fail(rate: float, other: float, groups: int, question: Question) -> int | None:
    """The least number of rows a group such that a group of ``rate`` FAILs with probability 0.8 where all other groups
    have the rate ``other``; None where the rates lie within the tolerance or no number will do.

    Only one of the comparisons is counted on, so N is rather too large against the best of many groups.
    """
    z = levels_of(groups, question).fail
    against = groups - 1 if question.reference == REST else 1

    def enough(n: int) -> bool:
        pair = Pair(rate * n, n, other * n * against, n * against)
        turned = pair.swapped if rate > other else pair
        return chance_below(turned, question.scale, question.limit, z) >= PLANNED

    return least_rows(enough, question.min_n)


def chance_below(pair: Pair, scale: Scale, limit: float, z: float) -> float:
    """The chance that ``audit.statistics.score.below`` says yes, if the shares of ``pair`` are the truth."""
    score = score_of(pair, scale, limit)
    weight = limit if scale == "ratio" else 1.0
    share, other = pair.hits / pair.n, pair.other_hits / pair.other_n
    spread = sqrt(share * (1 - share) / pair.n + weight * weight * other * (1 - other) / pair.other_n)
    short = score.critical(z) - score.distance
    if spread <= 0:
        return float(short > 0)
    return NormalDist().cdf(short / spread)


def least_rows(enough: Callable[[int], bool], least: int = 1) -> int | None:
    """The least number, from ``least`` on, that is enough, if more always is; None beyond a hundred million."""
    low, high = max(1, least) - 1, max(1, least)
    while not enough(high):
        low, high = high, high * 2
        if high > MOST_ROWS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def rows_to_detect(rate: float, ratio: float, *, power: float = POWER, z: float = TWO_SIDED) -> int | None:
    """Rows in each of two groups, of ``rate`` and of ``ratio`` times that, for the test of no difference to see it.

    The z test with the pooled share, two-sided at 0.05 by default: Fleiss, Levin and Paik (2003), "Statistical methods
    for rates and proportions", equation 4.14.
    """
    return least_rows(lambda n: _seen(rate, ratio, n, n, z) >= power)


def detectable_ratio(
    rate: float, n: float, other_n: float, *, power: float = POWER, z: float = TWO_SIDED
) -> float | None:
    """The ratio nearest to 1 that the test of no difference sees, if a group of ``n`` rows has a rate that is lower by
    it than the ``rate`` of ``other_n`` others: with probability ``power``, two-sided at 0.05 by default.

    Between 0 and 1; None where not even a rate of 0 would be seen.
    """
    if n <= 0 or other_n <= 0 or _seen(rate, 0.0, n, other_n, z) < power:
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _seen(rate, middle, n, other_n, z) >= power else (low, middle)
    return low


def _seen(rate: float, ratio: float, n: float, other_n: float, z: float) -> float:
    """The power of the z test with the pooled share; the far tail is left out."""
    lower = rate * ratio
    pooled = (lower * n + rate * other_n) / (n + other_n)
    null = sqrt(pooled * (1 - pooled) * (1 / n + 1 / other_n))
    spread = sqrt(lower * (1 - lower) / n + rate * (1 - rate) / other_n)
    short = rate - lower - z * null
    return NormalDist().cdf(short / spread) if spread > 0 else float(short > 0)


def in_rows(independent: int | None, rows: int, worth: float) -> int | None:
    """So many independent rows as rows of a group whose ``rows`` are ``worth`` fewer."""
    return None if independent is None or not worth else ceil(round(independent * rows / worth, 6))

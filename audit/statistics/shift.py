"""Tests of whether two samples come from one distribution, and distances between them.

Plain Python but for the chi-square distribution. Where the samples come from is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, log2, sqrt
from typing import Final, NamedTuple

LEAST_EXPECTED: Final = 5
"""Rows expected in every cell of a chi-square test; rarer categories are put together.

Cochran (1954), "Some methods for strengthening the common chi-square tests", Biometrics 10.
"""


class Outcome(NamedTuple):
    """A test statistic and its p value: how likely one so large is where there is no difference."""

    statistic: float
    p: float


def chi_square(first: Sequence[int], second: Sequence[int]) -> Outcome:
    """Pearson's chi-square test of homogeneity over the counts of the same categories in two samples.

    Categories of which fewer than ``LEAST_EXPECTED`` rows are expected in the smaller sample are put together, and
    with the rarest of the others where they are still too few. (0, 1) where fewer than two categories are left.
    """
    table = _pooled(first, second)
    rows = [sum(row) for row in zip(*table, strict=True)]
    n = sum(rows)
    if len(table) < 2 or not all(rows):
        return Outcome(0.0, 1.0)
    statistic = 0.0
    for cells in table:
        for cell, row in zip(cells, rows, strict=True):
            expected = sum(cells) * row / n
            statistic += (cell - expected) ** 2 / expected
    return Outcome(statistic, chi_square_tail(statistic, len(table) - 1))


def _pooled(first: Sequence[int], second: Sequence[int]) -> list[tuple[int, int]]:
    counts = sorted(((a, b) for a, b in zip(first, second, strict=True) if a or b), key=sum)
    n = sum(map(sum, counts))
    smaller = min(sum(a for a, _ in counts), sum(b for _, b in counts))
    pooled, kept = (0, 0), list(counts)
    while kept and (sum(kept[0]) * smaller < LEAST_EXPECTED * n or 0 < sum(pooled) * smaller < LEAST_EXPECTED * n):
        rarest = kept.pop(0)
        pooled = (pooled[0] + rarest[0], pooled[1] + rarest[1])
    return [pooled, *kept] if sum(pooled) else kept


def chi_square_tail(statistic: float, degrees: int) -> float:
    """The probability of a chi-square value of so many ``degrees`` of freedom above ``statistic``."""
    from scipy.special import chdtrc  # 0.1 s to import

    return float(chdtrc(degrees, statistic))


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> Outcome:
    """The two-sample Kolmogorov-Smirnov test: the largest distance of the two distribution functions, 0 to 1.

    The p value is that of the limit distribution with Stephens' correction for samples that are not large (Stephens
    1970, "Use of the Kolmogorov-Smirnov, Cramér-von Mises and related statistics"); where values are tied it is too
    large rather than too small. (0, 1) where a sample is empty.
    """
    if not first or not second:
        return Outcome(0.0, 1.0)
    size, other_size = len(first), len(second)
    values = sorted([*((value, 0) for value in first), *((value, 1) for value in second)])
    below, other_below, distance = 0, 0, 0.0
    for at, (value, sample) in enumerate(values):
        below, other_below = below + (sample == 0), other_below + (sample == 1)
        if at + 1 == len(values) or values[at + 1][0] != value:
            distance = max(distance, abs(below / size - other_below / other_size))
    root = sqrt(size * other_size / (size + other_size))
    return Outcome(distance, _kolmogorov_tail((root + 0.12 + 0.11 / root) * distance))


def _kolmogorov_tail(x: float) -> float:
    """2 sum over k of (-1)^(k-1) exp(-2 k^2 x^2)  (Kolmogorov 1933)."""
    if x < 0.2:
        return 1.0
    terms = ((1 if k % 2 else -1) * exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * sum(terms)))


def js_distance(first: Sequence[int], second: Sequence[int], *, beyond_chance: bool = False) -> float:
    """The Jensen-Shannon distance of two distributions over the same categories, given as counts: 0 equal, 1 disjoint.

    The square root of the divergence to base 2, which is a metric (Endres and Schindelin 2003, "A new metric for
    probability distributions"). 0 for an empty sample. ``beyond_chance`` takes out of the divergence what two samples
    of one distribution are expected to have, (K - 1) (1/n + 1/m) / (8 ln 2) for K categories: to second order it is
    the sum of (p - q)^2 / p over 8 ln 2, and that sum has the mean (K - 1) (1/n + 1/m), as in Pearson's test.
    """
    n, other_n = sum(first), sum(second)
    if not n or not other_n:
        return 0.0
    divergence, categories = 0.0, 0
    for a, b in zip(first, second, strict=True):
        share, other = a / n, b / other_n
        middle = (share + other) / 2
        categories += middle > 0
        divergence += sum(p * log2(p / middle) for p in (share, other) if p) / 2
    if beyond_chance:
        divergence -= (categories - 1) * (1 / n + 1 / other_n) / (8 * log(2))
    return float(sqrt(min(1.0, max(0.0, divergence))))

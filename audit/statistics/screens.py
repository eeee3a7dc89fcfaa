"""What is shown beside a verdict and never makes one: the four-fifths rule and the test that all rates are equal.

The four-fifths rule alone is no evidence: at a true ratio of 0.85 it fires on one sample of 1,000 rows in five.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, exp, lgamma, log, sqrt
from typing import Final

from audit.statistics.contrasts import LEAST_EXPECTED, Sample
from audit.statistics.score import Pair

FOUR_FIFTHS: Final = 0.8
"""Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 D."""
LEVEL: Final = 0.05


def difference_p(pair: Pair) -> float:
    """The two-sided p value of no difference between two shares: the z test with the pooled share.

    1 where no row or every row of both is a hit.
    """
    share = (pair.hits + pair.other_hits) / (pair.n + pair.other_n)
    variance = share * (1 - share) * (1 / pair.n + 1 / pair.other_n)
    if variance <= 0:
        return 1.0
    return erfc(abs(pair.hits / pair.n - pair.other_hits / pair.other_n) / sqrt(2 * variance))


def four_fifths(pair: Pair, p: float) -> bool:
    """The adverse-impact screen: a share below four fifths of the other, and ``p`` below 0.05, where p can be trusted:
    enough hits and rows without one are expected on both sides."""
    share = (pair.hits + pair.other_hits) / (pair.n + pair.other_n)
    expected = min(pair.n, pair.other_n) * min(share, 1 - share)
    lower = pair.hits / pair.n < FOUR_FIFTHS * (pair.other_hits / pair.other_n)
    return lower and p < LEVEL and expected >= LEAST_EXPECTED


def homogeneity_p(samples: Sequence[Sample]) -> float | None:
    """The p value of Pearson's chi-square test that all groups have one rate, over what their rows are worth.

    None where that cannot be said: fewer than two groups, or a group in which less than one hit, or less than one row
    without, is expected (Cochran 1954, "Some methods for strengthening the common chi-square tests", Biometrics 10).
    """
    n, hits = sum(one.n for one in samples), sum(one.hits for one in samples)
    share = hits / n if n else 0.0
    if len(samples) < 2 or min(one.n for one in samples) * min(share, 1 - share) < 1:
        return None
    statistic = sum((one.hits - one.n * share) ** 2 / (one.n * share * (1 - share)) for one in samples)
    return chi_square_tail(statistic, len(samples) - 1)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """The chance that a chi-square variable of whole ``degrees`` of freedom is above ``statistic``.

    The finite series 26.4.4 and 26.4.5 of Abramowitz and Stegun (1964), in logarithms: scipy takes 0.1 s to import.
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    odd = degrees % 2
    powers = (k + odd / 2 for k in range(degrees // 2))
    series = sum(exp(power * log(half) - half - lgamma(power + 1)) for power in powers)
    return min(1.0, series + (erfc(sqrt(half)) if odd else 0.0))

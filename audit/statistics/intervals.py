"""Confidence intervals in closed form, so that a check of a small file need not import scipy.

The tests hold them against statsmodels' or exact published values. Counts may be broken numbers: hits and rows shrunk
to what they are worth where rows are no independent evidence (``audit.statistics.effective``). Verdicts rest on the
score interval of ``audit.statistics.score``, whose errors hold where those of Newcombe and Katz do not.
"""

from __future__ import annotations

from math import ceil, exp, log, sqrt
from typing import Final

TWO_SIDED: Final = 1.959963984540054
"""The standard normal quantile that leaves 2.5 % above."""


def interval_of_the_same(value: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The interval of a bounded figure that has not varied over ``n`` independent trials, where a t interval would have
    no width: Wilson's for as many trials. ``value`` is a difference of shares, or of such differences (beyond 1)."""
    span = max(1.0, float(ceil(abs(value) - 1e-9)))
    low, high = wilson(min(1.0, abs(value) / span) * n, n, level)
    if value == 0:
        return -high, high
    return (span * low, span * high) if value > 0 else (-span * high, -span * low)


def wilson(found: float, n: float, level: float = 0.95, *, z: float | None = None) -> tuple[float, float]:
    """The Wilson score interval of a share ``found / n``; (0, 1) when nothing was looked at.

    ``z`` takes the place of ``level``: with the quantile of 1 - alpha each end is a one-sided bound at alpha.
    Wilson, E. B. (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    if n == 0:
        return 0.0, 1.0
    if z is None:
        z = _two_sided(level)
    share = found / n
    denominator = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / denominator
    half = z / denominator * sqrt(max(0.0, share * (1 - share)) / n + z * z / (4 * n * n))
    low = 0.0 if found == 0 else max(0.0, centre - half)
    high = 1.0 if found == n else min(1.0, centre + half)
    return low, high


def newcombe(found: float, n: float, other_found: float, other_n: float, z: float = TWO_SIDED) -> tuple[float, float]:
    """The hybrid score interval of the difference of two shares; (-1, 1) when one of them rests on nothing.

    Newcombe, R. G. (1998), "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17, method 10.
    """
    if n == 0 or other_n == 0:
        return -1.0, 1.0
    share, other = found / n, other_found / other_n
    (low, high), (other_low, other_high) = wilson(found, n, z=z), wilson(other_found, other_n, z=z)
    difference = share - other
    below = sqrt((share - low) ** 2 + (other_high - other) ** 2)
    above = sqrt((high - share) ** 2 + (other - other_low) ** 2)
    return max(-1.0, difference - below), min(1.0, difference + above)


def katz(found: float, n: float, other_found: float, other_n: float, z: float = TWO_SIDED) -> tuple[float, float]:
    """The interval of the ratio of two shares from the logarithm of the ratio, a half added to every count.

    Katz, Baptista, Azen and Pike (1978), "Obtaining confidence intervals for the risk ratio in cohort studies",
    Biometrics 34; the half is that of Walters (1985). Good for rare hits only: two groups that all have hits get an
    interval of no width.
    """
    centre = log((found + 0.5) / (n + 0.5)) - log((other_found + 0.5) / (other_n + 0.5))
    variance = 1 / (found + 0.5) - 1 / (n + 0.5) + 1 / (other_found + 0.5) - 1 / (other_n + 0.5)
    half = z * sqrt(max(0.0, variance))
    return exp(centre - half), exp(centre + half)


def _two_sided(level: float) -> float:
    """The standard normal quantile that leaves half of ``1 - level`` on each side."""
    if level == 0.95:
        return TWO_SIDED
    from statistics import NormalDist  # 10 ms to import, and 0.95 is what every check asks for

    return NormalDist().inv_cdf(0.5 + level / 2)

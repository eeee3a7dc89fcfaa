"""Confidence intervals in closed form, so that a check of a small file need not import scipy.

The tests hold them against statsmodels' or exact published values.
"""

from __future__ import annotations

from math import sqrt


def wilson(found: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a share ``found / n``; (0, 1) when nothing was looked at.

    Wilson, E. B. (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    if n == 0:
        return 0.0, 1.0
    z = _two_sided(level)
    share = found / n
    denominator = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / denominator
    half = z / denominator * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if found == 0 else max(0.0, centre - half)
    high = 1.0 if found == n else min(1.0, centre + half)
    return low, high


def _two_sided(level: float) -> float:
    """The standard normal quantile that leaves half of ``1 - level`` on each side."""
    if level == 0.95:
        return 1.959963984540054
    from statistics import NormalDist  # 10 ms to import, and 0.95 is what every check asks for

    return NormalDist().inv_cdf(0.5 + level / 2)

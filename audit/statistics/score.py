"""Two shares compared by the score statistic with a correction for skewness: tests against a limit, and bounds.

Closed forms and bisection in plain Python. The correction is what keeps one-sided errors at their level: with ten
groups of 200 rows at a rate of 5 %, where nothing differs, some group is wrongly above the others in 9 % of samples by
Newcombe's interval and by the plain score, and in 5 % here; Katz's interval of the ratio is wrong in up to 60 % where
rates are high. What the limits mean is the caller's business.

The statistic is that of Miettinen and Nurminen (1985), "Comparative analysis of two rates", Statistics in Medicine 4;
the correction that of Gart and Nam (1988, 1990), Biometrics 44 and 46; both together are the SCAS interval of Laud
(2017), "Equal-tailed confidence intervals for comparison of rates", Pharmaceutical Statistics 16.
"""

from __future__ import annotations

from math import acos, copysign, cos, exp, log, pi, sqrt
from typing import Final, Literal, NamedTuple, TypeAlias

Scale: TypeAlias = Literal["ratio", "difference"]

HIGHEST_RATIO: Final = 1e6
"""Where bounds of a ratio end: a share of some rows over one of none has no upper bound."""
STEPS: Final = 48
"""Halvings of a bisection: of a difference down to 1e-14, of the logarithm of a ratio to 1e-13."""
_FLAT: Final = 1e-15
"""A variance below this is none."""
_ROUNDING: Final = 1e-12
"""A distance below this is none."""


class Pair(NamedTuple):
    """Hits and rows of a group and of what it is compared with. Broken numbers are allowed; both have rows."""

    hits: float
    n: float
    other_hits: float
    other_n: float

    @property
    def swapped(self) -> Pair:
        """The same comparison seen from the other side."""
        return Pair(self.other_hits, self.other_n, self.hits, self.n)

    def estimate(self, scale: Scale) -> float | None:
        """The ratio or the difference of the shares; None for a ratio to a share of zero."""
        if scale == "difference":
            return self.hits / self.n - self.other_hits / self.other_n
        return (self.hits / self.n) / (self.other_hits / self.other_n) if self.other_hits else None

    def distance(self, scale: Scale, limit: float) -> float:
        """How far the estimate lies above a limit: p1 - limit p2 for a ratio, p1 - p2 - limit for a difference."""
        if scale == "ratio":
            distance = self.hits / self.n - limit * (self.other_hits / self.other_n)
            return 0.0 if abs(distance) < _ROUNDING * max(1.0, limit) else distance
        distance = self.hits / self.n - self.other_hits / self.other_n - limit
        return 0.0 if abs(distance) < _ROUNDING else distance


class Score(NamedTuple):
    """A pair's distance from a limit, its standard error where the limit is the truth, and a sixth of its skewness."""

    distance: float
    error: float
    skewness: float

    def critical(self, z: float) -> float:
        """The distance that must be undercut at the normal quantile ``z``: A is a sixth of the skewness, and the bound
        w + A (w^2 - 1) standard errors at w = -z; but where A is so large that this would rise again with z, w is where
        it is least, -1 / 2A.
        """
        w = -z if 2 * self.skewness * z <= 1 else -1 / (2 * self.skewness)
        return min(0.0, w + self.skewness * (w * w - 1)) * self.error


def below(pair: Pair, scale: Scale, limit: float, z: float) -> bool:
    """Whether the one-sided interval of a pair lies wholly below ``limit``; ``z`` is the normal quantile of its level.

    An estimate at the limit or above it never does.
    """
    if pair.distance(scale, limit) >= 0:
        return False
    score = score_of(pair, scale, limit)
    return score.distance < score.critical(z)


def above(pair: Pair, scale: Scale, limit: float, z: float) -> bool:
    """Whether the one-sided interval of a pair lies wholly above ``limit``."""
    return below(pair.swapped, scale, mirrored(scale, limit), z)


def mirrored(scale: Scale, value: float) -> float:
    """A ratio or difference as it is seen from the other side."""
    if scale == "difference":
        return -value
    return 1 / value if value > 1 / HIGHEST_RATIO else HIGHEST_RATIO


def upper(pair: Pair, scale: Scale, z: float) -> float:
    """The upper bound: the least limit that the interval lies wholly below, by bisection; at least the estimate."""
    if scale == "difference":
        return _crossing(pair, scale, z, -1.0, 1.0)
    return exp(_crossing(pair, scale, z, -log(HIGHEST_RATIO), log(HIGHEST_RATIO)))


def lower(pair: Pair, scale: Scale, z: float) -> float:
    """The lower bound, at most the estimate. Of a ratio 0 where there are no hits."""
    if scale == "ratio" and not pair.hits:
        return 0.0
    return mirrored(scale, upper(pair.swapped, scale, z))


def _crossing(pair: Pair, scale: Scale, z: float, low: float, high: float) -> float:
    """Where ``below`` turns true, the logarithm of it for a ratio; ``high`` where it does not."""
    if not below(pair, scale, high if scale == "difference" else exp(high), z):
        return high
    for _ in range(STEPS):
        middle = (low + high) / 2
        if below(pair, scale, middle if scale == "difference" else exp(middle), z):
            high = middle
        else:
            low = middle
    return high


def score_of(pair: Pair, scale: Scale, limit: float) -> Score:
    """The score of a pair at a limit. The variance has the factor N / (N - 1) of Miettinen and Nurminen."""
    weight = limit if scale == "ratio" else 1.0
    share, other = (_shares_with_ratio if scale == "ratio" else _shares_with_difference)(pair, limit)
    spread, other_spread = share * (1 - share) / pair.n, weight * weight * other * (1 - other) / pair.other_n
    together = pair.n + pair.other_n
    variance = (spread + other_spread) * together / (together - 1)
    if variance < _FLAT * max(1.0, weight * weight):
        return Score(pair.distance(scale, limit), 0.0, 0.0)
    third = spread * (1 - 2 * share) / pair.n - weight * other_spread * (1 - 2 * other) / pair.other_n
    return Score(pair.distance(scale, limit), sqrt(variance), third / (6 * variance * sqrt(variance)))


def _shares_with_ratio(pair: Pair, ratio: float) -> tuple[float, float]:
    """The likeliest shares among those with a ratio (Koopman 1984, "Confidence intervals for the ratio of two binomial
    proportions", Biometrics 40)."""
    n, hits = pair.n + pair.other_n, pair.hits + pair.other_hits
    b = ratio * (pair.n + pair.other_hits) + pair.hits + pair.other_n
    # The smaller root of n p^2 - b p + ratio hits, written so that a small one loses no digits.
    share = 2 * ratio * hits / (b + sqrt(max(0.0, b * b - 4 * n * ratio * hits)))
    return min(1.0, share), min(1.0, share / ratio)


def _shares_with_difference(pair: Pair, difference: float) -> tuple[float, float]:
    """The likeliest shares among those with a difference: the cubic of Miettinen and Nurminen, appendix I."""
    n, hits = pair.n + pair.other_n, pair.hits + pair.other_hits
    b = ((pair.n + 2 * pair.other_n) * difference - n - hits) / (3 * n)
    c = ((pair.other_n * difference - n - 2 * pair.other_hits) * difference + hits) / (3 * n)
    d = pair.other_hits * difference * (1 - difference) / n
    q = b**3 - 1.5 * b * c + d / 2
    p = copysign(sqrt(max(0.0, b * b - c)), q)
    angle = acos(min(1.0, max(-1.0, q / p**3))) if abs(p) > 1e-60 else pi / 2
    other = 2 * p * cos((pi + angle) / 3) - b
    other = min(1.0, max(0.0, other, -difference), 1 - difference)
    return min(1.0, max(0.0, other + difference)), other

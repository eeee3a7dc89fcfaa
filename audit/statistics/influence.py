"""Figures together with how much each row moves them, so that figures can be subtracted and divided and still have an
interval that knows of pairs and clusters. Knows of no groups and no models. Imports numpy, scipy for Student's t.

The influence of a row is the first-order change of the figure with its weight: Hampel (1974), "The influence curve and
its role in robust estimation", JASA 69. The variance between sums by cluster of it is the linearised cluster-robust
one: Binder (1983), "On the variances of asymptotically normal estimators from complex surveys", International
Statistical Review 51. No resampling, hence no seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audit.statistics.intervals import interval_of_the_same
from audit.statistics.means import mean_of

Values: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
Indicator: TypeAlias = NDArray[np.bool_]
Interval: TypeAlias = tuple[float, float]

_STILL: Final = 1e-9
"""What a whole sample of rows moves a figure by, below which it is a rounding error."""


class Estimate(NamedTuple):
    """A figure and the influence (n,) of each row, or (clusters,) of each cluster; influences add up to 0."""

    value: float
    influence: Values

    def minus(self, other: Estimate) -> Estimate:
        """The difference of two figures of the same rows."""
        return Estimate(self.value - other.value, self.influence - other.influence)

    def size_less(self, other: Estimate) -> Estimate:
        """The size (absolute value) of this figure less that of the other, of the same rows."""
        own, its = (1.0 if one.value >= 0 else -1.0 for one in (self, other))
        return Estimate(abs(self.value) - abs(other.value), own * self.influence - its * other.influence)

    def over(self, other: Estimate) -> Estimate | None:
        """The ratio of two figures of the same rows; None where the other is 0."""
        if not other.value:
            return None
        ratio = self.value / other.value
        return Estimate(ratio, (self.influence - ratio * other.influence) / other.value)

    def log_odds(self, n: int) -> Estimate:
        """The log odds of a share of ``n`` rows; half a row is added to both sides where it is 0 or 1 (Haldane 1956,
        Anscombe 1956)."""
        share = self.value if 0 < self.value < 1 else (self.value * n + 0.5) / (n + 1)
        return Estimate(log(share / (1 - share)), self.influence / (share * (1 - share)))


def mean_estimate(values: Values | Indicator, of: Indicator) -> Estimate | None:
    """The mean of ``values`` (n,) over the rows ``of`` (n,); None for no row."""
    n = int(of.sum())
    if not n:
        return None
    numbers = np.where(of, values, 0.0).astype(np.float64)
    value = float(numbers[of].mean())
    return Estimate(value, np.where(of, (numbers - value) / n, 0.0))


def ratio_estimate(parts: Values, wholes: Values) -> Estimate | None:
    """The sum of ``parts`` (n,) over that of ``wholes`` (n,); None where that is 0."""
    whole = float(wholes.sum())
    if not whole:
        return None
    value = float(parts.sum()) / whole
    return Estimate(value, (parts - value * wholes) / whole)


def area_estimate(scores: Values, positive: Indicator) -> Estimate | None:
    """The area under the receiver operating characteristic of ``scores`` (n,), ties counted half; None for one class.

    The influences are the placement values of DeLong, DeLong and Clarke-Pearson (1988), "Comparing the areas under two
    or more correlated receiver operating characteristic curves: a nonparametric approach", Biometrics 44.
    """
    ahead, behind = scores[positive], scores[~positive]
    if not len(ahead) or not len(behind):
        return None
    placed = np.empty(len(scores))
    placed[positive] = _share_below(behind, ahead)
    placed[~positive] = 1.0 - _share_below(ahead, behind)
    value = float(placed[positive].mean())
    sizes = np.where(positive, float(len(ahead)), float(len(behind)))
    return Estimate(value, np.asarray((placed - value) / sizes, dtype=np.float64))


def average(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of figures of the same rows (of the same clusters); ValueError for none."""
    if not estimates:
        raise ValueError("the average of no estimates")
    return Estimate(
        sum(one.value for one in estimates) / len(estimates),
        np.sum([one.influence for one in estimates], axis=0) / len(estimates),
    )


def by_cluster(estimate: Estimate, clusters: Codes, number: int) -> Estimate:
    """The same figure with the influences of ``number`` clusters instead of those of rows. Rows of two models can then
    be paired through the clusters that they share, whatever their order and number."""
    sums = np.bincount(clusters, weights=estimate.influence, minlength=number)
    return Estimate(estimate.value, sums.astype(np.float64, copy=False))


def interval_of(
    estimate: Estimate, level: float = 0.95, *, bounded: bool = False, worth: int | None = None
) -> Interval | None:
    """The interval of a figure over independent rows or clusters; None for a single one.

    Where no row moves the figure, an interval without width would be no certainty: of a figure that is ``bounded`` (a
    share, or a difference of shares) it is then Wilson's for the ``worth`` rows it rests on (all, unless said), of any
    other there is none, unless it is 0: two sides that are alike in every row are alike.
    """
    n = len(estimate.influence)
    if n > 1 and not np.abs(estimate.influence).max() * n > _STILL:
        if bounded:
            return interval_of_the_same(estimate.value, worth or n, level)
        return None if abs(estimate.value) > _STILL else (0.0, 0.0)
    mean = mean_of(estimate.value + n * estimate.influence, level=level)
    return None if mean is None else mean.interval


def _share_below(others: Values, scores: Values) -> Values:
    """For each score the share of the others that lie below it, ties counted half."""
    order = np.sort(others)
    below = np.searchsorted(order, scores, side="left") + np.searchsorted(order, scores, side="right")
    shares: Values = below / (2 * len(others))
    return shares

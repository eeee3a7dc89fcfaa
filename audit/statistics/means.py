"""Means and differences of means of rows that come in clusters. Imports numpy, and scipy for Student's t.

What a cluster is (near-duplicates, one template, one prompt) and what the values measure is the caller's business.
"""

from __future__ import annotations

from math import sqrt
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
Indicator: TypeAlias = NDArray[np.bool_]


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """The mean of ``n`` values in ``clusters`` with its interval, 95 % unless said; none for a single cluster."""

    n: int
    clusters: int
    value: float
    interval: tuple[float, float] | None


class MeanDifference(msgspec.Struct, frozen=True, kw_only=True):
    """The mean of a group less the mean of the others, with a 95 % interval and a two-sided p value.

    ``standardised`` is the difference over the standard deviation within both (Cohen's d), None where nothing varies.
    ``degrees`` is of Student's t. ``interval`` and ``p`` are None where a side has one row or there is one cluster.
    """

    n: int
    other_n: int
    clusters: int
    mean: float
    other_mean: float
    difference: float
    interval: tuple[float, float] | None
    p: float | None
    degrees: float | None
    standardised: float | None


def mean_of(values: Values, clusters: Codes | None = None, level: float = 0.95) -> Mean | None:
    """The mean of ``values`` (n,) with an interval at ``level`` that knows of ``clusters`` (n,); None for no values.

    The variance is that of ordinary least squares with CR1, as in ``difference_of_means``; degrees of freedom are the
    clusters less one. Without clusters that is the usual t interval.
    """
    n = len(values)
    if n == 0:
        return None
    order = np.argsort(values, kind="stable")
    values, clusters = values[order], None if clusters is None else clusters[order]
    value = float(values.mean())
    deviations = (values - value) / n
    codes = np.arange(n) if clusters is None else _renumbered(clusters)
    groups = int(codes.max()) + 1
    if groups < 2:
        return Mean(n=n, clusters=groups, value=value, interval=None)
    error = sqrt(_sum_of_squares(deviations, codes) * groups / (groups - 1))
    half = _quantile(groups - 1, level) * error
    return Mean(n=n, clusters=groups, value=value, interval=(value - half, value + half))


def difference_of_means(values: Values, in_group: Indicator, clusters: Codes | None = None) -> MeanDifference | None:
    """How the mean of the ``values`` (n,) of the rows ``in_group`` (n,) differs from that of the other rows; None
    where either has no row.

    With ``clusters`` (n,), the variance between clusters with the correction CR1, G / (G - 1) * (n - 1) / (n - 2), and
    t with G - 1 degrees for G clusters: Cameron and Miller (2015), "A practitioner's guide to cluster-robust
    inference", Journal of Human Resources 50. Where every cluster is one row, Welch's test (1947), Biometrika 34.
    """
    order = np.lexsort((values, in_group))
    values, in_group, clusters = values[order], in_group[order], None if clusters is None else clusters[order]
    own, other = values[in_group], values[~in_group]
    if not len(own) or not len(other):
        return None
    codes = np.arange(len(values)) if clusters is None else _renumbered(clusters)
    groups = int(codes.max()) + 1
    difference = float(own.mean() - other.mean())
    error, degrees = _welch(own, other) if groups == len(values) else _clustered(values, in_group, codes, groups)
    estimable = min(len(own), len(other)) > 1 and degrees > 0
    half = _quantile(degrees) * error if estimable else 0.0
    return MeanDifference(
        n=len(own),
        other_n=len(other),
        clusters=groups,
        mean=float(own.mean()),
        other_mean=float(other.mean()),
        difference=difference,
        interval=(difference - half, difference + half) if estimable else None,
        p=_two_sided(difference, error, degrees) if estimable else None,
        degrees=degrees if estimable else None,
        standardised=_standardised(own, other),
    )


def _renumbered(clusters: Codes) -> Codes:
    codes: Codes = np.unique(clusters, return_inverse=True)[1]
    return codes


def _sum_of_squares(parts: Values, codes: Codes) -> float:
    """Of the sums by cluster, added up in an order that no numbering of clusters decides, to the last digit."""
    return float(np.sort(np.bincount(codes, weights=parts) ** 2).sum())


def _clustered(values: Values, in_group: Indicator, codes: Codes, groups: int) -> tuple[float, float]:
    """The standard error and its degrees of freedom."""
    if groups < 2:
        return 0.0, 0.0
    n = len(values)
    own, other = values[in_group], values[~in_group]
    parts = np.where(in_group, (values - own.mean()) / len(own), -(values - other.mean()) / len(other))
    correction = groups / (groups - 1) * (n - 1) / max(1, n - 2)
    return sqrt(_sum_of_squares(parts, codes) * correction), float(groups - 1)


def _welch(own: Values, other: Values) -> tuple[float, float]:
    """The standard error and Satterthwaite's degrees of freedom; 0 of them where a side has one row."""
    if min(len(own), len(other)) < 2:
        return 0.0, 0.0
    parts = [float(side.var(ddof=1)) / len(side) for side in (own, other)]
    below = sum(part**2 / (len(side) - 1) for part, side in zip(parts, (own, other), strict=True))
    return sqrt(sum(parts)), sum(parts) ** 2 / below if below > 0 else float(len(own) + len(other) - 2)


def _standardised(own: Values, other: Values) -> float | None:
    degrees = len(own) + len(other) - 2
    squares = float(((own - own.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum())
    return float(own.mean() - other.mean()) / sqrt(squares / degrees) if degrees > 0 and squares > 0 else None


def _quantile(degrees: float, level: float = 0.95) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2))


def _two_sided(difference: float, error: float, degrees: float) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(difference) / error)) if error > 0 else float(difference == 0)

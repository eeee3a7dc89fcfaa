"""The same question asked twice: means of paired differences, whether their sign is chance, and McNemar's exact test.

Pairs of one cluster are no independent evidence; what a cluster is, is the caller's business. Imports numpy and scipy.
"""

from __future__ import annotations

from math import log, prod
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from audit.statistics.draws import generator
from audit.statistics.intervals import interval_of_the_same
from audit.statistics.means import Codes, Mean, Values, mean_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS: Final = 9_999
MOST_EXACT: Final = 20_000
"""Different sums of signed differences up to which all are looked at."""
_CHUNK: Final = 1_000_000
_DIGITS: Final = 12
"""Differences that agree in so many digits are one size."""


class SignFlip(NamedTuple):
    """A sign-flip test: how many clusters there are and differ, the mean over clusters, the two-sided p value."""

    clusters: int
    differing: int
    mean: float
    p: float
    exact: bool

    @property
    def method(self) -> str:
        """How p was found, in words."""
        return "sign-flip, exact" if self.exact else f"sign-flip, {DRAWS:,} draws"


def cluster_means(values: Values, clusters: Codes) -> Values:
    """The mean of the ``values`` (n,) of each cluster (n,), in the order of the clusters' numbers."""
    codes = np.unique(clusters, return_inverse=True)[1]
    means: Values = np.bincount(codes, weights=values) / np.maximum(1, np.bincount(codes))
    return means


def mean_over_clusters(values: Values, clusters: Codes, *, bounded: bool = False, level: float = 0.95) -> Mean | None:
    """The mean over clusters of the means of their ``values`` (n,), with a t interval; None for no values.

    Every cluster counts once, however many values it has. ``bounded``: values lie between -1 and 1, and where all
    clusters say the same the interval, which would have no width, is that of Wilson for as many trials. A single
    cluster has no interval.
    """
    if not len(values):
        return None
    means = cluster_means(values, clusters)
    found = mean_of(means, level=level)
    if found is None:
        return None
    interval = found.interval
    if bounded and interval is not None and float(np.ptp(means)) < 10**-_DIGITS:
        interval = interval_of_the_same(found.value, len(means), level)
    return Mean(n=len(values), clusters=len(means), value=found.value, interval=interval)


def sign_flip(values: Values, clusters: Codes) -> SignFlip | None:
    """Whether paired differences (n,) are about 0 by chance: the signs of the clusters' means are flipped together.

    p is the share of all assignments of signs with a sum at least as far from 0 as the observed one (Fisher 1935, "The
    design of experiments", section 21; Good 2005, "Permutation, parametric and bootstrap tests of hypotheses"). Exact
    where at most ``MOST_EXACT`` sums are possible, as always where all differences have one size; else of ``DRAWS``
    random assignments and the observed one. Seeded with the differences, whose order changes nothing. None for none.
    """
    if not len(values):
        return None
    means = cluster_means(values, clusters)
    sizes, counts = np.unique(np.round(np.abs(means[means != 0]), _DIGITS), return_counts=True)
    counts = counts[sizes > 0]
    sizes = sizes[sizes > 0]
    observed = abs(float(np.sort(means).sum())) - 1e-9 * max(1.0, float(sizes @ counts))
    exact = prod(int(count) + 1 for count in counts) <= MOST_EXACT
    p = _all_sums(sizes, counts, observed) if exact else _drawn_sums(sizes, counts, observed)
    return SignFlip(len(means), int(counts.sum()), float(np.sort(means).sum() / len(means)), min(1.0, p), exact)


def _all_sums(sizes: Values, counts: NDArray[np.int64], observed: float) -> float:
    """The probability of a sum at least as far from 0: of each size the number of positive signs is binomial."""
    from scipy.special import gammaln

    sums, probabilities = np.zeros(1), np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        positive = np.arange(count + 1)
        ways = gammaln(count + 1) - gammaln(positive + 1) - gammaln(count - positive + 1)
        probabilities = np.outer(probabilities, np.exp(ways - count * log(2))).ravel()
        sums = np.add.outer(sums, size * (2 * positive - count)).ravel()
    return float(probabilities[np.abs(sums) >= observed].sum())


def _drawn_sums(sizes: Values, counts: NDArray[np.int64], observed: float) -> float:
    random = generator([*sizes.tolist(), *counts.tolist()])
    as_far, left, chunk = 1, DRAWS, max(1, _CHUNK // len(sizes))
    while left > 0:
        draws = min(chunk, left)
        positive = random.binomial(counts, 0.5, size=(draws, len(sizes)))
        as_far += int((np.abs((2 * positive - counts) @ sizes) >= observed).sum())
        left -= draws
    return as_far / (DRAWS + 1)


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p value of pairs that differ: how likely so uneven a split is where both are as likely.

    McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12, in its binomial form. For independent pairs only. 1 where no pair differs.
    """
    from scipy.special import bdtr

    n = only_first + only_second
    return min(1.0, 2 * float(bdtr(float(min(only_first, only_second)), n, 0.5))) if n else 1.0

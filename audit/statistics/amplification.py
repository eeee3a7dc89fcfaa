"""How much more an outcome goes with a group than another outcome of the same rows does: bias amplification.

Association is told as the difference of rates and as the log odds ratio, since a difference shrinks when fewer are
selected at all. Zhao et al. (2017), "Men also like shopping: reducing gender bias amplification using corpus-level
constraints", EMNLP; signed, and each group by itself, as Wang and Russakovsky (2021), "Directional bias amplification",
ICML. What the outcomes are (a decision, a probability, a label) is the caller's business. Imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from typing import NamedTuple

from audit.statistics.influence import (
    Codes,
    Estimate,
    Indicator,
    Interval,
    Values,
    average,
    by_cluster,
    interval_of,
    mean_estimate,
)
from audit.statistics.intervals import TWO_SIDED


class Association(NamedTuple):
    """The mean of an outcome in a group less that in another, and the difference of the log odds of both means."""

    difference: Estimate
    log_odds: Estimate

    def minus(self, other: Association) -> Association:
        """How much stronger this one is, over the same rows."""
        return Association(self.difference.minus(other.difference), self.log_odds.minus(other.log_odds))

    def by_cluster(self, clusters: Codes, number: int) -> Association:
        """The same over clusters of rows."""
        return Association(*(by_cluster(one, clusters, number) for one in self))

    def interval(self, level: float = 0.95) -> Interval | None:
        """The interval of the difference."""
        return interval_of(self.difference, level, bounded=True)

    def log_odds_interval(self) -> Interval | None:
        """The 95 % interval of the difference of log odds."""
        return interval_of(self.log_odds)


def association(outcome: Values | Indicator, group: Indicator, other: Indicator) -> Association | None:
    """How ``outcome`` (n,), 0 to 1, goes with being in ``group`` (n,) rather than in ``other`` (n,); None where either
    has no row."""
    own, others = mean_estimate(outcome, group), mean_estimate(outcome, other)
    if own is None or others is None:
        return None
    odds = own.log_odds(int(group.sum())).minus(others.log_odds(int(other.sum())))
    return Association(own.minus(others), odds)


def mean_association(several: Sequence[Association]) -> Association:
    """The mean of associations over the same clusters: one for each seed."""
    return Association(average([one.difference for one in several]), average([one.log_odds for one in several]))


class Share(NamedTuple):
    """``hits`` of ``n`` rows; sums of weights where rows have them."""

    hits: float
    n: float

    @property
    def rate(self) -> float:
        """The share of hits."""
        return self.hits / self.n

    @property
    def log_odds(self) -> float:
        """With half a row on both sides where the share is 0 or 1, as ``Estimate.log_odds``."""
        share = self.rate if 0 < self.hits < self.n else (self.hits + 0.5) / (self.n + 1)
        return log(share / (1 - share))

    @property
    def variance(self) -> float:
        """Of the rate, were the rows independent."""
        return self.rate * (1 - self.rate) / self.n


class Counted(NamedTuple):
    """The association in counted rows: the difference of two rates and of their log odds, with ``n`` rows."""

    difference: float
    log_odds: float
    n: float
    variance: float


def counted_association(group: Share, other: Share) -> Counted | None:
    """The association in a table of counts; None where the group or the other has no row."""
    if not group.n or not other.n:
        return None
    return Counted(
        group.rate - other.rate, group.log_odds - other.log_odds, group.n + other.n, group.variance + other.variance
    )


def unpaired_interval(first: Association, second: Counted) -> Interval | None:
    """The 95 % interval of the difference of ``first``, over clusters, less that of ``second``, of other rows."""
    interval = first.interval()
    if interval is None:
        return None
    error = (interval[1] - interval[0]) / (2 * TWO_SIDED)
    change, half = first.difference.value - second.difference, TWO_SIDED * sqrt(error**2 + second.variance)
    return change - half, change + half

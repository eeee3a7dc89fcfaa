"""How well predictions do by group: fairlearn's metrics over cells of equal rows, each beside its own denominator.

A metric whose denominator is 0 in a group is not estimable there, never 0. Judges nothing: ``rates`` is what
``audit.statistics.disparity`` compares. Imports numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from audit.statistics.effective import effective_sizes
from audit.statistics.metric_frame import Indicator, Metric, Rate, ScoredRows, cells_of, metric_values, source
from audit.statistics.rates import UNCOMPARED, GroupRate

Codes: TypeAlias = NDArray[np.int64]
UNKNOWN: Final = "unknown"
BETWEEN: Final = " x "


class Column(NamedTuple):
    """One thing known of each row, as codes (n,): code c stands for ``names[c]``, one below 0 for no value."""

    codes: ArrayLike
    names: Sequence[str]


class GroupMetric(msgspec.Struct, frozen=True):
    """A metric in a group, and the rows it is about; None where there are none. ``hits`` of ``n`` where it is a rate;
    ``effective_n`` is what the rows are worth in clusters."""

    value: float | None
    n: int
    hits: int | None = None
    effective_n: float | None = None


class MetricsOfGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of one group: ``levels`` has one level of each attribute. Positives and negatives are by truth."""

    levels: tuple[str, ...]
    n: int
    positives: int
    negatives: int
    metrics: Mapping[Metric, GroupMetric]

    @property
    def group(self) -> str:
        """The name of the group, or those of the levels it is the intersection of."""
        return BETWEEN.join(self.levels)

    @property
    def compared(self) -> bool:
        """Whether the group is one: not rows without a value, with none or with several."""
        return UNCOMPARED.isdisjoint(self.levels)


class GroupMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of the classes that count as ``positive`` against all others, by group and ``overall``.

    Every group there could be is there, also one without rows. ``n`` rows and the ones ``without_truth`` are all.
    ``source`` names the library that computed them.
    """

    positive: tuple[str, ...]
    n: int
    without_truth: int
    overall: MetricsOfGroup
    groups: tuple[MetricsOfGroup, ...]
    source: str

    def rates(self, metric: Rate) -> list[GroupRate]:
        """The counts behind a rate, by group. Intersections with a level that is not compared are one, ``unknown``."""
        rates = [self._rate(group, metric) for group in self.groups if group.compared or len(group.levels) == 1]
        rest = [self._rate(group, metric) for group in self.groups if not group.compared and len(group.levels) > 1]
        if rest:
            rates.append(GroupRate(UNKNOWN, sum(rate.hits for rate in rest), sum(rate.n for rate in rest)))
        return rates

    @staticmethod
    def _rate(group: MetricsOfGroup, metric: Rate) -> GroupRate:
        found = group.metrics[metric]
        return GroupRate(group.group, found.hits or 0, found.n, found.effective_n)

    def estimable(self, metric: Metric) -> list[float]:
        """The metric's values in the groups that are compared and have what it is about."""
        values = (group.metrics[metric].value for group in self.groups if group.compared)
        return [value for value in values if value is not None]

    def difference(self, metric: Metric) -> float | None:
        """The largest less the smallest value of the groups; None where fewer than two can be estimated."""
        values = self.estimable(metric)
        return max(values) - min(values) if len(values) > 1 else None

    def ratio(self, metric: Metric) -> float | None:
        """The smallest over the largest value; None where fewer than two can be estimated or all are 0."""
        values = self.estimable(metric)
        return min(values) / max(values) if len(values) > 1 and max(values) > 0 else None

    def equalised_odds_difference(self) -> float | None:
        """The larger of the differences of true and of false positive rates: Hardt, Price and Srebro (2016), "Equality
        of opportunity in supervised learning", as fairlearn's ``worst_case``. None where either cannot be estimated."""
        both = self.difference("true_positive_rate"), self.difference("false_positive_rate")
        return None if both[0] is None or both[1] is None else max(both[0], both[1])


def group_metrics(
    attributes: Sequence[Column],
    truth: Column,
    predicted: Column,
    *,
    positive: str | tuple[str, ...],
    clusters: ArrayLike | None = None,
    scores: ArrayLike | None = None,
) -> GroupMetrics:
    """Metrics by group of ``predicted`` against ``truth``, in rows (n,) that the columns have in common.

    With several ``attributes`` the groups are their intersections. ``positive`` is the class, or are the classes, whose
    prediction counts as selected: with more than two classes, call this for one after the other. Accuracy is over the
    classes as they are. A prediction that is missing or no class of the truth is wrong and not positive; a row without
    a truth is counted, and in no metric. ``scores`` are the probabilities of the positive class, of which
    ``mean_prediction`` is the mean; without, it is not estimable. ``clusters`` (n,) are numbers that rows which are no
    independent evidence share.
    """
    chosen = (positive,) if isinstance(positive, str) else positive
    columns = [_with_unknown(column) for column in attributes]
    shape = [len(column.names) for column in columns]
    rows, without_truth = _rows(columns, truth, predicted, frozenset(chosen), clusters, scores)
    by_group, overall = metric_values(rows)
    sizes = _effective_sizes(rows, prod(shape))
    table = _table(rows, prod(shape))
    levels = list(product(*(column.names for column in columns)))
    groups = [_of_group(levels[at], table[at], by_group.get(at, {}), sizes.get(at, {})) for at in range(len(levels))]
    return GroupMetrics(
        positive=chosen,
        n=len(rows.group),
        without_truth=without_truth,
        overall=_of_group(("overall",), table.sum(axis=0), overall, {}),
        groups=tuple(groups),
        source=source(),
    )


def _with_unknown(column: Column) -> Column:
    """Rows without a value made rows of ``unknown``."""
    codes = np.asarray(column.codes, dtype=np.int64)
    if not (codes < 0).any():
        return Column(codes, column.names)
    names = list(column.names) if UNKNOWN in column.names else [*column.names, UNKNOWN]
    return Column(np.where(codes < 0, names.index(UNKNOWN), codes), names)


def _rows(
    columns: Sequence[Column],
    truth: Column,
    predicted: Column,
    positive: frozenset[str],
    clusters: ArrayLike | None,
    scores: ArrayLike | None,
) -> tuple[ScoredRows, int]:
    """The rows with a truth, and how many have none."""
    known = np.asarray(truth.codes, dtype=np.int64) >= 0
    group = np.zeros(len(known), dtype=np.int64)
    for column in columns:
        group = group * len(column.names) + np.asarray(column.codes)
    classes = {name: at for at, name in enumerate(truth.names)}
    answers = _looked_up(predicted, [classes.get(name, -1) for name in predicted.names], -1)
    counted = ScoredRows(
        group[known],
        _looked_up(truth, [name in positive for name in truth.names], False)[known].astype(np.bool_),
        _looked_up(predicted, [name in positive for name in predicted.names], False)[known].astype(np.bool_),
        (answers == np.asarray(truth.codes))[known],
        None if clusters is None else np.asarray(clusters, dtype=np.int64)[known],
        None if scores is None else np.asarray(scores, dtype=np.float64)[known],
    )
    return counted, int((~known).sum())


def _looked_up(column: Column, values: Sequence[int], missing: int) -> Codes:
    """The value of each row's code; a negative code looks up the last, which is for missing ones."""
    table = np.array([*values, missing], dtype=np.int64)
    found: Codes = table[np.maximum(np.asarray(column.codes, dtype=np.int64), -1)]
    return found


def _table(rows: ScoredRows, groups: int) -> Codes:
    """Counts (groups, 8) of rows by truth, prediction and agreement, in this order of bits."""
    return np.bincount(cells_of(rows), minlength=groups * 8).reshape(groups, 8)


def _effective_sizes(rows: ScoredRows, groups: int) -> dict[int, dict[Metric, float]]:
    """What the rows behind each rate are worth, by group; nothing without clusters."""
    if rows.clusters is None:
        return {}
    everywhere = np.ones(len(rows.group), dtype=np.bool_)
    about: dict[Metric, tuple[Indicator, Indicator]] = {
        "selection_rate": (everywhere, rows.predicted),
        "true_positive_rate": (rows.truth, rows.predicted),
        "false_positive_rate": (~rows.truth, rows.predicted),
        "accuracy": (everywhere, rows.right),
    }
    sizes: dict[int, dict[Metric, float]] = {at: {} for at in range(groups)}
    for metric, (of, hits) in about.items():
        for at, size in enumerate(effective_sizes(np.where(of, rows.group, -1), groups, hits, rows.clusters)):
            sizes[at][metric] = size
    return sizes


def _of_group(
    levels: tuple[str, ...], counts: Codes, values: Mapping[Metric, float], sizes: Mapping[Metric, float]
) -> MetricsOfGroup:
    """One group's metrics from its 8 cells and fairlearn's values, None where there is nothing to divide by."""
    truth_by_prediction = counts.reshape(2, 2, 2).sum(axis=2)
    (_, false_positives), (_, true_positives) = truth_by_prediction.tolist()
    negatives, positives = truth_by_prediction.sum(axis=1).tolist()
    n = negatives + positives
    selected = false_positives + true_positives
    parts: dict[Metric, tuple[int, int | None]] = {
        "selection_rate": (n, selected),
        "true_positive_rate": (positives, true_positives),
        "false_positive_rate": (negatives, false_positives),
        "accuracy": (n, int(counts[1::2].sum())),
        "f1": (positives + selected, None),
        "mean_prediction": (n if "mean_prediction" in values else 0, None),
    }
    metrics = {
        metric: GroupMetric(float(values[metric]) if of and metric in values else None, of, hits, sizes.get(metric))
        for metric, (of, hits) in parts.items()
    }
    return MetricsOfGroup(levels=levels, n=n, positives=positives, negatives=negatives, metrics=metrics)

"""F1, recall and the area under the curve of decisions among classes, with intervals that know of clusters.

Figures only; values are scikit-learn's. Imports numpy, and scikit-learn inside.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.rules.outputs.figures import Figure, linearised
from audit.statistics.influence import area_estimate

Codes = NDArray[np.int64]
Values = NDArray[np.float64]


class ByClass(NamedTuple):
    """Precision, recall and F1 of each class, NaN where not estimable, and how often it is true (``support``) and
    decided (``predicted``); all of shape (classes,)."""

    precision: Values
    recall: Values
    f1: Values
    support: Codes
    predicted: Codes


def confusion(truth: Codes, decided: Codes, classes: int) -> Codes:
    """How often each class (row) was decided to be each class (column), (classes, classes + 1); what was decided to be
    none of them is in the last column."""
    column = np.where(decided >= 0, decided, classes)
    cells = np.bincount(truth * (classes + 1) + column, minlength=classes * (classes + 1))
    return cells.reshape(classes, classes + 1).astype(np.int64)


def by_class(table: Codes) -> ByClass:
    """The metrics of a confusion table, from scikit-learn over its cells with their counts as weights."""
    from sklearn.metrics import precision_recall_fscore_support

    classes = len(table)
    truth, decided = np.nonzero(table)
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth,
        decided,
        labels=np.arange(classes),
        sample_weight=table[truth, decided],
        zero_division=np.nan,
    )
    return ByClass(precision, recall, f1, table.sum(axis=1), table[:, :classes].sum(axis=0))


def macro_f1(truth: Codes, decided: Codes, clusters: Codes, classes: int) -> Figure:
    """The mean F1 of the classes that are true or decided anywhere, as scikit-learn's macro average."""
    one = by_class(confusion(truth, decided, classes))
    there = ~np.isnan(one.f1)
    weight = np.where(there, 1.0 / np.maximum(one.support + one.predicted, 1), 0.0) / there.sum()
    f1, right, known = np.nan_to_num(one.f1), truth == decided, decided >= 0
    influence = 2.0 * right * weight[truth] - f1[truth] * weight[truth]
    influence -= np.where(known, f1[decided] * weight[decided], 0.0)
    return linearised(float(one.f1[there].mean()), influence, clusters)


def balanced_accuracy(truth: Codes, decided: Codes, clusters: Codes, classes: int) -> Figure:
    """The mean recall of the classes that are true anywhere, as scikit-learn's ``balanced_accuracy_score``."""
    one = by_class(confusion(truth, decided, classes))
    there = one.support > 0
    recall = np.where(there, np.nan_to_num(one.recall), 0.0)
    influence = ((truth == decided) - recall[truth]) / (one.support[truth] * there.sum())
    return linearised(float(recall[there].mean()), influence, clusters)


def area_of_seeds(positive: NDArray[np.bool_], scores: Values, seeds: Codes, clusters: Codes) -> Figure | None:
    """The mean area of the seeds: scores of two models are never ranked against each other. None where no seed has
    both classes."""
    influence, areas = np.zeros(len(scores)), []
    for seed in np.unique(seeds):
        own = seeds == seed
        found = area_estimate(scores[own], positive[own])
        if found is not None:
            areas.append(found.value)
            influence[own] = found.influence
    if not areas:
        return None
    return linearised(float(np.mean(areas)), influence / len(areas), clusters)

"""Confident learning: which labels are probably wrong, given probabilities of a model that has not seen them.

Northcutt, Jiang and Chuang (2021), "Confident learning: estimating uncertainty in dataset labels", Journal of
Artificial Intelligence Research 70, https://arxiv.org/abs/1911.00068. Trains no model. Imports numpy.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.int64]
Probabilities: TypeAlias = NDArray[np.float64]


class LabelErrors(msgspec.Struct, frozen=True, kw_only=True):
    """Rows whose label is probably wrong, the clearest first: their indices, the label each probably should have, and
    the margin, the probability of that label minus that of the given one.

    ``thresholds`` is the mean self-confidence of each class, ``joint`` (classes, classes) the estimated share of rows
    with a given (first axis) and a true label, and ``share`` the part of it off the diagonal.
    """

    rows: Codes
    suggested: Codes
    margins: Probabilities
    thresholds: Probabilities
    joint: Probabilities
    share: float


def find_label_errors(given: Codes, probabilities: Probabilities) -> LabelErrors:
    """The label errors among rows of ``given`` classes (n,) by out-of-sample ``probabilities`` (n, classes).

    A class's threshold is the mean probability of that class over the rows that have its label (equation 2). A row is
    confidently of the most probable of the classes whose thresholds it reaches; the confident joint counts given
    against confident classes (equation 1), calibrated to the number of rows of each given class (equation 3). An error
    is a row whose confident class is not the given one and the most probable of all. Every class needs a row.
    """
    n, classes = probabilities.shape
    own = probabilities[np.arange(n), given]
    counts = np.bincount(given, minlength=classes)
    thresholds = np.bincount(given, weights=own, minlength=classes) / np.maximum(counts, 1)
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    confident = reached.argmax(axis=1)
    counted = reached.max(axis=1) >= 0
    joint = _calibrated(given[counted], confident[counted], counts)
    wrong = counted & (confident != given) & (confident == probabilities.argmax(axis=1))
    rows = np.flatnonzero(wrong)
    margins = probabilities[rows, confident[rows]] - own[rows]
    order = np.lexsort((rows, -np.round(margins, 9)))
    rows = rows[order]
    return LabelErrors(
        rows=rows,
        suggested=confident[rows],
        margins=margins[order],
        thresholds=thresholds,
        joint=joint,
        share=float(1.0 - np.trace(joint)),
    )


def _calibrated(given: Codes, confident: Codes, counts: Codes) -> Probabilities:
    """The confident joint with rows that sum to the class counts, over their total. A class without a confident row
    is taken as right."""
    classes = len(counts)
    joint = np.bincount(given * classes + confident, minlength=classes * classes).reshape(classes, classes)
    joint = joint.astype(np.float64)
    empty = joint.sum(axis=1) == 0
    joint[empty, empty] = 1.0
    joint *= counts[:, None] / joint.sum(axis=1, keepdims=True)
    total: Probabilities = joint / counts.sum()
    return total

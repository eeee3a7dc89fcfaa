"""How well a classifier tells the texts of two samples apart that it was not trained on. Needs numpy and scikit-learn.

An area under the curve of 0.5 means that nothing tells them apart; what does, the classifier does not say.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from hashlib import blake2b
from math import erfc, sqrt
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FOLDS: Final = 5
LEAST: Final = 50
"""Texts that each sample must have: below, a fold has too few to train on or to judge by."""
Z: Final = 1.959963984540054
"""The standard normal quantile that leaves 2.5 % above."""


class Area(NamedTuple):
    """An area under the ROC curve with the two ends of its 95 % interval, and the p value against 0.5, two-sided."""

    value: float
    low: float
    high: float
    p: float


def tell_apart(first: Sequence[str], second: Sequence[str], *, seed: int = 0) -> Area:
    """How well two samples of texts can be told apart: the mean area under the curve over ``FOLDS`` held-out folds.

    Texts are sequences of units, one space between two. Logistic regression on TF-IDF of units and pairs of them, both
    samples weighted to be equal. A text's fold is decided by the text, so that no copy of it is trained on, and the
    order of the texts changes nothing. (0.5, 0, 1, 1) where a sample has fewer than ``LEAST`` texts,
    or no fold has texts of both.

    The variance is the mean of the folds' DeLong variances times 1 / folds + 1 / (folds - 1), since the folds share
    what they were trained on (Nadeau and Bengio 2003, "Inference for the generalization error"). Measured on 280 pairs
    of samples without a difference, p is below 0.05 in 4 %; without that correction in 18 %.
    """
    if min(len(first), len(second)) < LEAST:
        return Area(0.5, 0.0, 1.0, 1.0)
    texts = sorted([*((text, 0) for text in first), *((text, 1) for text in second)])
    truth = np.array([sample for _, sample in texts])
    folds = np.array([_fold(text) for text, _ in texts])
    vectors = _vectors([text for text, _ in texts])
    areas = []
    for fold in range(FOLDS):
        held_out = folds == fold
        if min(len(set(truth[held_out].tolist())), len(set(truth[~held_out].tolist()))) == 2:
            scores = _scores(vectors, truth, held_out, seed)
            areas.append(area_under_curve(scores[truth[held_out] == 1], scores[truth[held_out] == 0]))
    if not areas:
        return Area(0.5, 0.0, 1.0, 1.0)
    value = sum(area for area, _ in areas) / len(areas)
    error = sqrt(sum(variance for _, variance in areas) / len(areas) * (1 / FOLDS + 1 / (FOLDS - 1)))
    p = erfc(abs(value - 0.5) / error / sqrt(2)) if error else float(value == 0.5)
    return Area(value, max(0.0, value - Z * error), min(1.0, value + Z * error), p)


def _fold(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") % FOLDS


def _vectors(texts: Sequence[str]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        lowercase=False, token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32
    )
    try:
        return vectorizer.fit_transform(texts)
    except ValueError:  # no word stands in two texts: nothing can be learnt
        return np.zeros((len(texts), 1), np.float32)


def _scores(vectors: Any, truth: NDArray[np.int64], held_out: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # The dual form is ten times as fast here: there are more words than texts.
    model = LogisticRegression(class_weight="balanced", solver="liblinear", dual=True, max_iter=1000, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ranks need no last digit
        model.fit(vectors[~held_out], truth[~held_out])
    scores: NDArray[np.float64] = model.decision_function(vectors[held_out])
    return scores


def area_under_curve(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> tuple[float, float]:
    """The chance that a positive score is above a negative one, ties counted half, and the variance of that estimate.

    DeLong, DeLong and Clarke-Pearson (1988), in the form with ranks of Sun and Xu (2014).
    """
    together = _ranks(np.concatenate((positive, negative)))
    above = (together[: positive.size] - _ranks(positive)) / negative.size
    below = 1 - (together[positive.size :] - _ranks(negative)) / positive.size
    variance = sum(part.var(ddof=1) / part.size for part in (above, below) if part.size > 1)
    return float(above.mean()), float(variance)


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, the mean of their ranks for equal scores."""
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: NDArray[np.float64] = (last - (counts - 1) / 2)[which]
    return mean

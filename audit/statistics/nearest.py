"""How near texts lie to the nearest of some others, by the characters of their words. Needs numpy and scikit-learn.

What is near enough is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FEATURES: Final = 1 << 20
"""Places for the n-grams of characters, which are hashed: no vocabulary is kept."""
RUN: Final = 4
"""Characters of a run: measured, runs of 3 to 5 together tell data sets apart no better and take twice the time."""
BLOCK: Final = 256
"""Texts compared with all others at once."""


class Nearest(NamedTuple):
    """The cosine similarity of each text with the nearest of the others, 0 to 1: of the ``texts`` that were asked
    about, and of the first of the others (as many as were asked for), each without itself."""

    texts: NDArray[np.float32]
    others: NDArray[np.float32]


def nearest(texts: Sequence[str], others: Sequence[str], probed: int) -> Nearest:
    """The similarity of each text, and of the first ``probed`` others, with the nearest other text.

    Texts are sequences of units, one space between two. They are compared as TF-IDF vectors of the runs of four
    characters in their words: one plus the logarithm of how often a run comes, times ln((1 + n) / (1 + others that have
    it)) + 1, so that a run that none of the n others has weighs most.
    """
    here, there = _counts(texts), _counts(others)
    weights = _weights(there)
    vectors, base = _scaled(here, weights), _scaled(there, weights)
    by_feature = base.T.tocsr()
    own = np.arange(min(probed, base.shape[0]))
    return Nearest(_best(vectors, by_feature, None), _best(base[own], by_feature, own))


def _counts(texts: Sequence[str]) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(RUN, RUN),
        lowercase=False,
        n_features=FEATURES,
        norm=None,
        alternate_sign=False,
        dtype=np.float32,
    )
    return vectorizer.transform(texts)


def _weights(counts: Any) -> NDArray[np.float32]:
    """The inverse document frequencies, smoothed as scikit-learn does."""
    rows = np.bincount(counts.indices, minlength=FEATURES)
    weights: NDArray[np.float32] = (np.log((1 + counts.shape[0]) / (1 + rows)) + 1).astype(np.float32)
    return weights


def _scaled(counts: Any, weights: NDArray[np.float32]) -> Any:
    """Rows of length 1 (or 0, for a text without words)."""
    counts.data = (1 + np.log(counts.data)) * weights[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    squares = np.bincount(rows, weights=counts.data.astype(np.float64) ** 2, minlength=counts.shape[0])
    counts.data /= np.sqrt(squares)[rows].astype(np.float32)
    return counts


def _best(vectors: Any, by_feature: Any, own: NDArray[np.int64] | None) -> NDArray[np.float32]:
    best = np.zeros(vectors.shape[0], np.float32)
    for start in range(0, vectors.shape[0], BLOCK):
        block = (vectors[start : start + BLOCK] @ by_feature).toarray()
        if own is not None:
            block[np.arange(block.shape[0]), own[start : start + BLOCK]] = 0.0
        best[start : start + BLOCK] = block.max(axis=1, initial=0.0)
    return np.minimum(best, 1.0)

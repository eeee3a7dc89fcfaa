"""How near texts lie to the nearest of some others, by the characters of their words or by the words themselves.

Needs numpy; scikit-learn for characters, scipy for words. What is near enough is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.clusters.texts import blocks_of
from audit.clusters.words import hash_words

FEATURES: Final = 1 << 20
"""Places for the n-grams of characters, which are hashed: no vocabulary is kept."""
RUN: Final = 4
"""Characters of a run: measured, runs of 3 to 5 together tell data sets apart no better and take twice the time."""
BLOCK: Final = 256
"""Texts compared with all others at once."""
MOST_SIMILARITIES: Final = 1 << 23
"""Similarities that are held at a time."""


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


# ----------------------------------------------------------------------------- by words


class Neighbour(NamedTuple):
    """One of the others: its index, and the cosine similarity with it, 0 to 1."""

    other: int
    similarity: float


class WordIndex:
    """Others as TF-IDF vectors of their words, weighed as in ``nearest``: sixteen times as fast as by characters."""

    def __init__(self, others: Sequence[str]) -> None:
        counts = _word_counts(others)
        self._weights = _weights(counts)
        self._by_feature = _scaled(counts, self._weights).T.tocsr()

    def nearest(self, texts: Sequence[str], k: int) -> list[tuple[Neighbour, ...]]:
        """The ``k`` most similar others of each text, the nearest first, of equally near ones the first; fewer where
        fewer share a word with it."""
        vectors = _scaled(_word_counts(texts), self._weights)
        found: list[tuple[Neighbour, ...]] = []
        step = max(1, MOST_SIMILARITIES // max(1, self._by_feature.shape[1]))
        for start in range(0, vectors.shape[0], step):
            block = (vectors[start : start + step] @ self._by_feature).tocsr()
            found += [_first_of(block.getrow(at), k) for at in range(block.shape[0])]
        return found


def _first_of(row: Any, k: int) -> tuple[Neighbour, ...]:
    rounded = np.round(row.data.astype(np.float64), 6)
    order = np.lexsort((row.indices, -rounded))[:k]
    pairs = zip(row.indices[order].tolist(), rounded[order].tolist(), strict=True)
    return tuple(Neighbour(other, min(1.0, similarity)) for other, similarity in pairs if similarity > 0)


def _word_counts(texts: Sequence[str]) -> Any:
    """How often each word (``audit.clusters.units``) comes in each text, words hashed into ``FEATURES`` places."""
    from scipy.sparse import csr_matrix

    places, sizes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for block in blocks_of(texts):
        words = hash_words(block, 0)
        places.append((words.hashes & np.uint64(FEATURES - 1)).astype(np.int64))
        sizes.append(words.units)
    indices, starts = np.concatenate(places), np.concatenate(([0], np.cumsum(np.concatenate(sizes))))
    counts = csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=(len(texts), FEATURES))
    counts.sum_duplicates()
    return counts

"""Rows as vectors: from the words in them, and which of them point the same way. numpy and scikit-learn live here.

Imported only when there are enough rows to compare. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 512
"""Rows compared with all others at once: 40 MB for 20,000 rows."""
MOST_WORDS: Final = 100_000
"""Words that are told apart, the most frequent ones."""


class Alike(NamedTuple):
    """Places in the order of survival: a row, the survivor that it was compared with, and their cosine."""

    row: int
    survivor: int
    cosine: float


def word_vectors(folded: Sequence[str], components: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors of unit length (texts, components), and how much of each text's length they keep (0 to 1).

    Latent semantic analysis: words weighted by TF-IDF (1 + log of the count, smoothed document frequency, unit length),
    reduced to the components of the largest variance (Deerwester et al. 1990, "Indexing by latent semantic analysis").
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    weigh = TfidfVectorizer(analyzer=str.split, sublinear_tf=True, max_features=MOST_WORDS, dtype=np.float32)
    weights = weigh.fit_transform(folded)
    fewest = min(weights.shape)
    reduce = TruncatedSVD(max(1, min(components, fewest - 1)), random_state=seed)
    with np.errstate(divide="ignore", invalid="ignore"):  # the explained variance of rows that are all the same
        return unit_vectors(reduce.fit_transform(weights))


def unit_vectors(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The vectors at unit length, and the length that they had. Vectors of length 0 stay as they are."""
    lengths = np.linalg.norm(vectors, axis=1).astype(np.float32)
    scaled = vectors / np.where(lengths > 0, lengths, 1)[:, None]
    return scaled.astype(np.float32), lengths


def leaders(vectors: NDArray[np.float32], kinds: NDArray[np.int64], threshold: float) -> list[Alike]:
    """Every row whose cosine with a survivor before it is ``threshold`` or more, beside the nearest such survivor.

    Rows come in the order of survival; only rows of one kind are compared.
    """
    n = len(vectors)
    survives = np.ones(n, dtype=bool)
    found: list[Alike] = []
    for start in range(0, n, BLOCK):
        end = min(start + BLOCK, n)
        cosines = vectors[start:end] @ vectors[:end].T
        near = cosines >= threshold
        for row in range(start, end):
            before = near[row - start, :row] & survives[:row]
            candidates = np.flatnonzero(before)
            candidates = candidates[kinds[candidates] == kinds[row]]
            if len(candidates):
                of_row = cosines[row - start, candidates]
                best = int(np.argmax(of_row))
                survives[row] = False
                found.append(Alike(row, int(candidates[best]), min(1.0, float(of_row[best]))))
    return found

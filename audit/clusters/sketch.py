"""MinHash sketches of many texts at once: keys of bands, and one key of the whole set. Needs numpy; compares nothing.

Rows whose sets are similar agree on many minima of random hash functions: on a share equal to their Jaccard similarity
(Broder 1997). Minima are kept in bands (Leskovec, Rajaraman and Ullman, *Mining of Massive Datasets*, section 3.4), and
of a band only a 32-bit key: a pair must share two of them, so chance collisions cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.clusters.hashing import splitmix64
from audit.clusters.settings import NearSettings
from audit.clusters.shingles import Shingles, Template, hash_shingles


class Sketch(NamedTuple):
    """Columns of the rows that take part, ``n`` of them.

    ``keys`` (bands, n); ``sets`` (n,) equal for equal sets of shingles with equal repeats; ``units`` (n,);
    ``rows`` (n,) ascending row numbers.
    """

    keys: NDArray[np.uint32]
    sets: NDArray[np.uint64]
    units: NDArray[np.uint32]
    rows: NDArray[np.uint32]

    def key(self, band: int) -> NDArray[np.uint32]:
        """(n,) keys of one band."""
        keys: NDArray[np.uint32] = self.keys[band]
        return keys


class Sketcher:
    """Sketches blocks of texts. The same text has the same sketch in any block, process and machine."""

    def __init__(self, settings: NearSettings, template: Sequence[int]) -> None:
        banding = settings.banding()
        minima = banding.bands * banding.width
        drawn = np.array(splitmix64(settings.seed, 2 * minima), np.uint64) | np.uint64(1)
        self._settings = settings
        self._template = Template(template)
        self._multipliers = (drawn[:minima] >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
        self._weights = drawn[minima:].reshape(banding.bands, banding.width, 1)

    def sketch(self, texts: Sequence[str]) -> Sketch:
        """One block; its rows are numbered from 0."""
        shingles = hash_shingles(texts, self._settings, self._template)
        count = shingles.rows.size
        if not count:
            empty = np.empty(0, np.uint32)
            return Sketch(empty.reshape(len(self._weights), 0), empty.astype(np.uint64), empty, empty)
        return Sketch(
            self._keys(self._minima(shingles)),
            np.add.reduceat(shingles.hashes, shingles.starts[:-1]),
            shingles.units.astype(np.uint32),
            shingles.rows.astype(np.uint32),
        )

    def _minima(self, shingles: Shingles) -> NDArray[np.uint32]:
        """(permutations, rows): the least value of each multiplicative hash over a row's shingles.

        Multiplication alone is enough: its operands are well mixed already (Dietzfelbinger et al. 1997).
        """
        values = (shingles.hashes >> np.uint64(32)).astype(np.uint32)
        permuted = np.empty_like(values)
        minima = np.empty((self._multipliers.size, shingles.rows.size), np.uint32)
        begin = shingles.starts[:-1]
        for multiplier, least in zip(self._multipliers, minima, strict=True):
            np.multiply(values, multiplier, out=permuted)
            np.minimum.reduceat(permuted, begin, out=least)
        return minima

    def _keys(self, minima: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """(bands, rows): the high half of a weighted sum of a band's minima."""
        banded = minima.reshape(*self._weights.shape[:2], minima.shape[1])
        keys = np.empty((len(banded), minima.shape[1]), np.uint32)
        for weights, band, key in zip(self._weights, banded, keys, strict=True):
            key[:] = (band * weights).sum(axis=0, dtype=np.uint64) >> np.uint64(32)
        return keys

"""Shingle hashes of many texts at once: the vectorised form of ``hashing.shingle_hashes``. Needs numpy.

Takes the template out, too. Makes no sketches and keeps repeats: a set is made only where sets are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.clusters import hashing
from audit.clusters.jaccard import unique_sets
from audit.clusters.settings import TEMPLATE_REST, NearSettings
from audit.clusters.texts import blocks_of as blocks_of
from audit.clusters.words import hash_words

_ORDER: Final = np.uint64(hashing.ORDER)
_FINAL: Final = np.uint64(hashing.FINAL)


class Shingles(NamedTuple):
    """The shingles of the rows that take part, one row after the other.

    ``hashes`` (shingles,); ``starts`` (rows + 1,) where each row's begin; ``rows`` (rows,) their row numbers;
    ``units`` (rows,) how many units each has.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    units: NDArray[np.int64]


class Template:
    """The shingles that many rows share, ready to be looked up: a table by 16 bits first, then an exact search."""

    def __init__(self, shingles: Sequence[int]) -> None:
        self._sorted = np.array(sorted(shingles), np.uint64)
        self._table = np.zeros(1 << 16, bool)
        self._table[self._sorted.astype(np.uint16)] = True

    def places(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Ascending positions of the shingles that belong to the template."""
        if not self._sorted.size:
            return np.empty(0, np.int64)
        likely = np.flatnonzero(self._table[hashes.astype(np.uint16)])
        found = np.searchsorted(self._sorted, hashes[likely])
        exact = self._sorted[np.minimum(found, self._sorted.size - 1)] == hashes[likely]
        places: NDArray[np.int64] = likely[exact]
        return places


def hash_shingles(texts: Sequence[str], settings: NearSettings, template: Template) -> Shingles:
    """The shingles of a block of texts without the template's; rows with too few units are left out."""
    words = hash_words(texts, settings.min_units)
    units = words.units[words.rows]
    counts = units - (settings.shingle - 1)
    starts = np.concatenate(([0], np.cumsum(counts)))
    if not units.size:
        return Shingles(np.empty(0, np.uint64), starts, words.rows, units)
    hashes = _joined(words.hashes, settings.shingle)
    if settings.shingle > 1:
        # The last units of a row begin no shingle of their own; the first ones of the next row do.
        borders = np.cumsum(units)[:-1, None] - np.arange(1, settings.shingle)
        inside = np.ones(hashes.size, bool)
        inside[borders.ravel()] = False
        hashes = hashes[inside]
    hashes, starts = _without(template, hashes, starts)
    return Shingles(hashes, starts, words.rows, units)


def count_rows(texts: Sequence[str], settings: NearSettings, least: int) -> tuple[int, list[tuple[int, int]]]:
    """How many rows take part, and in how many of them each shingle stands that stands in at least ``least``."""
    rows = 0
    blocks: list[NDArray[np.uint64]] = []
    for block in blocks_of(texts):
        shingles = hash_shingles(block, settings, Template(()))
        rows += shingles.rows.size
        blocks.extend(sets for _, sets, _ in unique_sets(shingles.hashes, shingles.starts))
    found, counts = np.unique(np.concatenate(blocks or [np.empty(0, np.uint64)]), return_counts=True)
    common = counts >= least
    return rows, list(zip(found[common].tolist(), counts[common].tolist(), strict=True))


def _joined(words: NDArray[np.uint64], shingle: int) -> NDArray[np.uint64]:
    """The hash of every run of consecutive words, those across two rows included."""
    count = words.size - shingle + 1
    states = words[:count].copy()
    for at in range(1, shingle):
        states *= _ORDER
        states += words[at : at + count]
    states ^= states >> np.uint64(32)
    states *= _FINAL
    states ^= states >> np.uint64(29)
    return states


def _without(
    template: Template, hashes: NDArray[np.uint64], starts: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    places = template.places(hashes)
    if not places.size:
        return hashes, starts
    row = np.searchsorted(starts, places, side="right") - 1
    removed = np.bincount(row, minlength=starts.size - 1)
    short = np.diff(starts) - removed < TEMPLATE_REST
    kept = np.ones(hashes.size, bool)
    kept[places[~short[row]]] = False
    removed[short] = 0
    return hashes[kept], starts - np.concatenate(([0], np.cumsum(removed)))

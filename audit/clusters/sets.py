"""The shingle sets of candidates, from their texts read again, and which pairs of them are similar. Needs numpy.

A set is made when a pair first asks for it, and kept: in chunks, most of which lie in a file if there is much.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.clusters.chunks import Chunks
from audit.clusters.jaccard import NONE, RULED_OUT, similarities, unique_sets
from audit.clusters.settings import NearSettings
from audit.clusters.shingles import Template, hash_shingles
from audit.clusters.texts import Reread, blocks_of

_CHUNK: Final = 1 << 22
"""Shingles kept together, 32 MB."""
_PAIRS: Final = 1 << 16
"""Pairs compared in one go."""

_UNREAD: Final = -1


class Similar(NamedTuple):
    """Which of the pairs asked about reach the threshold (ascending places), how similar they are, and how many of all
    pairs were compared."""

    which: NDArray[np.int64]
    similarity: NDArray[np.float64]
    compared: int


class ShingleSets:
    """The shingle sets of rows; a row is named by its place in ``rows``, which gives the row numbers to read again."""

    def __init__(
        self,
        rows: NDArray[np.uint32],
        reread: Reread,
        settings: NearSettings,
        template: Template,
        folder: str | None,
    ) -> None:
        self._rows = rows
        self._reread = reread
        self._settings = settings
        self._template = template
        self._chunks = Chunks(folder)
        self._places = np.full(rows.size, _UNREAD, np.int32)  # of each row in the columns below
        self._chunk = np.empty(0, np.int64)
        self._start = np.empty(0, np.int64)  # in the chunk
        self._size = np.empty(0, np.int64)

    def similar(self, earlier: NDArray[np.int64], later: NDArray[np.int64]) -> Similar:
        """The pairs at or above the threshold. Takes some 70 bytes a pair besides the sets."""
        self._read(earlier, later)
        places = np.stack((self._places[earlier], self._places[later]))
        chunks = self._chunk[places]
        turned = chunks[0] > chunks[1]
        places[:, turned] = places[::-1, turned]
        which = np.minimum(*chunks) * len(self._chunks) + np.maximum(*chunks)
        order = np.argsort(which, kind="stable")
        similarity = np.full(earlier.size, RULED_OUT)
        for group in np.split(order, np.flatnonzero(np.diff(which[order])) + 1):
            for at in range(0, group.size, _PAIRS):
                some = group[at : at + _PAIRS]
                left, right = divmod(int(which[some[0]]), len(self._chunks))
                similarity[some] = self._compare(left, right, places[:, some])
        near = np.flatnonzero(similarity >= self._settings.threshold)
        return Similar(near, similarity[near], int(np.count_nonzero(similarity >= 0)))

    def close(self) -> None:
        """Forget everything that was read."""
        self._chunks.close()

    def _compare(self, left: int, right: int, places: NDArray[np.int32]) -> NDArray[np.float64]:
        data = self._chunks[left], self._chunks[right]
        return similarities(data, self._start[places], self._size[places], self._settings.threshold)

    def _read(self, *wanted: NDArray[np.int64]) -> None:
        """Have the sets of these rows. One that has changed since it was sketched may be empty."""
        asked = np.zeros(self._rows.size, bool)
        for rows in wanted:
            asked[rows] = True
        missing = np.flatnonzero(asked & (self._places == _UNREAD))
        if not missing.size:
            return
        missing = missing[np.argsort(self._rows[missing])]
        self._places[missing] = np.arange(self._size.size, self._size.size + missing.size)
        chunk, start, size = (np.zeros(missing.size, np.int64) for _ in range(3))
        pending: list[NDArray[np.uint64]] = []
        end, at = 0, 0
        for block in blocks_of(self._reread(self._rows[missing].tolist())):
            shingles = hash_shingles(block, self._settings, self._template)
            for some, data, counts in unique_sets(shingles.hashes, shingles.starts):
                which = at + shingles.rows[some]
                chunk[which], size[which] = len(self._chunks), counts
                start[which] = end + np.cumsum(counts) - counts
                end += data.size
                pending.append(data)
            at += len(block)
            if end >= _CHUNK:
                self._seal(pending, int(size.max()))
                end = 0
        self._seal(pending, int(size.max()))
        self._chunk = np.concatenate((self._chunk, chunk))
        self._start = np.concatenate((self._start, start))
        self._size = np.concatenate((self._size, size))

    def _seal(self, pending: list[NDArray[np.uint64]], largest: int) -> None:
        """Make a chunk of what is pending, with room behind its last set."""
        room = np.full(int(largest / self._settings.threshold) + 1, NONE)
        self._chunks.append(np.concatenate([*pending, room]))
        pending.clear()

"""Exact Jaccard similarities of pairs of rows, from their texts read again. Needs numpy; chooses no pairs.

The shingle set of every row that was ever asked for is kept (in a file, if there is much). Two sets are compared by
sorting them side by side: neighbours that are equal are shared. Pairs of about the same size are sorted together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audit.clusters.chunks import Chunks
from audit.clusters.settings import NearSettings
from audit.clusters.shingles import Template, hash_shingles
from audit.clusters.texts import Reread, blocks_of

_CHUNK: Final = 1 << 22
"""Shingles kept together, 32 MB."""
_CELLS: Final = 1 << 19
"""Shingles compared in one go, 4 MB."""
_NONE: Final = np.uint64(2**64 - 1)
"""Fills up the rows of a table. That a shingle has this hash is as unlikely as any collision."""


class Similar(NamedTuple):
    """Which of the pairs asked about reach the threshold (ascending positions), how similar they are, how many of all
    pairs were compared."""

    which: NDArray[np.int64]
    similarity: NDArray[np.float64]
    compared: int


class ShingleSets:
    """The shingle sets of rows, read when a pair first asks for them. A row is named by its place in ``rows``."""

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
        self._first: list[int] = []  # of each chunk, the place of its first shingle among all
        self._end = 0
        self._known = np.empty(0, np.int64)  # rows, ascending, and where their sets lie among all
        self._starts = np.empty(0, np.int64)
        self._sizes = np.empty(0, np.int64)

    def similar(self, earlier: NDArray[np.int64], later: NDArray[np.int64]) -> Similar:
        """The pairs at or above the threshold. A pair of sets whose sizes rule that out is not compared.

        Takes some 100 bytes a pair while it works.
        """
        self._read(np.unique(np.concatenate((earlier, later))))
        known = np.searchsorted(self._known, np.stack((earlier, later), axis=1))
        sizes = self._sizes[known]
        # The smaller set over the larger one is the most that the similarity can be.
        asked = np.flatnonzero(sizes.min(axis=1) >= self._settings.threshold * sizes.max(axis=1) * (1 - 1e-9))
        asked = asked[sizes[asked].min(axis=1) > 0]
        shared = self._shared(self._starts[known[asked]], sizes[asked])
        similarity = shared / (sizes[asked].sum(axis=1) - shared)
        near = similarity >= self._settings.threshold
        return Similar(asked[near], similarity[near], asked.size)

    def close(self) -> None:
        """Forget everything that was read."""
        self._chunks.close()

    def _read(self, wanted: NDArray[np.int64]) -> None:
        """Have the sets of these rows. One that has changed since it was sketched may be empty."""
        missing = np.setdiff1d(wanted, self._known, assume_unique=True)
        missing = missing[np.argsort(self._rows[missing])]
        starts, sizes = np.zeros(missing.size, np.int64), np.zeros(missing.size, np.int64)
        pending: list[NDArray[np.uint64]] = []
        place, at = self._end, 0
        for block in blocks_of(self._reread(self._rows[missing].tolist())):
            shingles = hash_shingles(block, self._settings, self._template)
            for rows, data, counts in unique_sets(shingles.hashes, shingles.starts):
                which = at + shingles.rows[rows]
                starts[which] = place + np.cumsum(counts) - counts
                sizes[which] = counts
                place += data.size
                pending.append(data)
            at += len(block)
            if place - self._end >= _CHUNK:
                place = self._seal(pending, sizes)
        self._seal(pending, sizes)
        rows = np.concatenate((self._known, missing))
        order = np.argsort(rows)
        self._known = rows[order]
        self._starts = np.concatenate((self._starts, starts))[order]
        self._sizes = np.concatenate((self._sizes, sizes))[order]

    def _seal(self, pending: list[NDArray[np.uint64]], sizes: NDArray[np.int64]) -> int:
        """Make a chunk of what is pending, with room for a window at its end. Gives the place after it."""
        if pending:
            # No set is compared with one that is larger by more than the threshold allows.
            room = int(sizes.max() / self._settings.threshold) + 1
            data = np.concatenate([*pending, np.full(room, _NONE)])
            self._first.append(self._end)
            self._chunks.append(data)
            self._end += data.size
            pending.clear()
        return self._end

    def _shared(self, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
        """(pairs,) how many shingles the two sets of each pair share. ``starts`` and ``sizes`` are (pairs, 2)."""
        shared = np.zeros(len(starts), np.int64)
        first = np.array(self._first, np.int64)
        chunk = np.searchsorted(first, starts, side="right") - 1
        which = chunk[:, 0] * len(first) + chunk[:, 1]
        order = np.argsort(which, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(which[order])) + 1):
            if group.size:
                left, right = chunk[group[0]].tolist()
                tables = self._chunks[left], self._chunks[right]
                shared[group] = _count_shared(tables, starts[group] - first[[left, right]], sizes[group])
        return shared


def unique_sets(
    hashes: NDArray[np.uint64], starts: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]]:
    """Some rows of a block at a time: which, their sets one after the other (each ascending), and their sizes."""
    counts = np.diff(starts)
    order = np.argsort(counts, kind="stable")
    padded = np.concatenate((hashes, np.full(int(counts.max(initial=0)), _NONE)))
    for rows in batches(counts[order]):
        which = order[rows]
        width = int(counts[which[-1]])
        table = sliding_window_view(padded, width)[starts[which]]
        np.copyto(table, _NONE, where=np.arange(width) >= counts[which, None])
        table.sort(axis=1)
        kept = table != _NONE
        kept[:, 1:] &= table[:, 1:] != table[:, :-1]
        yield which, table[kept], np.count_nonzero(kept, axis=1)


def _count_shared(
    chunks: tuple[NDArray[np.uint64], NDArray[np.uint64]], starts: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.int64]:
    shared = np.empty(len(starts), np.int64)
    widths = sizes.max(axis=1)
    order = np.argsort(widths, kind="stable")
    for batch in batches(widths[order]):
        which = order[batch]
        width = int(widths[which[-1]])
        table = np.empty((which.size, 2, width), np.uint64)
        for side, data in enumerate(chunks):
            table[:, side] = sliding_window_view(data, width)[starts[which, side]]
        np.copyto(table, _NONE, where=np.arange(width) >= sizes[which, :, None])
        both = table.reshape(which.size, 2 * width)
        both.sort(axis=1)
        filled = 2 * width - sizes[which].sum(axis=1)
        equal = np.count_nonzero(both[:, 1:] == both[:, :-1], axis=1)
        shared[which] = equal - np.maximum(filled - 1, 0)
    return shared


def batches(widths: NDArray[np.integer[Any]]) -> Iterator[slice]:
    """Runs of rows of ascending widths that fit into ``_CELLS`` and waste little when filled up to the widest."""
    begin = 0
    while begin < widths.size:
        width = max(int(widths[begin]), 1)
        alike = int(np.searchsorted(widths, width + width // 4 + 1, side="right"))
        end = min(begin + max(1, _CELLS // (width + width // 4 + 1)), alike)
        yield slice(begin, end)
        begin = end

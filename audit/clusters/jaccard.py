"""Sets of 64-bit numbers by sorting: sets from lists with repeats, and the similarity of two sets. Needs numpy.

Two sets are compared by sorting them side by side: neighbours that are equal are shared. Sets of about the same size
are sorted together, as the rows of one table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

NONE: Final = np.uint64(2**64 - 1)
"""Fills up the rows of a table. That a shingle has this hash is as unlikely as any collision."""
RULED_OUT: Final = -1.0
_CELLS: Final = 1 << 18
"""Numbers in a table, 2 MB."""


def unique_sets(
    numbers: NDArray[np.uint64], starts: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]]:
    """Some of the lists at a time: which, their sets one after the other (each ascending), and their sizes.

    ``starts`` (lists + 1,) says where in ``numbers`` each list begins.
    """
    counts = np.diff(starts)
    padded = np.concatenate((numbers, np.full(int(counts.max(initial=0)), NONE)))
    for which in _alike(counts):
        width = int(counts[which[-1]])
        table = sliding_window_view(padded, width)[starts[which]]
        np.copyto(table, NONE, where=np.arange(width) >= counts[which, None])
        table.sort(axis=1)
        kept = table != NONE
        kept[:, 1:] &= table[:, 1:] != table[:, :-1]
        yield which, table[kept], np.count_nonzero(kept, axis=1)


def similarities(
    data: tuple[NDArray[np.uint64], NDArray[np.uint64]],
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    threshold: float,
) -> NDArray[np.float64]:
    """(pairs,) the exact Jaccard similarity of each pair of sets, or ``RULED_OUT`` where their sizes alone put it below
    the threshold.

    ``starts`` and ``sizes`` (2, pairs) are those of the sets in ``data[0]`` and of the sets in ``data[1]``; behind
    every set there is room for one that is larger by as much as the threshold allows.
    """
    found = np.full(starts.shape[1], RULED_OUT)
    smaller, larger = np.minimum(*sizes), np.maximum(*sizes)
    # The smaller size over the larger one is the most that the similarity can be; the margin is for rounding.
    asked = np.flatnonzero((smaller > 0) & (smaller >= threshold * larger * (1 - 1e-9)))
    for which in _alike(larger[asked]):
        pairs = asked[which]
        shared = _shared(data, starts[:, pairs], sizes[:, pairs])
        found[pairs] = shared / (sizes[0, pairs] + sizes[1, pairs] - shared)
    return found


def _shared(
    data: tuple[NDArray[np.uint64], NDArray[np.uint64]], starts: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(pairs,) how many numbers the two sets of each pair share."""
    width = int(sizes.max())
    columns = np.arange(width)
    both = np.empty((starts.shape[1], 2 * width), np.uint64)
    for numbers, start, size, side in zip(data, starts, sizes, (both[:, :width], both[:, width:]), strict=True):
        side[:] = sliding_window_view(numbers, width)[start]
        np.copyto(side, NONE, where=columns >= size[:, None])
    both.sort(axis=1)
    filled = 2 * width - sizes[0] - sizes[1]
    equal: NDArray[np.int64] = np.count_nonzero(both[:, 1:] == both[:, :-1], axis=1) - np.maximum(filled - 1, 0)
    return equal


def _alike(widths: NDArray[np.integer[Any]]) -> Iterator[NDArray[np.int64]]:
    """Places of about equal ``widths``, ascending in width, as many at a time as fit into a table of the widest."""
    order = np.argsort(widths, kind="stable")
    ascending = widths[order]
    begin = 0
    while begin < order.size:
        width = int(ascending[begin]) * 5 // 4 + 1
        end = int(np.searchsorted(ascending, width, side="right"))
        end = min(end, begin + max(1, _CELLS // width))
        yield order[begin:end]
        begin = end

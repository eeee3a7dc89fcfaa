"""One row for each set of shingles among the sketched rows, in the order of survival. Needs numpy; reads no text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audit.clusters.columns import Columns


class Distinct:
    """Rows with different sets of shingles: most units first, then the lowest row number.

    ``rows`` is how many; ``numbers`` (rows,) their row numbers; ``taking_part`` how many rows there are with their
    copies. ``copies`` (n,) are the row numbers of those, and ``copied`` (n,) ascending which of the rows each is a copy
    of; the copies of a row are in the order of survival.
    """

    def __init__(self, columns: Columns, bands: int) -> None:
        # Memory grows with the rows here: 32 bits where they do, and one column at a time.
        order = np.argsort(~columns.units(), kind="stable").astype(np.uint32)
        first_of = _first_equal(columns.sets()[order])
        original = first_of == np.arange(order.size, dtype=np.uint32)
        copies = np.flatnonzero(~original)
        copies = copies[np.argsort(first_of[copies], kind="stable")]
        numbers = columns.rows()
        self._columns = columns
        self._places = order[original]
        self.taking_part = order.size
        self.rows = self._places.size
        self.bands = bands
        self.numbers = numbers[self._places]
        self.copies = numbers[order[copies]]
        self.copied = np.searchsorted(np.flatnonzero(original), first_of[copies])

    def key(self, band: int) -> NDArray[np.uint32]:
        """(rows,) keys of one band."""
        keys: NDArray[np.uint32] = self._columns.key(band)[self._places]
        return keys


def _first_equal(values: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """(n,) of every value the place of the first one that is equal to it."""
    order = np.argsort(values, kind="stable").astype(np.uint32)
    ascending = values[order]
    starts = np.arange(order.size, dtype=np.uint32)
    starts[1:][ascending[1:] == ascending[:-1]] = 0
    del values, ascending
    np.maximum.accumulate(starts, out=starts)
    places = np.empty(order.size, np.uint32)
    places[order] = order[starts]
    return places

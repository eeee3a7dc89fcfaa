"""The product ``clusters``: which rows are no independent evidence, because they are copies or belong together."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY: Final = 5_000
"""Rows above which numpy pays for its import."""


def clusters_of(rows: int, identities: Sequence[Sequence[int]]) -> array[int]:
    """The cluster of every row: the ordinal of its first row. Rows that share one of the identities are of one cluster,
    and so are those that are linked through others. An identity of 0 is none.

    ``identities`` are columns of 64-bit numbers with one entry per row; one is enough, none makes every row its own.
    """
    if rows <= MANY:
        return _few(rows, identities)
    return _many(rows, identities)


class Joined:
    """Rows in sets that grow together: union by the smaller ordinal, with path halving (Tarjan and van Leeuwen,
    doi.org/10.1145/62.2160)."""

    def __init__(self, rows: int) -> None:
        self._parent = list(range(rows))

    def root(self, row: int) -> int:
        """The smallest row of a row's set."""
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    def join(self, one: int, other: int) -> None:
        """Make the sets of two rows one."""
        first, second = sorted((self.root(one), self.root(other)))
        self._parent[second] = first


def _few(rows: int, identities: Sequence[Sequence[int]]) -> array[int]:
    joined = Joined(rows)
    for column in identities:
        first: dict[int, int] = {}
        for row, key in enumerate(column):
            if key:
                joined.join(first.setdefault(key, row), row)
    return array("Q", map(joined.root, range(rows)))


def _many(rows: int, identities: Sequence[Sequence[int]]) -> array[int]:
    import numpy as np

    firsts = [_first_rows(rows, column) for column in identities]
    if not firsts:
        return array("Q", range(rows))
    found = firsts[0] if len(firsts) == 1 else _linked(rows, firsts)
    return array("Q", found.astype(np.uint64).tobytes())


def _first_rows(rows: int, column: Sequence[int]) -> NDArray[np.int64]:
    """For every row the first with the same identity."""  # (rows,)
    import numpy as np

    keys = np.frombuffer(column, dtype=np.uint64)  # type: ignore[call-overload]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    found = first[inverse].astype(np.int64)
    return np.where(keys == 0, np.arange(rows), found)


def _linked(rows: int, firsts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """For every row the first of those that links connect it with."""  # (rows,)
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    here = np.tile(np.arange(rows), len(firsts))
    there = np.concatenate(firsts)
    links = coo_array((np.ones(len(here), dtype=np.int8), (here, there)), shape=(rows, rows))
    _, labels = connected_components(links, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)

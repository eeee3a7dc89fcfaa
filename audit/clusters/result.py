"""What the search for near duplicates gives: clusters and verified pairs, kept as columns. Searches nothing."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final, overload

import msgspec

STAND_INS: Final = 8
"""Of rows with equal sets of shingles so many stand in pairs with other rows; see ``NearClusters``."""


class NearCluster(msgspec.Struct, frozen=True):
    """Rows of which one is enough.

    ``survivor`` is the row number of the one to keep, ``members`` those of the others, ascending, and ``similarity``
    the exact Jaccard similarity of each of them with the survivor.
    """

    survivor: int
    members: tuple[int, ...]
    similarity: tuple[float, ...]


class Redundant(msgspec.Struct, frozen=True):
    """Columns of equal length: a redundant ``row``, the ``survivor`` that stands for it, and their ``similarity``."""

    row: array[int]
    survivor: array[int]
    similarity: array[float]


class Pairs(msgspec.Struct, frozen=True):
    """Columns of equal length: ``first`` < ``second``, ascending, and their exact Jaccard ``similarity``."""

    first: array[int]
    second: array[int]
    similarity: array[float]


class NearClusters(msgspec.Struct, frozen=True, kw_only=True):
    """All near duplicates of a dataset.

    ``rows`` is how many rows had enough units to take part, ``compared`` of how many pairs the exact similarity was
    computed. Rows with equal sets of shingles are compared as one. In the order of survival (most units, then the
    lowest row number) the first ``STAND_INS`` of them stand in ``pairs`` with each other and with other rows, and the
    rest only beside the first: a thousand copies of a row make no million pairs.
    """

    rows: int
    compared: int
    redundant: Redundant
    """In the order of ``clusters``: by the first row of the cluster, then by row."""
    starts: array[int]
    """Where each cluster begins in ``redundant``, and where the last one ends."""
    by_row: array[int]
    """Of each row up to the last one in a cluster, the number of its cluster, or -1."""
    verified: Pairs

    @classmethod
    def of(cls, rows: int, compared: int, redundant: Redundant, verified: Pairs) -> NearClusters:
        """From columns that are in order already."""
        starts = array("q")
        last = max(max(redundant.row, default=-1), max(redundant.survivor, default=-1))
        by_row = array("i", [-1]) * (last + 1)
        for at, (row, survivor) in enumerate(zip(redundant.row, redundant.survivor, strict=True)):
            if not at or survivor != redundant.survivor[at - 1]:
                starts.append(at)
            by_row[row] = by_row[survivor] = len(starts) - 1
        starts.append(len(redundant.row))
        return cls(rows=rows, compared=compared, redundant=redundant, starts=starts, by_row=by_row, verified=verified)

    @property
    def clusters(self) -> Sequence[NearCluster]:
        """The clusters, sorted by their first row; each is made when it is asked for."""
        return _Clusters(self)

    def pairs(self) -> Iterator[tuple[int, int, float]]:
        """Every verified pair (a, b, exact Jaccard similarity), a < b, sorted."""
        return zip(self.verified.first, self.verified.second, self.verified.similarity, strict=True)

    def cluster_of(self, row: int) -> int | None:
        """The place of a row's cluster in ``clusters``; None for a row that has no near duplicate."""
        found = self.by_row[row] if 0 <= row < len(self.by_row) else -1
        return found if found >= 0 else None


class _Clusters(Sequence[NearCluster]):
    """A view of the columns, cluster by cluster."""

    def __init__(self, found: NearClusters) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found.starts) - 1

    @overload
    def __getitem__(self, at: int) -> NearCluster: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[NearCluster]: ...
    def __getitem__(self, at: int | slice) -> NearCluster | Sequence[NearCluster]:
        if isinstance(at, slice):
            return [self[k] for k in range(*at.indices(len(self)))]
        which = range(len(self))[at]
        redundant = self._found.redundant
        inside = slice(self._found.starts[which], self._found.starts[which + 1])
        return NearCluster(
            redundant.survivor[inside.start], tuple(redundant.row[inside]), tuple(redundant.similarity[inside])
        )

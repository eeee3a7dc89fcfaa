"""Where sketches are kept between fold and search: in memory, or in files laid out band after band. Needs numpy.

A file is the concatenation of the columns keys (bands x rows, 32 bits), sets (64), units (32) and rows (32), without a
header, in the byte order of the machine: it outlives no run. Whoever gave the folder removes it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from audit.clusters.sketch import Sketch

_Number = TypeVar("_Number", np.uint32, np.uint64)


class Spilled(NamedTuple):
    """The sketch of ``size`` rows in a file; every column is read when it is asked for."""

    path: str
    bands: int
    size: int

    def key(self, band: int) -> NDArray[np.uint32]:
        """(size,) keys of one band."""
        return self._column(np.uint32, 4 * band)

    @property
    def sets(self) -> NDArray[np.uint64]:
        """(size,) keys of whole sets."""
        return self._column(np.uint64, 4 * self.bands)

    @property
    def units(self) -> NDArray[np.uint32]:
        """(size,) units."""
        return self._column(np.uint32, 4 * self.bands + 8)

    @property
    def rows(self) -> NDArray[np.uint32]:
        """(size,) ascending row numbers."""
        return self._column(np.uint32, 4 * self.bands + 12)

    def _column(self, kind: type[_Number], bytes_before: int) -> NDArray[_Number]:
        return np.fromfile(self.path, kind, self.size, offset=self.size * bytes_before)


class Part(NamedTuple):
    """The sketch of some rows; their numbers count from ``first``."""

    sketch: Sketch | Spilled
    first: int


class Columns:
    """The columns of all parts in the order of rows. None is kept: no two need be in memory at once."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = [part for part in parts if part.sketch.units.size]

    def rows(self) -> NDArray[np.uint32]:
        """Ascending numbers of the rows that take part."""
        return np.concatenate([np.empty(0, np.uint32)] + [p.sketch.rows + np.uint32(p.first) for p in self._parts])

    def units(self) -> NDArray[np.uint32]:
        """How many units each has."""
        return np.concatenate([np.empty(0, np.uint32)] + [part.sketch.units for part in self._parts])

    def sets(self) -> NDArray[np.uint64]:
        """Equal for rows with equal sets of shingles and equal repeats."""
        return np.concatenate([np.empty(0, np.uint64)] + [part.sketch.sets for part in self._parts])

    def key(self, band: int) -> NDArray[np.uint32]:
        """The keys of one band."""
        return np.concatenate([np.empty(0, np.uint32)] + [part.sketch.key(band) for part in self._parts])


def settled(sketches: Sequence[tuple[Sketch, int]], folder: str | None) -> Part:
    """Sketches of consecutive rows, each with the number of its first row, as one part: in a new file in ``folder``, if
    there is one."""
    first = sketches[0][1]
    keys, sets, units, rows = zip(
        *((one.keys, one.sets, one.units, one.rows + np.uint32(at - first)) for one, at in sketches), strict=True
    )
    joined = Sketch(np.concatenate(keys, axis=1), np.concatenate(sets), np.concatenate(units), np.concatenate(rows))
    return Part(joined if folder is None else _spill(joined, folder), first)


def _spill(sketch: Sketch, folder: str) -> Spilled:
    handle, path = tempfile.mkstemp(prefix="near-", suffix=".sketch", dir=folder)
    with os.fdopen(handle, "wb") as file:
        for column in sketch:
            file.write(np.ascontiguousarray(column).data)
    bands, size = sketch.keys.shape
    return Spilled(path, bands, size)

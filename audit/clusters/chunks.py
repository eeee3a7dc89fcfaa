"""Large arrays that are used two at a time: the rest lies in a file when there is a folder for it. Needs numpy."""

from __future__ import annotations

import tempfile
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

_RESIDENT: Final = 2


class Chunks:
    """A growing list of arrays of 64-bit numbers. Without a folder all of them stay in memory."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._resident: dict[int, NDArray[np.uint64]] = {}  # the one used last stands last
        self._spilled: dict[int, tuple[int, int]] = {}  # where in the file, and how many numbers
        self._count = 0

    def append(self, data: NDArray[np.uint64]) -> None:
        """One more array; it must not be changed afterwards."""
        self._keep(self._count, data)
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: int) -> NDArray[np.uint64]:
        if at in self._resident:
            data = self._resident.pop(at)
        else:
            assert self._file is not None
            offset, size = self._spilled[at]
            self._file.seek(offset)
            data = np.fromfile(self._file, np.uint64, size)
        self._keep(at, data)
        return data

    def close(self) -> None:
        """Forget everything; the file goes with it."""
        self._resident.clear()
        if self._file is not None:
            self._file.close()

    def _keep(self, at: int, data: NDArray[np.uint64]) -> None:
        while self._folder is not None and len(self._resident) >= _RESIDENT:
            oldest = next(iter(self._resident))
            self._spill(oldest, self._resident.pop(oldest))
        self._resident[at] = data

    def _spill(self, at: int, data: NDArray[np.uint64]) -> None:
        if at in self._spilled:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="near-", suffix=".sets", dir=self._folder)  # noqa: SIM115
        self._spilled[at] = (self._file.seek(0, 2), data.size)
        data.tofile(self._file)

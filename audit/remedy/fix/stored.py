"""Where the rows of a run lie and what their bytes are. Parses nothing and changes nothing."""

from __future__ import annotations

import contextlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import BinaryIO

from audit.engine.finish import Finished
from audit.engine.rows import lies_in_file
from audit.errors import InputError
from audit.model import Related, Source
from audit.read.chunks import one_line
from audit.rule import RowRange


class Rows:
    """The rows of a run by ordinal, for as long as the run can be read again; ``close`` when done."""

    def __init__(self, finished: Finished) -> None:
        columns = finished.stored.columns
        self.count = finished.rows
        self.ranges = tuple(finished.ranges)
        self.lines: array[int] = columns.lines
        self.at: array[int] = columns.stored
        self.sizes: array[int] = columns.sizes
        self.spool = finished.stored.spool or ""
        self._by_path = {entry.source.path: entry for entry in self.ranges}
        self._path = ""
        self._file: BinaryIO | None = None

    def range_of(self, row: int) -> RowRange:
        """The source of a row and its rows."""
        return self.ranges[bisect_right(self.ranges, row, key=lambda entry: entry.first) - 1]

    def file_of(self, source: Source) -> str:
        """The file in which the rows of a source lie."""
        return source.path if lies_in_file(source) else self.spool

    def raw(self, row: int) -> bytes:
        """The bytes of a row as one line. Raises InputError when they can no longer be read."""
        source = self.range_of(row).source
        raw = self._read(self.file_of(source), self.at[row], self.sizes[row])
        return one_line(raw)

    def after(self, row: int, path: str) -> bytes:
        """The line end behind a row of a plain file, b"" at the end of the file."""
        end = self._read(path, self.at[row] + self.sizes[row], 2, whole=False)
        return end if end == b"\r\n" else end[:1] if end[:1] in (b"\n", b"\r") else b""

    def between(self, path: str, start: int, end: int | None) -> bytes:
        """The bytes ``start`` to ``end`` (None: to the end) of a file, such as blank lines."""
        return self._read(path, start, -1 if end is None else end - start, whole=False)

    def find(self, place: Related) -> int | None:
        """The row at a place, None where there is none."""
        entry = self._by_path.get(place.file or "")
        if entry is None or place.line is None:
            return None
        row = bisect_left(self.lines, place.line, entry.first, entry.end)
        return row if row < entry.end and self.lines[row] == place.line else None

    def related(self, places: Iterable[Related]) -> list[int]:
        """The rows at some places."""
        return [row for place in places if (row := self.find(place)) is not None]

    def close(self) -> None:
        """Close the file that was read last."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None

    def _opened(self, path: str) -> BinaryIO:
        """A file, as the only one that is open: of a folder with thousands no more descriptors are taken."""
        if self._file is None or path != self._path:
            self.close()
            self._file, self._path = open(path, "rb"), path  # noqa: SIM115 closed by `close`
        return self._file

    def _read(self, path: str, at: int, size: int, *, whole: bool = True) -> bytes:
        try:
            file = self._opened(path)
            file.seek(at)
            data = file.read(size)
        except OSError as error:
            raise InputError(f"cannot read {path} again: {error.strerror or error}") from error
        if whole and len(data) != size:
            raise InputError(f"{path} was changed while it was being mended")
        return data

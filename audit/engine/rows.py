"""Reading rows again: those of plain files where they lie, all others from a spool. Judges nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO, Final

from audit.engine.batch import ParsedBatch
from audit.engine.columns import Columns
from audit.errors import InputError
from audit.model import Chat, Record, Source
from audit.read.chunks import Chunk, Row, chunk_of
from audit.rule import RowRange

AT_ONCE: Final = 512
"""Rows parsed together."""
UNREADABLE: Final = "unreadable"


class Spool:
    """A file that holds the lines of sources that cannot be read again at their offsets: packed files, tables,
    standard input, rows from Python."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115 closed by `close`
        self._at = 0

    def put(self, chunk: Chunk) -> Chunk:
        """The chunk, which now knows where its lines lie. Raises InputError when there is no room."""
        chunk.spooled_at = self._at
        text = b"\n".join(chunk.lines) + b"\n"
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            with suppress(OSError):
                self._file.close()
            raise InputError(
                f"no room for temporary files in {self.path}: {error.strerror or error}",
                hint="set TMPDIR to a folder with as much room as the unpacked data takes",
            ) from error
        self._at += len(text)
        return chunk

    def close(self) -> None:
        """No more is put."""
        self._file.close()


class StoredRows:
    """The rows behind the columns of a fold."""

    def __init__(self, columns: Columns, ranges: Sequence[RowRange], spool: str | None) -> None:
        self.columns = columns
        self._ranges = ranges
        self._spool = spool

    def records(self, rows: Sequence[int]) -> Iterator[Record]:
        """One record for every row, in the order asked for; of a row that cannot be parsed with nothing in it.

        Raises InputError when a file has been changed or taken away since it was judged.
        """
        files: dict[str, BinaryIO] = {}
        try:
            for start in range(0, len(rows), AT_ONCE):
                yield from self._some(rows[start : start + AT_ONCE], files)
        finally:
            for file in files.values():
                file.close()

    def _some(self, rows: Sequence[int], files: dict[str, BinaryIO]) -> Iterator[Record]:
        """Consecutive rows of one source are parsed together."""
        start = 0
        while start < len(rows):
            source, _, last = entry = self._range_of(rows[start])
            end = start + 1
            while end < len(rows) and entry.first <= rows[end] < last:
                end += 1
            chunk = chunk_of(source, [self._row(row, entry, files) for row in rows[start:end]])
            batch = ParsedBatch(chunk)
            for index in range(end - start):
                yield batch.bare_record(index) if index in batch.parsed_set else _unreadable(chunk, index)
            start = end

    def _range_of(self, row: int) -> RowRange:
        return self._ranges[bisect_right(self._ranges, row, key=lambda entry: entry.first) - 1]

    def _row(self, row: int, entry: RowRange, files: dict[str, BinaryIO]) -> Row:
        columns = self.columns
        at, size = columns.stored[row], columns.sizes[row]
        path = entry.source.path if lies_in_file(entry.source) else self._spool or entry.source.path
        try:
            if path not in files:
                files[path] = open(path, "rb")  # noqa: SIM115 closed by the caller
            files[path].seek(at)
            raw = files[path].read(size)
        except OSError as error:
            raise InputError(f"cannot read {path} again: {error.strerror or error}") from error
        if len(raw) != size:
            raise InputError(f"{path} was changed while it was being checked")
        return Row(raw, columns.lines[row], columns.offsets[row])


def lies_in_file(source: Source) -> bool:
    """Whether the lines of a source can be read again at their offsets. All other sources are spooled."""
    plain = source.container == "jsonl" and source.compression is None and source.encoding == "utf-8"
    return plain and source.size is not None


def _unreadable(chunk: Chunk, index: int) -> Record:
    return Record(
        source=chunk.source,
        line=chunk.number(index),
        offset=chunk.offset(index),
        raw=chunk.lines[index],
        data=None,
        shape=UNREADABLE,
        chat=Chat(),
    )

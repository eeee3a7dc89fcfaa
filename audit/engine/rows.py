"""Reading rows again: those of plain files where they lie, all others from a spool. Judges nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO, Final

from audit.engine.batch import UNKNOWN_SHAPE, again
from audit.engine.columns import Columns
from audit.errors import InputError
from audit.model import Chat, Record, Source
from audit.read.chunks import Chunk
from audit.read.shapes import detect
from audit.rule import RowRange

UNREADABLE: Final = "unreadable"
TOGETHER: Final = 1 << 20
"""Bytes that are read at once where rows are asked for one after the other."""


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
        self.spool = spool

    def records(self, rows: Sequence[int]) -> Iterator[Record]:
        """One record for every row, in the order asked for; of a row that cannot be parsed with nothing in it.

        Raises InputError when a file has been changed or taken away since it was judged.
        """
        return (self._record(row, source, raw) for row, source, raw in self._read(rows))

    def raw(self, rows: Sequence[int]) -> Iterator[bytes]:
        """The bytes of every row, as it was read, without what ends its line; in the order asked for.

        Raises InputError as ``records`` does.
        """
        return (raw for _, _, raw in self._read(rows))

    def _read(self, rows: Sequence[int]) -> Iterator[tuple[int, Source, bytes]]:
        files: dict[str, BinaryIO] = {}
        buffering = TOGETHER if isinstance(rows, range) else 0
        entry: RowRange | None = None
        path = ""
        try:
            for row in rows:
                if entry is None or not entry.first <= row < entry.end:
                    entry = self._range_of(row)
                    path = entry.source.path if lies_in_file(entry.source) else self.spool or entry.source.path
                if path not in files:
                    files[path] = _opened(path, buffering)
                yield row, entry.source, self._raw(row, path, files[path])
        finally:
            for file in files.values():
                file.close()

    def _range_of(self, row: int) -> RowRange:
        return self._ranges[bisect_right(self._ranges, row, key=lambda entry: entry.first) - 1]

    def _raw(self, row: int, path: str, file: BinaryIO) -> bytes:
        at, size = self.columns.stored[row], self.columns.sizes[row]
        try:
            file.seek(at)
            raw = file.read(size)
        except OSError as error:
            raise _unreadable(path, error) from error
        if len(raw) != size:
            raise InputError(f"{path} was changed while it was being checked")
        return raw

    def _record(self, row: int, source: Source, raw: bytes) -> Record:
        """The record of a line. What is wrong with the line was said when it was judged."""
        value = again(raw)
        shape = detect(value) if isinstance(value, dict) else None
        return Record(
            source=source,
            line=self.columns.lines[row],
            offset=self.columns.offsets[row],
            raw=raw,
            data=value if isinstance(value, dict) else None,
            shape=shape.name if shape else UNKNOWN_SHAPE if isinstance(value, dict) else UNREADABLE,
            chat=shape.read(value) if shape else Chat(),
        )


def _opened(path: str, buffering: int) -> BinaryIO:
    try:
        return open(path, "rb", buffering=buffering)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> InputError:
    return InputError(f"cannot read {path} again: {error.strerror or error}")


def lies_in_file(source: Source) -> bool:
    """Whether the lines of a source can be read again at their offsets. All other sources are spooled."""
    plain = source.container == "jsonl" and source.compression is None and source.encoding == "utf-8"
    return plain and source.size is not None

"""The reader of one source: finds out how it is stored, then yields its lines in chunks, exactly placed.

Everything is told from the bytes, never from the file's name. No JSON is judged here.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO, Final, Protocol

import msgspec

from audit.errors import InputError
from audit.model import Problem, Source, SourceSummary
from audit.read.chunks import CHUNK_BYTES, Chunk, chunked, with_file_problems
from audit.read.containers import ElementSplitter
from audit.read.jsonl import LineSplitter
from audit.read.layout import Layout, delimiter_of, layout_of, read_head
from audit.read.streams import Blocks, Stored, Unpacked, compression_of, encoding_of, to_utf8
from audit.read.tables import CsvSplitter, ParquetRows

__all__ = ["CHUNK_BYTES", "Chunk", "PlainText", "SourceReader"]

SPOOL_BYTES: Final = 64 << 20
"""Bytes of unpacked Parquet held in memory before they go to a temporary file."""

_OF_ONE_PROCESS: Final = ("/dev/", "/proc/")

_LAYOUT_PROBLEMS: Final = {
    Layout.OLD_MAC: ("cr-only", "lines end in a carriage return alone, so most programs see one line"),
    Layout.ARRAY: ("json-array-file", "the file is one JSON array, not one JSON object per line"),
    Layout.PRINTED: ("pretty-printed-file", "JSON objects are spread over several lines, not one per line"),
    Layout.CSV: ("csv-file", "the file is a table (CSV), not JSON Lines"),
    Layout.PARQUET: ("parquet-file", "the file is Parquet, not JSON Lines"),
}


class Counter(Protocol):
    """Says how many lines have been read."""

    @property
    def lines(self) -> int: ...


class _Splitter(Counter, Protocol):
    def problems(self) -> list[Problem]: ...


class PlainText(msgspec.Struct, frozen=True):
    """UTF-8 lines in a file that any process can open and read from any byte: where they begin, and problems so far."""

    source: Source
    start: int
    problems: tuple[Problem, ...]


class _Opened(msgspec.Struct):
    """A source whose first bytes have been looked at."""

    source: Source
    stored: Stored
    unpacked: Unpacked
    text: Blocks
    layout: Layout
    head: bytes
    whole: bool
    offset: int
    problems: list[Problem]


class SourceReader:
    """Iterating yields the chunks of a source; any ``chunk_bytes`` gives the same lines at the same places.

    ``source`` is the given source with container, compression and encoding as found. ``summary`` is complete after
    the last chunk: bytes and SHA-256 of the file as it is stored (packed, if it is), lines, and rows left at 0 for the
    engine. ``stdin`` stands in for standard input, ``data`` for the stored bytes of any source.
    Raises InputError when the source cannot be opened or read on; whatever is in it is never an exception.
    """

    def __init__(
        self,
        source: Source,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        stdin: BinaryIO | None = None,
        data: bytes | None = None,
    ) -> None:
        self._given = source
        self._chunk_bytes = max(chunk_bytes, 1)
        self._stdin = stdin
        self._data = data
        self._opened: _Opened | None = None
        self._begun = False
        self._splitter: Counter | None = None

    @property
    def given(self) -> Source:
        """The source as it was named. Opens nothing."""
        return self._given

    @property
    def source(self) -> Source:
        """The source as it turned out to be. Looks at the first bytes if that has not been done."""
        return self._open().source

    @property
    def summary(self) -> SourceSummary:
        """What has been read so far; all of it after the last chunk."""
        opened = self._open()
        return SourceSummary(
            path=opened.source.path,
            role=opened.source.role,
            container=opened.source.container,
            compression=opened.source.compression,
            encoding=opened.source.encoding,
            bytes=opened.stored.bytes,
            lines=self._splitter.lines if self._splitter is not None else 0,
            sha256=opened.stored.sha256,
        )

    @property
    def plain_text(self) -> PlainText | None:
        """The source as a plain file that can be cut at any line end, or None when it is anything else.

        Names under /dev and /proc may mean something else in another process. Looks at the first bytes only.
        """
        path = os.path.abspath(self._given.path)
        if self._data is not None or self._is_stdin or not os.path.isfile(path) or path.startswith(_OF_ONE_PROCESS):
            return None
        opened = self._open()
        source = opened.source
        if opened.layout is not Layout.LINES or source.compression is not None or source.encoding != "utf-8":
            return None
        return PlainText(source, opened.offset, tuple(opened.problems))

    def blocks(self, counter: Counter) -> Iterator[bytes]:
        """The text as UTF-8 in blocks of any size, for who looks for lines in it and says in ``counter`` how many.

        ``summary`` is complete after the last block. Raises what iterating raises.
        """
        opened = self._begin()
        self._splitter = counter
        try:
            yield from opened.text
            opened.stored.drain()
        finally:
            if not self._is_stdin:
                opened.stored.close()

    def __iter__(self) -> Iterator[Chunk]:
        opened = self._begin()
        try:
            splitter, chunks = self._chunks(opened)
            self._splitter = splitter
            yield from with_file_problems(
                opened.source, chunks, opened.problems, lambda: _closing(splitter, opened.unpacked)
            )
            opened.stored.drain()
        finally:
            if not self._is_stdin:
                opened.stored.close()

    def close(self) -> None:
        """Close the file, if it was only looked at."""
        if self._opened is not None and not self._is_stdin:
            self._opened.stored.close()

    # ------------------------------------------------------------------ opening

    @property
    def _is_stdin(self) -> bool:
        return self._given.path == "-" and self._data is None

    def _stream(self) -> BinaryIO:
        if self._data is not None:
            return io.BytesIO(self._data)
        if self._is_stdin:
            return self._stdin if self._stdin is not None else sys.stdin.buffer
        try:
            return open(self._given.path, "rb", buffering=0)
        except OSError as error:
            raise InputError(f"cannot read {self._given.path}: {error.strerror or error}") from error

    def _open(self) -> _Opened:
        if self._opened is None:
            self._opened = self._look()
        return self._opened

    def _begin(self) -> _Opened:
        if self._begun:
            if self._is_stdin:
                raise InputError("standard input can be read only once")
            self._opened = None
        opened = self._open()
        self._begun = True
        return opened

    def _look(self) -> _Opened:
        stored = Stored(self._stream(), self._given.path)
        try:
            return self._look_into(stored)
        except InputError:
            if not self._is_stdin:
                stored.close()
            raise

    def _look_into(self, stored: Stored) -> _Opened:
        compression = compression_of(stored, self._given.path)
        again: Callable[[], BinaryIO] | None = None if self._is_stdin else self._stream
        unpacked = Unpacked(stored, compression, self._chunk_bytes, again)
        blocks = Blocks(iter(unpacked))
        encoding, mark = encoding_of(blocks.head(4)[:4])
        blocks.skip(mark)
        text = blocks if encoding == "utf-8" else Blocks(to_utf8(iter(blocks), encoding))
        head, whole = read_head(text)
        layout = layout_of(head, whole)
        source = msgspec.structs.replace(
            self._given, container=_container(layout), compression=compression, encoding=encoding
        )
        return _Opened(
            source=source,
            stored=stored,
            unpacked=unpacked,
            text=text,
            layout=layout,
            head=head,
            whole=whole,
            offset=mark if encoding == "utf-8" else 0,
            problems=[*_encoding_problems(encoding, mark), *_layout_problems(layout)],
        )

    # ------------------------------------------------------------------ chunks

    def _chunks(self, opened: _Opened) -> tuple[_Splitter, Iterable[Chunk]]:
        if opened.layout in (Layout.LINES, Layout.OLD_MAC):
            old_mac = opened.layout is Layout.OLD_MAC
            lines = LineSplitter(opened.source, opened.text, self._chunk_bytes, offset=opened.offset, old_mac=old_mac)
            return lines, lines
        splitter = self._rows(opened)
        return splitter, chunked(opened.source, splitter, self._chunk_bytes)

    def _rows(self, opened: _Opened) -> ElementSplitter | CsvSplitter | ParquetRows:
        if opened.layout is Layout.CSV:
            delimiter = delimiter_of(opened.head, opened.whole) or ","
            return CsvSplitter(opened.text, delimiter, offset=opened.offset)
        if opened.layout is Layout.PARQUET:
            direct = opened.source.compression is None and (self._data is not None or os.path.isfile(self._given.path))
            return ParquetRows(self._stream() if direct else _spooled(opened.text), self._given.path)
        return ElementSplitter(opened.text, offset=opened.offset)


def _spooled(blocks: Iterable[bytes]) -> BinaryIO:
    """A file that can be read at any place, which Parquet needs; the bytes are counted and hashed on their way."""
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 the caller reads it
    for block in blocks:
        file.write(block)
    file.seek(0)
    return file  # type: ignore[return-value]


def _container(layout: Layout) -> str:
    by_layout = {Layout.ARRAY: "json", Layout.PRINTED: "json", Layout.CSV: "csv", Layout.PARQUET: "parquet"}
    return by_layout.get(layout, "jsonl")


def _layout_problems(layout: Layout) -> Iterator[Problem]:
    if layout in _LAYOUT_PROBLEMS:
        kind, message = _LAYOUT_PROBLEMS[layout]
        yield Problem(kind=kind, message=message, file=True)


def _encoding_problems(encoding: str, mark: int) -> Iterator[Problem]:
    if encoding != "utf-8":
        how = "with" if mark else "without"
        message = f"the file is {encoding.upper()} ({how} byte order mark), not UTF-8"
        yield Problem(
            kind=encoding[:6], message=message, file=True, detail={"encoding": encoding, "byte_order_mark": bool(mark)}
        )
    elif mark:
        message = "the file starts with a UTF-8 byte order mark"
        yield Problem(kind="bom", message=message, file=True, detail={"encoding": encoding, "bytes": mark})


def _closing(splitter: _Splitter, unpacked: Unpacked) -> Sequence[Problem]:
    """Problems known at the end. A file that was cut has no last line end to miss and no array to close."""
    found = splitter.problems()
    if unpacked.fault is None:
        return found
    kept = [problem for problem in found if problem.kind not in ("no-final-newline", "truncated-file")]
    cut = Problem(kind="truncated-file", message=unpacked.fault, file=True, detail={"reason": unpacked.fault})
    return [*kept, cut]

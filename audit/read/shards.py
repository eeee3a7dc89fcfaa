"""Cuts a plain file of UTF-8 lines into byte ranges of whole lines, and reads one of them. Runs nothing in parallel.

The chunks of all shards, one after the other, hold the same lines with the same places, problems and suspects as the
file read in one go. A file that is packed, in another encoding or not in lines cannot be cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from audit.errors import InputError
from audit.model import Problem, Source
from audit.read.chunks import CHUNK_BYTES, Chunk, with_file_problems
from audit.read.jsonl import LineEnds, LineSplitter, line_ends
from audit.read.lines import PlainText, SourceReader

SHARD_BYTES: Final = 4 << 20
"""Bytes of a shard: some dozen milliseconds of work at least, so that handing it over (0.05 ms) costs nothing, and
little enough that the last shards of a file keep every process busy. Measured from 1 to 16 MiB, the size makes no
difference. It does not depend on the number of processes, and no result depends on it."""


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """Whole lines of a file: bytes ``start`` to ``end`` of it, the first line being number ``first_line`` (from 1).

    ``opening`` are the problems of the whole file that its first line carries; ``ends`` counts the line ends before
    the last shard, which names what is odd about all of them, and is None in any other.
    """

    source: Source
    index: int
    start: int
    end: int
    first_line: int
    opening: tuple[Problem, ...] = ()
    ends: LineEnds | None = None

    @property
    def first(self) -> bool:
        """Whether the file begins with this shard."""
        return self.index == 0

    @property
    def last(self) -> bool:
        """Whether the file ends with this shard."""
        return self.ends is not None


def shards_of(reader: SourceReader, shard_bytes: int = SHARD_BYTES) -> Iterator[Shard] | None:
    """The shards of a source in order, or None when it cannot be cut and is read with ``reader`` itself.

    A shard ends with the last line that ends within ``shard_bytes`` bytes, or with its first line where that is
    longer. The file is read once while they are taken: each is given when the end of the next one is known, and
    ``reader.summary`` is complete after the last. An empty file has none; one of nothing but a byte order mark has
    an empty one.
    Raises InputError when the file cannot be read on.
    """
    text = reader.plain_text
    return None if text is None else _shards(reader, text, max(shard_bytes, 1))


class ShardReader:
    """Iterating yields the chunks of a shard; any ``chunk_bytes`` gives the same lines at the same places.

    Raises InputError when the file cannot be opened or is shorter than it was when it was cut.
    """

    def __init__(self, shard: Shard, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.shard = shard
        self._chunk_bytes = max(chunk_bytes, 1)

    @property
    def source(self) -> Source:
        """The source as it was found when the file was cut."""
        return self.shard.source

    def __iter__(self) -> Iterator[Chunk]:
        shard = self.shard
        lines = LineSplitter(
            shard.source,
            _range(shard.source.path, shard.start, shard.end, self._chunk_bytes),
            self._chunk_bytes,
            offset=shard.start,
            first_line=shard.first_line,
            ends=shard.ends,
        )
        return with_file_problems(shard.source, lines, shard.opening, lines.problems if shard.last else tuple)


def _range(path: str, start: int, end: int, block_bytes: int) -> Iterator[bytes]:
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(start)
            while start < end:
                block = file.read(min(block_bytes, end - start))
                if not block:
                    raise InputError(f"{path} became shorter while it was read", hint="check it when nothing writes it")
                start += len(block)
                yield block
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


# ----------------------------------------------------------------------------- finding the cuts


class _Cut(msgspec.Struct, frozen=True):
    """A range of whole lines, and the line ends before it."""

    start: int
    end: int
    before: LineEnds


class _Count:
    """Line ends and lines read so far; what the reader takes its number of lines from."""

    def __init__(self) -> None:
        self.ends = LineEnds()
        self.open_line = False

    @property
    def lines(self) -> int:
        """Lines, one without a line end included."""
        return self.ends.lf + self.ends.crlf + self.open_line


def _shards(reader: SourceReader, text: PlainText, shard_bytes: int) -> Iterator[Shard]:
    count = _Count()
    held: _Cut | None = None
    index = 0
    for cut in _cuts(reader.blocks(count), text.start, shard_bytes, count):
        if held is not None:
            yield _shard(text, index, held)
            index += 1
        held = cut
    if held is None and text.problems:
        held = _Cut(text.start, text.start, LineEnds())
    if held is not None:
        yield msgspec.structs.replace(_shard(text, index, held), ends=held.before)


def _shard(text: PlainText, index: int, cut: _Cut) -> Shard:
    return Shard(
        source=text.source,
        index=index,
        start=cut.start,
        end=cut.end,
        first_line=1 + cut.before.lf + cut.before.crlf,
        opening=() if index else text.problems,
    )


def _cuts(blocks: Iterable[bytes], start: int, size: int, count: _Count) -> Iterator[_Cut]:
    """Where ``Shard`` ranges lie in a text that begins at byte ``start``; the same however it comes in blocks."""
    at = end = start  # of the block, and of the whole lines before it
    before = LineEnds()
    open_line: list[bytes] = []  # from ``end`` to ``at``
    for block in blocks:
        done = 0
        while True:
            limit = start + size - at
            newline = block.rfind(b"\n", done, max(limit, done))
            if newline < 0 and end == start:
                newline = block.find(b"\n", max(limit, done))
            if newline >= 0:
                count.ends += _ends_of(open_line, block, done, newline + 1)
                open_line = []
                done = newline + 1
                end = at + done
            if end == start or limit > len(block):
                break
            yield _Cut(start, end, before)
            start, before = end, count.ends
        open_line.append(block[done:])
        at += len(block)
    count.open_line = at > end
    if at > start:
        yield _Cut(start, at, before)


def _ends_of(open_line: list[bytes], block: bytes, start: int, end: int) -> LineEnds:
    """Line ends of ``open_line`` and the bytes after it, which end a line. They are put together only where needed."""
    if b"\r" not in block and not any(b"\r" in piece for piece in open_line):
        return LineEnds(block.count(b"\n", start, end))
    return line_ends(b"".join([*open_line, block[start:end]]))

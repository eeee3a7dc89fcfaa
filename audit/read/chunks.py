"""A chunk: a few megabytes of lines with their places and what the splitter saw. Parses no JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import msgspec

from audit.model import Problem, Source
from audit.read.suspects import suspect_lines

CHUNK_BYTES: Final = 512 << 10
"""Bytes read at once. The rows of a chunk are parsed before any of them is judged, so they should stay in the cache:
measured on short rows, parsing in chunks of 4 MiB takes 1.25 times as long as in chunks of 512 KiB."""


class Chunk(msgspec.Struct, kw_only=True):
    """Consecutive lines of one source.

    ``lines`` are UTF-8 bytes without their line end (but for a row of a broken JSON array, never with a ``\\n`` in
    them). ``numbers`` and ``offsets`` are given only where lines do not follow each other directly; ``ending`` is the
    length of every line end in bytes where they do. ``problems`` are by index in ``lines``; ``suspects`` are indices
    of lines that ``strict.diagnose`` must see even when a fast decode accepts them.
    """

    source: Source
    lines: list[bytes]
    first_line: int = 1
    first_offset: int = 0
    numbers: list[int] | None = None
    offsets: list[int] | None = None
    problems: dict[int, list[Problem]] = msgspec.field(default_factory=dict)
    suspects: set[int] = msgspec.field(default_factory=set)
    ending: int = 1
    spooled_at: int | None = None
    """Where the lines lie one after the other in the spool, for sources that cannot be read again at their offsets."""

    def number(self, index: int) -> int:
        """The 1-based number of a line in its file."""
        return self.first_line + index if self.numbers is None else self.numbers[index]

    def offset(self, index: int) -> int:
        """The byte offset of a line in the unpacked file (of UTF-16 and UTF-32: in its text as UTF-8, without BOM)."""
        return self.all_offsets()[index]

    def all_offsets(self) -> list[int]:
        """The byte offsets of all lines."""
        if self.offsets is None:
            lengths = (len(line) + self.ending for line in self.lines[:-1])
            self.offsets = list(accumulate(lengths, initial=self.first_offset))
        return self.offsets

    def add(self, index: int, problems: Iterable[Problem]) -> None:
        """Attach problems to a line."""
        found = list(problems)
        if found:
            self.problems.setdefault(index, []).extend(found)


class Row(NamedTuple):
    """One line that does not simply follow the one before it: its bytes and its place."""

    raw: bytes
    number: int
    offset: int
    problems: tuple[Problem, ...] = ()


def is_blank(raw: bytes) -> bool:
    """Whether a line holds nothing but ASCII white space."""
    return not raw or raw.isspace()


def one_line(raw: bytes) -> bytes:
    """A row on one line. Only those of a broken JSON array have line breaks, which JSON takes for spaces."""
    return raw.replace(b"\n", b" ")


def blank_line(raw: bytes) -> Problem:
    """The problem of a blank line."""
    return Problem(kind="blank-line", message="the line is blank", end=len(raw))


def chunked(source: Source, rows: Iterable[Row], chunk_bytes: int) -> Iterator[Chunk]:
    """Rows gathered into chunks of about ``chunk_bytes``."""
    waiting: list[Row] = []
    size = 0
    for row in rows:
        waiting.append(row)
        size += len(row.raw) + 1
        if size >= chunk_bytes:
            yield chunk_of(source, waiting)
            waiting, size = [], 0
    if waiting:
        yield chunk_of(source, waiting)


def chunk_of(source: Source, rows: Sequence[Row]) -> Chunk:
    """Some rows of one source as one chunk."""
    chunk = Chunk(
        source=source,
        lines=[row.raw for row in rows],
        first_line=rows[0].number,
        first_offset=rows[0].offset,
        numbers=[row.number for row in rows],
        offsets=[row.offset for row in rows],
    )
    for index, row in enumerate(rows):
        chunk.add(index, row.problems)
        if is_blank(row.raw):
            chunk.add(index, () if row.problems else (blank_line(row.raw),))
        elif suspect_lines(row.raw + b"\n"):
            chunk.suspects.add(index)
    return chunk


def with_file_problems(
    source: Source, chunks: Iterable[Chunk], first: Sequence[Problem], last: Callable[[], Sequence[Problem]]
) -> Iterator[Chunk]:
    """The chunks, with problems of the whole file on its first line and those known only at its end on its last.

    A file with problems but without any line gets one empty line to carry them.
    """
    held: Chunk | None = None
    for chunk in chunks:
        if held is None:
            chunk.problems[0] = [*first, *chunk.problems.get(0, ())]
            if not chunk.problems[0]:
                del chunk.problems[0]
        else:
            yield held
        held = chunk
    closing = list(last())
    if held is None:
        if not (first or closing):
            return
        held = Chunk(source=source, lines=[b""])
        held.add(0, first)
    held.add(len(held.lines) - 1, closing)
    yield held

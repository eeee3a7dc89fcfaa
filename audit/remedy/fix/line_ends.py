"""Gives every line one line feed as its end and keeps account of what the ends were, and puts them back.

The account is run-length coded: a file of one kind of line end takes one entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final, TypeAlias

Runs: TypeAlias = list[tuple[str, int]]
"""Line ends in order, each with the number of lines in a row that end so; "" for a last line without an end."""

_OF_LINES: Final = re.compile(rb"\r*\n")
_OF_OLD_MAC: Final = re.compile(rb"\r\n|\r|\n")


class LineFeeds:
    """Iterating yields the pieces with all line ends made ``\\n``, and one behind the last line; ``runs`` is complete
    afterwards. In ``old_mac`` files a carriage return alone ends a line; elsewhere it is a part of one, but directly
    before the end of a line and at the end of the file."""

    def __init__(self, pieces: Iterable[bytes], *, old_mac: bool) -> None:
        self.runs: Runs = []
        self._pieces = pieces
        self._old_mac = old_mac
        self._end = _OF_OLD_MAC if old_mac else _OF_LINES
        self._open = False

    def __iter__(self) -> Iterator[bytes]:
        held = b""
        for piece in self._pieces:
            text = held + piece
            whole = len(text.rstrip(b"\r"))
            text, held = text[:whole], text[whole:]
            if text:
                made = self._with_feeds(text)
                self._open = not made.endswith(b"\n")
                yield made
        yield from self._last(held)

    def _last(self, held: bytes) -> Iterator[bytes]:
        """What is left at the end: carriage returns behind the last line, or a line without an end."""
        if held and self._old_mac:
            yield self._with_feeds(held)
        elif held:
            self._count(held, 1)
            yield b"\n"
        elif self._open:
            self._count(b"", 1)
            yield b"\n"

    def _with_feeds(self, text: bytes) -> bytes:
        if b"\r" not in text:
            self._count(b"\n", text.count(b"\n"))
            return text
        pairs = text.count(b"\r\n")
        if pairs == text.count(b"\n") == text.count(b"\r"):
            self._count(b"\r\n", pairs)
            return text.replace(b"\r\n", b"\n")
        for found in self._end.finditer(text):
            self._count(found.group(), 1)
        return self._end.sub(b"\n", text)

    def _count(self, end: bytes, lines: int) -> None:
        name = end.decode("ascii")
        if not lines:
            return
        if self.runs and self.runs[-1][0] == name:
            lines += self.runs.pop()[1]
        self.runs.append((name, lines))

    @property
    def is_changed(self) -> bool:
        """Whether a line end was another one."""
        return any(end != "\n" for end, _ in self.runs)


def with_ends(file: BinaryIO, runs: Sequence[tuple[str, int]]) -> Iterator[bytes]:
    """The lines of a file with the ends that they had. Raises ValueError where there are not as many lines as ends."""
    ends = (end.encode("ascii") for end, count in runs for _ in range(count))
    for line, end in zip(file, ends, strict=True):
        yield line.removesuffix(b"\n") + end

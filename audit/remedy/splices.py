"""Copies a stretch of a file with some bytes of it replaced: what no splice touches comes out byte for byte; and how
much of two strings the shortest splice may leave alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import AnyStr, Final, NamedTuple, Protocol

from audit.errors import InputError

BLOCK: Final = 1 << 20
"""Bytes that are copied at once."""


class Readable(Protocol):
    """A file, or what reads one and keeps an account of it."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, at: int, /) -> int: ...


class Splice(NamedTuple):
    """Put ``new`` in place of the bytes ``start`` to ``end`` (exclusive) of the file."""

    start: int
    end: int
    new: bytes


def spliced(file: Readable, splices: Iterable[Splice], *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes ``start`` to ``end`` (None: to its end) of a file with the splices carried out, in pieces.

    Splices must be ascending and may not overlap (ValueError). Raises InputError for a file that ends too early.
    """
    at = start
    file.seek(start)
    for splice in splices:
        if splice.start < at or splice.end < splice.start:
            raise ValueError(f"{splice} overlaps what comes before it")
        yield from _copied(file, splice.start - at)
        yield splice.new
        at = splice.end
        file.seek(at)
    if end is not None:
        yield from _copied(file, end - at)
        return
    while block := file.read(BLOCK):
        yield block


def _copied(file: Readable, size: int) -> Iterator[bytes]:
    while size > 0:
        block = file.read(min(size, BLOCK))
        if not block:
            name = getattr(file, "name", "")
            raise InputError(f"{name if isinstance(name, str) and name else 'a file'} became shorter while it was read")
        size -= len(block)
        yield block


def common_ends(one: AnyStr, other: AnyStr) -> tuple[int, int]:
    """How many bytes (or characters) two strings share at their beginning, and of the rest at their end."""
    most = min(len(one), len(other))
    first = _longest(most, lambda size: one[:size] == other[:size])
    last = _longest(most - first, lambda size: one[len(one) - size :] == other[len(other) - size :])
    return first, last


def _longest(most: int, is_same: Callable[[int], bool]) -> int:
    """The largest size up to ``most`` that is the same, where every smaller one is, too."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if is_same(middle):
            low = middle
        else:
            high = middle - 1
    return low

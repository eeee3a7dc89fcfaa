"""How texts come to whoever hashes them: in blocks of a good size, and a second time when they are asked for again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

BLOCK: Final = 1 << 19
"""Characters hashed in one go. Measured: larger blocks leave the processor's cache, smaller ones pay for each call."""
BLOCK_ROWS: Final = 1 << 15


class Reread(Protocol):
    """Gives texts again that were read before."""

    def __call__(self, rows: Sequence[int], /) -> Iterator[str]:
        """The texts of these ascending row numbers, in that order."""


def blocks_of(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in runs of about ``BLOCK`` characters and at most ``BLOCK_ROWS`` rows."""
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text)
        size += len(text)
        if size >= BLOCK or len(block) >= BLOCK_ROWS:
            yield block
            block, size = [], 0
    if block:
        yield block

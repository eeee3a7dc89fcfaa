"""The training rows that lie nearest to an output: where to look for what a failing answer was learnt from.

Nearness is that of words (``audit.statistics.nearest.WordIndex``); it shows rows to look at and proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from audit.model import Related
from audit.rule import ReferenceRow

if TYPE_CHECKING:
    from audit.statistics.nearest import WordIndex

NEAREST: Final = 3
MOST_ROWS: Final = 500_000
"""Of more training rows, those at even distances are looked at: an index of so many takes about 2 GB."""


class Near(NamedTuple):
    """A training row near a text: its file and line, the cosine similarity with it, 0 to 1, and its number."""

    file: str
    line: int
    similarity: float
    row: int


def nearest_rows(texts: Sequence[str], rows: tuple[ReferenceRow, ...], k: int = NEAREST) -> list[tuple[Near, ...]]:
    """The ``k`` training rows nearest to each text, the nearest first; fewer where fewer share a word with it.

    A text is best a prompt and an output with a line break between, as rows are compared by their prompt and answer.
    The index of the rows is built once for several calls with the same tuple. Imports numpy and scipy.
    """
    if not texts or not rows:
        return [() for _ in texts]
    step = max(1, -(-len(rows) // MOST_ROWS))
    found = _index(rows, step).nearest(texts, k)
    return [tuple(_near(rows, one.other * step, one.similarity) for one in each) for each in found]


def related_of(near: Sequence[Near]) -> tuple[Related, ...]:
    """The rows as places, for ``Hit.related``."""
    return tuple(Related(file=one.file, line=one.line) for one in near)


def _near(rows: Sequence[ReferenceRow], row: int, similarity: float) -> Near:
    return Near(rows[row].file, rows[row].line, round(similarity, 4), row)


@lru_cache(maxsize=1)
def _index(rows: tuple[ReferenceRow, ...], step: int) -> WordIndex:
    from audit.statistics.nearest import WordIndex

    return WordIndex([f"{row.prompt}\n{row.answer}" for row in rows[::step]])

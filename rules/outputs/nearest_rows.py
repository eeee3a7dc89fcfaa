"""The training rows that lie nearest to an output: where to look for what a failing answer was learnt from.

Nearness is that of words (``audit.statistics.nearest.WordIndex``); it shows rows to look at and proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from audit.model import Related
from audit.outputs.table import Outputs
from audit.quality.overlap import MOST_CHARACTERS
from audit.rule import Context, ReferenceRow, Run
from audit.rules.outputs.prompts import asked_texts, portions

if TYPE_CHECKING:
    from audit.statistics.nearest import WordIndex

NEAREST: Final = 3
PORTION: Final = 100
"""Outputs whose texts are held at a time."""
MOST_ROWS: Final = 500_000
"""Of more training rows, those at even distances are looked at: an index of so many takes about 2 GB."""


class Near(NamedTuple):
    """A training row near a text: its file and line, the cosine similarity with it, 0 to 1, and its number."""

    file: str
    line: int
    similarity: float
    row: int


class NearestRows:
    """Some training rows, and their index, which is built when it is first needed. Imports numpy and scipy."""

    def __init__(self, rows: Sequence[ReferenceRow]) -> None:
        self._step = max(1, -(-len(rows) // MOST_ROWS))
        self._rows = rows
        self._index: WordIndex | None = None

    def of(self, texts: Sequence[str], k: int = NEAREST) -> list[tuple[Near, ...]]:
        """The ``k`` rows nearest to each text, the nearest first; fewer where fewer share a word with it.

        A text is best a prompt and an output with a line break between, as rows are compared by their prompt and
        answer.
        """
        if not texts or not self._rows:
            return [() for _ in texts]
        if self._index is None:
            from audit.statistics.nearest import WordIndex

            self._index = WordIndex([f"{row.prompt}\n{row.answer}" for row in self._rows[:: self._step]])
        found = self._index.nearest([text[:MOST_CHARACTERS] for text in texts], k)
        return [tuple(self._near(one.other * self._step, one.similarity) for one in each) for each in found]

    def _near(self, at: int, similarity: float) -> Near:
        return Near(self._rows[at].file, self._rows[at].line, round(similarity, 4), at)


_BY_CONTEXT: Final[WeakKeyDictionary[Context, NearestRows]] = WeakKeyDictionary()


def nearest_of(context: Context, run: Run) -> NearestRows:
    """The training rows of a run, indexed once for all rules that ask; none where no training data is given."""
    rows = run.trained_on.rows if run.trained_on is not None else ()
    return _BY_CONTEXT.setdefault(context, NearestRows(rows))


def nearest_to(part: Outputs, places: Sequence[int], context: Context, run: Run) -> Iterator[tuple[Near, ...]]:
    """The training rows nearest to some outputs, whose texts are read again."""
    import numpy as np

    index = nearest_of(context, run)
    asked = asked_texts(context, part.where(np.array(places, dtype=np.int64)))
    for portion in portions(asked, PORTION):
        yield from index.of([f"{one.said}\n{one.output}" for one in portion])


def related_of(near: Sequence[Near]) -> tuple[Related, ...]:
    """The rows as places, for ``Hit.related``."""
    return tuple(Related(file=one.file, line=one.line) for one in near)

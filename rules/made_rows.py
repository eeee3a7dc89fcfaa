"""Rows that a remedy made of others: copies are no duplicates, and a row and what was made of it no near ones.

Only where a row without the mark says the same: what else says that it is a copy is judged as any row. A made-up row is
judged as any row, too, but beside its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from audit.engine.origins import MADE, any_made
from audit.model import Json
from audit.rule import COPY, NO_COPY, SYNTHETIC, Context, Product

NEEDS: Final[frozenset[Product]] = frozenset({"conversation", "marks"})
"""What ``Made`` reads."""


class Made:
    """The marked rows of a run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._marks = context.marks
        self._any = any_made(context.marks)

    @cached_property
    def _origins(self) -> Sequence[int]:
        return self._context.origins()

    def is_copy(self, row: int) -> bool:
        """Whether a row is a marked copy of one that is there."""
        return bool(self._marks[row] & COPY)

    def are_related(self, row: int, other: int) -> bool:
        """Whether one row was made of the other, or both of a third one."""
        return self._any and self._origins[row] == self._origins[other]

    def without_copies(self, rows: Sequence[int]) -> Sequence[int]:
        """The rows that are no copies of rows that are there."""
        return [row for row in rows if not self.is_copy(row)] if self._any else rows

    def counts(self) -> tuple[int, Json]:
        """How many rows are copies of rows that are there, and how many others are made up, as a table."""
        copies = sum(mark & COPY for mark in self._marks) if self._any else 0
        synthetic = sum(mark & MADE == SYNTHETIC for mark in self._marks) if self._any else 0
        return copies, {"made_up": synthetic}

    def copies_with(self, *columns: Sequence[int]) -> int:
        """How many copies have an entry in one of some columns."""
        if not self._any:
            return 0
        return sum(bool(mark & COPY) and any(entry) for mark, *entry in zip(self._marks, *columns, strict=True))

    def no_copies(self) -> Sequence[int]:
        """The rows that say that they are copies and are none."""
        return [row for row, mark in enumerate(self._marks) if mark & NO_COPY]

    def groups(self, groups: Iterable[Sequence[int]]) -> Iterable[Sequence[int]]:
        """Groups of rows without such copies; those of which two rows or more are left."""
        if not self._any:
            return groups
        return (kept for group in groups if len(kept := self.without_copies(group)) > 1)

"""Rows that a remedy made of others: copies are no duplicates, and a row and what was made of it no near ones.

Only where the original is in the data: a copy of a row that is not there is judged as any row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from audit.engine.origins import any_made
from audit.model import Json
from audit.rule import COPY, SYNTHETIC, Context, Product

NEEDS: Final[frozenset[Product]] = frozenset({"conversation", "marks"})
"""What ``Made`` reads."""


class Made:
    """The marked rows of a run."""

    def __init__(self, context: Context) -> None:
        self._marks = context.marks
        self._origins: Sequence[int] = context.origins() if any_made(context.marks) else ()

    def is_copy(self, row: int) -> bool:
        """Whether a row is a marked copy of one that is there."""
        if not self._origins or not self._marks[row] & COPY:
            return False
        return not self._marks[self._origins[row]] & COPY

    def are_related(self, row: int, other: int) -> bool:
        """Whether one row was made of the other, or both of a third one."""
        return bool(self._origins) and self._origins[row] == self._origins[other]

    def without_copies(self, rows: Sequence[int]) -> Sequence[int]:
        """The rows that are no copies of rows that are there."""
        return [row for row in rows if not self.is_copy(row)] if self._origins else rows

    def counts(self) -> tuple[int, Json]:
        """How many rows are copies of rows that are there, and how many are made up, as a table."""
        copies = sum(map(self.is_copy, range(len(self._marks)))) if self._origins else 0
        synthetic = sum(mark & SYNTHETIC > 0 for mark in self._marks) if self._origins else 0
        return copies, {"made_up": synthetic}

    def groups(self, groups: Iterable[Sequence[int]]) -> Iterable[Sequence[int]]:
        """Groups of rows without such copies; those of which two rows or more are left."""
        if not self._origins:
            return groups
        return (kept for group in groups if len(kept := self.without_copies(group)) > 1)

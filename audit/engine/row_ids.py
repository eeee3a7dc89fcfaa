"""The names of rows: what a row says, and which of the rows that say it. Needs the product ``conversation``."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from audit.engine.dependence import MANY
from audit.read.identity import content_id
from audit.rule import Context

SEPARATOR: Final = "#"


def row_ids(context: Context, rows: Iterable[int]) -> Mapping[int, str]:
    """``CONTENT_ID#N`` for each of some rows: its content id (``audit.read.identity``), and its number among the rows
    with that content, from 1 in reading order.

    Rows with the same content are read again to count them, the others are not.
    """
    wanted = frozenset(rows)
    column = context.column("conversation")
    seen: Counter[str] = Counter()
    found: dict[int, str] = {}
    alike = _rows_with(column, {column[row] for row in wanted})
    for row, record in zip(alike, context.records(alike), strict=True):
        content = content_id(record)
        seen[content] += 1
        if row in wanted:
            found[row] = f"{content}{SEPARATOR}{seen[content]}"
    return found


def _rows_with(column: Sequence[int], keys: set[int]) -> Sequence[int]:
    """The rows with one of some identities, ascending."""
    if len(column) <= MANY:
        return [row for row, key in enumerate(column) if key in keys]
    import numpy as np

    found = np.isin(np.frombuffer(column, dtype=np.uint64), np.fromiter(keys, np.uint64, len(keys)))  # type: ignore[call-overload]
    return array("Q", np.flatnonzero(found).astype(np.uint64).tobytes())

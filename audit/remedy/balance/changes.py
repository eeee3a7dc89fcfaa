"""What becomes of each row once its weight, or its number of copies, is known. Reads the rows again; writes none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from audit.model import ABSENT, Json, PointerEdit, Record
from audit.read.spans import resolve
from audit.remedy.balance.marking import as_copy, weight_pointer, with_weight, without_weight
from audit.remedy.balance.scan import Scanned
from audit.remedy.balance.writing import Change, Extra
from audit.rule import Context

if TYPE_CHECKING:
    from audit.remedy.balance.augment import MadeUp


def weighted(context: Context, rows: Sequence[int], weights: Sequence[float], path: str | None) -> Iterator[Change]:
    """The rows with their ``weights`` written in, but for those that say theirs already; ``path`` is ``[data] weight``.

    A row that cannot carry its weight keeps its bytes: who weighs must have left it out.
    """
    base = context.weights
    wanted = [row for row in rows if weights[row] != base[row]]
    for row, record in zip(wanted, context.records(wanted), strict=True):
        after = with_weight(record.raw, record.data, path, weights[row])
        if after is not None:
            edit = _edit(record.data, path, weights[row])
            yield Change(row, record.raw, after, f"weight {weights[row]!r}", edit)


def _edit(data: Json, path: str | None, weight: float) -> PointerEdit:
    """What is done to the place of a weight, for the ledger."""
    at = weight_pointer(data, path)
    return PointerEdit("add" if resolve(data, at) is ABSENT else "replace", at, weight)


def copied(
    context: Context, rows: Sequence[int], copies: Sequence[int], scanned: Scanned, path: str | None
) -> Iterator[Change]:
    """The rows left out, and those that are followed by copies of themselves, which name them.

    A row that has a weight now counts 1: its weight has become its number of copies.
    """
    base = context.weights
    wanted = [row for row in rows if copies[row] != 1 or base[row] != 1]
    for row, record in zip(wanted, context.records(wanted), strict=True):
        if not copies[row]:
            yield Change(row, record.raw, None, "left out, so that its cell has the rows that its weight asks for")
            continue
        after = without_weight(record.raw, record.data, path)
        edit = None if after == record.raw else _edit(record.data, path, 1.0)
        yield Change(
            row,
            record.raw,
            after,
            "its weight has become copies",
            edit,
            _copies(record, copies[row], row, scanned, path),
        )


def _copies(record: Record, copies: int, row: int, scanned: Scanned, path: str | None) -> tuple[Extra, ...]:
    if copies == 1:
        return ()
    raw = as_copy(record.raw, record.data, scanned.row_id(row), path)
    return tuple(Extra(raw, "copied", f"copy {number} of {copies}") for number in range(2, copies + 1))


def made_up(context: Context, made: Mapping[int, Sequence[MadeUp]], rows: Sequence[int]) -> Iterator[Change]:
    """The rows of which others were ``made``, which follow them and say so."""
    wanted = [row for row in rows if made.get(row)]
    for row, record in zip(wanted, context.records(wanted), strict=True):
        extras = tuple(Extra(one.raw, "added", one.how) for one in made[row])
        yield Change(row, record.raw, record.raw, extras=extras)

"""Pairs the rows of a batch with their token counts. Counts and judges nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from audit.model import Record, RowTokens
from audit.rule import Batch, Run


def parsed_rows(batch: Batch) -> Sequence[int]:
    """Row numbers of the parsed rows in order, which is the order of ``batch.tokens``."""
    readable = [rows for shape, rows in batch.shapes.items() if shape != "unreadable"]
    return readable[0] if len(readable) == 1 else sorted(set(chain.from_iterable(readable)))


def counted(batch: Batch) -> Iterator[tuple[int, RowTokens]]:
    """(row number, counts) of every parsed row; nothing where tokens were not counted."""
    return zip(parsed_rows(batch), batch.tokens, strict=True) if batch.tokens is not None else iter(())


def tokens_of(record: Record, run: Run) -> RowTokens | None:
    """The counts of a row: those made with the batch, else made now; None without a counter."""
    if record.tokens is not None:
        return record.tokens
    return run.tokens.row(record) if run.tokens is not None else None

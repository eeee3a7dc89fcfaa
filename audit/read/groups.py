"""Reads rows of a run again, group by group. Compares nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from audit.model import Record
from audit.rule import Context

AT_ONCE: Final = 4_096
"""Rows of groups that are read again together."""


def read_groups(context: Context, groups: Iterable[Sequence[int]]) -> Iterator[tuple[Sequence[int], Iterator[Record]]]:
    """Each group of rows with its records, which are read one after the other: a group may be the whole file.

    Small groups are read together, which is faster than each for itself.
    """
    waiting: list[Sequence[int]] = []
    rows = 0
    for group in groups:
        waiting.append(group)
        rows += len(group)
        if rows >= AT_ONCE:
            yield from _read(context, waiting)
            waiting, rows = [], 0
    yield from _read(context, waiting)


def _read(context: Context, groups: Sequence[Sequence[int]]) -> Iterator[tuple[Sequence[int], Iterator[Record]]]:
    records = context.records([row for group in groups for row in group])
    for group in groups:
        mine = islice(records, len(group))
        yield group, mine
        deque(mine, maxlen=0)  # whatever was not looked at, so that the next group begins with its own first row

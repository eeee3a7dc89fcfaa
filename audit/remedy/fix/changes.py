"""What is put in place of what in one input, in the order of the file, and what comes of it. Opens no file."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from audit.remedy.fix.layout import Laid
from audit.remedy.fix.passes import Touched
from audit.remedy.fix.stored import Rows
from audit.remedy.splices import Readable, Splice, spliced

MARK: Final = 0
"""The line of a byte order mark."""
GAP: Final = -1
"""The line of blank lines in the spool, which have no place in the input that is told."""


class Change(NamedTuple):
    """One place of the input that comes out otherwise. ``row`` is None where it is no row: a byte order mark, a blank
    line, or a row of a broken array that is written on one line."""

    splice: Splice
    line: int
    row: int | None = None


def changes_of(laid: Laid, rows: Rows, touched: Mapping[int, Touched]) -> Iterator[Change]:
    """All changes of an input, ascending."""
    own = (row for row in sorted(touched) if laid.first <= row < laid.end)
    return heapq.merge(
        _others(laid),
        _broken(laid, rows, touched),
        _of_rows(laid, rows, touched, own),
        key=lambda item: item.splice[:2],
    )


def _others(laid: Laid) -> Iterator[Change]:
    if laid.mark:
        yield Change(Splice(0, len(laid.mark), b""), MARK)
    for blank in laid.blanks:
        yield Change(Splice(blank.start, blank.end, b""), blank.line)
    for start, end in laid.gaps:
        yield Change(Splice(start, end, b""), GAP)


def _broken(laid: Laid, rows: Rows, touched: Mapping[int, Touched]) -> Iterator[Change]:
    for row in laid.broken:
        if row not in touched:
            yield Change(Splice(rows.at[row], rows.at[row] + rows.sizes[row], rows.raw(row)), rows.lines[row])


def _of_rows(laid: Laid, rows: Rows, touched: Mapping[int, Touched], own: Iterable[int]) -> Iterator[Change]:
    for row in own:
        now = touched[row]
        start, end = rows.at[row], rows.at[row] + rows.sizes[row]
        if now.raw is None:
            ending = len(rows.after(row, laid.file)) if laid.plain else 1
            yield Change(Splice(start, end + ending, b""), rows.lines[row], row)
        elif now.raw != now.before or row in laid.broken:
            yield Change(Splice(start, end, now.raw), rows.lines[row], row if now.raw != now.before else None)


def output_of(
    laid: Laid, file: Readable, changes: Iterable[Change], tell: Callable[[Change], None] | None = None
) -> Iterator[bytes]:
    """The bytes of an input with its changes, line ends as they are. ``tell`` is called with each change when its turn
    comes. Raises InputError where the file has become shorter."""

    def splices() -> Iterator[Splice]:
        for change in changes:
            if tell is not None:
                tell(change)
            yield change.splice

    return spliced(file, splices(), start=laid.start, end=laid.stop)

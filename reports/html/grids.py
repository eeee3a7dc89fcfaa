"""Heat tables: counts by two things, with cells coloured by their share of the row, small cells withheld."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from audit.reports.html.blocks import Cell, Table
from audit.reports.html.masking import ALSO, Withheld, grid
from audit.reports.html.tables import Grid
from audit.reports.html.words import count, share

MOST_COLUMNS = 12
MOST_ROWS = 40


class Heat(msgspec.Struct, frozen=True):
    """The names down and across, and the cells."""

    down: tuple[str, ...]
    across: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]


def heat(
    found: Grid, hidden: Withheld, attribute: str | None, *, down: Sequence[str], across: Sequence[str]
) -> Heat | None:
    """Cells of ``counts``, a row for every name in ``down``; None where names and counts do not fit together."""
    counts = found.counts
    if len(counts) != len(down) or not counts or any(len(row) != len(across) for row in counts):
        return None
    reasons = grid(counts) if hidden.on else [[""] * len(across) for _ in down]
    secret = hidden.of(attribute)
    for r, row in enumerate(down):
        for c, column in enumerate(across):
            if row in secret or column in secret:
                reasons[r][c] = reasons[r][c] or ALSO
    cells = tuple(
        tuple(_cell(number, sum(row), reason) for number, reason in zip(row, why, strict=True))
        for row, why in zip(counts, reasons, strict=True)
    )
    return Heat(
        tuple(down[:MOST_ROWS]), tuple(across[:MOST_COLUMNS]), tuple(row[:MOST_COLUMNS] for row in cells[:MOST_ROWS])
    )


def _cell(number: int, total: int, reason: str) -> Cell:
    if reason:
        return Cell(reason)
    part = number / total if total else 0.0
    return Cell(count(number), share(part) if number else "", level=min(5, int(part * 5.999)) if number else 0)


def heat_table(caption: str, corner: str, found: Heat) -> Table:
    """The table: counts with their share of the row."""
    rows = tuple((Cell(name), *cells) for name, cells in zip(found.down, found.cells, strict=True))
    right = tuple(range(1, len(found.across) + 1))
    return Table(f"{caption} (with the share of the row)", (corner, *found.across), rows, right=right, heat=True)

"""What was decided beside what is true, for every group and arm, with small cells withheld. Computes no rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from audit.model import Json, Measure
from audit.reports.html.arms import Arms
from audit.reports.html.blocks import Cell, Table
from audit.reports.html.listed import number, objects, table_of, texts
from audit.reports.html.masking import Withheld, grid
from audit.reports.html.words import count, scalar

MOST_CLASSES = 8
MOST_GROUPS = 20


def confusions(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Table]:
    """Of the arm to be signed: a row for each group and true label, a column for each decision."""
    for measure in arms.of("confusion", attribute):
        if measure.arm != arms.judged:
            continue
        told = table_of(measure)
        columns = texts(told.get("columns"))[: MOST_CLASSES + 1]
        classes = texts(told.get("classes"))[:MOST_CLASSES]
        rows = [
            row for group in objects(told.get("groups"))[:MOST_GROUPS] for row in _rows(group, classes, measure, hidden)
        ]
        if columns and rows:
            head = ("Group", "True label", *(f"decided {name}" for name in columns))
            caption = f"{measure.arm}: decisions by group, all seeds together"
            yield Table(caption, head, tuple(rows), right=tuple(range(2, len(head))))


def _rows(
    group: Mapping[str, Json], classes: Sequence[str], measure: Measure, hidden: Withheld
) -> Iterator[tuple[Cell, ...]]:
    name = scalar(group.get("group"))
    counts = _counts(group.get("counts"))
    secret = name in hidden.unrated(measure.attribute)
    table = table_of(measure)
    seeds = table.get("seeds")
    runs = max(1, len(seeds)) if isinstance(seeds, list | tuple) else 1
    reasons = grid([[-(-n // runs) for n in row] for row in counts]) if hidden.on else None
    for at, label in enumerate(classes[: len(counts)]):
        cells = [
            Cell("withheld" if secret else (reasons[at][column] if reasons else "") or count(n))
            for column, n in enumerate(counts[at][: MOST_CLASSES + 1])
        ]
        yield Cell(name), Cell(label), *cells


def _counts(value: Json) -> list[list[int]]:
    """The rows of counts, all of one length; none where they are not that."""
    if not isinstance(value, list | tuple) or not all(isinstance(row, list | tuple) for row in value):
        return []
    rows = [[int(n) if (n := number(one)) is not None and abs(n) < 2**53 else 0 for one in row] for row in value]
    return rows if len({len(row) for row in rows}) == 1 else []

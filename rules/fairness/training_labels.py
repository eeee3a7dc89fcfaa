"""How the labels of the training rows go with a group, from their counts. Compares them with nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from audit.labels.spelling import spelling_key
from audit.rule import TrainingCell
from audit.statistics.amplification import Counted, Share, counted_association
from audit.statistics.contrasts import REST
from audit.statistics.rates import UNCOMPARED


def training_association(
    cells: Sequence[TrainingCell], favourable: Sequence[str], group: str, against: str
) -> tuple[Counted, Counted | None] | None:
    """How the labels of the training rows go with a group: by rows, and by weights where these are unequal.

    Groups and labels are matched by their spelling. None where the group or what it is held against has no rows.
    """
    by_rows = _counted(cells, favourable, group, against, "rows")
    if by_rows is None:
        return None
    weighted = any(abs(cell.weight - cell.rows) > 1e-9 * max(1, cell.rows) for cell in cells)
    return by_rows, _counted(cells, favourable, group, against, "weight") if weighted else None


def _counted(
    cells: Sequence[TrainingCell], favourable: Sequence[str], group: str, against: str, by: Literal["rows", "weight"]
) -> Counted | None:
    wanted, own = set(map(spelling_key, favourable)), spelling_key(group)
    sums = {True: [0.0, 0.0], False: [0.0, 0.0]}
    for cell in cells:
        key = spelling_key(cell.group)
        if key == own or (against == REST and cell.group not in UNCOMPARED) or key == spelling_key(against):
            amount = float(getattr(cell, by))
            sums[key == own][1] += amount
            sums[key == own][0] += amount if spelling_key(cell.label) in wanted else 0.0
    return counted_association(Share(*sums[True]), Share(*sums[False]))

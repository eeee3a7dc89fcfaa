"""Counts what a balance comes to: cells, shares, effective sample size, the association that is left. Decides nothing.

Every number of resampled rows counts copies; the rows that are neither copies nor made up stand beside it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from math import fsum
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.model import Measure
from audit.remedy.balance.deciding import Decided, training_rows
from audit.remedy.balance.report import CellLine, ShareLine
from audit.remedy.balance.residual import residual
from audit.rule import COPY, SYNTHETIC, WEIGHTED, Context
from audit.statistics.weighting import cell_sums, kish

if TYPE_CHECKING:
    from audit.remedy.balance.augment import MadeUp

Floats = NDArray[np.float64]


class Counted(NamedTuple):
    """Sums by cell: what its rows count before and after, the squares of the latter, and the rows in the output that
    are neither copies nor made up."""

    before: Floats
    after: Floats
    squares: Floats
    unique: Floats

    def over(self, which: NDArray[np.bool_]) -> tuple[float, float, float, int]:
        """Before, after, effective sample size and unique rows of some cells."""
        before, after, squares, unique = (float(column[which].sum()) for column in self)
        return before, after, kish(after, squares), int(unique)


def counted(decided: Decided, marks: Sequence[int]) -> Counted:
    """The sums of what was decided. Copies of a row are one row with more weight: they are worth no more rows.
    ``marks`` say which rows of the input were copies or made up already."""
    weights = decided.weights
    after = np.asarray(realised(decided), np.float64)
    before = np.ones_like(after) if weights.base is None else np.asarray(weights.base, np.float64)
    cells = len(decided.cells.cells)
    unique = (after > 0) & (np.asarray(marks) & (COPY | SYNTHETIC) == 0)
    sums = cell_sums(weights.of, cells, (before, after, after**2, unique.astype(np.float64)))
    made = np.bincount([one.cell for one in _made(decided)], minlength=cells).astype(np.float64)
    return Counted(sums[0], sums[1] + made, sums[2] + made, sums[3])


def realised(decided: Decided) -> Sequence[float]:
    """What every row counts for in the output: its weight, or its copies."""
    if decided.resampled is not None:
        return array("d", np.asarray(decided.resampled.copies, np.float64).tobytes())
    if decided.made_account:
        return decided.weights.base or array("d", [1.0]) * len(decided.weights.of)
    return decided.weights.values


def cell_lines(decided: Decided, sums: Counted) -> Iterator[CellLine]:
    """One line for each cell with rows, before or after."""
    cells, resampled = decided.cells, decided.resampled
    for cell, factor in enumerate(decided.weights.by_cell):
        before, after = float(sums.before[cell]), float(sums.after[cell])
        if before or after:
            names = (one.name for one in cells.factors)
            yield CellLine(
                levels=dict(zip(names, cells.levels(cell), strict=True)),
                before=before,
                weight=factor,
                after=after,
                unique=int(sums.unique[cell]),
                wanted=None if resampled is None else resampled.wanted[cell],
            )


def share_lines(decided: Decided, sums: Counted) -> Iterator[ShareLine]:
    """One line for each level of label and attributes."""
    codes = np.array(decided.cells.cells, np.int64).reshape(len(decided.cells.cells), -1)
    weighted = np.asarray(decided.weights.of)
    left = np.array(decided.cells.counts) - np.bincount(weighted[weighted >= 0], minlength=len(codes))
    total_before, total_after = float(sums.before.sum()), float(sums.after.sum())
    for at, factor in enumerate(decided.cells.factors):
        for level, name in enumerate(factor.levels):
            before, after, ess, unique = sums.over(codes[:, at] == level)
            yield ShareLine(
                factor=factor.name,
                level=name,
                before=before,
                share_before=before / total_before if total_before else 0.0,
                after=after,
                share_after=after / total_after if total_after else 0.0,
                ess=ess,
                unique=unique,
                left=int(left[codes[:, at] == level].sum()),
            )


class LeftAsTheyWere(NamedTuple):
    """The training rows that are in no cell, or in one that is not weighted: how many, and their share of the weight of
    all training rows before and after."""

    rows: int
    before: float
    after: float


def left_as_they_were(decided: Decided, sums: Counted, context: Context) -> LeftAsTheyWere:
    """The rows that keep what they count for while the others come to count for something else."""
    left = training_rows(context) & (np.asarray(decided.weights.of) < 0)
    mass = fsum(np.asarray(context.weights)[left].tolist())
    before, after = (mass + fsum(column.tolist()) for column in (sums.before, sums.after))
    return LeftAsTheyWere(int(left.sum()), mass / before if before else 0.0, mass / after if after else 0.0)


def keeping_weights(decided: Decided, context: Context) -> int:
    """Training rows that have a weight of their own in the output too: those that are not resampled."""
    kept = training_rows(context) & (np.asarray(context.marks) & WEIGHTED != 0)
    if decided.resampled is not None:
        kept &= np.asarray(decided.weights.of) < 0
    return int(kept.sum())


def left_over(decided: Decided, tokens: Sequence[int]) -> tuple[Measure, ...]:
    """The association that is left, for rows and for what is trained on (``tokens``: supervised, by row)."""
    base, made = decided.weights.base, list(_made(decided))
    values = array("d", chain(realised(decided), [1.0] * len(made)))
    weights = msgspec.structs.replace(decided.weights, values=values)
    cells = msgspec.structs.replace(decided.cells, of=decided.cells.of + array("i", [one.cell for one in made]))
    # Made-up rows counted nothing before, and are taken to be as long as those that they were made of.
    before = chain([1.0] * len(tokens) if base is None else base, [0.0] * len(made))
    masses = array("d", chain(tokens, (tokens[one.source_row] for one in made)))
    return residual(cells, weights, masses, before=array("d", before))


def _made(decided: Decided) -> Iterator[MadeUp]:
    return chain.from_iterable(decided.made.values())

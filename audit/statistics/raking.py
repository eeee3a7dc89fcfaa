"""Raking: weights under which several margins of a table are as wanted, by iterative proportional fitting.

Knows no names and decides nothing: a table that does not converge is handed over with its error. Imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from audit.errors import UsageError

Floats: TypeAlias = NDArray[np.float64]

TOLERANCE: Final = 1e-10
"""The largest relative error of a margin at which raking ends."""
MOST_ITERATIONS: Final = 1_000
"""Margins that can be met together take a few dozen, sparse tables a few hundred."""


class Convergence(msgspec.Struct, frozen=True):
    """How raking ended. ``error`` is the largest relative error of a level of a margin, after ``iterations`` over all
    margins; ``converged`` says whether it is within ``tolerance``."""

    iterations: int
    error: float
    tolerance: float
    converged: bool


class Raked(NamedTuple):
    """The fitted table (with the sum of the given one), its weights (fitted over given, 1 where nothing was given),
    and how it ended."""

    table: Floats
    weights: Floats
    convergence: Convergence


class ImpossibleMargin(UsageError):
    """A share of a level that nothing is of. ``levels`` are (axis, level)."""

    def __init__(self, levels: Sequence[tuple[int, int]]) -> None:
        axis, level = levels[0]
        super().__init__(f"a share is wanted of level {level} of margin {axis}, and the table has nothing of it")
        self.levels = tuple(levels)


def impossible(table: ArrayLike, margins: Sequence[ArrayLike]) -> list[tuple[int, int]]:
    """(axis, level) of every level with a share and nothing in the table: no weights can give it one."""
    given = np.asarray(table, dtype=np.float64)
    found: list[tuple[int, int]] = []
    for axis, margin in enumerate(margins):
        lacking = (np.asarray(margin, dtype=np.float64) > 0) & (_margin(given, axis) <= 0)
        found.extend((axis, int(level)) for level in np.flatnonzero(lacking))
    return found


def rake(
    table: ArrayLike,
    margins: Sequence[ArrayLike],
    *,
    tolerance: float = TOLERANCE,
    most_iterations: int = MOST_ITERATIONS,
) -> Raked:
    """A table as near to the given one as its ``margins`` allow: one axis of ``table`` for each, with shares of its
    levels that are divided by their sum.

    Each axis in turn is multiplied by wanted over present, until all hold: Deming and Stephan (1940), "On a least
    squares adjustment of a sampled frequency table when the expected marginal totals are known", Annals of Mathematical
    Statistics 11, https://doi.org/10.1214/aoms/1177731829. The limit keeps all odds ratios and is nearest in the
    Kullback-Leibler sense (Csiszár 1975, Annals of Probability 3). Where empty cells keep the margins from being met
    together it does not converge. Raises ImpossibleMargin.
    """
    given = np.asarray(table, dtype=np.float64)
    if lacking := impossible(given, margins):
        raise ImpossibleMargin(lacking)
    total = float(given.sum())
    wanted = [np.asarray(margin, dtype=np.float64) / np.sum(margin) * total for margin in margins]
    fitted, iterations = given.copy(), 0
    error = _error(fitted, wanted)
    while error > tolerance and iterations < most_iterations:
        for axis, margin in enumerate(wanted):
            fitted *= _factor(margin, _margin(fitted, axis), axis, given.ndim)
        error, iterations = _error(fitted, wanted), iterations + 1
    weights = np.divide(fitted, given, out=np.ones_like(given), where=given > 0)
    return Raked(fitted, weights, Convergence(iterations, error, tolerance, error <= tolerance))


def _margin(table: Floats, axis: int) -> Floats:
    margin: Floats = table.sum(axis=tuple(other for other in range(table.ndim) if other != axis))
    return margin


def _factor(wanted: Floats, present: Floats, axis: int, axes: int) -> Floats:
    """Wanted over present along one axis, in a shape that multiplies the table."""
    factor = np.divide(wanted, present, out=np.zeros_like(wanted), where=present > 0)
    return factor.reshape([-1 if other == axis else 1 for other in range(axes)])


def _error(table: Floats, wanted: Sequence[Floats]) -> float:
    """The largest relative error of a level; of a level that is to have nothing, its share of all."""
    errors = [
        np.abs(_margin(table, axis) - margin) / np.where(margin > 0, margin, margin.sum())
        for axis, margin in enumerate(wanted)
    ]
    return max((float(error.max()) for error in errors if error.size), default=0.0)

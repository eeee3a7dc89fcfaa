"""Weights for the cells of a partition: formulas, strength, cap, and what they cost. Knows no rows and no names.

A cell is a set of rows that get the same weight; ``masses`` is how much each cell counts before: its number of rows,
or the sum of the weights that they have already. Weights keep the sum of masses, so that their mean is 1. A cell
without mass gets the weight 1, which nothing is multiplied by. Imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audit.statistics.balance import BETA, class_weights

Floats: TypeAlias = NDArray[np.float64]

ROUNDING: Final = 1e-12
"""A relative distance from 1 that is rounding: weights are then not scaled, so that exact ones stay exact."""


class Capped(NamedTuple):
    """Weights of which none is above the cap, and which cells are held at it."""

    weights: Floats
    held: NDArray[np.bool_]


def cell_sums(of: ArrayLike, cells: int, columns: Sequence[ArrayLike]) -> list[Floats]:
    """The sum of each column (n,) over the rows of every cell, (cells,) each; ``of`` is the cell of a row, below 0 for
    none.

    Sums are exact before they are rounded (Shewchuk 1997, "Adaptive precision floating-point arithmetic"), so that the
    order of the rows changes no digit. Raises OverflowError for a sum that no float holds.
    """
    where = np.asarray(of)
    order = np.argsort(where, kind="stable")
    edges = np.searchsorted(where[order], np.arange(cells + 1))
    parts = [slice(first, end) for first, end in zip(edges.tolist(), edges[1:].tolist(), strict=False)]
    found = []
    for column in columns:
        values = np.asarray(column, dtype=np.float64)[order].tolist()
        found.append(np.array([fsum(values[part]) for part in parts]))
    return found


# ----------------------------------------------------------------------------- formulas


def independence(masses: ArrayLike) -> Floats:
    """Weights under which groups and labels are independent: n_g n_y / (N n_gy), for ``masses`` (groups, labels).

    Kamiran and Calders (2012), "Data preprocessing techniques for classification without discrimination", Knowledge and
    Information Systems 33, https://doi.org/10.1007/s10115-011-0463-8, section 5.2 (reweighing), for any number of
    groups and labels. Independence, and the sum of masses, are kept where no cell of a group that has rows is empty.
    """
    table = np.asarray(masses, dtype=np.float64)
    margins = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    return _over(margins, table.sum() * table)


def balanced(masses: ArrayLike) -> Floats:
    """Weights under which all cells count the same: N / (K n_k), K being the cells with mass.

    King and Zeng (2001), "Logistic regression in rare events data", Political Analysis 9; scikit-learn's ``balanced``.
    """
    given = np.asarray(masses, dtype=np.float64)
    return _over(np.full_like(given, given.sum()), np.count_nonzero(given) * given)


def effective_number(masses: ArrayLike, beta: float = BETA) -> Floats:
    """Weights by the inverse of the effective number of rows, (1 - beta) / (1 - beta^n): between 1 for all cells
    (beta 0) and ``balanced`` (beta near 1). Source: ``audit.statistics.balance.class_weights``."""
    given = np.asarray(masses)
    raw = np.array(class_weights(given.ravel().tolist(), beta), dtype=np.float64).reshape(given.shape)
    return normalised(np.where(given > 0, raw, 1.0), given)


def representation(masses: ArrayLike, shares: ArrayLike) -> Floats:
    """Weights under which cells have the wanted ``shares``: q_g / p_g, with p_g a cell's share of the masses.

    Post-stratification: Holt and Smith (1979), Journal of the Royal Statistical Society A 142. ``shares`` are divided
    by their sum; the sum of masses is kept where every cell with a share has mass.
    """
    given, wanted = np.asarray(masses, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    return _over(wanted / wanted.sum() * given.sum(), given)


def _over(wanted: Floats, given: Floats) -> Floats:
    """1 where there is nothing to weight."""
    weights: Floats = np.divide(wanted, given, out=np.ones_like(given), where=given > 0)
    return weights


# ----------------------------------------------------------------------------- strength and cap


def normalised(weights: Floats, masses: ArrayLike) -> Floats:
    """The weights times what keeps the sum of masses; 1 for cells without mass. Exact ones stay as they are."""
    given = np.asarray(masses, dtype=np.float64)
    scale = _total(given) / _total(weights * given)
    scaled: Floats = weights if abs(scale - 1) <= ROUNDING else weights * scale
    return np.where(given > 0, scaled, 1.0)


def strengthened(weights: Floats, masses: ArrayLike, strength: float) -> Floats:
    """w^strength, normalised: 1 for all at strength 0, the weights as they are at 1."""
    return normalised(weights**strength, masses)


def capped(weights: Floats, masses: ArrayLike, cap: float) -> Capped:
    """Normalised weights of which none is above ``cap`` (1 or more) times their mean, which is 1.

    min(cap, s w), with the s at which the sum of masses is kept: what is cut off at the cap is given to the other cells
    in proportion to their weights, and a cell that this lifts to the cap is held there, too. s is found exactly, from
    the largest weight down (water-filling: Boyd and Vandenberghe 2004, "Convex optimization", example 5.2).
    """
    given = np.asarray(masses, dtype=np.float64)
    plain = normalised(weights, given)
    held = np.zeros(plain.shape, dtype=bool)
    if cap <= 1:
        return Capped(np.ones_like(plain), (given > 0) & (plain > 1 + ROUNDING))
    scale, free = 1.0, given > 0
    while bool((over := free & (plain * scale > cap)).any()):
        held |= over
        free &= ~over
        left = _total(given) - cap * _total(given[held])
        scale = left / (_total((plain * given)[free]) or 1.0)
    return Capped(np.where(held, cap, np.where(given > 0, plain * scale, 1.0)), held)


def _total(values: Floats) -> float:
    """The exact sum: the order of cells, and so the names of groups, change no digit."""
    return fsum(values.ravel().tolist())


# ----------------------------------------------------------------------------- what weights cost, what they leave


def kish(total: float, squares: float) -> float:
    """The effective sample size (sum of w)^2 / sum of w^2: how many rows of equal weight have the same variance.

    Kish (1965), "Survey sampling", 11.7. An approximation that holds where weights do not depend on the outcome; those
    of ``independence`` do. 0 for no weight.
    """
    return total * total / squares if squares else 0.0


def cramers_v(table: ArrayLike) -> float | None:
    """Cramér's V of a weighted ``table`` (rows, columns), 0 to 1, not corrected for its bias: 0 where the weights make
    both independent. None where fewer than two rows or columns have any weight.

    Cramér (1946), "Mathematical methods of statistics", 21.9. Its test and corrected value are for counts of rows:
    ``audit.statistics.association``.
    """
    given = np.asarray(table, dtype=np.float64)
    given = given[given.sum(axis=1) > 0][:, given.sum(axis=0) > 0]
    if min(given.shape) < 2:
        return None
    shares = given / given.sum()
    expected = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    mean_square = _total((shares - expected) ** 2 / expected)
    return min(1.0, sqrt(mean_square / (min(shares.shape) - 1)))

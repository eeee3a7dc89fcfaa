"""Puts units into splits so that every stratum is divided as asked for. Knows numbers only: no row, no name, no file.

A stratum is a row of a table of needs: what each split must still get of it. Units that span strata, or are larger than
a whole split, come first, the largest first, each where it lowers the sum of squared needs most (iterative
stratification, Sechidis et al. 2011, doi.org/10.1007/978-3-642-23808-6_10, with whole groups). The other units of
several rows are put in an order drawn by lot and cut where the shares say: a unit more or less in the data then moves
few others. Rows that are alone fill every stratum up to within a row of the shares, by largest remainders.

For a stratum whose units lie wholly in it, a split lies no more than the size m of its largest unit from its share: a
cut falls at most half a unit from where it should, and a split lies between two cuts; a unit that is larger than a
split goes to the main split until that has m too many; what one split has too many is spread over the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_MOVES: Final = 300
"""Moves of units that span strata after the first assignment; each takes a pass over all that could move."""
CANDIDATES: Final = 200
"""Rows that are alone, of each stratum, that may move then."""
DIGITS: Final = 9
"""Decimals of a need that count: 0.29 x 100 rows are 29."""


class Problem(NamedTuple):
    """What is to be divided. Rows are numbered from 0, units and strata too, in an order that says nothing of places.

    ``ties`` orders units of one size, ``stratum_ties`` strata, and ``split_ties`` the splits of a stratum that need
    equally much. ``main`` is the split that units larger than another split go to.
    """

    units: NDArray[np.int64]  # (rows,)
    strata: NDArray[np.int64]  # (rows,)
    shares: Sequence[float]  # (splits,)
    main: int
    ties: NDArray[np.uint64]  # (units,)
    stratum_ties: Sequence[int]  # (strata,)
    split_ties: Sequence[Sequence[int]]  # (strata, splits)


class Cells(NamedTuple):
    """How many rows each unit has in each stratum, by unit: ``unit``, ``stratum`` and ``rows`` of every cell that is
    not empty; ``first`` is where the cells of each unit begin, and where the last ones end."""

    unit: NDArray[np.int64]
    stratum: NDArray[np.int64]
    rows: NDArray[np.int64]
    first: NDArray[np.int64]  # (units + 1,)


class Plan(NamedTuple):
    """The split of every unit, and by stratum: rows, rows in each split, rows of the largest unit that reaches in."""

    splits: NDArray[np.int64]  # (units,)
    rows: NDArray[np.int64]  # (strata,)
    by_split: NDArray[np.int64]  # (strata, splits)
    largest: NDArray[np.int64]  # (strata,)
    oversize: NDArray[np.int64]
    """Units larger than a whole split that was therefore not open to them."""


def assign(problem: Problem) -> Plan:
    """The split of every unit. The same for rows in any order; at least one row."""
    import numpy as np

    cells = _cells(problem)
    sizes = np.bincount(problem.units, minlength=len(problem.ties))
    shares = np.asarray(problem.shares)
    rows = np.bincount(problem.strata, minlength=len(problem.stratum_ties))
    largest = np.zeros(len(rows), np.int64)
    np.maximum.at(largest, cells.stratum, sizes[cells.unit])
    room = shares * rows.sum()
    open_to = (sizes[:, None] <= room[None, :] + 1e-9) | (np.arange(len(shares)) == problem.main)[None, :]
    splits = np.full(len(sizes), -1, np.int64)
    needs = np.round(rows[:, None] * shares[None, :], DIGITS)
    spans = np.diff(cells.first) > 1
    first = np.flatnonzero((sizes > 1) & (spans | ~open_to.all(axis=1)))
    _place_greedily(first, problem, cells, sizes, open_to, largest, needs, splits)
    _place_by_lot(problem, cells, sizes, needs, splits)
    _place_singles(problem, cells, sizes, needs, splits)
    _move(problem, cells, sizes, open_to, largest, needs, splits)
    by_split = np.rint(rows[:, None] * shares[None, :] - needs).astype(np.int64)
    return Plan(splits, rows, by_split, largest, np.flatnonzero(~open_to.all(axis=1)))


def within(plan: Plan, shares: Sequence[float]) -> NDArray[np.bool_]:
    """Whether each stratum is divided to within its largest unit (one row, where no unit has more)."""  # (strata,)
    import numpy as np

    off = np.abs(plan.by_split - plan.rows[:, None] * np.asarray(shares)[None, :])
    return np.asarray((off <= plan.largest[:, None] + 1e-6).all(axis=1))


def _cells(problem: Problem) -> Cells:
    import numpy as np

    strata = len(problem.stratum_ties)
    found, rows = np.unique(problem.units * strata + problem.strata, return_counts=True)
    unit = found // strata
    return Cells(unit, found % strata, rows, np.searchsorted(unit, np.arange(len(problem.ties) + 1)))


def _place_greedily(
    units: NDArray[np.int64],
    problem: Problem,
    cells: Cells,
    sizes: NDArray[np.int64],
    open_to: NDArray[np.bool_],
    largest: NDArray[np.int64],
    needs: NDArray[np.float64],
    splits: NDArray[np.int64],
) -> None:
    """Some units, the largest first. Changes ``needs`` and ``splits``."""
    import numpy as np

    order = units[np.lexsort((problem.ties[units], -sizes[units]))]
    for unit in order.tolist():
        mine = slice(cells.first[unit], cells.first[unit + 1])
        strata, rows = cells.stratum[mine], cells.rows[mine]
        scores = rows @ needs[strata]  # (splits,): least sum of squared needs afterwards
        may = open_to[unit]
        if not may.all() and np.argmax(np.where(may, scores, -np.inf)) == problem.main:
            # The main split takes what is too large for the others, but not beyond the largest unit too much.
            full = needs[strata, problem.main] - rows < -largest[strata]
            may = np.ones_like(may) if full.any() else may
        split = int(np.argmax(np.where(may, scores, -np.inf)))
        splits[unit] = split
        needs[strata, split] -= rows


def _place_by_lot(
    problem: Problem,
    cells: Cells,
    sizes: NDArray[np.int64],
    needs: NDArray[np.float64],
    splits: NDArray[np.int64],
) -> None:
    """All other units of several rows, stratum by stratum, in the order of their ties. Changes ``needs`` and
    ``splits``."""
    import numpy as np

    waiting = np.flatnonzero((sizes[cells.unit] > 1) & (splits[cells.unit] < 0))
    waiting = waiting[np.lexsort((problem.ties[cells.unit[waiting]], cells.stratum[waiting]))]
    starts = np.searchsorted(cells.stratum[waiting], np.arange(len(problem.stratum_ties) + 1))
    for stratum in np.flatnonzero(np.diff(starts)).tolist():
        units = cells.unit[waiting[starts[stratum] : starts[stratum + 1]]]
        rows = sizes[units]
        middles = np.cumsum(rows) - rows / 2
        above = np.maximum(needs[stratum] - _level(needs[stratum], round(needs[stratum].sum())), 0.0)
        cuts = np.cumsum(above) * (rows.sum() / above.sum())
        splits[units] = np.searchsorted(np.round(cuts[:-1], DIGITS), middles, side="right")
        needs[stratum] -= np.bincount(splits[units], rows, minlength=needs.shape[1])


def _place_singles(
    problem: Problem,
    cells: Cells,
    sizes: NDArray[np.int64],
    needs: NDArray[np.float64],
    splits: NDArray[np.int64],
) -> None:
    """Rows that are alone, stratum by stratum. Changes ``needs`` and ``splits``."""
    import numpy as np

    alone = np.flatnonzero(sizes[cells.unit] == 1)
    alone = alone[np.lexsort((problem.ties[cells.unit[alone]], cells.stratum[alone]))]
    starts = np.searchsorted(cells.stratum[alone], np.arange(len(problem.stratum_ties) + 1))
    filled = _filled(splits, sizes, needs.shape[1])
    owed = needs[np.diff(starts) == 0].sum(axis=0)  # (splits,): by strata that are done
    for stratum in sorted(range(len(problem.stratum_ties)), key=problem.stratum_ties.__getitem__):
        units = cells.unit[alone[starts[stratum] : starts[stratum + 1]]]
        if not len(units):
            continue
        counts = _divided(len(units), needs[stratum], owed, filled, problem.split_ties[stratum])
        splits[units] = np.repeat(np.arange(len(counts)), counts)
        needs[stratum] -= counts
        owed = owed + needs[stratum]
        filled = filled + counts


def _divided(
    rows: int,
    needs: NDArray[np.float64],
    owed: NDArray[np.float64],
    filled: NDArray[np.int64],
    ties: Sequence[int],
) -> NDArray[np.int64]:
    """How many of ``rows`` single rows each split gets: what it needs, rounded down or up, above a level at which the
    rows suffice (0 where no split has got too much). Of the splits with a remainder those are rounded up that have
    nothing yet, and then those that are owed most by the strata before (so that strata which round alike do not add
    up)."""
    import numpy as np

    above = np.round(np.maximum(needs - _level(needs, rows), 0.0), DIGITS)
    counts: NDArray[np.int64] = np.floor(above).astype(np.int64)
    rest = above - counts
    filled = filled + counts

    def urgency(k: int) -> tuple[object, ...]:
        return rest[k] <= 0, filled[k] > 0, -round(float(owed[k] + rest[k]), 6), ties[k]

    order = sorted(range(len(needs)), key=urgency)
    for k in order[: rows - int(counts.sum())]:
        counts[k] += 1
    return counts


def _level(needs: NDArray[np.float64], rows: int) -> float:
    """The level L with sum(max(0, need - L)) = rows."""
    ordered: list[float] = sorted(needs.tolist(), reverse=True)
    total, level = 0.0, 0.0
    for count, need in enumerate(ordered, 1):
        if count > 1 and need <= level:
            break
        total += need
        level = (total - rows) / count
    return level


# ----------------------------------------------------------------------------- moves


def _move(
    problem: Problem,
    cells: Cells,
    sizes: NDArray[np.int64],
    open_to: NDArray[np.bool_],
    largest: NDArray[np.int64],
    needs: NDArray[np.float64],
    splits: NDArray[np.int64],
) -> None:
    """Move units, the best first, while that brings strata nearer to their shares: those that span several strata
    were put where it was best on balance only, and a split may have got none. Changes ``needs`` and ``splits``."""
    import numpy as np

    empty = _filled(splits, sizes, needs.shape[1]) == 0
    open_to = open_to | empty[None, :]
    chosen = _movable(problem, cells, sizes, every=bool(empty.any()))
    here = np.repeat(chosen, cells.first[chosen + 1] - cells.first[chosen])
    at = np.concatenate([np.arange(cells.first[u], cells.first[u + 1]) for u in chosen]) if len(chosen) else chosen
    strata, rows = cells.stratum[at], cells.rows[at]
    places = np.searchsorted(chosen, here)
    own = np.bincount(places, rows * rows, minlength=len(chosen))
    held = np.bincount(splits, minlength=needs.shape[1])
    for _ in range(MOST_MOVES if len(chosen) else 0):
        # Moving c rows from a to b changes the sum of squared needs by 2 (c.c + c.(needs of a - needs of b)).
        gap = needs[strata] - needs[strata, splits[here]][:, None]  # (cells, splits)
        gains = np.stack([np.bincount(places, rows * gap[:, k], minlength=len(chosen)) for k in range(gap.shape[1])], 1)
        last = held[splits[chosen]] == 1  # it would leave a split empty
        gains = np.where(open_to[chosen] & ~last[:, None], gains - own[:, None], -np.inf)
        best = int(np.argmax(np.round(gains, 6)))
        unit, split = divmod(best, gains.shape[1])
        if gains[unit, split] <= 1e-6:
            return
        mine = slice(cells.first[chosen[unit]], cells.first[chosen[unit] + 1])
        needs[cells.stratum[mine], splits[chosen[unit]]] += cells.rows[mine]
        needs[cells.stratum[mine], split] -= cells.rows[mine]
        held[splits[chosen[unit]]] -= 1
        held[split] += 1
        splits[chosen[unit]] = split


def _filled(splits: NDArray[np.int64], sizes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The rows of the units that have been placed, by split."""  # (splits,)
    import numpy as np

    placed = splits >= 0
    return np.bincount(splits[placed], sizes[placed], minlength=count).astype(np.int64)


def _movable(problem: Problem, cells: Cells, sizes: NDArray[np.int64], *, every: bool) -> NDArray[np.int64]:
    """The units of ``every`` stratum, or of those into which units reach that span several: all of more than one row,
    and some that are alone. Ascending."""
    import numpy as np

    spans = np.diff(cells.first)[cells.unit] > 1
    touched = np.full(len(spans), True) if every else np.isin(cells.stratum, np.unique(cells.stratum[spans]))
    several = np.unique(cells.unit[touched & (sizes[cells.unit] > 1)])
    alone = np.flatnonzero(touched & (sizes[cells.unit] == 1))
    alone = alone[np.lexsort((problem.ties[cells.unit[alone]], cells.stratum[alone]))]
    rank = np.arange(len(alone)) - np.searchsorted(cells.stratum[alone], cells.stratum[alone])
    return np.union1d(several, cells.unit[alone[rank < CANDIDATES]])

"""Puts units into splits so that every stratum is divided as asked for. Knows numbers only: no row, no name, no file.

A stratum is a row of a table of needs: what each split must still get of it. Units that span strata, or are larger than
a whole split, come first, the largest first, each where it lowers the sum of squared needs most (iterative
stratification, Sechidis et al. 2011, doi.org/10.1007/978-3-642-23808-6_10, with whole groups). The other units of
several rows are put in an order drawn by lot and cut where the shares say: a unit more or less in the data then moves
few others. Rows that are alone fill every stratum up to within a row of the shares, by largest remainders.

For a stratum whose units lie wholly in it, a split lies no more than the rows m of its largest unit from its share: a
cut falls at most half a unit from where it should, and a split lies between two cuts; a unit that is larger than a
split goes to the main split until that has m too many; what one split has too many is spread over the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """The split of every unit, and by stratum: rows, rows in each split, most rows of it in one unit."""

    splits: NDArray[np.int64]  # (units,)
    rows: NDArray[np.int64]  # (strata,)
    by_split: NDArray[np.int64]  # (strata, splits)
    largest: NDArray[np.int64]  # (strata,)
    oversize: NDArray[np.int64]
    """Units larger than a whole split that was therefore not open to them."""


def assign(problem: Problem) -> Plan:
    """The split of every unit. The same for rows in any order; at least one row."""
    state = _Assignment(problem)
    state.place_greedily()
    state.place_by_lot()
    state.place_singles()
    state.move()
    return state.plan()


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


class _Assignment:
    """Units on their way into splits."""

    def __init__(self, problem: Problem) -> None:
        import numpy as np

        self._problem = problem
        self._shares = np.asarray(problem.shares)
        self._cells = cells = _cells(problem)
        self._sizes = np.bincount(problem.units, minlength=len(problem.ties))  # (units,)
        self._rows = np.bincount(problem.strata, minlength=len(problem.stratum_ties))  # (strata,)
        self._largest = np.zeros(len(self._rows), np.int64)  # (strata,)
        np.maximum.at(self._largest, cells.stratum, cells.rows)
        room = self._shares * self._rows.sum() + 1e-9
        main = np.arange(len(self._shares)) == problem.main
        self._open = (self._sizes[:, None] <= room[None, :]) | main[None, :]  # (units, splits)
        self._needs = np.round(self._rows[:, None] * self._shares[None, :], DIGITS)  # (strata, splits)
        self._splits = np.full(len(self._sizes), -1, np.int64)  # (units,)

    def plan(self) -> Plan:
        """What has come of it."""
        import numpy as np

        by_split = np.rint(self._rows[:, None] * self._shares[None, :] - self._needs).astype(np.int64)
        oversize = np.flatnonzero(~self._open.all(axis=1))
        return Plan(self._splits, self._rows, by_split, self._largest, oversize)

    def place_greedily(self) -> None:
        """Units that span strata, or are larger than a split: the largest first."""
        import numpy as np

        cells, needs, sizes = self._cells, self._needs, self._sizes
        spans = np.diff(cells.first) > 1
        units = np.flatnonzero((sizes > 1) & (spans | ~self._open.all(axis=1)))
        order = units[np.lexsort((self._problem.ties[units], -sizes[units]))]
        for unit in order.tolist():
            mine = self._cells_of(unit)
            strata, rows = cells.stratum[mine], cells.rows[mine]
            scores = rows @ needs[strata]  # (splits,): least sum of squared needs afterwards
            may = self._open[unit]
            main = self._problem.main
            if not may.all() and np.argmax(np.where(may, scores, -np.inf)) == main:
                # The main split takes what is too large for the others, but not beyond the largest unit too much.
                full = needs[strata, main] - rows < -self._largest[strata]
                may = np.ones_like(may) if full.any() else may
            split = int(np.argmax(np.where(may, scores, -np.inf)))
            self._splits[unit] = split
            needs[strata, split] -= rows

    def place_by_lot(self) -> None:
        """All other units of several rows, stratum by stratum, in the order of their ties."""
        import numpy as np

        cells, needs, sizes = self._cells, self._needs, self._sizes
        for stratum, units in self._by_stratum((sizes[cells.unit] > 1) & (self._splits[cells.unit] < 0)):
            rows = sizes[units]
            middles = np.cumsum(rows) - rows / 2
            above = np.maximum(needs[stratum] - _level(needs[stratum], round(needs[stratum].sum())), 0.0)
            cuts = np.cumsum(above) * (rows.sum() / above.sum())
            self._splits[units] = np.searchsorted(np.round(cuts[:-1], DIGITS), middles, side="right")
            needs[stratum] -= np.bincount(self._splits[units], rows, minlength=needs.shape[1])

    def place_singles(self) -> None:
        """Rows that are alone, stratum by stratum."""
        import numpy as np

        needs, ties = self._needs, self._problem.stratum_ties
        waiting = dict(self._by_stratum(self._sizes[self._cells.unit] == 1))
        filled = self._filled()
        done = [stratum for stratum in range(len(ties)) if stratum not in waiting]
        owed = needs[done].sum(axis=0)  # (splits,): by strata that are done
        for stratum in sorted(waiting, key=ties.__getitem__):
            units = waiting[stratum]
            counts = _divided(len(units), needs[stratum], owed, filled, self._problem.split_ties[stratum])
            self._splits[units] = np.repeat(np.arange(len(counts)), counts)
            needs[stratum] -= counts
            owed = owed + needs[stratum]
            filled = filled + counts

    def move(self) -> None:
        """Move units, the best first, while that brings strata nearer to their shares: those that span several strata
        were put where it was best on balance only, and a split may have got none."""
        import numpy as np

        cells, needs, splits = self._cells, self._needs, self._splits
        empty = self._filled() == 0
        open_to = self._open | empty[None, :]
        chosen = self._movable(every=bool(empty.any()))
        here = np.repeat(chosen, cells.first[chosen + 1] - cells.first[chosen])
        at = np.concatenate([np.arange(cells.first[u], cells.first[u + 1]) for u in chosen]) if len(chosen) else chosen
        strata, rows = cells.stratum[at], cells.rows[at]
        places = np.searchsorted(chosen, here)
        own = np.bincount(places, rows * rows, minlength=len(chosen))
        held = np.bincount(splits, minlength=needs.shape[1])
        for _ in range(MOST_MOVES if len(chosen) else 0):
            # Moving c rows from a to b changes the sum of squared needs by 2 (c.c + c.(needs of a - needs of b)).
            gap = needs[strata] - needs[strata, splits[here]][:, None]  # (cells, splits)
            gains = np.stack(
                [np.bincount(places, rows * gap[:, k], minlength=len(chosen)) for k in range(len(held))], 1
            )
            last = held[splits[chosen]] == 1  # it would leave a split empty
            gains = np.where(open_to[chosen] & ~last[:, None], gains - own[:, None], -np.inf)
            best = int(np.argmax(np.round(gains, 6)))
            place, split = divmod(best, len(held))
            if gains[place, split] <= 1e-6:
                return
            unit = chosen[place]
            mine = self._cells_of(unit)
            needs[cells.stratum[mine], splits[unit]] += cells.rows[mine]
            needs[cells.stratum[mine], split] -= cells.rows[mine]
            held[splits[unit]] -= 1
            held[split] += 1
            splits[unit] = split

    def _cells_of(self, unit: int) -> slice:
        return slice(self._cells.first[unit], self._cells.first[unit + 1])

    def _by_stratum(self, chosen: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """The units of some cells by stratum, in the order of their ties; strata that have any."""
        import numpy as np

        cells = self._cells
        found = np.flatnonzero(chosen)
        found = found[np.lexsort((self._problem.ties[cells.unit[found]], cells.stratum[found]))]
        strata, starts = np.unique(cells.stratum[found], return_index=True)
        return zip(strata.tolist(), np.split(cells.unit[found], starts[1:]), strict=True) if len(found) else iter(())

    def _filled(self) -> NDArray[np.int64]:
        """The rows of the units that have been placed, by split."""  # (splits,)
        import numpy as np

        placed = self._splits >= 0
        sizes = self._sizes[placed]
        return np.bincount(self._splits[placed], sizes, minlength=len(self._shares)).astype(np.int64)

    def _movable(self, *, every: bool) -> NDArray[np.int64]:
        """The units of ``every`` stratum, or of those into which units reach that span several: all of more than one
        row, and some that are alone. Ascending."""
        import numpy as np

        cells = self._cells
        sizes = self._sizes[cells.unit]
        spans = np.diff(cells.first)[cells.unit] > 1
        touched = np.full(len(spans), True) if every else np.isin(cells.stratum, np.unique(cells.stratum[spans]))
        alone = [units[:CANDIDATES] for _, units in self._by_stratum(touched & (sizes == 1))]
        return np.unique(np.concatenate([cells.unit[touched & (sizes > 1)], *alone]))


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

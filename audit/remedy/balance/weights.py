"""The weight of every row: an aim, its strength and cap, and an account of what was done and what it costs.

Reads no rows: what it needs is in the cells. The formulas are in ``audit.statistics.weighting``. Imports numpy.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.errors import UsageError
from audit.model import Json, Measure
from audit.policy.words import plural
from audit.remedy.balance.aims import AIMS, Aim, Aimed, Given, Marks, Shares, aimed_at, default_aim
from audit.remedy.balance.cells import LEFT_OUT, Cells
from audit.statistics.balance import BETA
from audit.statistics.raking import Convergence
from audit.statistics.sentences import figure
from audit.statistics.weighting import Capped, Floats, capped, cell_sums, kish, strengthened

CAP: Final = 10.0
"""The largest factor, as a multiple of the mean factor, unless asked otherwise."""
MOST_MASS: Final = 1e100
"""The sum of the rows' own weights beyond which, and below whose inverse, products of them are no numbers."""


class CellWeight(msgspec.Struct, frozen=True, kw_only=True):
    """A cell: its level of each factor, its rows, how much they count before (``mass``: rows, or the sum of their own
    weights), the factor that they are multiplied by (None for a cell that is not weighted), and whether the cap holds
    it down."""

    levels: tuple[str, ...]
    rows: int
    mass: float
    weight: float | None
    capped: bool = False


class LevelWeight(msgspec.Struct, frozen=True, kw_only=True):
    """A level of a factor: its weighted rows, its share of the weight before and after, what its rows are multiplied by
    on average, and the effective sample size of its rows (Kish's approximation)."""

    factor: str
    kind: str
    level: str
    rows: int
    share_before: float
    share_after: float
    mean_weight: float
    ess: float


class Weights(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The weights of a run. ``values`` (an ``array('d')``) is the weight of every row, ``base`` the one that it had
    (None: 1 for all). ``of`` is the cell of every row that was weighted, -1 for those that keep the weight they had:
    it differs from that of the cells where a reference gives a group no share. ``left_out`` counts these by the reason.

    ``by_cell`` is the factor of each cell, 1.0 where there is none; ``cells`` and ``levels`` are the account of it.
    ``n`` rows were weighted; their weights sum to ``total``, as before, and lie between ``least`` and ``most``. ``ess``
    is their effective sample size: (sum of w)^2 / sum of w^2. ``raking`` says how raking ended, where it was used.
    ``limits`` say why the aim is not reached in full, ``notes`` all else; phrases and sentences without a full stop.
    """

    values: array[float]
    base: Sequence[float] | None
    of: array[int]
    by_cell: tuple[float, ...]
    aim: Aim
    strength: float
    cap: float | None
    beta: float | None
    factors: tuple[str, ...]
    cells: tuple[CellWeight, ...]
    levels: tuple[LevelWeight, ...]
    n: int
    total: float
    least: float
    most: float
    ess: float
    left_out: Mapping[str, int]
    raking: Convergence | None = None
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def capped(self) -> int:
        """Cells that the cap holds down."""
        return sum(cell.capped for cell in self.cells)

    def measures(self) -> tuple[Measure, ...]:
        """Measures that hold by construction, with a table of levels or cells under ``rows``.

        ``balance.ess``: the effective sample size, in rows; in the table that of every level. ``balance.weight``: the
        largest weight of a row; the factor of every cell. ``balance.share``: the largest change of a share; the shares
        of every level before and after.
        """
        moved = max((abs(one.share_after - one.share_before) for one in self.levels), default=0.0)
        return (
            self._measure("balance.ess", self.ess, _parts(self.levels, "mean_weight", "ess"), "rows"),
            self._measure("balance.weight", self.most, msgspec.to_builtins(self.cells), None),
            self._measure("balance.share", moved, _parts(self.levels, "share_before", "share_after"), "share"),
        )

    def _measure(self, name: str, value: float, rows: Json, unit: str | None) -> Measure:
        table = {"aim": self.aim, "factors": list(self.factors), "rows": rows, "left_out": dict(self.left_out)}
        return Measure(code="", name=name, value=value, table=table, n=self.n, unit=unit, by_construction=True)


def _parts(levels: Sequence[LevelWeight], *more: str) -> Json:
    names = ("factor", "kind", "level", "rows", *more)
    return [{name: getattr(one, name) for name in names} for one in levels]


def weigh(
    cells: Cells,
    *,
    aim: Aim | None = None,
    strength: float = 1.0,
    cap: float | None = CAP,
    base: Sequence[float] | None = None,
    expected: Mapping[str, Shares] | None = None,
    beta: float = BETA,
) -> Weights:
    """The weight of every row, by its cell.

    ``aim``: ``independence`` (of the label and the partition by all attributes), ``balanced`` (all cells of what was
    named count the same), ``effective-number`` (the same less strictly, by ``beta``), ``representation`` (groups have
    the shares of their references, or of ``expected``; several attributes by raking); None is ``default_aim``.
    ``strength`` is the power of the factors, 0 none to 1 full. ``cap`` is the largest factor of a cell, as a multiple
    of the mean factor, which is 1; what it cuts off goes to the other cells. ``base`` is the weight that every row has
    already: formulas are of sums of these, and factors multiply them. The sum over weighted rows stays what it was:
    their number, or the sum of ``base``. Rows left out keep the weight they have.

    Raises UsageError for a value out of range, for an aim that needs a label, an attribute or a reference that there is
    not, and for shares that cannot be met; EmptyCellError for cells with too few rows.
    """
    _check(aim, strength, cap, beta)
    aim = aim or default_aim(cells)
    before = _before(cells, base)
    masses, rows = before.masses.reshape(cells.shape), before.rows.reshape(cells.shape)
    aimed = aimed_at(aim, Given(cells, masses, rows, expected or {}, beta))
    inside = aimed.inside.ravel()
    kept = before.only(inside)
    factors, held = _factors(aimed, kept, strength, cap)
    of = _cells_weighted(cells.of, inside)
    values = np.append(factors, 1.0)[of]  # the last entry is that of -1
    if base is not None:
        values *= np.asarray(base, dtype=np.float64)
    weighted = values[of >= 0]
    return Weights(
        values=array("d", values.tobytes()),
        base=base,
        of=array("i", of.tobytes()),
        by_cell=tuple(factors.tolist()),
        aim=aim,
        strength=strength,
        cap=cap,
        beta=beta if aim == "effective-number" else None,
        factors=tuple(factor.name for factor in cells.factors),
        cells=tuple(_cells(cells, before, inside, factors, held)),
        levels=tuple(_levels(cells, kept, factors)),
        n=len(weighted),
        total=float((kept.masses * factors).sum()),
        least=float(weighted.min()),
        most=float(weighted.max()),
        ess=kept.ess(factors),
        left_out={**cells.left_out, **aimed.left_out},
        raking=aimed.raking,
        limits=tuple(_limits(strength, cap, int(held.sum()))),
        notes=(*cells.notes, *aimed.notes),
    )


def _check(aim: str | None, strength: float, cap: float | None, beta: float) -> None:
    if aim is not None and aim not in AIMS:
        raise UsageError(f"there is no aim {aim!r}", hint=f"one of {', '.join(AIMS)}")
    if not 0 <= strength <= 1:
        raise UsageError(f"strength must be between 0 and 1, not {strength:g}")
    if cap is not None and not (cap >= 1 and isfinite(cap)):
        raise UsageError(f"cap must be 1 or more, not {cap:g}", hint="it is a multiple of the mean weight, which is 1")
    if not 0 <= beta < 1:
        raise UsageError(f"beta must be at least 0 and below 1, not {beta:g}", hint="usual are 0.9, 0.99 and 0.999")


def _limits(strength: float, cap: float | None, held: int) -> Iterator[str]:
    if strength < 1:
        yield f"the strength is {figure(strength)}"
    if held and cap is not None:
        yield f"the cap of {figure(cap)} holds {plural(held, 'cell')} down"


def _factors(aimed: Aimed, kept: _Before, strength: float, cap: float | None) -> Capped:
    """The factor of each cell: first the strength, then the cap."""
    plain = np.where(aimed.inside, aimed.weights, 1.0).ravel()
    factors = strengthened(plain, kept.masses, strength)
    return Capped(factors, np.zeros(len(factors), dtype=bool)) if cap is None else capped(factors, kept.masses, cap)


def _cells_weighted(of: Sequence[int], inside: Marks) -> NDArray[np.int32]:
    """The cell of every row, -1 for those whose cell is not weighted."""
    table = np.full(len(inside) + 1, LEFT_OUT, dtype=np.int32)  # the last entry is that of -1
    table[:-1][inside] = np.flatnonzero(inside)
    weighted: NDArray[np.int32] = table[np.asarray(of)]
    return weighted


# ----------------------------------------------------------------------------- account


class _Before(NamedTuple):
    """Rows, their weights and squared weights before, summed by cell."""

    rows: NDArray[np.int64]
    masses: Floats
    squares: Floats

    def only(self, inside: Marks) -> _Before:
        """The same with nothing in the other cells."""
        return _Before(*(np.where(inside, one, 0) for one in self))

    def ess(self, factors: Floats) -> float:
        """The effective sample size of the rows after; a factor of 0 takes those of a cell out."""
        return kish(float((self.masses * factors).sum()), float((self.squares * factors**2).sum()))


def _before(cells: Cells, base: Sequence[float] | None) -> _Before:
    rows = np.array(cells.counts, dtype=np.int64)
    if base is None:
        return _Before(rows, rows.astype(np.float64), rows.astype(np.float64))
    own = np.asarray(base, dtype=np.float64)
    if np.asarray(cells.of).size * float(own.max(initial=0.0)) > MOST_MASS:
        raise UsageError("the rows' own weights are too large to be added up", hint="weights are usually around 1")
    masses, squares = cell_sums(cells.of, len(rows), (own, own * own))
    if masses.sum() < 1 / MOST_MASS:
        raise UsageError("all rows to be balanced have a weight of 0 of their own", hint="see [data] weight")
    return _Before(rows, masses, squares)


def _cells(cells: Cells, before: _Before, inside: Marks, factors: Floats, held: Marks) -> Iterator[CellWeight]:
    columns = (one.tolist() for one in (before.rows, before.masses, inside & (before.rows > 0), factors, held))
    for cell, (rows, mass, weighted, factor, cut) in enumerate(zip(*columns, strict=True)):
        weight = factor if weighted else None
        yield CellWeight(levels=cells.levels(cell), rows=rows, mass=mass, weight=weight, capped=cut)


def _levels(cells: Cells, kept: _Before, factors: Floats) -> Iterator[LevelWeight]:
    """The levels with weighted rows."""
    codes = np.array(cells.cells, dtype=np.int64)
    after = kept.masses * factors
    for at, factor in enumerate(cells.factors):
        for level, name in enumerate(factor.levels):
            among = codes[:, at] == level
            mass, weight = float(kept.masses[among].sum()), float(after[among].sum())
            if not mass:
                continue
            yield LevelWeight(
                factor=factor.name,
                kind=factor.kind,
                level=name,
                rows=int(kept.rows[among].sum()),
                share_before=mass / float(kept.masses.sum()),
                share_after=weight / float(after.sum()),
                mean_weight=weight / mass,
                ess=kept.ess(np.where(among, factors, 0.0)),
            )

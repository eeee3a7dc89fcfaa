"""What balancing aims at: from the cells to a factor for each, and the guards that refuse what cannot be reached.

Strength, cap and the weights of rows come after. Imports numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from audit.attributes.levels import RESERVED, level_key
from audit.errors import UsageError
from audit.policy.words import plural
from audit.remedy.balance.cells import Cells, Factor
from audit.statistics.raking import Convergence, impossible, rake
from audit.statistics.sentences import figure
from audit.statistics.weighting import Floats, balanced, effective_number, independence, representation

Aim: TypeAlias = Literal["independence", "balanced", "effective-number", "representation"]
Shares: TypeAlias = Mapping[str, float] | Literal["uniform"]
"""Wanted shares by group; ``uniform``: the same for all groups that have rows."""
Marks: TypeAlias = NDArray[np.bool_]

AIMS: Final[tuple[Aim, ...]] = get_args(Aim)
LEAST_ROWS: Final = 5
"""Rows that a cell needs before its rows may stand for more: the usual bound of expected counts, Cochran (1954),
Biometrics 10. Of fewer, what single rows say is learnt as typical."""
LEAST_MASS: Final = 1e-12
"""The share of all weight below which a cell with rows counts for nothing."""
_NAMED: Final = 5
"""Cells or groups that a message spells out."""


class EmptyCellError(UsageError):
    """Cells with too few rows to be given weight. ``cells`` are their numbers; the message names the first of them."""

    def __init__(self, cells: Cells, lacking: Sequence[int], least: int, *, hint: str) -> None:
        named = "; ".join(f"{cells.name(cell)}: {plural(cells.counts[cell], 'row')}" for cell in lacking[:_NAMED])
        more = f"; and {len(lacking) - _NAMED:,} more" if len(lacking) > _NAMED else ""
        super().__init__(
            f"too few rows to balance in {plural(len(lacking), 'cell')}: {named}{more}; collect at least {least}",
            hint=hint,
        )
        self.cells = tuple(lacking)


class Given(NamedTuple):
    """What an aim may look at. ``masses`` are how much the cells count before, ``rows`` their rows, both in the shape
    of the factors; ``expected`` are shares that stand in for the references of attributes."""

    cells: Cells
    masses: Floats
    rows: NDArray[np.int64]
    expected: Mapping[str, Shares]
    beta: float

    @property
    def names(self) -> str:
        """The attributes, in words."""
        return " and ".join(factor.name for factor in self.cells.attributes)

    def shares(self, factor: Factor) -> Shares | None:
        """The shares that are wanted of an attribute."""
        return self.expected.get(factor.name, factor.expected)


class Aimed(NamedTuple):
    """What an aim gives: the factor of each cell, which cells are weighted, the rows of the others by the reason, how
    raking ended, and what else is to be said. Arrays are in the shape of the factors."""

    weights: Floats
    inside: Marks
    left_out: Mapping[str, int] = {}
    raking: Convergence | None = None
    notes: tuple[str, ...] = ()


def default_aim(cells: Cells) -> Aim:
    """Independence of label and attributes where both are named, balanced labels where the label is alone, else shares
    as in the references of the attributes."""
    if cells.label is None:
        return "representation"
    return "independence" if cells.attributes else "balanced"


def aimed_at(aim: Aim, given: Given) -> Aimed:
    """The factor of each cell. Raises UsageError where a label, an attribute or a reference is lacking or shares cannot
    be met, EmptyCellError where a cell has too few rows."""
    return _FORMULAS[aim](given)


# ----------------------------------------------------------------------------- independence


def _independence(given: Given) -> Aimed:
    """Of the label and the partition by all attributes. A combination of groups that no row has is no group; of one
    that has rows, every label needs some."""
    cells = given.cells
    if cells.label is None or not cells.attributes:
        lacking = "the label" if cells.label is None else "an attribute"
        hint = f"--by label,{cells.attributes[0].name if cells.attributes else 'ATTRIBUTE'}"
        raise UsageError(f"independence is of the label and an attribute, and {lacking} is not named", hint=hint)
    present = given.rows.sum(axis=-1, keepdims=True) > 0
    _refuse_below(LEAST_ROWS, given, np.broadcast_to(present, given.rows.shape))
    table = given.masses.reshape(-1, given.masses.shape[-1])
    notes = []
    if absent := int(np.count_nonzero(~present)):
        notes.append(f"no row is in {plural(absent, 'combination')} of groups, which get no weight")
    if 1 in (int(np.count_nonzero(present)), table.shape[1]):
        notes.append("there is a single group or a single label: nothing can depend on it")
    return Aimed(independence(table).reshape(given.masses.shape), given.rows > 0, notes=tuple(notes))


# ----------------------------------------------------------------------------- cells that count the same


def _balanced(given: Given) -> Aimed:
    """All cells of what was named count the same: labels, groups, or their combinations."""
    return _by_class(given, balanced(given.masses))


def _effective_number(given: Given) -> Aimed:
    """The same, less strictly: by effective numbers of rows."""
    return _by_class(given, effective_number(given.masses, given.beta))


def _by_class(given: Given, weights: Floats) -> Aimed:
    everywhere = np.ones(given.rows.shape, dtype=bool)
    _refuse_below(1, given, everywhere)
    few = (given.cells.name(cell) for cell in _numbers(given.rows < LEAST_ROWS))
    return Aimed(weights, everywhere, notes=_of_few(list(few)))


# ----------------------------------------------------------------------------- representation


def _representation(given: Given) -> Aimed:
    """Shares of groups as in the references: q / p of a single attribute, raking for several. Rows of a group of which
    a reference says nothing keep their weight."""
    attributes = given.cells.attributes
    if not attributes:
        raise UsageError("representation is of attributes, and only the label is named", hint="--by ATTRIBUTE")
    wanted = [_wanted(factor, given.shares(factor)) for factor in attributes]
    labels = given.masses.shape[-1] if given.cells.label is not None else 1
    table, rows = (one.reshape(*map(len, wanted), labels).sum(axis=-1) for one in (given.masses, given.rows))
    named, left_out = _with_shares(attributes, wanted, rows)
    kept = np.where(named & (table > LEAST_MASS * table.sum()), table, 0.0)
    weights, raking = _fitted(given, kept, [np.nan_to_num(shares) for shares in wanted])
    inside = np.repeat(named[..., None], labels, axis=-1).reshape(given.rows.shape) & (given.rows > 0)
    weights = np.repeat(weights[..., None], labels, axis=-1).reshape(given.rows.shape)
    return Aimed(weights, inside, left_out, raking, (*_choices(given), *_of_few(_few_rows(attributes, rows))))


def _wanted(factor: Factor, given: Shares | None) -> Floats:
    """The wanted share of every level; not a number for a level that is given none."""
    own = {level_key(level): level for level in factor.levels if level not in RESERVED}
    if given is None:
        hint = f'say what is expected: [attributes.{factor.name}] reference = {{ A = 0.5, B = 0.5 }}, or "uniform"'
        raise UsageError(f"there are no reference shares of {factor.name} to balance to", hint=hint)
    shares = dict.fromkeys(own.values(), 1 / max(1, len(own))) if isinstance(given, str) else given
    if absent := [name for name, share in shares.items() if share > 0 and level_key(name) not in own]:
        raise UsageError(
            f"{factor.name}: the reference gives a share to {', '.join(absent[:_NAMED])}, of which there is no row",
            hint=f"collect at least {LEAST_ROWS} such rows, or leave the group out of the reference",
        )
    by_level = {own.get(level_key(name)): share for name, share in shares.items()}
    if zero := [level for level in own.values() if by_level.get(level) == 0]:
        raise UsageError(
            f"{factor.name}: a reference share of 0 would take all rows of {', '.join(zero[:_NAMED])} out",
            hint="leave the group out of the reference: its rows then stay as they are",
        )
    if not set(by_level) & set(own.values()):
        raise UsageError(f"{factor.name}: no row is of a group with a reference share", hint="see `audit attributes`")
    return np.array([by_level.get(level, np.nan) for level in factor.levels], dtype=np.float64)


def _with_shares(
    attributes: Sequence[Factor], wanted: Sequence[Floats], rows: NDArray[np.int64]
) -> tuple[Marks, dict[str, int]]:
    """Which combinations of groups have a share on every side, and the rows of the others by the reason."""
    named = np.ones(rows.shape, dtype=bool)
    left_out: dict[str, int] = {}
    for axis, (factor, shares) in enumerate(zip(attributes, wanted, strict=True)):
        given = np.expand_dims(~np.isnan(shares), [at for at in range(rows.ndim) if at != axis])
        if lacking := int(rows[named & ~given].sum()):
            left_out[f"{factor.name} without a reference share"] = lacking
        named &= given
    return named, left_out


def _fitted(given: Given, table: Floats, margins: Sequence[Floats]) -> tuple[Floats, Convergence | None]:
    """Weights for combinations of groups."""
    attributes = given.cells.attributes
    if lacking := impossible(table, margins):
        named = ", ".join(f"{attributes[axis].name} {attributes[axis].levels[level]}" for axis, level in lacking)
        what = f"a share is wanted of {named}, whose rows have no weight, or no share on another side"
        raise UsageError(what, hint="leave an attribute out of --by")
    if len(attributes) == 1:
        return representation(table, margins[0]), None
    raked = rake(table, margins)
    if not raked.convergence.converged:
        raise UsageError(
            f"the shares of {given.names} cannot be met together: after {raked.convergence.iterations:,} iterations a "
            f"group is {figure(100 * raked.convergence.error)} % of its share away, as some combinations have no row",
            hint="leave an attribute out of --by, or put groups together",
        )
    return raked.weights, raked.convergence


def _choices(given: Given) -> Iterator[str]:
    for factor in given.cells.attributes:
        if isinstance(given.shares(factor), str):
            yield f"{factor.name}: equal shares are a choice"
    if given.cells.label is not None:
        yield "the label plays no part in this aim"


def _few_rows(attributes: Sequence[Factor], rows: NDArray[np.int64]) -> list[str]:
    """The groups of fewer than ``LEAST_ROWS`` rows."""
    few = []
    for axis, factor in enumerate(attributes):
        sums = rows.sum(axis=tuple(at for at in range(rows.ndim) if at != axis))
        few += [f"{factor.name} {factor.levels[level]}" for level in _numbers(sums < LEAST_ROWS)]
    return few


# ----------------------------------------------------------------------------- guards


def _refuse_below(least: int, given: Given, asked: Marks) -> None:
    """EmptyCellError where a cell that is asked for has fewer rows, or rows that count for nothing."""
    light = given.masses <= LEAST_MASS * given.masses.sum()
    lacking = _numbers(asked & ((given.rows < least) | light))
    if not lacking:
        return
    if not given.cells.attributes:
        named = ", ".join(map(given.cells.name, lacking[:_NAMED]))
        raise UsageError(f"the rows of {named} have a weight of 0 of their own", hint="see [data] weight")
    largest = max(given.cells.attributes, key=lambda factor: len(factor.levels)).name
    hint = f"leave {largest} out of --by, or put its small groups together"
    raise EmptyCellError(given.cells, lacking, least, hint=hint)


def _numbers(where: Marks) -> list[int]:
    """Numbers of the cells where an array in their shape holds."""
    found: list[int] = np.flatnonzero(where).tolist()
    return found


def _of_few(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    said = f"fewer than {LEAST_ROWS} rows: {', '.join(names[:_NAMED])}{more}"
    return (f"{said}; what these few say is learnt as typical",)


_FORMULAS: Final[Mapping[Aim, Callable[[Given], Aimed]]] = {
    "independence": _independence,
    "balanced": _balanced,
    "effective-number": _effective_number,
    "representation": _representation,
}

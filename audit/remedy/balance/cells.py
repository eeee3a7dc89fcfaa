"""The cells that rows are balanced over: every combination of groups and labels, and the cell of every row.

Weighs nothing. Kept are 4 bytes for every row, and 4 more for each of label and attributes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from audit.attributes.levels import UNKNOWN, plain_text
from audit.errors import UsageError, did_you_mean
from audit.labels.recognise import NEEDS as LABELS
from audit.labels.recognise import recognise
from audit.labels.spelling import spelling_key
from audit.rule import Context, Product, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LABEL: Final = "label"
"""The word for the label in ``--by``; all other words are names of attributes."""
MOST_CELLS: Final = 10_000
"""Cells beyond which nothing is balanced: most would hold no row."""
LEFT_OUT: Final = -1
OTHER_ROWS: Final = "not among the rows to be balanced"


class Factor(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What rows are balanced by: the label, or an attribute. ``codes`` is the index in ``levels`` of every row (an
    ``array('i')``), -1 where it has none: no label, group unknown.

    ``kind`` is ``label``, or where the group comes from (``declared``, ``annotated``, ``mention``, ``name_cue``).
    ``levels`` are those with rows that are balanced, ``multiple`` and ``none`` among them. ``expected`` is the
    reference of an attribute: shares by group, or ``uniform``.
    """

    name: str
    kind: str
    levels: tuple[str, ...]
    codes: array[int]
    expected: Mapping[str, float] | Literal["uniform"] | None = None


class Cells(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The cells of a run. ``factors`` are the attributes in the order in which they were named, and last the label;
    ``label`` is its index, None where it was not named.

    ``cells`` are all combinations of levels, one code for each factor, sorted; ``counts`` their rows, 0 for those
    without. ``of`` is the cell of every row (an ``array('i')``), -1 for rows that are left out, which ``left_out``
    counts by the reason, each row once. ``favourable`` are the codes of the favourable labels. ``notes`` are sentences
    without a full stop.
    """

    factors: tuple[Factor, ...]
    label: int | None
    cells: tuple[tuple[int, ...], ...]
    counts: tuple[int, ...]
    of: array[int]
    left_out: Mapping[str, int] = {}
    favourable: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[Factor, ...]:
        """The factors that are attributes."""
        return tuple(factor for at, factor in enumerate(self.factors) if at != self.label)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many levels each factor has: the cells are those of an array of this shape, in C order."""
        return tuple(len(factor.levels) for factor in self.factors)

    @property
    def n(self) -> int:
        """Rows in cells."""
        return sum(self.counts)

    def levels(self, cell: int) -> tuple[str, ...]:
        """The level of each factor in a cell."""
        return tuple(factor.levels[code] for factor, code in zip(self.factors, self.cells[cell], strict=True))

    def name(self, cell: int) -> str:
        """A cell in words: ``sex Female, label >50K``."""
        names = (factor.name for factor in self.factors)
        return ", ".join(f"{name} {level}" for name, level in zip(names, self.levels(cell), strict=True))


def products(run: Run, by: Sequence[str]) -> frozenset[Product]:
    """What ``cells_of`` reads of a run. Raises UsageError for a name that is neither ``label`` nor an attribute."""
    names = _names(run, by)
    needed: frozenset[Product] = frozenset({"rows"})
    needed |= LABELS if LABEL in names else frozenset()
    return needed | (frozenset({"attributes"}) if set(names) - {LABEL} else frozenset())


def cells_of(context: Context, run: Run, by: Sequence[str], *, rows: Sequence[int] | None = None) -> Cells:
    """The cells of all rows, or of those whose ordinals are ``rows`` (such as those of the training split).

    ``by`` names ``label`` and configured attributes. Raises UsageError for an unknown name, where no label is
    recognised, where the groups of an attribute are not assessed, and for more than ``MOST_CELLS`` cells.
    """
    import numpy as np

    names = _names(run, by)
    found = [_attribute(context, name) for name in names if name != LABEL]
    found += [_label(context, run)] if LABEL in names else []
    inside = np.ones(context.rows, dtype=bool)
    left_out: dict[str, int] = {}
    if rows is not None:
        inside[:] = False
        inside[np.asarray(rows, dtype=np.int64)] = True
        left_out[OTHER_ROWS] = int(np.count_nonzero(~inside))
    for factor in reversed(found):  # the label first
        missing = np.asarray(factor.codes) < 0
        what = "no label" if factor.kind == LABEL else f"{factor.name} {UNKNOWN}"
        left_out[what] = int(np.count_nonzero(inside & missing))
        inside &= ~missing
    factors = tuple(_renumbered(factor, inside) for factor in found)
    return _combined(factors, inside, left_out, run)


def _names(run: Run, by: Sequence[str]) -> list[str]:
    """The names in ``by``, each once."""
    names = list(dict.fromkeys(by))
    known = [attribute.name for attribute in run.attributes]
    for name in names:
        if name != LABEL and name not in known:
            hint = did_you_mean(name, [LABEL, *known]) or f'[attributes.{name}] field = "metadata.{name}"'
            raise UsageError(f"there is no attribute {name!r} to balance by", hint=hint)
    if not names:
        raise UsageError("nothing to balance by is named", hint=f"--by {','.join([LABEL, *known])}")
    return names


def _attribute(context: Context, name: str) -> Factor:
    import numpy as np

    column = context.attribute(name)
    if column.reason:
        raise UsageError(f"the groups of {name} are not assessed: {column.reason}", hint=f"leave {name} out of --by")
    levels = tuple(group for group in column.groups if group != UNKNOWN)
    table = {group: code for code, group in enumerate(levels)}
    codes = np.array([table.get(group, LEFT_OUT) for group in column.groups], dtype=np.int32)
    uniform = isinstance(column.attribute.reference, str)
    return Factor(
        name=name,
        kind=column.attribute.kind,
        levels=levels,
        codes=array("i", codes[np.asarray(column.codes)].tobytes()),
        expected="uniform" if uniform else column.expected,
    )


def _label(context: Context, run: Run) -> Factor:
    import numpy as np

    labels = recognise(context, run)
    if not labels:
        hint = 'say where the label stands: [data] label = "metadata.label"'
        raise UsageError(f"no label is recognised to balance by: {labels.reason}", hint=hint)
    codes = array("i", np.asarray(labels.codes, dtype=np.int32).tobytes())
    levels = tuple(" ".join(plain_text(one.text).split()) for one in labels.labels)
    return Factor(name=LABEL, kind=LABEL, levels=levels, codes=codes)


def _renumbered(factor: Factor, inside: NDArray[np.bool_]) -> Factor:
    """The factor with only those levels that rows ``inside`` have."""
    import numpy as np

    codes = np.asarray(factor.codes)
    rows = np.bincount(codes[inside], minlength=len(factor.levels))
    kept = np.flatnonzero(rows).tolist()
    table = np.full(len(factor.levels) + 1, LEFT_OUT, dtype=np.int32)  # the last entry is that of code -1
    table[kept] = np.arange(len(kept), dtype=np.int32)
    levels = tuple(factor.levels[code] for code in kept)
    return msgspec.structs.replace(factor, levels=levels, codes=array("i", table[codes].tobytes()))


def _combined(factors: tuple[Factor, ...], inside: NDArray[np.bool_], left_out: Mapping[str, int], run: Run) -> Cells:
    import numpy as np

    shape = tuple(len(factor.levels) for factor in factors)
    names = " and ".join(factor.name for factor in factors)
    if not prod(shape):
        raise UsageError(f"no row has a value for {names}", hint="`audit attributes` shows what rows have")
    if prod(shape) > MOST_CELLS:
        sizes = ", ".join(f"{factor.name} {len(factor.levels):,}" for factor in factors)
        what = f"{names} make {prod(shape):,} cells ({sizes}), and more than {MOST_CELLS:,} are not balanced"
        raise UsageError(what, hint="leave one out of --by, or put groups together")
    of = np.zeros(len(inside), dtype=np.int32)
    for factor in factors:
        of = of * len(factor.levels) + np.asarray(factor.codes)
    of[~inside] = LEFT_OUT
    label = len(factors) - 1 if factors[-1].kind == LABEL else None
    return Cells(
        factors=factors,
        label=label,
        cells=tuple(product(*map(range, shape))),
        counts=tuple(np.bincount(of[inside], minlength=prod(shape)).tolist()),
        of=array("i", of.astype(np.int32).tobytes()),
        left_out={reason: rows for reason, rows in left_out.items() if rows},
        favourable=tuple(_favourable(factors[-1], run)) if label is not None else (),
        notes=tuple(_spelt_alike(factors[-1])) if label is not None else (),
    )


def _favourable(label: Factor, run: Run) -> Iterator[int]:
    wanted = {spelling_key(text) for text in run.fields.favourable}
    return (code for code, text in enumerate(label.levels) if spelling_key(text) in wanted)


def _spelt_alike(label: Factor) -> Iterator[str]:
    """Labels that are balanced as two and may be one."""
    spellings: dict[str, list[str]] = {}
    for text in label.levels:
        spellings.setdefault(spelling_key(text), []).append(text)
    alike = ["/".join(texts) for texts in spellings.values() if len(texts) > 1]
    if alike:
        yield f"labels that differ in spelling alone are balanced as different ones: {', '.join(alike[:5])}"

"""Puts figures to a split: what was kept together and why, how strata were divided, what to know. Moves nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from audit.read.dialogue import prompt_text
from audit.remedy.sinks import shown
from audit.remedy.split.assignment import Plan, within
from audit.remedy.split.gathering import SHAPELESS
from audit.remedy.split.report import Joined, LargestUnit, StratumRows, Units, printable
from audit.remedy.split.shares import Shares
from audit.remedy.split.strata import Strata
from audit.remedy.split.units import Identities, UnitTable, joined_by
from audit.rule import Context

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_TEXT: Final = 100
"""Characters of a prompt that are shown."""
MOST_NAMED: Final = 5
"""Strata that a note names."""


def units_account(identities: Identities, units: UnitTable, plan: Plan, shares: Shares, context: Context) -> Units:
    """How many units there are, what joins their rows, and the largest."""
    several = units.sizes[units.sizes > 1]
    counted = {name: joined_by(column) for name, column in identities.columns.items()}
    joined = [Joined(reason=name, rows=rows, groups=groups) for name, (rows, groups) in counted.items() if rows]
    return Units(
        units=len(units.sizes),
        several=len(several),
        rows_joined=int(several.sum()),
        joined=tuple(joined),
        largest=_largest(identities, units, plan, shares, context) if len(several) else None,
    )


def _largest(identities: Identities, units: UnitTable, plan: Plan, shares: Shares, context: Context) -> LargestUnit:
    import numpy as np

    unit = int(np.argmax(units.sizes))
    rows = units.rows[units.of_row == unit]
    first = int(rows[0])
    (record,) = context.records([first])
    return LargestUnit(
        unit=units.names[unit],
        rows=len(rows),
        split=shares.names[plan.splits[unit]],
        file=shown(context.place(first).file or ""),
        line=context.place(first).line or 0,
        text=printable(prompt_text(record)[:MOST_TEXT]),
        reasons=tuple(name for name, column in identities.columns.items() if joined_by(column[rows])[0]),
    )


def strata_account(strata: Strata, plan: Plan, shares: Shares) -> tuple[StratumRows, ...]:
    """How every stratum was divided."""
    fits = within(plan, shares.values)
    return tuple(
        StratumRows(
            stratum=name,
            rows=int(plan.rows[at]),
            by_split=dict(zip(shares.names, plan.by_split[at].tolist(), strict=True)),
            largest_unit=int(plan.largest[at]),
            within=bool(fits[at]),
        )
        for at, name in enumerate(strata.names)
    )


def notes_on_rows(context: Context, keys: Mapping[str, Sequence[int]], paths: Sequence[str]) -> Iterator[str]:
    """Rows that are split but not as somebody may think: those that are no conversation, and those without a usable
    value at one of the ``paths`` that are to keep rows together."""
    readable = sum(key != 0 for key in context.column("conversation"))
    shapeless = [row for row, is_shapeless in enumerate(keys[SHAPELESS]) if is_shapeless]
    if shapeless:
        places = [context.place(row) for row in shapeless[:MOST_NAMED]]
        named = ", ".join(shown(f"{place.file}:{place.line}") for place in places)
        yield (
            f"{len(shapeless):,} of {readable:,} rows are of no known shape, or hold no message, and are split as well "
            f"({named}{', ...' * (len(shapeless) > MOST_NAMED)})"
        )
    for path in dict.fromkeys(paths):
        without = readable - sum(key != 0 for key in keys[path])
        if without:
            yield (
                f"{without:,} of {readable:,} rows have no usable value at {path} (a text, number or truth value): it "
                "keeps them with no other row"
            )


def notes_on(units: UnitTable, strata: Strata, plan: Plan, shares: Shares) -> Iterator[str]:
    """What somebody who trains or tests on the splits should know, in sentences without a full stop."""
    large = plan.oversize[units.sizes[plan.oversize] > 1]
    if len(large):
        rows = int(units.sizes[large].max())
        which = "1 unit is" if len(large) == 1 else f"{len(large):,} units are"
        where = _where(large, plan, shares)
        yield f"{which} larger than a whole split was to be (up to {rows:,} rows) and went to {where}"
    for at, name in enumerate(shares.names):
        if not plan.by_split[:, at].any():
            yield f"{name} is empty: too few units for a share of {shares.values[at]:g}"
    missing = [name for at, name in enumerate(strata.names) if not plan.by_split[at].all()]
    if missing and len(strata.names) > 1:
        yield f"{_listed(missing, 'stratum is', 'strata are')} missing from a split, which has too few units for them"
    for dimension in strata.dimensions if len(strata.dimensions) > 1 else ():
        yield from _missing_values(dimension.name, dimension.values, _table(dimension.codes, units, plan), shares)
    off = [name for name, fits in zip(strata.names, within(plan, shares.values), strict=True) if not fits]
    if off:
        yield (
            f"{_listed(off, 'stratum lies', 'strata lie')} further from the shares than the largest unit: units that "
            "reach into several strata leave no better division that was found"
        )


def _where(units: NDArray[np.int64], plan: Plan, shares: Shares) -> str:
    found = {int(split) for split in plan.splits[units]}
    return " and ".join(shares.names[split] for split in sorted(found))


def _listed(names: Sequence[str], one: str, many: str) -> str:
    """``2 strata are ("a", "b")``: how many, and the first by name."""
    named = ", ".join(f'"{name}"' for name in names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"{len(names):,} {one if len(names) == 1 else many} ({named}{more})"


def _table(codes: NDArray[np.int64], units: UnitTable, plan: Plan) -> NDArray[np.int64]:
    """Rows of each value in each split."""  # (values, splits)
    import numpy as np

    splits = plan.splits[units.of_row]
    table = np.zeros((int(codes.max(initial=0)) + 1, plan.by_split.shape[1]), np.int64)
    np.add.at(table, (codes, splits), 1)
    return table


def _missing_values(name: str, values: Sequence[str], table: NDArray[np.int64], shares: Shares) -> Iterator[str]:
    """Groups that no later audit could judge on a split, as DEM108 tells them."""
    for at, split in enumerate(shares.names):
        lacking = [values[code] for code, rows in enumerate(table) if rows.any() and not rows[at]]
        if lacking:
            yield f"{split} has no row with {name} {', '.join(map(_quoted, lacking[:MOST_NAMED]))}" + (
                f" and {len(lacking) - MOST_NAMED:,} more values" if len(lacking) > MOST_NAMED else ""
            )


def _quoted(text: str) -> str:
    return f'"{text}"'

"""How far the label still goes with each attribute after weighting: in rows, and in the loss that is trained on.

Weights make rows independent, not the loss: a row counts there by its weight times its supervised tokens. Figures that
weights have fixed say nothing about a model. Imports numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from audit.model import Json, Measure
from audit.remedy.balance.cells import Cells
from audit.remedy.balance.weights import Weights
from audit.statistics.sentences import LEAST_SHOWN, figure
from audit.statistics.weighting import Floats, cell_sums, cramers_v

NAME: Final = "balance.residual_v"
_DIGITS: Final = 12
"""Decimals of V: beyond them is rounding."""


class _Tables(NamedTuple):
    """Sums by cell: of weights before and after, and of weights times supervised tokens before and after (None where
    nothing is known of tokens)."""

    before: Floats
    rows: Floats
    loss_mass_before: Floats | None
    loss_mass: Floats | None


def residual(
    cells: Cells,
    weights: Weights | Sequence[float],
    masses: Sequence[float] | None = None,
    *,
    before: Sequence[float] | None = None,
) -> tuple[Measure, ...]:
    """A measure ``balance.residual_v`` for every attribute, and one for all of them together where there are several
    (``attribute`` is then their names, joined by commas); none where label or attributes were not named.

    ``weights`` are those of a run or of any rows, such as how often each stands in a resampled file. ``masses`` is what
    a row of weight 1 adds to the loss: its supervised tokens. ``before`` is the weight that rows had, by default that
    of a run, or 1. The value is Cramér's V (not corrected) of the weighted rows; the table holds V of ``before``,
    ``rows``, ``loss_mass_before`` and ``loss_mass`` (None without ``masses``), a ``sentence``, and where a favourable
    label is known its share in every group as ``selection_rates``. Only rows in cells are counted.
    """
    if cells.label is None or not cells.attributes:
        return ()
    limits: Sequence[str] = ()
    after: Sequence[float]
    if isinstance(weights, Weights):
        after, before = weights.values, weights.base if before is None else before
        limits = weights.limits if weights.aim == "independence" else (f"the aim is {weights.aim}", *weights.limits)
    else:
        after = weights
    tables = _tables(cells, after, masses, before)
    axes: list[tuple[int, ...]] = [(at,) for at in range(len(cells.attributes))]
    if len(axes) > 1:
        axes.append(tuple(range(len(axes))))
    found = (_measure(cells, tables, kept, limits) for kept in axes)
    return tuple(measure for measure in found if measure is not None)


def _tables(
    cells: Cells, after: Sequence[float], masses: Sequence[float] | None, before: Sequence[float] | None
) -> _Tables:
    own = np.ones(len(cells.of)) if before is None else np.asarray(before, dtype=np.float64)
    weighted = np.asarray(after, dtype=np.float64)
    columns = [own, weighted]
    if masses is not None:
        tokens = np.asarray(masses, dtype=np.float64)
        columns += [own * tokens, weighted * tokens]
    sums = [one.reshape(cells.shape) for one in cell_sums(cells.of, len(cells.cells), columns)]
    return _Tables(sums[0], sums[1], *(sums[2:] or (None, None)))


def _measure(cells: Cells, tables: _Tables, kept: tuple[int, ...], limits: Sequence[str]) -> Measure | None:
    """The measure of some attributes; None where they or the label have a single level."""
    flat = {name: _flat(table, kept) for name, table in tables._asdict().items() if table is not None}
    values = {name: _v(table) for name, table in flat.items()}
    if values["rows"] is None:
        return None
    name = ",".join(cells.factors[at].name for at in kept)
    table: dict[str, Json] = {key: values.get(key) for key in _Tables._fields}
    table["sentence"] = _sentence(name, values, limits)
    if cells.favourable:
        table["favourable"] = [cells.factors[-1].levels[code] for code in cells.favourable]
        table["selection_rates"] = list(_rates(cells, flat, kept))
    return Measure(
        code="", name=NAME, value=values["rows"], table=table, n=cells.n, attribute=name, by_construction=True
    )


def _flat(table: Floats, kept: tuple[int, ...]) -> Floats:
    """Groups by labels: the other attributes summed over."""
    others = tuple(at for at in range(table.ndim - 1) if at not in kept)
    flat: Floats = table.sum(axis=others).reshape(-1, table.shape[-1])
    return flat


def _v(table: Floats) -> float | None:
    value = cramers_v(table)
    return None if value is None else round(value, _DIGITS)


def _rates(cells: Cells, flat: Mapping[str, Floats], kept: tuple[int, ...]) -> Iterator[dict[str, Json]]:
    """The share of the favourable labels in every group that has rows."""
    names = map(", ".join, product(*(cells.factors[at].levels for at in kept)))
    totals = {key: table.sum(axis=1) for key, table in flat.items()}
    chosen = {key: table[:, list(cells.favourable)].sum(axis=1) for key, table in flat.items()}
    for group, name in enumerate(names):
        if totals["before"][group]:
            yield {
                "group": name,
                **{key: float(chosen[key][group] / total[group]) for key, total in totals.items() if total[group]},
            }


def _sentence(name: str, values: Mapping[str, float | None], limits: Sequence[str]) -> str:
    """What is left, and why, from the figures."""
    before, rows, loss = (values.get(key) for key in ("before", "rows", "loss_mass"))
    was = f"V {figure(before or 0.0)} before"
    if rows is not None and rows >= LEAST_SHOWN:
        why = f", since {' and '.join(limits)}" if limits else ""
        trained = f"; in what is trained on V {figure(loss)}" if loss is not None else ""
        goes = (
            f"goes with {name} more than before" if rows > (before or 0.0) + LEAST_SHOWN else f"still goes with {name}"
        )
        return f"the label {goes}: V {figure(rows)} in the weighted rows ({was}){trained}{why}"
    if loss is not None and loss >= LEAST_SHOWN:
        return (
            f"independence of label and {name} holds for rows ({was}), not for what is trained on: V {figure(loss)}, "
            "since rows differ in supervised tokens"
        )
    return f"label and {name} are independent in the weighted rows ({was})" + (
        ", and in what is trained on" if loss is not None else ""
    )

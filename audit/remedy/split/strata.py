"""The strata of a split: every combination of label and groups that rows have. Weighs and moves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from audit.errors import UsageError, did_you_mean
from audit.labels.recognise import NO_LABEL, recognise
from audit.remedy.split.report import printable
from audit.rule import Context, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LABEL: Final = "label"
NONE: Final = "(none)"
"""What rows without a label are called: they are a stratum of their own."""
ALL: Final = "all rows"


class Dimension(NamedTuple):
    """One thing that rows are stratified by: its name, its values, and the index of each row's."""

    name: str
    values: Sequence[str]
    codes: NDArray[np.int64]


class Strata(NamedTuple):
    """Strata by name, sorted, and the index of each row's. ``values`` are those of each dimension, in order."""

    names: Sequence[str]
    of_row: NDArray[np.int64]  # (rows,)
    dimensions: Sequence[Dimension]


def check_names(names: Sequence[str], run: Run) -> None:
    """Raise UsageError for a name that is neither ``label`` nor a configured attribute."""
    known = [LABEL, *(attribute.name for attribute in run.attributes)]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"known: {', '.join(known)}; [attributes.NAME] configures one more"
            raise UsageError(f"cannot stratify by {name!r}: it is neither label nor a configured attribute", hint=hint)


def strata_of(context: Context, run: Run, names: Sequence[str], rows: NDArray[np.int64]) -> Strata:
    """The joint strata of some rows. Raises UsageError for a file without labels and for an attribute whose groups
    cannot be told."""
    import numpy as np

    if not names:
        return Strata([ALL], np.zeros(len(rows), np.int64), ())
    dimensions = [_dimension(context, run, name, rows) for name in names]
    joint = np.stack([dimension.codes for dimension in dimensions])
    found, of_row = np.unique(joint, axis=1, return_inverse=True)
    said = [
        ", ".join(f"{d.name}={d.values[code]}" for d, code in zip(dimensions, column, strict=True))
        for column in found.T.tolist()
    ]
    order = sorted(range(len(said)), key=said.__getitem__)
    places = np.empty(len(said), np.int64)
    places[order] = np.arange(len(said))
    return Strata([said[at] for at in order], places[of_row.reshape(-1)], dimensions)


def _dimension(context: Context, run: Run, name: str, rows: NDArray[np.int64]) -> Dimension:
    import numpy as np

    if name == LABEL:
        labels = recognise(context, run)
        if not labels:
            raise UsageError(
                f"cannot stratify by label: {labels.reason}", hint='name its field: [data] label = "metadata.label"'
            )
        values = [printable(label.text) for label in labels.labels]
        codes = np.asarray(labels.codes, dtype=np.int64)[rows]
        return Dimension(name, [*values, NONE], np.where(codes == NO_LABEL, len(values), codes))
    column = context.attribute(name)
    if column.reason:
        raise UsageError(f"cannot stratify by {name}: {column.reason}")
    return Dimension(
        name, [printable(group) for group in column.groups], np.asarray(column.codes, dtype=np.int64)[rows]
    )

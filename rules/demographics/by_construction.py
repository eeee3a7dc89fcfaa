"""What a remedy made of the judged rows: copies, made-up rows, weights. Labels what is said of them; judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import msgspec

from audit.model import Json, Measure
from audit.rule import COPY, SYNTHETIC, WEIGHTED, Context, Hit, Rule, Summary
from audit.rules.demographics.groups import judged_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LABEL: Final = "by construction: says nothing about the model"
WITHOUT_WEIGHTS: Final = "rows are counted without their weights, which are for training"

R = TypeVar("R", bound=Rule)
P = ParamSpec("P")


class Marked(NamedTuple):
    """How many of the judged rows are marked copies, made-up rows, and rows with a weight of their own."""

    copies: int
    synthetic: int
    weighted: int

    @property
    def notes(self) -> list[str]:
        """What a reader must know of figures over these rows: sentences without a full stop; none for no marked row."""
        said = [
            f"{rows:,} of the rows are {what} and no evidence of their own"
            for rows, what in ((self.copies, "marked copies"), (self.synthetic, "made up"))
            if rows
        ]
        if self.weighted:
            said.append(f"{self.weighted:,} rows have a weight: {WITHOUT_WEIGHTS}")
        return said


_MARKED: Final[WeakKeyDictionary[Context | Summary, Marked]] = WeakKeyDictionary()
"""The counts of the file that is being concluded on: every rule of this family asks for them."""


def marked(context: Context | Summary) -> Marked:
    """The counts over the rows that are judged."""
    found = _MARKED.get(context)
    if found is None:
        _, rows = judged_rows(context)
        found = _MARKED[context] = _counted(_bits(context)[rows])
    return found


def _bits(context: Context | Summary) -> NDArray[np.uint8]:
    import numpy as np

    return np.frombuffer(context.marks, dtype=np.uint8)  # type: ignore[call-overload, no-any-return]


def _counted(bits: NDArray[np.uint8]) -> Marked:
    import numpy as np

    copies, synthetic, weighted = (int(np.count_nonzero(bits & mark)) for mark in (COPY, SYNTHETIC, WEIGHTED))
    return Marked(copies, synthetic, weighted)


def labelled(
    conclude: Callable[Concatenate[R, P], Iterable[Hit | Measure]],
) -> Callable[Concatenate[R, P], Iterable[Hit | Measure]]:
    """A rule's ``finish`` or ``judge`` whose measures and hits are labelled where rows are marked.

    What a remedy brought about is no finding about the people in the data, nor about a model. Measures have
    ``by_construction``, ``notes`` in their table and the label in its sentence; hits have it in their message.
    """

    @wraps(conclude)
    def concluded(rule: R, /, *args: P.args, **kwargs: P.kwargs) -> Iterable[Hit | Measure]:
        context = cast("Context | Summary", args[-2])  # of (state, context, run) or (summary, run)
        notes = marked(context).notes
        for item in conclude(rule, *args, **kwargs):
            yield item if not notes else _measure(item, notes) if isinstance(item, Measure) else _hit(item, notes)

    return concluded


def _measure(measure: Measure, notes: list[str]) -> Measure:
    table = measure.table
    if isinstance(table, dict):
        table = {**table, "notes": [*_listed(table.get("notes")), LABEL, *notes]}
        if isinstance(table.get("sentence"), str):
            table["sentence"] = f"{table['sentence']} {LABEL.capitalize()}."
    return msgspec.structs.replace(measure, table=table, by_construction=True)


def _listed(notes: Json) -> list[Any]:
    return notes if isinstance(notes, list) else []


def _hit(hit: Hit, notes: list[str]) -> Hit:
    label = f"{LABEL.capitalize()}." if hit.message.endswith(".") else f"({LABEL})"
    evidence = {**hit.evidence, "by_construction": notes}
    return msgspec.structs.replace(hit, message=f"{hit.message} {label}", evidence=evidence)

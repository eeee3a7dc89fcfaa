"""The terms that mention groups, and the labels of the rows that hold them. Judges none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from audit.rule import AttributeColumn
from audit.rules.demographics.outcomes import Outcomes
from audit.statistics.intervals import newcombe
from audit.statistics.multiple_tests import benjamini_hochberg
from audit.statistics.shift import chi_square

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_ROWS: Final = 10
"""Rows with a term below which nothing is said of it."""


class TermRate(msgspec.Struct, frozen=True, kw_only=True):
    """One term, and the label whose share differs most between the rows that hold it and all others.

    ``interval`` is that of the difference of the two rates; ``q`` the false discovery rate over all terms.
    """

    form: str
    group: str
    label: str
    n: int
    hits: int
    rate: float
    other_rate: float
    interval: tuple[float, float]
    p: float
    q: float = 1.0

    @property
    def has_sign(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.interval[0] > 0 or self.interval[1] < 0


def term_rates(column: AttributeColumn, rows: NDArray[np.int64], labels: Outcomes, shrink: float) -> list[TermRate]:
    """The terms of an attribute, those whose label rate differs most (whole interval) first.

    ``shrink`` is the design effect of clusters: counts are divided by it before they are tested.
    """
    import numpy as np

    codes = np.frombuffer(column.term_codes, dtype=f"u{column.term_codes.itemsize}")[rows]  # type: ignore[attr-defined, call-overload]
    marked = labels.labelled
    width = len(labels.names)
    flat = codes[marked].astype(np.int64) * width + labels.codes[marked]
    by_set = np.bincount(flat, minlength=len(column.terms) * width).reshape(len(column.terms), width)
    whole = by_set.sum(axis=0)
    sets: dict[str, list[int]] = {}
    for index, terms in enumerate(column.terms):
        for term in terms:
            sets.setdefault(term, []).append(index)
    found = [
        _of_term(term, by_set[indices].sum(axis=0), whole, labels, shrink) for term, indices in sorted(sets.items())
    ]
    rates = [rate for rate in found if rate is not None]
    adjusted = benjamini_hochberg([rate.p for rate in rates])
    rated = [msgspec.structs.replace(rate, q=round(q, 6)) for rate, q in zip(rates, adjusted, strict=True)]
    return sorted(rated, key=lambda rate: (-_distance(rate), rate.group, rate.form))


def _distance(rate: TermRate) -> float:
    """How far the interval of the difference stays away from 0."""
    return min(map(abs, rate.interval)) if rate.has_sign else 0.0


def _of_term(
    term: str, held: NDArray[np.int64], whole: NDArray[np.int64], labels: Outcomes, shrink: float
) -> TermRate | None:
    n, others = int(held.sum()), int(whole.sum() - held.sum())
    if n < LEAST_ROWS or others < LEAST_ROWS:
        return None
    rest = whole - held
    index = int(abs(held / n - rest / others).argmax())
    group, _, form = term.partition("/")
    shrunk = [[round(count / shrink) for count in counts.tolist()] for counts in (held, rest)]
    low, high = newcombe(held[index] / shrink, n / shrink, rest[index] / shrink, others / shrink)
    return TermRate(
        form=form,
        group=group,
        label=labels.names[index],
        n=n,
        hits=int(held[index]),
        rate=round(float(held[index] / n), 6),
        other_rate=round(float(rest[index] / others), 6),
        interval=(round(float(low), 6), round(float(high), 6)),
        p=chi_square(*shrunk).p,
    )

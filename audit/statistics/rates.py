"""Rates by group, and the table that carries them in a measure. Compares nothing.

Reports show the table, and a gate reads the rates back from it to judge them by its own policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from audit.model import Json
from audit.statistics.intervals import wilson
from audit.statistics.verdicts import Compared, Disparity

UNCOMPARED: Final = frozenset({"unknown", "none", "multiple"})
"""Levels of an attribute that are shown and never compared: no value, no mention, several mentions."""


class GroupRate(msgspec.Struct, frozen=True):
    """How many of a group's rows have what is asked about. ``effective_n`` is what the rows are worth where some belong
    together (``audit.statistics.effective``); None where every row counts. ``once_n`` is what they are worth if rows
    that say the same count once as well: copies, or people with the same answers, which nothing tells apart. None where
    no two rows do. ``made`` of the rows were made of others by a remedy: they are among ``n``, and no evidence."""

    group: str
    hits: int
    n: int
    effective_n: float | None = None
    once_n: float | None = None
    made: int = 0

    @property
    def unique(self) -> int:
        """The rows that are not made of others."""
        return self.n - self.made

    @property
    def worth(self) -> float:
        """The independent rows that the group's are worth: between 1 and n; 0 for a group without rows."""
        if self.effective_n is None or not self.n:
            return float(self.n)
        return min(float(self.n), max(1.0, self.effective_n))

    @property
    def counted_once(self) -> GroupRate:
        """The same rate, rows that say the same counted once."""
        if self.once_n is None or self.once_n >= self.worth:
            return self
        return GroupRate(self.group, self.hits, self.n, self.once_n, made=self.made)

    @property
    def rate(self) -> float | None:
        """The share of hits; None for a group without rows."""
        return self.hits / self.n if self.n else None


def rate_table(
    rates: Sequence[GroupRate],
    *,
    attribute: str,
    kind: str,
    unknown: GroupRate | None = None,
    disparity: Disparity | None = None,
    **more: Json,
) -> dict[str, Json]:
    """The table of a measure: a group's entry has its counts, its rate with the 95 % Wilson interval (of what its rows
    are worth) and, with a ``disparity``, what was said of it.

    ``kind`` is the evidence class of the attribute; ``more`` are further facts, such as ``source`` and ``reference``.
    ``rows`` is the sum of all groups' rows and the unknown ones: ValueError where ``more`` says otherwise.
    """
    said = {one.group: one for one in disparity.groups} if disparity else {}
    rows = sum(rate.n for rate in rates) + (unknown.n if unknown else 0)
    if more.get("rows", rows) != rows:
        raise ValueError(f"the groups of {attribute} have {rows} rows together, and the table is of {more['rows']}")
    table: dict[str, Json] = {"attribute": attribute, "kind": kind, **more, "rows": rows}
    table["groups"] = [_entry(rate, said.get(rate.group), disparity is not None) for rate in rates]
    table["unknown"] = {"n": unknown.n if unknown else 0, "hits": unknown.hits if unknown else 0}
    return table


def _entry(rate: GroupRate, said: Compared | None, judged: bool) -> dict[str, Json]:
    worth = rate.worth
    entry: dict[str, Json] = {"group": rate.group, "n": rate.n, "hits": rate.hits, "effective_n": worth}
    if rate.once_n is not None:
        entry["once_n"] = rate.once_n
    if rate.made:
        entry["made"] = rate.made
    entry["rate"] = rate.rate
    entry["interval"] = list(wilson((rate.rate or 0.0) * worth, worth))
    if rate.group in UNCOMPARED:
        entry["compared"] = False
    if said is not None:
        entry |= {
            "estimate": said.estimate,
            "estimate_reference": said.reference,
            "estimate_interval": said.interval and list(said.interval),
            "pass_interval": said.pass_interval and list(said.pass_interval),
            "verdict": said.verdict,
            "required_n": said.required_n,
            "too_few": said.too_few,
            "undecidable": said.undecidable,
            "screen": said.screen,
            "sentence": said.sentence,
        }
    elif judged:
        entry["compared"] = False
    return entry


def rates_of(table: Mapping[str, Json]) -> list[GroupRate]:
    """The rates of a table, as they were before: ``compare`` leaves out again what is never compared."""
    return [
        GroupRate(
            entry["group"],
            entry["hits"],
            entry["n"],
            entry.get("effective_n"),
            entry.get("once_n"),
            entry.get("made", 0),
        )
        for entry in table["groups"]
        if "hits" in entry
    ]

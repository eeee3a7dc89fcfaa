"""Reads the tables that measures carry into types. A table of another make is None, never an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from audit.model import Json, Measure, Result
from audit.reports.html.charts import Span

T = TypeVar("T")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One group of an attribute, as a share of the rows or as a rate within it. What a table lacks is None.

    ``made`` of the rows are made of others: answers of further replicates, say. ``base_rate`` is the share of
    favourable true labels, ``gap`` the signed difference to the reference. ``estimate`` is the ratio or difference to
    the reference, ``estimate_interval`` decides a FAIL, ``pass_interval`` a PASS. ``compared`` is False for levels that
    are no groups: unknown, none, multiple. ``withheld`` says why figures are missing from a masked table.
    """

    group: str
    n: int | None = None
    hits: int | None = None
    effective_n: float | None = None
    share: float | None = None
    rate: float | None = None
    interval: Span | None = None
    reference: Json = None
    estimate_reference: str | None = None
    ratio: float | None = None
    estimate: float | None = None
    estimate_interval: Span | None = None
    pass_interval: Span | None = None
    verdict: str | None = None
    required_n: int | None = None
    undecidable: bool = False
    too_few: bool = False
    screen: bool = False
    sentence: str = ""
    compared: bool = True
    made: int = 0
    base_rate: float | None = None
    gap: float | None = None
    gap_interval: Span | None = None
    withheld: str = ""

    @property
    def of_their_own(self) -> int | None:
        """The rows that are not made of others, as answers of a second replicate are of the first's questions."""
        return None if self.n is None else max(0, self.n - self.made)

    @property
    def own_hits(self) -> int | None:
        """The hits among them, as far as all replicates together tell, rounded up."""
        return self._own(self.hits)

    @property
    def own_misses(self) -> int:
        """The others among them, rounded up."""
        return self._own((self.n or 0) - (self.hits or 0)) or 0

    def _own(self, counted: int | None) -> int | None:
        own = self.of_their_own
        return counted if not counted or not self.n or own is None else -(-counted * own // self.n)

    @property
    def against(self) -> str:
        """The group that this one is compared with; "" where none is named."""
        return self.estimate_reference or (self.reference if isinstance(self.reference, str) else "")


class Unknown(msgspec.Struct, frozen=True):
    """The rows that do not say to which group they belong."""

    n: int | None = None
    hits: int | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """How rates were compared: on which scale, within which tolerance, with which group, at which error rate."""

    scale: str = "ratio"
    tolerance: float | None = None
    reference: str = ""
    side: str = ""
    alpha: float | None = None
    cells: int | None = None
    min_n: int | None = None


class GroupTable(msgspec.Struct, frozen=True, kw_only=True):
    """The groups of an attribute and where they come from. ``rows`` is what groups and unknown must add up to."""

    attribute: str = ""
    kind: str = ""
    source: str = ""
    reference: Json = None
    rows: int | None = None
    groups: tuple[Group, ...] = ()
    unknown: Unknown | None = None
    favourable: tuple[Json, ...] = ()
    question: Question = Question()
    min_n: int | None = None
    without_outcome: int = 0
    exploratory: bool = False
    verdict: str | None = None
    sentence: str = ""
    null_mean: float | None = None
    null_95: float | None = None
    jensen_shannon: float | None = None
    p: float | None = None


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of groups by label, or of splits by group: ``counts`` has a row for each of the first."""

    groups: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    raw: float | None = None
    p: float | None = None


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A label with its rows and their share, from ``low`` to ``high``."""

    label: str
    rows: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


def decode(table: Json, form: type[T]) -> T | None:
    """The table in that form, None where it does not fit."""
    try:
        return msgspec.convert(table, form)
    except (msgspec.ValidationError, ValueError, OverflowError, RecursionError):
        return None


def group_table(measure: Measure) -> GroupTable | None:
    """The groups that a measure carries, None when it carries none."""
    if not isinstance(measure.table, dict) or not isinstance(measure.table.get("groups"), list | tuple):
        return None
    found = decode(measure.table, GroupTable)
    return found if found is not None and found.groups else None


def value_of(measure: Measure) -> float | int | None:
    """The value of a measure where it is a number."""
    value = measure.value
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def scalars(entry: Json) -> dict[str, Json]:
    """The fields of an object that are no lists and no objects."""
    if not isinstance(entry, dict):
        return {}
    return {str(key): value for key, value in entry.items() if not isinstance(value, dict | list | tuple)}


class Measures:
    """The measures of a result by name, in their order."""

    def __init__(self, result: Result) -> None:
        self._all = result.measures
        self._by_name: dict[str, list[Measure]] = {}
        for measure in result.measures:
            self._by_name.setdefault(measure.name, []).append(measure)

    def __iter__(self) -> Iterator[Measure]:
        return iter(self._all)

    def named(self, name: str) -> Sequence[Measure]:
        """All measures of a name."""
        return self._by_name.get(name, ())

    def first(self, name: str) -> Measure | None:
        """The first measure of a name."""
        return next(iter(self.named(name)), None)

    def number(self, name: str) -> float | int | None:
        """The value of the first measure of a name, where it is a number."""
        measure = self.first(name)
        return None if measure is None else value_of(measure)

    def attributes(self) -> list[str]:
        """Attributes that measures speak of, single ones before pairs, each in the order of its first measure."""
        own = (measure for measure in self._all if measure.name != "stratified_ratio")
        names = dict.fromkeys(measure.attribute for measure in own if measure.attribute)
        return sorted(names, key=is_pair)

    def of(self, attribute: str, name: str) -> list[Measure]:
        """The measures of a name that speak of an attribute."""
        return [measure for measure in self.named(name) if measure.attribute == attribute]


PAIR = " x "
"""Joins the names of two attributes, and those of their groups."""


def is_pair(attribute: str) -> bool:
    """Whether an attribute is two that are crossed."""
    return PAIR in attribute

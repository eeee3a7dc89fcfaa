"""The columns of a run as they are after the fixes, so that rules which compare rows by them need no second reading.

Only changed rows are parsed. What is not a column (texts, near-duplicates, attributes) is not made anew here.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from audit.engine.columns import KEYS, Columns
from audit.engine.finish import Finished, finish
from audit.engine.fold import Fold
from audit.engine.found import Found
from audit.engine.rows import StoredRows
from audit.model import Finding, Json, Record
from audit.remedy.fix.changed_rows import Afterwards, chunk_of_rows, lots_of
from audit.remedy.fix.stored import Rows
from audit.rule import DatasetRule, Product, RowRange, Rule, Run, SummaryRule

if TYPE_CHECKING:
    from audit.clusters.result import NearClusters

_COLUMNS: Final[frozenset[Product]] = frozenset({*KEYS, "rows", "marks", "weights", "clusters", "near_clusters"})
_OF_BATCHES: Final[frozenset[Product]] = frozenset({"tokens", "texts"})
"""Products that a rule is shown while rows are read, and not afterwards."""


class NeedsTexts(Exception):
    """A rule asks for near-duplicates, which are not made anew here. Never leaves this module."""


def may_need_columns_only(rule: Rule) -> bool:
    """Whether a rule may judge by columns and by rows that are read again: it looks at no batch."""
    return isinstance(rule, DatasetRule) and type(rule).take is DatasetRule.take and rule.needs <= _COLUMNS


def needs_state_too(rule: Rule) -> TypeGuard[DatasetRule]:
    """Whether a rule may judge by columns and by what it gathered, from which rows can be taken away."""
    is_counted = isinstance(rule, DatasetRule) and type(rule).without is not DatasetRule.without
    return is_counted and rule.needs <= _COLUMNS | _OF_BATCHES


def needs_findings_only(rule: Rule) -> TypeGuard[SummaryRule]:
    """Whether a rule may judge by what the others found, and by columns."""
    return isinstance(rule, SummaryRule) and rule.needs <= _COLUMNS


class Now:
    """The whole as it is after the fixes. ``edited`` holds the new bytes by row, ascending; ``removed`` are, too."""

    def __init__(
        self, finished: Finished, rows: Rows, edited: Mapping[int, bytes], removed: Sequence[int], run: Run
    ) -> None:
        self.finished = finished
        self.rows = rows
        self.edited = edited
        self.removed = removed
        self.run = run
        self._ranges = list(_ranges(rows.ranges, removed))
        gone = frozenset(removed)
        self._remaining = array("q", (row for row in range(rows.count) if row not in gone))
        columns = _patched(finished.stored.columns, edited, removed, rows, run)
        records = Afterwards(edited, run, rows)
        self._stored = _Rows(columns, self._ranges, rows.spool or None, self._remaining, records)

    def judge(
        self, rules: Sequence[Rule], states: Mapping[str, Json] = MappingProxyType({})
    ) -> tuple[list[tuple[Finding, int]], list[Rule]]:
        """What the rules find, each with the row of the input (-1 for none); and the rules that turned out to need more
        than columns (those that look for near-duplicates do where the data has labels).

        ``states`` is what rules have gathered of the rows as they are now, by code.
        """
        found = self._found()
        found.states = {
            rule.code: states[rule.code] if rule.code in states else rule.start()
            for rule in rules
            if isinstance(rule, DatasetRule)
        }
        return self._concluded(rules, found)

    def summarised(
        self, rules: Sequence[SummaryRule], left: Iterable[tuple[Finding, int]]
    ) -> list[tuple[Finding, int]]:
        """What rules make of the findings that are left, each with its row of the input."""
        found = self._found()
        for finding, row in left:
            found.counts[finding.code] = found.counts.get(finding.code, 0) + 1
            if row >= 0 and finding.scope == "row":
                found.note(finding.code, row - bisect_left(self.removed, row), finding.fix)
        return self._concluded(rules, found)[0]

    def _found(self) -> Found:
        found = Found({})
        found.rows, found.ranges = len(self._remaining), list(self._ranges)
        return found

    def _concluded(self, rules: Sequence[Rule], found: Found) -> tuple[list[tuple[Finding, int]], list[Rule]]:
        whole = _Whole(found, self._stored, self.run)
        findings: list[tuple[Finding, int]] = []
        unanswered: list[Rule] = []
        for rule in rules:
            try:
                outcome = finish(found, [rule], self.run, whole)
            except NeedsTexts:
                unanswered.append(rule)
                continue
            rows = (self._remaining[row] if row >= 0 else row for row in outcome.ordinals)
            findings += zip(outcome.findings, rows, strict=True)
        return findings, unanswered


class _Whole(Finished):
    """The whole as it is now, but for near-duplicates."""

    def near_clusters(self) -> NearClusters:
        raise NeedsTexts


class _Rows(StoredRows):
    """The rows that are left: edited ones from memory, all others where they lie."""

    def __init__(
        self,
        columns: Columns,
        ranges: Sequence[RowRange],
        spool: str | None,
        remaining: Sequence[int],
        edited: Mapping[int, Record],
    ) -> None:
        super().__init__(columns, ranges, spool)
        self._remaining = remaining
        self._edited = edited

    def records(self, rows: Sequence[int]) -> Iterator[Record]:
        """One record for every row, in the order asked for."""
        changed = {row for row in rows if self._remaining[row] in self._edited}
        others = super().records([row for row in rows if row not in changed] if changed else rows)
        for row in rows:
            yield self._edited[self._remaining[row]] if row in changed else next(others)


def _ranges(ranges: Iterable[RowRange], removed: Sequence[int]) -> Iterator[RowRange]:
    for source, first, end in ranges:
        yield RowRange(source, first - bisect_left(removed, first), end - bisect_left(removed, end))


def _patched(old: Columns, edited: Mapping[int, bytes], removed: Sequence[int], rows: Rows, run: Run) -> Columns:
    """The columns without the removed rows, and with what edited rows say now."""
    products: list[Product] = [*old.keys]
    products += ["marks"] if old.marks is not None else []
    products += ["weights"] if old.weights is not None else []
    own = _of_edited(edited, frozenset(products), rows, run)
    new = Columns(products, old.fields)
    pieces = list(_pieces(len(old.lines), edited, removed))
    for name in ("lines", "offsets", "stored", "sizes"):
        kept: Any = getattr(old, name)
        setattr(new, name, _joined(kept, None, pieces))
    for key in old.keys:
        new.keys[key] = _joined(old.keys[key], own.keys[key] if own else None, pieces)
    if old.marks is not None:
        new.marks = _joined(old.marks, own.marks if own else None, pieces)
    if old.weights is not None and new.weights is not None:
        new.weights = _joined(old.weights, own.weights if own else None, pieces)
    if old.splits is not None:
        new.split_names = list(dict.fromkeys([*old.split_names, *(own.split_names if own else ())]))
        codes = [new.split_names.index(name) for name in own.split_names] if own else []
        now = array("H", (codes[code] for code in own.splits)) if own and own.splits is not None else None
        new.splits = _joined(old.splits, now, pieces)
    return new


def _of_edited(edited: Mapping[int, bytes], products: frozenset[Product], rows: Rows, run: Run) -> Columns | None:
    """The columns of the edited rows alone."""
    fold = Fold((), run, wanted=products | {"rows"})
    for lot in lots_of(edited.items(), rows):
        fold.take(chunk_of_rows(lot, edited, rows))
    return fold.found.columns if edited else None


def _pieces(count: int, edited: Iterable[int], removed: Iterable[int]) -> Iterator[tuple[int, int, bool]]:
    """Stretches (first, end, whether the row has changed) that the rows left come from, in order."""
    at = 0
    for row, stays in sorted([*((row, True) for row in edited), *((row, False) for row in removed)]):
        if row > at:
            yield at, row, False
        if stays:
            yield row, row + 1, True
        at = row + 1
    if count > at:
        yield at, count, False


def _joined(old: array[Any], own: array[Any] | None, pieces: Iterable[tuple[int, int, bool]]) -> array[Any]:
    new = array(old.typecode)
    changed = 0
    for first, end, is_changed in pieces:
        if is_changed and own is not None:
            new.append(own[changed])
            changed += 1
        else:
            new.extend(old[first:end])
    return new

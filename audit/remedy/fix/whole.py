"""Judges the whole again, as it is after the fixes, by the rules that need no second reading of the data for it: by
columns, by what they have gathered, by what others found. Fixes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import NamedTuple

from audit.engine.batch import ParsedBatch
from audit.model import Finding, Json, Related
from audit.remedy.fix.changed_rows import chunk_of_rows, lots_of
from audit.remedy.fix.columns import Now, may_need_columns_only, needs_findings_only, needs_state_too
from audit.remedy.fix.stored import Rows
from audit.rule import DatasetRule, Rule, Run, SummaryRule


class Whole(NamedTuple):
    """What some rules find in the rows as they are now, each with the row of the input, and their codes."""

    found: list[tuple[Finding, int]]
    codes: frozenset[str]


def judge_whole(now: Now, rules: Sequence[Rule]) -> Whole:
    """Judge by those of the rules that go by columns, or by what they have gathered, from which the rows that changed
    can be taken away."""
    counted = [rule for rule in rules if needs_state_too(rule)]
    states = _states(counted, now) if counted else {}
    able = [rule for rule in rules if rule.code in states or may_need_columns_only(rule)]
    found, unanswered = now.judge(able, states)
    placed = [(finding, row_of(finding, row, now.rows)) for finding, row in found]
    return Whole(placed, frozenset(rule.code for rule in able if rule not in unanswered))


def row_of(finding: Finding, row: int, rows: Rows) -> int:
    """The row of a finding, also where it is told by its line alone; -1 where it has none, as a blank line has."""
    place = finding.place
    if row >= 0 or finding.scope != "row" or place.offset is not None:
        return row
    found = rows.find(Related(file=place.file, line=place.line))
    return row if found is None else found


def _states(rules: Sequence[DatasetRule], now: Now) -> dict[str, Json]:
    """What the rules would have gathered of the rows as they are now; those of which that can be told."""
    changed = _Before(sorted([*now.edited, *now.removed]), now.rows)
    before = _gathered(rules, changed, now.rows, now.run)
    after = _gathered(rules, now.edited, now.rows, now.run)
    states: dict[str, Json] = {}
    for rule in rules:
        others = rule.without(deepcopy(now.finished.state(rule.code)), before[rule.code])
        if others is not None:
            states[rule.code] = rule.merge(others, after[rule.code])
    return states


def _gathered(rules: Sequence[DatasetRule], some: Mapping[int, bytes], rows: Rows, run: Run) -> dict[str, Json]:
    """The states of the rules over some rows alone, given by ordinal in ascending order."""
    counter = run.tokens if any("tokens" in rule.needs for rule in rules) else None
    states: dict[str, Json] = {rule.code: rule.start() for rule in rules}
    for lot in lots_of(some.items(), rows):
        batch = ParsedBatch(chunk_of_rows(lot, some, rows), counter, texts=True)
        for rule in rules:
            states[rule.code] = rule.take(states[rule.code], batch, run)
    return states


class _Before(Mapping[int, bytes]):
    """Some rows as they were, read when they are asked for."""

    def __init__(self, ordinals: Sequence[int], rows: Rows) -> None:
        self._ordinals = ordinals
        self._rows = rows

    def __getitem__(self, row: int) -> bytes:
        return self._rows.raw(row)

    def __iter__(self) -> Iterator[int]:
        return iter(self._ordinals)

    def __len__(self) -> int:
        return len(self._ordinals)


def judge_findings(now: Now, rules: Sequence[Rule], left: Sequence[tuple[Finding, int]]) -> Whole:
    """Judge by those of the rules that judge what the others found; ``left`` is that."""
    able: list[SummaryRule] = [rule for rule in rules if needs_findings_only(rule)]
    codes = frozenset(rule.code for rule in able)
    return Whole(now.summarised(able, left), codes)

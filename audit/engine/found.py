"""What a fold has found in the part of the input that it has read: data only, so that it can travel and be merged."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from audit.engine.columns import Columns
from audit.model import DropRow, Finding, Fix, Json, Severity, Source
from audit.rule import DatasetRule, Hit, RowRange

if TYPE_CHECKING:
    from audit.clusters.builder import NearBuilder
    from audit.engine.membership import Memberships
    from audit.engine.outputs import OutputColumns


class Found:
    """Findings and the rows they are of (-1 for none), counts, states of dataset rules and columns of a part of the
    input; ``merge`` adds a later part."""

    def __init__(
        self,
        states: dict[str, Json],
        columns: Columns | None = None,
        near: NearBuilder | None = None,
        memberships: Memberships | None = None,
        outputs: OutputColumns | None = None,
    ) -> None:
        self.states = states
        self.columns = columns
        self.near = near
        self.memberships = memberships
        self.outputs = outputs
        self.findings: list[Finding] = []
        self.ordinals = array("q")
        self.once: dict[tuple[str, str, str], tuple[Finding, int]] = {}
        self.found: dict[str, array[int]] = {}
        self.drops: dict[str, array[int]] = {}
        self.counts: dict[str, int] = {}
        self.errors = 0
        self.warnings = 0
        self.rows = 0
        self.ranges: list[RowRange] = []
        self.shapes_by_source: dict[str, dict[str, int]] = {}

    # ------------------------------------------------------------------ adding

    def keep(self, finding: Finding, hit: Hit, ordinal: int | None) -> None:
        """Add a finding. ``ordinal`` is its row in this part, None where it has none."""
        self.errors += finding.severity is Severity.ERROR
        self.warnings += finding.severity is Severity.WARNING
        if finding.scope != "row":
            self._keep_once(finding, hit.key, 1)
            return
        self.findings.append(finding)
        self.ordinals.append(-1 if ordinal is None else ordinal)
        self.counts[finding.code] = self.counts.get(finding.code, 0) + 1
        if ordinal is not None:
            self.note(finding.code, ordinal, finding.fix)

    def note(self, code: str, ordinal: int, fix: Fix | None) -> None:
        """Remember that a rule found a row, and whether the remedy is to drop it."""
        drops = fix is not None and any(isinstance(edit, DropRow) for edit in fix.edits)
        found = (self.found, self.drops) if drops else (self.found,)
        for by_code in found:
            rows = by_code.setdefault(code, array("Q"))
            if not rows or rows[-1] != ordinal:
                rows.append(ordinal)

    def _keep_once(self, finding: Finding, key: str, rows: int) -> None:
        place = (finding.code, finding.place.file or "", key)
        first, before = self.once.get(place, (finding, 0))
        self.once[place] = (first, before + rows)

    def count_rows(self, source: Source, rows: int, shapes: Mapping[str, int]) -> None:
        """Add the rows of a batch: how many, and how many of each shape."""
        self._extend_ranges(RowRange(source, self.rows, self.rows + rows))
        self.rows += rows
        mine = self.shapes_by_source.setdefault(source.path, {})
        for shape, count in shapes.items():
            mine[shape] = mine.get(shape, 0) + count

    def _extend_ranges(self, added: RowRange) -> None:
        """Batches of one source follow each other, so that every source is one range."""
        if self.ranges and self.ranges[-1].source.path == added.source.path:
            added = RowRange(self.ranges[-1].source, self.ranges.pop().first, added.end)
        self.ranges.append(added)

    # ------------------------------------------------------------------ merging

    def merge(self, later: Found, rules: Sequence[DatasetRule]) -> None:
        """Add a part that comes later in the input. ``rules`` are those whose states both hold."""
        for mine, theirs in ((self.found, later.found), (self.drops, later.drops)):
            for code, ordinals in theirs.items():
                mine.setdefault(code, array("Q")).extend(ordinal + self.rows for ordinal in ordinals)
        for code, count in later.counts.items():
            self.counts[code] = self.counts.get(code, 0) + count
        self.findings.extend(later.findings)
        self.ordinals.extend([row if row < 0 else row + self.rows for row in later.ordinals])
        for (_, _, key), (finding, rows) in later.once.items():
            self._keep_once(finding, key, rows)
        for rule in rules:
            self.states[rule.code] = rule.merge(self.states[rule.code], later.states[rule.code])
        if self.columns is not None and later.columns is not None:
            self.columns.merge(later.columns)
        if self.near is not None and later.near is not None:
            self.near = self.near.merge(later.near)
        if self.memberships is not None and later.memberships is not None:
            self.memberships.merge(later.memberships)
        if self.outputs is not None and later.outputs is not None:
            self.outputs.merge(later.outputs, self.rows)
        for source, first, end in later.ranges:
            self._extend_ranges(RowRange(source, self.rows + first, self.rows + end))
        self.rows += later.rows
        self.errors += later.errors
        self.warnings += later.warnings
        for path, shapes in later.shapes_by_source.items():
            known = self.shapes_by_source.setdefault(path, {})
            for shape, count in shapes.items():
                known[shape] = known.get(shape, 0) + count

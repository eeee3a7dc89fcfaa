"""The fold: takes chunks one after the other, keeps what rules found, merges with another fold, and finishes.

The same findings and measures come out however the input is cut and whichever fold read which part.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from audit.engine.batch import ParsedBatch
from audit.engine.place import on_dataset, on_line, on_record
from audit.engine.scan import TriggerScan
from audit.model import Finding, Json, Measure, Message, Record, Severity, Source, SourceSummary
from audit.read.identity import content_id
from audit.read.lines import Chunk
from audit.rule import DatasetRule, Hit, LineRule, RecordRule, Rule, Run, Span, SummaryRule, TextRule
from audit.statistics.intervals import wilson

R = TypeVar("R", bound=Rule)
LEVEL = 0.95


class Outcome(msgspec.Struct, frozen=True):
    """What a finished fold hands over."""

    findings: list[Finding]
    measures: list[Measure]
    rows: int
    rows_by_source: dict[str, int]
    shapes_by_source: dict[str, dict[str, int]]


class Finished:
    """Implements ``audit.rule.Context`` and ``audit.rule.Summary`` over a fold that has read everything."""

    def __init__(
        self, rows: int, sources: Sequence[Source], counts: dict[str, int], found: dict[str, array[int]]
    ) -> None:
        self.rows = rows
        self.sources = sources
        self._counts = counts
        self._found = found

    def count(self, code: str) -> int:
        """Findings of a code."""
        return self._counts.get(code, 0)

    def rows_with(self, code: str) -> Sequence[int]:
        """Ordinals of the rows with a row-scope finding of a code."""
        return sorted(set(self._found.get(code, ())))

    def codes(self) -> Sequence[str]:
        """Codes with at least one finding."""
        return sorted(code for code, count in self._counts.items() if count)


class Fold:
    """Everything found so far in the part of the input that this fold has read."""

    def __init__(self, rules: Sequence[Rule], run: Run) -> None:
        self.rules = tuple(rules)
        self.run = run
        self._line_rules = _of(rules, LineRule)
        self._record_rules = _of(rules, RecordRule)
        self._suspicious = [rule for rule in self._record_rules if type(rule).suspects is not RecordRule.suspects]
        self._text_rules = _of(rules, TextRule)
        self._dataset_rules = _of(rules, DatasetRule)
        self._scan = TriggerScan(self._text_rules, run)
        needs_tokens = any("tokens" in rule.needs for rule in rules)
        self._counter = run.tokens if needs_tokens else None
        self.states: dict[str, Json] = {rule.code: rule.start() for rule in self._dataset_rules}
        self.findings: list[Finding] = []
        self.once: dict[tuple[str, str, str], tuple[Finding, int]] = {}
        self.found: dict[str, array[int]] = {}
        self.counts: dict[str, int] = {}
        self.errors = 0
        self.warnings = 0
        self.rows = 0
        self.sources: list[Source] = []
        self.rows_by_source: dict[str, int] = {}
        self.shapes_by_source: dict[str, dict[str, int]] = {}

    # ------------------------------------------------------------------ taking

    def take(self, chunk: Chunk) -> ParsedBatch:
        """Parse a chunk and show it to every rule. Returns the batch, for progress."""
        batch = ParsedBatch(chunk, self._counter, texts=bool(self._text_rules))
        ordinals = _Ordinals(batch, self.rows)
        self._check_lines(batch, ordinals)
        self._check_records(batch, ordinals)
        self._check_texts(batch, ordinals)
        for rule in self._dataset_rules:
            self.states[rule.code] = rule.take(self.states[rule.code], batch, self.run)
        self._count_rows(batch)
        return batch

    def _check_lines(self, batch: ParsedBatch, ordinals: _Ordinals) -> None:
        if not self._line_rules:
            return
        for row in sorted(batch.problems):
            line = batch.line(row)
            for rule in self._line_rules:
                for hit in rule.check(line, self.run):
                    self._keep(on_line(rule, hit, line), hit, ordinals.of(row))

    def _check_records(self, batch: ParsedBatch, ordinals: _Ordinals) -> None:
        rules = self._record_rules
        if not rules:
            return
        for row in sorted(batch.odd):
            self._check_record(rules, batch.record(row), ordinals.of(row))
        suspected: dict[int, list[RecordRule]] = {}
        for rule in self._suspicious:
            for row in rule.suspects(batch, self.run):
                if row not in batch.odd:
                    suspected.setdefault(row, []).append(rule)
        for row in sorted(suspected):
            self._check_record(suspected[row], batch.record(row), ordinals.of(row))

    def _check_record(self, rules: Sequence[RecordRule], record: Record, ordinal: int | None) -> None:
        identity: str | None = None
        for rule in rules:
            for hit in rule.check(record, self.run):
                identity = identity or content_id(record)
                self._keep(on_record(rule, hit, record, identity), hit, ordinal)

    def _check_texts(self, batch: ParsedBatch, ordinals: _Ordinals) -> None:
        lines = batch.chunk.lines
        for row in self._scan.candidates(lines):
            if row not in batch.odd and not self._may_hold(batch, row):
                continue
            record = batch.record(row)
            identity: str | None = None
            for message in record.turns:
                for at, text in message.texts():
                    for rule in self._scan.rules_for(text):
                        for hit in _text_hits(rule, at, text, message, self.run):
                            identity = identity or content_id(record)
                            self._keep(on_record(rule, hit, record, identity), hit, ordinals.of(row))

    def _may_hold(self, batch: ParsedBatch, row: int) -> bool:
        """Whether a row is canonical and a trigger matches one of its texts."""
        if batch.plain[row] is None and row not in batch.tool:
            return False
        return any(True for text in batch.texts(row) for _ in self._scan.rules_for(text))

    def _count_rows(self, batch: ParsedBatch) -> None:
        path = batch.source.path
        if path not in self.rows_by_source:
            self.sources.append(batch.source)
        self.rows += batch.rows
        self.rows_by_source[path] = self.rows_by_source.get(path, 0) + batch.rows
        shapes = self.shapes_by_source.setdefault(path, {})
        for shape, rows in batch.shapes.items():
            shapes[shape] = shapes.get(shape, 0) + len(rows)
        if unreadable := batch.rows - len(batch.parsed):
            shapes["unreadable"] = shapes.get("unreadable", 0) + unreadable

    def _keep(self, finding: Finding, hit: Hit, ordinal: int | None) -> None:
        self.errors += finding.severity is Severity.ERROR
        self.warnings += finding.severity is Severity.WARNING
        if finding.scope == "row":
            self.findings.append(finding)
            self.counts[finding.code] = self.counts.get(finding.code, 0) + 1
            if ordinal is not None:
                rows = self.found.setdefault(finding.code, array("Q"))
                if not rows or rows[-1] != ordinal:
                    rows.append(ordinal)
            return
        self._keep_once(finding, hit.key, 1)

    def _keep_once(self, finding: Finding, key: str, rows: int) -> None:
        place = (finding.code, finding.place.file or "", key)
        first, before = self.once.get(place, (finding, 0))
        self.once[place] = (first, before + rows)

    # ------------------------------------------------------------------ merging

    def merge(self, later: Fold) -> Fold:
        """This fold with another one added that read a later part of the same input. Changes and returns this one."""
        for code, ordinals in later.found.items():
            mine = self.found.setdefault(code, array("Q"))
            mine.extend(ordinal + self.rows for ordinal in ordinals)
        for code, count in later.counts.items():
            self.counts[code] = self.counts.get(code, 0) + count
        self.findings.extend(later.findings)
        for (_, _, key), (finding, rows) in later.once.items():
            self._keep_once(finding, key, rows)
        for rule in self._dataset_rules:
            self.states[rule.code] = rule.merge(self.states[rule.code], later.states[rule.code])
        self.rows += later.rows
        known = set(self.rows_by_source)
        self.sources.extend(source for source in later.sources if source.path not in known)
        for path, count in later.rows_by_source.items():
            self.rows_by_source[path] = self.rows_by_source.get(path, 0) + count
        for path, shapes in later.shapes_by_source.items():
            mine_shapes = self.shapes_by_source.setdefault(path, {})
            for shape, count in shapes.items():
                mine_shapes[shape] = mine_shapes.get(shape, 0) + count
        return self

    # ------------------------------------------------------------------ finishing

    def finish(self) -> Outcome:
        """Let the whole-dataset rules conclude and give everything over, findings sorted."""
        findings = list(self.findings)
        for (_, _, _), (finding, rows) in self.once.items():
            evidence = {**finding.evidence, "rows": finding.evidence.get("rows", rows)}
            findings.append(msgspec.structs.replace(finding, evidence=evidence))
            self.counts[finding.code] = self.counts.get(finding.code, 0) + 1
        measures: list[Measure] = []
        finished = Finished(self.rows, self.sources, self.counts, self.found)
        for rule in self._dataset_rules:
            self._conclude(rule, rule.finish(self.states[rule.code], finished, self.run), findings, measures)
        for summary_rule in _of(self.rules, SummaryRule):
            self._conclude(summary_rule, summary_rule.judge(finished, self.run), findings, measures)
        measures.extend(self._shares())
        findings.sort(key=Finding.sort_key)
        measures.sort(key=_measure_key)
        return Outcome(findings, measures, self.rows, self.rows_by_source, self.shapes_by_source)

    def _conclude(
        self, rule: Rule, said: Iterable[Hit | Measure], findings: list[Finding], measures: list[Measure]
    ) -> None:
        for item in said:
            if isinstance(item, Measure):
                measures.append(item)
            else:
                findings.append(on_dataset(rule, item))
                self.counts[rule.code] = self.counts.get(rule.code, 0) + 1

    def _shares(self) -> Iterable[Measure]:
        """The uniform measure of every rule that judges rows: how many rows it found, of how many."""
        for rule in self.rules:
            if isinstance(rule, LineRule | RecordRule | TextRule):
                found = len(set(self.found.get(rule.code, ())))
                yield Measure(
                    code=rule.code,
                    name="rows.share",
                    value=found / self.rows if self.rows else 0.0,
                    table={"rows_found": found, "rows_checked": self.rows},
                    n=self.rows,
                    interval=wilson(found, self.rows, LEVEL),
                    level=LEVEL,
                )


class _Ordinals:
    """The 0-based place in reading order of each row of a batch; None for a blank line, which is no row."""

    def __init__(self, batch: ParsedBatch, before: int) -> None:
        self._before = before
        self._blanks = [i for i, raw in enumerate(batch.chunk.lines) if not raw or raw.isspace()] if batch.blank else []

    def of(self, row: int) -> int | None:
        blanks_before = bisect_left(self._blanks, row)
        if blanks_before < len(self._blanks) and self._blanks[blanks_before] == row:
            return None
        return self._before + row - blanks_before


def _text_hits(rule: TextRule, at: str, text: str, message: Message, run: Run) -> Iterable[Hit]:
    span: Span
    for span in rule.find(text, message, run):
        yield Hit(
            message=span.message,
            at=at,
            start=span.start,
            end=span.end,
            severity=span.severity,
            evidence=span.evidence,
            fix=span.fix(at) if span.fix is not None else None,
            key=span.key or str(span.start),
        )


def _of(rules: Sequence[Rule], kind: type[R]) -> list[R]:
    return [rule for rule in rules if isinstance(rule, kind)]


def _measure_key(measure: Measure) -> tuple[str, ...]:
    return (
        measure.code,
        measure.name,
        measure.attribute or "",
        measure.group or "",
        measure.split or "",
        measure.arm or "",
    )


def summarise(summary: SourceSummary, outcome: Outcome) -> SourceSummary:
    """The summary of a source with its row and shape counts filled in."""
    return msgspec.structs.replace(
        summary,
        rows=outcome.rows_by_source.get(summary.path, 0),
        shapes=dict(sorted(outcome.shapes_by_source.get(summary.path, {}).items())),
    )

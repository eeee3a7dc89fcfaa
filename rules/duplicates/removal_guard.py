"""DUP407: what the other rules of this family would leave. Removes nothing, and finds no duplicates itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Final

from audit.model import Applicability, Json, Measure, Severity
from audit.rule import COPY, Hit, Product, RowRange, Rule, Run, Summary, SummaryRule
from audit.rules.duplicates.exact_duplicate import ExactDuplicate
from audit.rules.duplicates.near_duplicate import NearDuplicate
from audit.rules.duplicates.normalised_duplicate import NormalisedDuplicate
from audit.rules.duplicates.semantic_duplicate import SemanticDuplicate

COUNTED: Final[tuple[type[Rule], ...]] = (ExactDuplicate, NormalisedDuplicate, NearDuplicate)
SHOWN: Final[tuple[type[Rule], ...]] = (SemanticDuplicate,)
"""Hints: their rows are told, but do not count towards the limit."""


class RemovalGuard(SummaryRule, frozen=True):
    """Removing all duplicates that were found would take away a large part of the data, or a whole source.

    Data made from templates looks like duplicates to any measure of similarity: removing near-duplicates has cut a set
    of 859,092 tool calls down to 2 rows before anybody looked. The rows that DUP401, DUP402 and DUP403 want removed are
    counted, each once; those of DUP406 are only told. Reported is a share above ``max_removal`` of all rows, and every
    file all of whose rows are to go, unless it is the only one; of fewer than ``min_rows`` rows nothing is said. Rules
    whose fix is unsafe, or that are in preview, are named as such. Measures: ``duplicates.redundant_rows``, the rows
    that are redundant in any way, with their share of all rows but marked copies and the rows of each rule, and
    ``duplicates.redundant_by_source``.

    Bad:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}]}
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}]}
        {"messages": [{"role": "user", "content": "Is ice cold?"}, {"role": "assistant", "content": "Yes."}]}
    Good:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}]}
        {"messages": [{"role": "user", "content": "Is fire cold?"}, {"role": "assistant", "content": "No."}]}
        {"messages": [{"role": "user", "content": "Is ice cold?"}, {"role": "assistant", "content": "Yes."}]}
    Do: look at the largest groups (``duplicates.near.largest``) before anything is removed. Where rows are made from a
        template on purpose, raise ``threshold`` of DUP403 or leave that rule out; where the data really repeats
        itself, remove the duplicates and raise ``max_removal``.
    """

    code: ClassVar[str] = "DUP407"
    name: ClassVar[str] = "removal-too-large"
    severity: ClassVar[Severity] = Severity.ERROR
    needs: ClassVar[frozenset[Product]] = frozenset({"marks"})
    example: ClassVar[dict[str, Json]] = {
        "rules": {"DUP407": {"min_rows": 3}},
        "ignores": [{"code": "DUP401", "reason": "the guard counts what is ignored in the report, too"}],
    }

    max_removal: float = 0.30
    min_rows: int = 10

    def judge(self, summary: Summary, run: Run) -> Iterable[Hit | Measure]:
        """Two measures; a hit for the whole, and one for every source that nothing would be left of."""
        by_rule = {rule.code: summary.drops(rule.code) for rule in COUNTED + SHOWN}
        marks = bytearray(summary.rows)
        for rule in COUNTED:
            for row in by_rule[rule.code]:
                marks[row] = 1
        redundant = marks.count(1)
        unique = summary.rows - sum(mark & COPY for mark in summary.marks)
        share = redundant / unique if unique else 0.0
        rows_of = {code: len(rows) for code, rows in by_rule.items() if rows}
        table: Json = {"share": round(share, 4), "by_rule": rows_of, "limit": self.max_removal}
        yield self.measure("duplicates.redundant_rows", redundant, table=table, n=unique)
        by_source = [(source, marks.count(1, source.first, source.end)) for source in summary.ranges]
        yield self.measure("duplicates.redundant_by_source", table=_table(by_source), n=unique)
        if summary.rows < self.min_rows:
            return
        if share > self.max_removal:
            yield self._too_many(redundant, unique, rows_of)
        if len(by_source) > 1:
            yield from self._emptied(by_source, by_rule)

    def _too_many(self, redundant: int, unique: int, rows_of: Mapping[str, int]) -> Hit:
        share = redundant / unique
        return self.hit(
            f"removing every duplicate that was found takes away {redundant:,} of {unique:,} rows ({share:.1%}): "
            f"{_asked(rows_of)}; asked for at most {self.max_removal:.0%}",
            scope="dataset",
            key="share",
            evidence={"rows": redundant, "share": round(share, 4), "limit": self.max_removal, "by_rule": rows_of},
        )

    def _emptied(
        self, by_source: Iterable[tuple[RowRange, int]], by_rule: Mapping[str, Sequence[int]]
    ) -> Iterator[Hit]:
        for (source, first, end), redundant in by_source:
            if not redundant or redundant < end - first:
                continue
            rows_of = {code: sum(first <= row < end for row in rows) for code, rows in by_rule.items()}
            rows_of = {code: count for code, count in rows_of.items() if count}
            yield self.hit(
                f"removing every duplicate that was found takes away all {redundant:,} rows of {source.path}: "
                f"{_asked(rows_of)}; asked for something to be left of every file",
                scope="dataset",
                source=source,
                key=f"source {source.path}",
                evidence={"rows": redundant, "source": source.path, "by_rule": rows_of},
            )


def _asked(rows_of: Mapping[str, int]) -> str:
    """Which rule asks for the removal of how many rows, and how far it can be trusted."""
    parts = [_part(rule, rows_of[rule.code]) for rule in COUNTED if rule.code in rows_of]
    parts += [f"{_part(rule, rows_of[rule.code])}, not counted" for rule in SHOWN if rule.code in rows_of]
    return "; ".join(parts)


def _part(rule: type[Rule], rows: int) -> str:
    notes = [rule.name]
    if rule.status == "preview":
        notes.append("in preview")
    if rule.fix is Applicability.UNSAFE:
        notes.append("unsafe")
    return f"{rule.code} ({', '.join(notes)}) {rows:,} row{'' if rows == 1 else 's'}"


def _table(by_source: Iterable[tuple[RowRange, int]]) -> list[Json]:
    return [
        {
            "file": source.path,
            "rows": end - first,
            "redundant": redundant,
            "share": round(redundant / (end - first), 4) if end > first else 0.0,
        }
        for (source, first, end), redundant in by_source
    ]

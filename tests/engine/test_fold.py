"""The engine: what it promises to rules, whatever they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.api import make_run
from audit.config.settings import Settings
from audit.engine.batch import ParsedBatch
from audit.engine.fold import Fold, Outcome
from audit.engine.scan import TriggerScan
from audit.model import Line, Measure, Message, Record, Severity, Source
from audit.read.lines import SourceReader
from audit.read.shapes import detect
from audit.rule import Batch, DatasetRule, Hit, LineRule, RecordRule, Rule, Run, Span, Summary, SummaryRule, TextRule

RUN = make_run(Settings())


def row(*turns: str, **more: Any) -> bytes:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]
    return json.dumps({"messages": messages, **more}).encode()


def fold(data: bytes, *rules: Rule, chunk_bytes: int = 1 << 22, run: Run = RUN) -> Outcome:
    one = Fold(rules, run)
    for chunk in SourceReader(Source(path="x.jsonl"), data=data, chunk_bytes=chunk_bytes):
        one.take(chunk)
    return one.finish()


class Loud(TextRule, frozen=True):
    code: ClassVar[str] = "ACM001"
    severity: ClassVar[Severity] = Severity.WARNING

    def triggers(self, run: Run) -> Sequence[str]:
        return ["LOUD"]

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        start = text.find("LOUD")
        while start >= 0:
            yield Span(start, start + 4, "loud")
            start = text.find("LOUD", start + 4)


class Seen(RecordRule, frozen=True):
    code: ClassVar[str] = "ACM002"
    severity: ClassVar[Severity] = Severity.ERROR

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        yield self.hit("seen", "/messages/0")


class Everything(Seen, frozen=True):
    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        return batch.parsed


class OncePerFile(Everything, frozen=True):
    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        yield self.hit("this file", scope="file", key="k")


class Lines(LineRule, frozen=True):
    code: ClassVar[str] = "ACM003"
    severity: ClassVar[Severity] = Severity.WARNING

    def check(self, line: Line, run: Run) -> Iterable[Hit]:
        yield from (self.hit(problem.kind, byte_span=(problem.start, problem.end)) for problem in line.problems)


class CountRows(DatasetRule, frozen=True):
    code: ClassVar[str] = "ACM004"
    severity: ClassVar[Severity] = Severity.INFO

    def start(self) -> Any:
        return [0]

    def take(self, state: Any, batch: Batch, run: Run) -> Any:
        return [state[0] + batch.rows]

    def merge(self, first: Any, second: Any) -> Any:
        return [first[0] + second[0]]

    def finish(self, state: Any, context: Any, run: Run) -> Iterable[Hit | Measure]:
        assert state[0] == context.rows
        yield self.measure("rows", state[0], n=state[0])


class Tally(SummaryRule, frozen=True):
    code: ClassVar[str] = "ACM005"
    severity: ClassVar[Severity] = Severity.INFO

    def judge(self, summary: Summary, run: Run) -> Iterable[Hit | Measure]:
        for code in summary.codes():
            yield self.measure(code, table=list(summary.rows_with(code)), n=summary.rows)


def test_a_text_rule_finds_every_hit_with_its_column_even_behind_escapes() -> None:
    data = row("héllo \n LOUD", "quiet LOUD and LOUD") + b"\n"
    findings = fold(data, Loud()).findings
    text = data.decode()
    for finding in findings:
        assert finding.place.column is not None
        assert finding.place.end_column is not None
        assert text[finding.place.column - 1 : finding.place.end_column - 1] == "LOUD"
    assert [finding.place.pointer for finding in findings] == [
        "/messages/0/content",
        "/messages/1/content",
        "/messages/1/content",
    ]


def test_a_trigger_written_as_json_escapes_is_not_missed() -> None:
    escaped = b'{"messages": [{"role": "user", "content": "\\u004cOUD"}, {"role": "assistant", "content": "b"}]}\n'
    assert len(fold(escaped, Loud()).findings) == 1


def test_a_scan_that_runs_out_of_memory_falls_back_to_one_by_one() -> None:
    class Many(Loud, frozen=True):
        def triggers(self, run: Run) -> Sequence[str]:
            return ["LOUD", *(f"[a-z]{{40}}x{i}" for i in range(60))]

    scan = TriggerScan([Many()], RUN, max_memory=1000)
    assert [rule.code for rule in scan.rules_for("very LOUD")] == ["ACM001"]
    assert list(scan.rules_for("quiet")) == []


def test_lone_surrogates_in_a_text_do_not_hide_a_trigger() -> None:
    scan = TriggerScan([Loud()], RUN)
    assert [rule.code for rule in scan.rules_for("\ud83d LOUD")] == ["ACM001"]


def test_canonical_rows_are_shown_only_to_rules_that_suspect_them() -> None:
    data = row("a", "b") + b"\n" + row("a") + b"\n"
    assert len(fold(data, Seen()).findings) == 1
    assert len(fold(data, Everything()).findings) == 2


def test_a_file_scope_hit_is_kept_once_and_counts_its_rows() -> None:
    data = (row("a", "b") + b"\n") * 7
    (finding,) = fold(data, OncePerFile(), chunk_bytes=100).findings
    assert (finding.scope, finding.place.line, finding.evidence["rows"]) == ("file", None, 7)


def test_every_kind_of_rule_gives_the_same_for_any_cut() -> None:
    data = b"\n".join([row("a", "LOUD"), b"{", b"", row("LOUD"), b"[1]", row("x", "y", "z")] * 5) + b"\n"
    rules = (Loud(), Everything(), Lines(), CountRows(), Tally())
    whole = fold(data, *rules)
    assert whole.rows == 25
    for chunk_bytes in (10, 100, 333, 1000):
        cut = fold(data, *rules, chunk_bytes=chunk_bytes)
        assert msgspec.json.encode(cut.findings) == msgspec.json.encode(whole.findings)
        assert msgspec.json.encode(cut.measures) == msgspec.json.encode(whole.measures)


@given(st.lists(st.sampled_from([row("a", "LOUD"), b"{", b"", row("q"), b"3"]), max_size=12), st.integers(0, 12))
def test_two_merged_folds_equal_one(lines: list[bytes], split: int) -> None:
    rules = (Loud(), Everything(), OncePerFile(), Lines(), CountRows(), Tally())
    data = b"\n".join(lines)
    chunks = list(SourceReader(Source(path="x.jsonl"), data=data, chunk_bytes=20))
    whole, first, second = Fold(rules, RUN), Fold(rules, RUN), Fold(rules, RUN)
    for index, chunk in enumerate(chunks):
        whole.take(chunk)
        (first if index < split else second).take(chunk)
    merged, single = first.merge(second).finish(), whole.finish()
    assert merged.findings == single.findings
    assert merged.measures == single.measures
    assert (merged.rows, merged.shapes_by_source) == (single.rows, single.shapes_by_source)


def test_a_summary_rule_sees_which_rows_the_others_found() -> None:
    data = row("a", "b") + b"\n\n" + row("LOUD", "b") + b"\n" + row("LOUD", "LOUD") + b"\n"
    measures = {m.name: m.table for m in fold(data, Loud(), Tally()).measures if m.code == "ACM005"}
    assert measures == {"ACM001": [1, 2]}


def test_every_row_rule_leaves_a_measure_even_when_it_found_nothing() -> None:
    (measure,) = fold(row("a", "b") + b"\n", Loud()).measures
    assert (measure.name, measure.value, measure.n) == ("rows.share", 0.0, 1)
    assert measure.interval is not None
    assert measure.interval[0] == 0.0 < measure.interval[1] < 1.0


def test_fingerprints_survive_reordering() -> None:
    one, two = row("LOUD one", "b"), row("LOUD two", "b")
    forward = {f.fingerprint for f in fold(one + b"\n" + two, Loud()).findings}
    backward = {f.fingerprint for f in fold(two + b"\n" + one, Loud()).findings}
    assert forward == backward
    assert len(forward) == 2


@pytest.mark.parametrize("metadata", [{}, {"metadata": {"sex": "F"}}])
def test_a_canonical_row_becomes_the_same_chat_as_its_shape_reads(metadata: dict[str, Any]) -> None:
    raw = row("a", "b", "c", "d", **metadata)
    (chunk,) = SourceReader(Source(path="x.jsonl"), data=raw)
    batch = ParsedBatch(chunk, texts=True)
    plain = batch.plain[0]
    assert plain is not None
    data = json.loads(raw)
    shape = detect(data)
    assert shape is not None
    assert batch.record(0).chat == shape.read(data)


class AnswersOnly(TextRule, frozen=True):
    """Has no trigger: asks each answer whether it ends."""

    code: ClassVar[str] = "ACM021"
    severity: ClassVar[Severity] = Severity.WARNING
    roles: ClassVar[frozenset[str] | None] = frozenset({"assistant"})

    def suspect(self, text: str) -> bool:
        return not text.endswith(".")

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        assert message.role == "assistant"
        yield Span(0, len(text), f"open: {text}")


class Everywhere(Loud, frozen=True):
    code: ClassVar[str] = "ACM022"
    everywhere: ClassVar[bool] = True


ODD = {"messages": [{"role": "user", "content": "q", "x": 1}, {"role": "assistant", "content": "odd"}]}


def test_a_text_rule_sees_what_its_speakers_say_with_a_trigger_or_without() -> None:
    data = row("open question", "open answer") + b"\n" + row("q", "Done.") + b"\n" + json.dumps(ODD).encode() + b"\n"
    found = fold(data, AnswersOnly(), Loud()).findings
    assert [(f.place.line, f.message, f.place.pointer) for f in found] == [
        (1, "open: open answer", "/messages/1/content"),
        (3, "open: odd", "/messages/1/content"),
    ]


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "LOUD"}'}}
TOOL = {"type": "function", "function": {"name": "f", "description": "LOUD", "parameters": {"type": "object"}}}


@pytest.mark.parametrize("odd", [False, True])
def test_a_rule_for_everywhere_sees_metadata_and_arguments_but_no_declarations(odd: bool) -> None:
    extra: dict[str, Any] = {"extra": 1} if odd else {}
    plain = row("q", "LOUD", metadata={"note": ["LOUD"], "role": "LOUD", "n": 1}, **extra)
    turns = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "content": "r", "tool_call_id": "1"},
        {"role": "assistant", "content": "a"},
    ]
    tool = json.dumps({"messages": turns, "tools": [TOOL], "metadata": {"a/b": "LOUD"}, **extra}).encode()
    found = fold(plain + b"\n" + tool + b"\n", Loud(), Everywhere()).findings
    at = [(f.code, f.place.line, f.place.pointer) for f in found]
    assert sorted(at) == [
        ("ACM001", 1, "/messages/1/content"),
        ("ACM022", 1, "/messages/1/content"),
        ("ACM022", 1, "/metadata/note/0"),
        ("ACM022", 2, "/messages/1/tool_calls/0/function/arguments"),
        ("ACM022", 2, "/metadata/a~1b"),
    ]
    without = fold(plain + b"\n" + tool + b"\n", Loud()).findings
    assert [f.place.line for f in without] == [1]


def test_exchanges_are_the_last_texts_of_both_sides() -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [CALL]}]
    tool = json.dumps({"messages": turns, "tools": [TOOL]}).encode()
    data = row("a", "b", "c", "d") + b"\n\n" + tool + b"\n" + json.dumps(ODD).encode() + b"\n"
    (chunk,) = SourceReader(Source(path="x.jsonl"), data=data)
    assert ParsedBatch(chunk, texts=True).exchanges == [(0, "c", "d"), (2, "q", "")]

"""The ENC rules: each problem of the reader is one finding, and its edit mends the line."""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.model import (
    Applicability,
    DropRow,
    Fix,
    Line,
    Measure,
    Problem,
    Severity,
    Source,
    Target,
    Transcode,
)
from audit.read.strict import diagnose
from audit.remedy.edits import apply_edits
from audit.rule import Hit, LineRule, Run, explain
from audit.rules.encoding import RULES
from audit.rules.encoding.byte_order_mark import ByteOrderMark
from audit.rules.encoding.line_ends import LineEnds
from audit.rules.encoding.not_an_object import NotAnObject
from audit.rules.encoding.oversize import Oversize

SOURCE = Source(path="rows.jsonl")
GENERIC = Target(name="generic", title="", as_of="2026-01-01")
HOSTED = Target(name="openai-sft", title="", as_of="2026-01-01", hosted=True, containers=("jsonl",))
LINE_RULES = [rule() for rule in RULES if issubclass(rule, LineRule)]


def found(raw: bytes, *problems: Problem, target: Target = GENERIC) -> list[tuple[str, Hit]]:
    line = Line(source=SOURCE, number=1, offset=0, raw=raw, problems=problems or diagnose(raw).problems)
    return [(rule.code, hit) for rule in LINE_RULES for hit in rule.check(line, Run(target=target))]


def mended(raw: bytes, fix: Fix | None) -> bytes | None:
    assert fix is not None
    return apply_edits(raw, fix.edits).raw


def codes(hits: Iterable[tuple[str, Hit]]) -> list[str]:
    return [code for code, _ in hits]


@pytest.mark.parametrize("rule", LINE_RULES, ids=lambda rule: rule.code)
def test_the_bad_example_gives_only_its_own_code_and_the_good_one_nothing(rule: LineRule) -> None:
    explanation = explain(type(rule))
    for line in explanation.bad:
        raw = ast.literal_eval(f"b'''{line}'''")
        if rule.code in ("ENC001", "ENC008"):
            continue  # problems of the file, which the splitter sees
        assert set(codes(found(raw))) == {rule.code}
    for line in explanation.good:
        assert found(ast.literal_eval(f"b'''{line}'''")) == []


def test_a_mark_in_the_middle_of_the_file_is_cut_out() -> None:
    raw = b'\xef\xbb\xbf{"a": 1}'
    ((code, hit),) = found(raw)
    assert (code, hit.scope) == ("ENC001", "row")
    assert mended(raw, hit.fix) == b'{"a": 1}'


def test_a_mark_at_the_start_is_accepted_only_by_azure() -> None:
    problem = Problem(kind="bom", message="mark", file=True)
    line = Line(source=SOURCE, number=1, offset=0, raw=b"{}", problems=(problem,))
    azure = Run(target=Target(name="azure", title="", as_of="", hosted=True))
    assert list(ByteOrderMark().check(line, azure)) == []
    (hit,) = ByteOrderMark().check(line, Run(target=HOSTED))
    assert hit.scope == "file"
    assert hit.fix is not None
    assert hit.fix.edits == (Transcode("utf-8"),)


def test_bytes_of_windows_1252_are_one_finding_and_one_unsafe_edit() -> None:
    raw = b'{"text": "caf\xe9 \x96 \xc3\xa9 \x80"}'
    ((code, hit),) = found(raw)
    assert code == "ENC002"
    assert hit.fix is not None
    assert hit.fix.applicability is Applicability.UNSAFE
    assert mended(raw, hit.fix) == '{"text": "caf\u00e9 \u2013 \u00e9 \u20ac"}'.encode()


def test_bytes_that_windows_1252_does_not_have_drop_the_row() -> None:
    ((_, hit),) = found(b'{"text": "\x81"}')
    assert hit.fix is not None
    assert hit.fix.edits == (DropRow(),)


@given(st.binary(max_size=40))
def test_the_unsafe_edit_makes_any_line_utf8_and_keeps_what_was(raw: bytes) -> None:
    for code, hit in found(raw):
        if code == "ENC002" and hit.fix is not None and hit.fix.applicability is Applicability.UNSAFE:
            after = mended(raw, hit.fix)
            assert after is not None
            after.decode("utf-8")
            assert bytes(byte for byte in after if byte < 128) == bytes(byte for byte in raw if byte < 128)


@given(st.binary(max_size=60))
def test_any_bytes_give_findings_and_never_an_exception(raw: bytes) -> None:
    for _, hit in found(raw):
        assert hit.message
        if hit.byte_span is not None:
            assert 0 <= hit.byte_span[0] < hit.byte_span[1] <= len(raw)


def test_a_line_that_is_not_json_is_dropped() -> None:
    for raw in (b'{"a": 1', b"{'a': 1}", b'{"a": 1,}', b'{"a": 1}{"a": 2}', b"[" * 3000):
        ((code, hit),) = found(raw)
        assert code == "ENC003", raw
        assert hit.fix is not None
        assert hit.fix.applicability is Applicability.DROP


def test_a_file_cut_short_has_no_row_to_drop() -> None:
    ((code, hit),) = found(b"{}", Problem(kind="truncated-file", message="the gzip stream is cut", file=True))
    assert (code, hit.scope, hit.fix) == ("ENC003", "file", None)


def test_an_object_alone_in_an_array_can_be_taken_out() -> None:
    raw = b' [{"a": [1]}] '
    ((code, hit),) = found(raw)
    assert code == "ENC004"
    assert hit.fix is not None
    assert hit.fix.applicability is Applicability.UNSAFE
    assert json.loads(mended(raw, hit.fix) or b"") == {"a": [1]}
    ((_, two),) = found(b'[{"a": 1}, {"a": 2}]')
    assert two.fix is not None
    assert two.fix.applicability is Applicability.DROP


def test_a_json_array_file_is_an_error_unless_a_local_target_reads_json() -> None:
    problem = Problem(kind="json-array-file", message="one JSON array", file=True)
    line = Line(source=SOURCE, number=1, offset=0, raw=b"{}", problems=(problem,))
    local = msgspec.structs.replace(GENERIC, containers=("jsonl", "json"))
    severities = []
    for target in (HOSTED, local, msgspec.structs.replace(local, hosted=True)):
        (hit,) = NotAnObject().check(line, Run(target=target))
        severities.append(hit.severity)
    assert severities == [Severity.ERROR, Severity.WARNING, Severity.ERROR]


def test_a_table_is_a_finding_only_where_the_target_does_not_read_it() -> None:
    for kind, container in (("csv-file", "csv"), ("parquet-file", "parquet")):
        problem = Problem(kind=kind, message="a table", file=True)
        reads = msgspec.structs.replace(GENERIC, containers=("jsonl", container))
        assert codes(found(b"{}", problem, target=HOSTED)) == ["ENC004"]
        assert found(b"{}", problem, target=reads) == []
        assert found(b"{}", problem, target=GENERIC) == []


def test_a_repeated_key_is_found_where_it_is_and_only_the_row_can_be_dropped() -> None:
    raw = b'{"a": {"b": 1, "b": 2}}'
    ((code, hit),) = found(raw)
    assert (code, hit.at, hit.fix and hit.fix.edits) == ("ENC005", "/a/b", (DropRow(),))
    assert hit.byte_span is not None
    assert raw[slice(*hit.byte_span)] == b'"b"'


def test_every_number_that_is_not_finite_is_found() -> None:
    hits = found(b'{"a": NaN, "b": [Infinity, -Infinity]}')
    assert [(code, hit.at) for code, hit in hits] == [("ENC006", "/a"), ("ENC006", "/b/0"), ("ENC006", "/b/1")]


def test_control_characters_of_one_text_are_one_finding_and_are_removed() -> None:
    raw = b'{"a": "x\\u0000y\\b\\u001bz \xc2\x9b", "b": "\\ud83d"}'
    hits = found(raw)
    assert codes(hits) == ["ENC007", "ENC007"]
    after = raw
    for _, hit in hits:
        assert hit.fix is not None
        assert hit.fix.applicability is Applicability.UNSAFE
    after = apply_edits(raw, [edit for _, hit in hits if hit.fix for edit in hit.fix.edits]).raw or b""
    assert json.loads(after) == {"a": "xyz ", "b": ""}
    assert found(after) == []


def test_what_a_terminal_was_told_goes_with_its_escape_character() -> None:
    raw = b'{"a": "6 hours\\b\\u001b[0m, \\u001B[1;31mred [0m \\u001b(B"}'
    ((code, hit),) = found(raw)
    assert code == "ENC007"
    assert json.loads(mended(raw, hit.fix) or b"") == {"a": "6 hours, red [0m (B"}


def test_a_byte_order_mark_of_utf_16_in_a_text_is_taken_out() -> None:
    raw = b'{"a": "\xff\xfeHi, caf\xe9"}'
    ((code, hit),) = found(raw)
    assert code == "ENC002"
    assert json.loads(mended(raw, hit.fix) or b"") == {"a": "Hi, caf\u00e9"}


def test_tabs_line_feeds_and_emoji_are_text() -> None:
    assert found(b'{"a": "\\t\\n\\r \\ud83d\\ude00"}') == []


def test_a_raw_line_separator_is_written_as_an_escape_and_means_the_same() -> None:
    raw = '{"a": "x\u2028y\u2029\u0085"}'.encode()
    hits = [hit for code, hit in found(raw) if code == "ENC010"]
    assert len(hits) == 1
    after = mended(raw, hits[0].fix)
    assert after == b'{"a": "x\\u2028y\\u2029\\u0085"}'
    assert json.loads(after) == json.loads(raw)


def test_a_blank_line_is_removed_safely() -> None:
    ((code, hit),) = found(b"   ")
    assert code == "ENC008"
    assert hit.fix is not None
    assert (hit.fix.applicability, hit.fix.edits) == (Applicability.SAFE, (DropRow(),))


def test_carriage_returns_alone_are_an_error_and_other_line_ends_a_warning() -> None:
    severities = {}
    for kind in ("crlf", "mixed-newlines", "no-final-newline", "cr-only"):
        problem = Problem(kind=kind, message=kind, file=True)
        line = Line(source=SOURCE, number=1, offset=0, raw=b"{}", problems=(problem,))
        (hit,) = LineEnds().check(line, Run(target=GENERIC))
        severities[kind] = hit.severity or LineEnds.severity
    assert {kind for kind, severity in severities.items() if severity is Severity.ERROR} == {"cr-only"}


class _Batch:
    """The columns of a batch that ENC009 looks at."""

    def __init__(self, first_line: int, sizes: Sequence[int]) -> None:
        self.source = SOURCE
        self.rows = len(sizes)
        self.bytes = sum(sizes) + len(sizes)
        self.line_sizes = sizes
        self.first_line = first_line

    def line_of(self, row: int) -> int:
        return self.first_line + row


class _Context:
    rows = 0
    sources = (SOURCE,)


def _oversize(rule: Oversize, target: Target, parts: Sequence[Sequence[int]]) -> list[Hit | Measure]:
    run = Run(target=target)
    state, line = rule.start(), 1
    for sizes in parts:
        state = rule.merge(state, json.loads(json.dumps(rule.take(rule.start(), _Batch(line, sizes), run))))  # type: ignore[arg-type]
        line += len(sizes)
    return list(rule.finish(state, _Context(), run))


def test_long_lines_warn_and_those_over_the_target_are_errors() -> None:
    target = msgspec.structs.replace(GENERIC, max_line_bytes=200)
    hits = [hit for hit in _oversize(Oversize(max_line_bytes=100), target, [[50, 101], [300]]) if isinstance(hit, Hit)]
    assert [(hit.line, hit.severity) for hit in hits] == [(2, None), (3, Severity.ERROR)]


def test_a_file_over_the_bytes_or_rows_of_its_target_is_an_error() -> None:
    target = msgspec.structs.replace(HOSTED, max_file_bytes=10, max_rows=2)
    hits = [hit for hit in _oversize(Oversize(), target, [[5, 5], [5]]) if isinstance(hit, Hit)]
    assert [(hit.scope, hit.key) for hit in hits] == [("file", "bytes"), ("file", "rows")]


@given(st.lists(st.integers(0, 20), max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_any_cut_of_the_file_gives_the_same_sizes(sizes: list[int], cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(sizes)) for cut in cuts), len(sizes)]
    parts = [sizes[a:b] for a, b in itertools.pairwise(edges)]
    rule = Oversize(max_line_bytes=10)
    assert _oversize(rule, GENERIC, parts) == _oversize(rule, GENERIC, [sizes])


def test_every_injected_defect_of_the_bytes_is_found_and_clean_rows_are_silent() -> None:
    folder = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "raw" / "mutants-dev"
    if not folder.is_dir():
        pytest.skip("the development data is not beside the project")
    import gzip

    expected = {
        "invalid_utf8": "ENC002",
        "invalid_json_single_quotes": "ENC003",
        "invalid_json_trailing_comma": "ENC003",
        "invalid_json_truncated": "ENC003",
        "invalid_json_two_objects_on_line": "ENC003",
        "json_array_instead_of_object": "ENC004",
        "duplicate_key": "ENC005",
        "json_nan": "ENC006",
        "lone_surrogate": "ENC007",
        "control_char": "ENC007",
        "blank_line": "ENC008",
    }
    truth = {row["line"]: row["defect"] for row in map(json.loads, (folder / "truth.jsonl").read_text().splitlines())}
    lines = gzip.decompress((folder / "broken.jsonl.gz").read_bytes()).split(b"\n")[:-1]
    for number, raw in enumerate(lines, 1):
        wanted = expected.get(truth.get(number, ""))
        assert codes(found(raw)) == ([wanted] if wanted else []), number

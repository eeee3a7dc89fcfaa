"""The exact look at one line: never raises, and says what is wrong and where."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.model import ABSENT, Problem
from audit.read.spans import resolve
from audit.read.strict import MAX_BAD_SEQUENCES, diagnose

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
ALMOST_JSON = st.lists(
    st.sampled_from(
        ["{", "}", "[", "]", '"', ",", ":", '"a"', "1", "-", "e9", "true", "NaN", "Infinity", "\\", "\\u00", "\\ud800"]  # noqa: RUF005
        + [" ", "\t", "'", "None", "//", "\x00", "\x7f", "\u2028", "é", "😀", "{}", "[]", '"a":1', '"a" : 2', "\ufeff"]
    ),
    max_size=14,
).map(lambda parts: "".join(parts).encode("utf-8"))


def only(raw: bytes) -> Problem:
    (problem,) = diagnose(raw).problems
    return problem


def kinds(raw: bytes) -> list[str]:
    return [problem.kind for problem in diagnose(raw).problems]


@given(st.one_of(st.binary(), ALMOST_JSON))
@settings(max_examples=500)
def test_no_bytes_raise_and_all_spans_lie_in_the_line(raw: bytes) -> None:
    diagnosis = diagnose(raw)
    for problem in diagnosis.problems:
        assert 0 <= problem.start <= problem.end <= len(raw)
    if diagnosis.value is ABSENT:
        assert diagnosis.problems


@given(st.one_of(ALMOST_JSON, JSON.map(lambda value: json.dumps(value).encode())))
@settings(max_examples=500)
def test_a_line_without_problems_is_read_by_a_strict_parser_to_the_same_value(raw: bytes) -> None:
    diagnosis = diagnose(raw)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        assert diagnosis.problems
        return
    assert diagnosis.value == value
    if isinstance(value, dict):
        assert "not-json" not in kinds(raw)
        assert "truncated" not in kinds(raw)


@given(st.dictionaries(st.text(), JSON), st.booleans())
def test_the_value_is_exact_and_pointers_lead_to_it(value: dict[str, object], ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    diagnosis = diagnose(raw)
    if "invalid-utf8" not in kinds(raw):
        assert diagnosis.value == value
    for problem in diagnosis.problems:
        assert resolve(diagnosis.value, problem.pointer) is not ABSENT


@pytest.mark.parametrize(
    ("raw", "cause", "column"),
    [
        ("{'a': 1}", "single quotes", 2),
        ("{\"a\": 'x'}", "single quotes", 7),
        ('{"a": 1,}', "trailing comma", 8),
        ('{"a": [1, 2, ]}', "trailing comma", 12),
        ('{"a": 1},', "trailing comma", 9),
        ('{"a": 1} {"b": 2}', "two values", 10),
        ('{"é": "x\ty"}', "raw control character", 9),
        ('{"a": 1} // why', "comment", 10),
        ('{"a": /* why */ 1}', "comment", 7),
        ('{"a": True}', "Python", 7),
        ('{"a": None}', "Python", 7),
        ('{"a": "\\x"}', "bad escape", 8),
        ('{"a": 1}}', "extra bracket", 9),
        ('{"a": "b, "c": 1}', "unexpected text", 12),
        ('{"a": "x}', "unclosed string", 7),
        ("{“a”: 1}", "curly quotes", 2),
    ],
)
def test_the_cause_of_broken_json_is_named_in_plain_words(raw: str, cause: str, column: int) -> None:
    problem = only(raw.encode())
    assert (problem.kind, problem.detail["cause"], problem.detail["column"]) == ("not-json", cause, column)
    assert len(raw.encode()[: problem.start].decode()) == column - 1


def test_every_proper_start_of_a_row_is_truncated_and_nothing_else() -> None:
    row = json.dumps({"a": ["x\\y é", 1.5e3, {"b": [True, None, -2]}]}).encode()
    for end in range(1, len(row)):
        assert kinds(row[:end]) == ["truncated"], row[:end]


def test_a_blank_line_has_no_value() -> None:
    assert diagnose(b" \t").value is ABSENT
    assert kinds(b"") == ["blank-line"]


def test_repeated_keys_are_named_once_each_with_their_pointer() -> None:
    raw = b'{"a": 1, "b": [{"c": 1, "c": 2, "\\u0063": 3}], "a": 2}'
    diagnosis = diagnose(raw)
    assert diagnosis.value == {"a": 2, "b": [{"c": 3}]}
    assert [(p.kind, p.pointer, raw[p.start : p.end]) for p in diagnosis.problems] == [
        ("duplicate-key", "/b/0/c", b'"c"'),
        ("duplicate-key", "/a", b'"a"'),
    ]


def test_numbers_that_are_not_finite_are_placed() -> None:
    raw = b'{"a": [NaN, -Infinity], "b": 1e999}'
    found = diagnose(raw).problems
    assert [(p.kind, p.pointer) for p in found] == [
        ("non-finite", "/a/0"),
        ("non-finite", "/a/1"),
        ("number-too-long", "/b"),
    ]
    assert kinds(b'{"a": ' + b"9" * 4_301 + b"}") == ["number-too-long"]
    assert kinds(b'{"a": ' + b"9" * 4_300 + b"}") == []


def test_odd_characters_are_placed_to_the_byte() -> None:
    raw = '{"é": "ab\\ud83d\\ude00\\ud800c\\u0000\x7f\u2028"}'.encode()
    surrogate, control, separator = diagnose(raw).problems
    assert (surrogate.kind, surrogate.pointer, raw[surrogate.start : surrogate.end]) == (
        "lone-surrogate",
        "/é",
        b"\\ud800",
    )
    assert surrogate.detail["position"] == 3
    assert (control.kind, control.detail["code_points"]) == ("control-character", ["U+0000", "U+007F"])
    assert [raw[start:end] for start, end in control.detail["spans"]] == [b"\\u0000", b"\x7f"]
    assert (separator.kind, raw[separator.start : separator.end]) == ("line-separator", b"\xe2\x80\xa8")


def test_escaped_line_separators_and_white_space_are_nothing() -> None:
    assert kinds(b'{"a": "\\u2028 \\u0085 \\n\\t\\r \\\\u0000 \\\\b"}') == []
    assert kinds('{"a": "\u0085"}'.encode()) == ["line-separator"]


def test_bad_bytes_are_placed_and_the_value_is_read_around_them() -> None:
    diagnosis = diagnose(b'{"a": "x\xffy", "b": "\xe2\x82"}')
    assert diagnosis.value == {"a": "x\ufffdy", "b": "\ufffd"}
    assert [(p.kind, p.pointer, p.start, p.end) for p in diagnosis.problems] == [
        ("invalid-utf8", "/a", 8, 9),
        ("invalid-utf8", "/b", 19, 21),
    ]
    assert len(diagnose(b'{"a": "' + b"\xff" * 99 + b'"}').problems) == MAX_BAD_SEQUENCES


@pytest.mark.parametrize(
    ("raw", "name"), [(b"[1]", "an array"), (b'"x"', "a string"), (b"null", "null"), (b"1", "a number")]
)
def test_a_value_that_is_no_object_is_named(raw: bytes, name: str) -> None:
    assert (only(raw).kind, only(raw).detail["type"]) == ("not-object", name)


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000])
def test_nesting_of_any_depth_is_survived(raw: bytes) -> None:
    assert kinds(raw) == ["too-deep"]


def test_a_mark_at_the_start_of_a_line_is_named_and_the_rest_is_read() -> None:
    diagnosis = diagnose(b'\xef\xbb\xbf{"a": NaN, "a": 1}')
    assert [(p.kind, p.start) for p in diagnosis.problems] == [("bom", 0), ("non-finite", 9), ("duplicate-key", 14)]


def test_a_long_line_is_diagnosed_in_bearable_time() -> None:
    raw = b'{"a": "' + b"x\\n" * 2_000_000 + b'\\u0000"}'
    assert only(raw).start == 7 + 6_000_000

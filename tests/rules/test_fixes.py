"""Every error of a row can be mended or removed, and safe fixes are complete: nothing safe is left after them."""

from __future__ import annotations

import copy
import gzip
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.api.fixing import fix
from audit.model import Applicability, Finding, Json, Severity
from audit.remedy.fix.report import FixOptions

MUTANTS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "raw" / "mutants-dev"
TARGETS = ("openai-sft", "openai-dpo", "openai-rft", "azure", "together", "trl", "generic")
ROW_RULES = ["ENC", "FMT", "TCL", "TOK"]
"""Families of rules that judge each row by itself. FMT114 and its like judge files."""

_CALL: Json = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
_TOOL: Json = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SEEDS: tuple[Json, ...] = (
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Is water wet?"},
            {"role": "assistant", "content": "Yes."},
        ],
        "metadata": {"id": 1},
    },
    {
        "messages": [
            {"role": "user", "content": "Weather in Oslo?"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "Rain"},
            {"role": "assistant", "content": "It rains.", "weight": 1},
        ],
        "tools": [_TOOL],
        "parallel_tool_calls": False,
    },
    {
        "input": {"messages": [{"role": "user", "content": "Hi"}], "tools": [_TOOL]},
        "preferred_output": [{"role": "assistant", "content": "Hello."}],
        "non_preferred_output": [{"role": "assistant", "content": "What?"}],
    },
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}], "id": "a"},
    {"instruction": "Say hello", "input": "", "output": "Hello."},
    {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "bot", "content": "Hm"}],
        "functions": [{"name": "weather", "parameters": {"type": "dict", "properties": {"city": {"type": "str"}}}}],
    },
)
JUNK: tuple[Json, ...] = (
    None, True, 0, 1.5, -1, 10**30, "", " ", "x", "User", "gpt", "weather", "{}", "\ud800", "\x00<|im_end|>",
    [], [None], [{}], {}, {"role": "user"}, {"role": "assistant", "content": ""}, {"type": "text", "text": 1},
)  # fmt: skip
KEYS = ("role", "content", "messages", "tools", "name", "weight", "tool_calls", "refusal", "x", "function_call", "a/b~")


def places(value: Json) -> Iterator[tuple[Json, str | int]]:
    """Every (holder, key) in a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from places(inner)


@st.composite
def broken_rows(draw: st.DrawFn) -> Json:
    """A row of some shape with up to three places deleted, replaced, renamed or repeated."""
    row = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(row))
        if not found:
            break
        holder, key = found[draw(st.integers(0, len(found) - 1))]
        what = draw(st.sampled_from(("delete", "replace", "rename", "repeat", "add")))
        if what == "delete":
            del holder[key]
        elif what == "replace":
            holder[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        elif isinstance(holder, list):
            holder.insert(int(key), copy.deepcopy(holder[int(key)]))
        elif what == "rename":
            holder[draw(st.sampled_from(KEYS))] = holder.pop(key)
        else:
            holder[draw(st.sampled_from(KEYS))] = copy.deepcopy(draw(st.sampled_from(JUNK)))
    return row


def as_line(row: Json) -> bytes:
    return json.dumps(row).encode()


lines_of_any_kind = st.one_of(
    broken_rows().map(as_line),
    broken_rows().map(lambda row: b"\xef\xbb\xbf" + as_line(row)),
    broken_rows().map(lambda row: json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")),
    broken_rows().map(lambda row: as_line([row])),
    broken_rows().map(lambda row: as_line(row)[:-3]),
    broken_rows().map(lambda row: as_line(row).replace(b'"Hi"', b'"caf\xe9 \xc2\x85"')),
    broken_rows().map(lambda row: as_line(row).replace(b'"role"', b'"role": "user", "role"', 1)),
    st.sampled_from([b"", b" ", b"\t", b"NaN", b"[]", b"null", b'"x"', b"{}", b'{"a": NaN}', b'{"text": "a"}']),
)
files = st.builds(
    lambda bom, rows, ends, last: bom + b"".join(row + end for row, end in zip(rows, ends, strict=False)) + last,
    st.sampled_from([b"", b"", b"\xef\xbb\xbf"]),
    st.lists(lines_of_any_kind, min_size=1, max_size=12),
    st.lists(st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n", b"\r\n\n"]), min_size=12, max_size=12),
    st.sampled_from([b"", b'{"messages": []}']),
)


def judged(path: Path, target: str) -> Sequence[Finding]:
    return audit.check(path, target=target, select=ROW_RULES).findings


def without_remedy(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Errors of single rows whose fix neither mends nor removes the row."""
    return [
        (finding.code, finding.message)
        for finding in findings
        if finding.scope == "row"
        and finding.severity is Severity.ERROR
        and (finding.fix is None or not finding.fix.edits or finding.fix.applicability is Applicability.SHOWN)
    ]


@settings(max_examples=50)
@given(files, st.sampled_from(TARGETS))
def test_every_error_of_a_broken_row_has_a_fix_that_mends_or_removes_it(data: bytes, target: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(data)
        assert without_remedy(judged(path, target)) == []


@settings(max_examples=20)
@given(files, st.sampled_from(TARGETS))
def test_safe_fixes_leave_nothing_safe_and_twice_is_once(data: bytes, target: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, mended, again = (Path(folder) / f"{name}.jsonl" for name in ("rows", "mended", "again"))
        path.write_bytes(data)
        first = fix(str(path), str(mended), target=target, select=ROW_RULES)
        assert first.wrote or not first.changed
        if not mended.exists():
            return
        safe = [f for f in judged(mended, target) if f.fix is not None and f.fix.applicability is Applicability.SAFE]
        assert [(finding.code, finding.message) for finding in safe if finding.fix and finding.fix.edits] == []
        second = fix(str(mended), str(again), target=target, select=ROW_RULES)
        assert not second.changed


@settings(max_examples=20)
@given(files, st.sampled_from(TARGETS))
def test_all_fixes_together_leave_no_row_with_an_error(data: bytes, target: str) -> None:
    everything = FixOptions(unsafe=True, drop=True, max_removal=1.0)
    with tempfile.TemporaryDirectory() as folder:
        path, mended = (Path(folder) / f"{name}.jsonl" for name in ("rows", "mended"))
        path.write_bytes(data)
        fix(str(path), str(mended), options=everything, target=target, select=ROW_RULES)
        if mended.exists():
            errors = [f for f in judged(mended, target) if f.scope == "row" and f.severity is Severity.ERROR]
            assert [(finding.code, finding.message) for finding in errors] == []


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(["good", "Good", "GOOD ", " good.", "godo", "bad", "Bad", "bad\n", "BAD!"]), min_size=12)
)
def test_labels_that_were_spelt_in_one_way_stay_so(labels: list[str]) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"Film number {n}"}, {"role": "assistant", "content": label}]}
        for n, label in enumerate(labels + ["good"] * 20 + ["bad"] * 20)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path, mended, again = (Path(folder) / f"{name}.jsonl" for name in ("rows", "mended", "again"))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        fix(str(path), str(mended), select=["LBL604"])
        if mended.exists():
            found = audit.check(mended, select=["LBL604"]).findings
            assert [f.message for f in found if f.fix and f.fix.applicability is Applicability.SAFE] == []
            assert not fix(str(mended), str(again), select=["LBL604"]).changed


@pytest.mark.skipif(not MUTANTS.is_dir(), reason="the shared data sets are not here")
@pytest.mark.parametrize("target", TARGETS)
def test_every_error_of_the_mutants_has_a_remedy(target: str) -> None:
    result = audit.check(MUTANTS / "broken.jsonl.gz", target=target)
    assert without_remedy(result.findings) == []


@pytest.mark.skipif(not MUTANTS.is_dir(), reason="the shared data sets are not here")
@pytest.mark.parametrize("target", ["openai-sft", "together", "trl"])
def test_all_fixes_leave_no_error_in_the_mutants(target: str, tmp_path: Path) -> None:
    path, mended = tmp_path / "broken.jsonl", tmp_path / "mended.jsonl"
    path.write_bytes(gzip.decompress((MUTANTS / "broken.jsonl.gz").read_bytes()))
    report = fix(str(path), str(mended), options=FixOptions(unsafe=True, drop=True, max_removal=1.0), target=target)
    assert report.wrote
    errors = [f for f in audit.check(mended, target=target).findings if f.severity is Severity.ERROR]
    assert [(finding.code, finding.message) for finding in errors] == []

"""The fast path for tool-calling rows: it accepts what the rules pass over, and judges as the exact way does."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit.api import make_run
from audit.catalog import plan
from audit.config.settings import Settings
from audit.engine.batch import ParsedBatch
from audit.engine.fold import Fold, Outcome
from audit.model import RowTokens, Source
from audit.read.canonical_tools import accept_tools
from audit.read.chunks import Chunk
from audit.read.lines import SourceReader
from audit.rule import Rule, Run
from audit.targets import target_names
from audit.tokens import make_counter

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
REAL = ("chat/glaive-toolcall-en.jsonl.gz", "chat/bfcl-dev.jsonl.gz", "raw/mutants-dev/broken.jsonl.gz")
CHANGED: dict[str, dict[str, Any]] = {
    "arguments are objects": {"arguments": "object"},
    "no tools in a row": {"row_keys": ("messages",)},
    "no results in a row": {"message_keys": {"tool": ("role", "content")}},
}
"""Targets that do not ship, but that the rules have something to say for."""
Row: TypeAlias = dict[str, Any]


def tool(name: str = "weather", **function: Any) -> Row:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": schema, **function}}


def call(call_id: str, name: str = "weather", arguments: Any = '{"city": "Oslo"}') -> Row:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(call_id: str, content: Any = '{"sky": "grey"}') -> Row:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def sound() -> Row:
    return {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [call("a"), call("b")]},
            result("b"),
            result("a", ""),
            {"role": "assistant", "content": "Grey."},
            {"role": "user", "content": "And now?"},
            {"role": "assistant", "tool_calls": [call("c")]},
        ],
        "tools": [tool(), tool("sky.colour", description="Of the sky.", strict=None)],
        "parallel_tool_calls": True,
        "metadata": {"source": "x", "more": {"n": [1, 2.5]}},
    }


def accepted(raw: bytes) -> bool:
    (chunk,) = SourceReader(Source(path="rows.jsonl"), data=raw + b"\n")
    return bool(accept_tools(chunk.lines, [0], chunk.suspects))


def chunks(data: bytes, *, fast: bool) -> list[Chunk]:
    """The chunks of some lines; for the exact way every line is a suspect."""
    read = list(SourceReader(Source(path="rows.jsonl"), data=data))
    for chunk in read:
        chunk.suspects.update(() if fast else range(len(chunk.lines)))
    return read


@cache
def rules_for(target: str) -> tuple[tuple[Rule, ...], Run]:
    """All rules under a shipped target, or under "generic" changed in the one way that its name says."""
    chosen = Settings(
        select=("ENC", "FMT", "TCL"), preview=True, target=target if target in target_names() else "generic"
    )
    run = make_run(chosen)
    run = msgspec.structs.replace(run, target=msgspec.structs.replace(run.target, **CHANGED.get(target, {})))
    return tuple(plan(chosen, run).rules), run


def judged(data: bytes, target: str, *, fast: bool) -> Outcome:
    fold = Fold(*rules_for(target))
    for chunk in chunks(data, fast=fast):
        fold.take(chunk)
    return fold.finish()


def test_a_sound_row_is_accepted_however_it_is_spaced() -> None:
    row = sound()
    for written in (json.dumps(row), json.dumps(row, separators=(",", ":")), json.dumps(row, ensure_ascii=False)):
        assert accepted(written.encode())


def test_texts_that_look_like_keys_are_no_repeated_keys() -> None:
    row = sound()
    row["messages"][3]["content"] = ':) {"a": 1, "a": 2}'
    row["messages"][1]["content"] = ":("
    row["messages"][5]["content"] = 'Under "C:\\"'
    assert accepted(json.dumps(row).encode())


def messages(change: Callable[[list[Row]], Any]) -> Callable[[Row], Any]:
    return lambda row: change(row["messages"])


def in_call(**changes: Any) -> Callable[[Row], Any]:
    return lambda row: row["messages"][2]["tool_calls"][1].update(changes)


def in_function(**changes: Any) -> Callable[[Row], Any]:
    return lambda row: row["messages"][2]["tool_calls"][1]["function"].update(changes)


def in_tool(**changes: Any) -> Callable[[Row], Any]:
    return lambda row: row["tools"][0]["function"].update(changes)


REFUSED: dict[str, Callable[[Row], Any]] = {
    "no tools": lambda row: row.pop("tools"),
    "empty tools": lambda row: row.update(tools=[]),
    "null tools": lambda row: row.update(tools=None),
    "tools as text": lambda row: row.update(tools="[]"),
    "unknown key": lambda row: row.update(id=1),
    "functions": lambda row: row.update(functions=[]),
    "parallel is text": lambda row: row.update(parallel_tool_calls="yes"),
    "null parallel": lambda row: row.update(parallel_tool_calls=None),
    "metadata is a list": lambda row: row.update(metadata=[]),
    "bare tool": lambda row: row["tools"].append({"name": "x"}),
    "tool without type": lambda row: row["tools"][0].pop("type"),
    "tool without name": lambda row: row["tools"][0]["function"].pop("name"),
    "empty name": in_tool(name=""),
    "null description": in_tool(description=None),
    "null parameters": in_tool(parameters=None),
    "strict is text": in_tool(strict="yes"),
    "other schema key": in_tool(input_schema={}),
    "empty messages": messages(lambda turns: turns.clear()),
    "two system messages": messages(lambda turns: turns.insert(1, turns[0])),
    "late system message": messages(lambda turns: turns.insert(2, turns[0])),
    "two user turns": messages(lambda turns: turns.insert(2, turns[1])),
    "two answers": messages(lambda turns: turns.insert(6, turns[5])),
    "assistant first": messages(lambda turns: turns.pop(1)),
    "ends with user": messages(lambda turns: turns.pop()),
    "ends with a result": messages(lambda turns: turns.append(result("c"))),
    "developer": messages(lambda turns: turns[0].update(role="developer")),
    "empty question": messages(lambda turns: turns[1].update(content="")),
    "blank question": messages(lambda turns: turns[1].update(content=" \n\u3000")),
    "null question": messages(lambda turns: turns[1].update(content=None)),
    "content in parts": messages(lambda turns: turns[1].update(content=[{"type": "text", "text": "a"}])),
    "null answer": messages(lambda turns: turns[5].update(content=None)),
    "empty answer": messages(lambda turns: turns[5].update(content="")),
    "no answer": messages(lambda turns: turns[5].pop("content")),
    "null calls": messages(lambda turns: turns[5].update(tool_calls=None)),
    "no calls": messages(lambda turns: turns[5].update(tool_calls=[])),
    "weight": messages(lambda turns: turns[5].update(weight=1)),
    "name": messages(lambda turns: turns[1].update(name="Ann")),
    "named result": messages(lambda turns: turns[3].update(name="weather")),
    "null result": messages(lambda turns: turns[3].update(content=None)),
    "missing result": messages(lambda turns: turns.pop(3)),
    "second result": messages(lambda turns: turns.insert(4, turns[3])),
    "unknown result": messages(lambda turns: turns[3].update(tool_call_id="z")),
    "late result": messages(lambda turns: turns.insert(6, turns.pop(3))),
    "call without id": lambda row: row["messages"][2]["tool_calls"][1].pop("id"),
    "empty id": in_call(id=""),
    "id in one turn twice": in_call(id="a"),
    "id in two turns": lambda row: row["messages"][7]["tool_calls"][0].update(id="a"),
    "call of another type": in_call(type="custom"),
    "call with an index": in_call(index=0),
    "undeclared": in_function(name="wether"),
    "arguments as an object": in_function(arguments={"city": "Oslo"}),
    "arguments of a list": in_function(arguments="[]"),
    "arguments in Python": in_function(arguments="{'city': 'Oslo'}"),
    "no arguments": in_function(arguments=""),
    "arguments not a number": in_function(arguments='{"city": NaN}'),
    "half a surrogate": in_function(arguments='{"city": "\\ud800"}'),
    "escaped control": messages(lambda turns: turns[1].update(content="a\u0000b")),
}
OPEN: dict[str, Callable[[Row], Any]] = {
    "nothing": lambda row: None,
    "name with a dot": lambda row: row["tools"].append(tool("a.b")),
    "name twice": lambda row: row["tools"].append(tool()),
    "foreign type": in_tool(parameters={"type": "dict", "properties": {"city": {"type": "str"}}}),
    "invalid schema": in_tool(parameters={"type": "object", "required": "city"}),
    "not an object": in_tool(parameters={"type": "string"}),
    "remote reference": in_tool(parameters={"$ref": "https://example.com/schema"}),
    "no parameters": lambda row: row["tools"][0]["function"].pop("parameters"),
    "extra tool key": in_tool(response={"type": "dict"}),
    "unknown parameter": in_function(arguments='{"city": "Oslo", "days": 2}'),
    "missing parameter": in_function(arguments="{}"),
    "wrong type": in_function(arguments='{"city": 1}'),
    "no metadata": lambda row: row.pop("metadata"),
    "no parallel": lambda row: row.pop("parallel_tool_calls"),
    "text beside a call": messages(lambda turns: turns[7].update(content="One moment.")),
    "empty text beside a call": messages(lambda turns: turns[7].update(content="")),
    "no system message": messages(lambda turns: turns.pop(0)),
    "user after a result": messages(lambda turns: turns.pop(5)),
    "only talk": lambda row: row.update(messages=[row["messages"][1], row["messages"][5]]),
}


@pytest.mark.parametrize("change", REFUSED)
def test_what_a_rule_might_find_is_refused(change: str) -> None:
    row = sound()
    REFUSED[change](row)
    assert not accepted(json.dumps(row).encode())


@pytest.mark.parametrize("change", OPEN)
def test_what_needs_the_schema_or_the_target_is_accepted(change: str) -> None:
    row = sound()
    OPEN[change](row)
    assert accepted(json.dumps(row).encode())


REPEATED: dict[str, tuple[str, str]] = {
    "in the row": ('"tools":', '"tools": [], "tools":'),
    "in a message": ('"content": "Weather?"', '"content": "x", "content": "Weather?"'),
    "of a role": ('"role": "system"', '"role": "user", "role": "system"'),
    "in a call": ('"id": "a"', '"id": "z", "id": "a"'),
    "in what is called": ('"arguments": ', '"arguments": "{}", "arguments": '),
    "in a tool": ('"description": ', '"description": "x", "description": '),
    "in a schema": ('"required": ', '"required": [], "required": '),
    "in metadata": ('"source": ', '"source": 1, "source": '),
    "in nested metadata": ('"n": ', '"n": 1, "n": '),
    "before white space": ('"source": ', '"source" : 1, "source": '),
    "in a schema before white space": ('"required": ', '"required" : [], "required": '),
    "in nested metadata before white space": ('"n": ', '"n" : 1, "n": '),
    "ending in a backslash": ('"n": ', '"n\\\\": 1, "n\\\\": 2, "n": '),
    "with an escape": ('"source": ', '"sourc\\u0065": 1, "source": '),
}
ESCAPED_COLON: dict[str, tuple[str, str]] = {
    "beside an escaped colon": ('"n": ', '"n": "\\u003a", "n": '),
    "in metadata, with an escaped colon": ('"source": "x"', '"source": 1, "source": "\\u003a"'),
    "in a schema, with an escaped colon": ('"required": ', '"required": [], "title": "\\u003A", "required": '),
}


@pytest.mark.parametrize("place", [*REPEATED, *ESCAPED_COLON])
@pytest.mark.parametrize("text", ["Weather?", ":)", 'say {"a": 1}', "C:\\", 'C:\\"'])
def test_a_repeated_key_is_refused_wherever_it_stands(place: str, text: str) -> None:
    row = sound()
    row["messages"][3]["content"] = text
    written = json.dumps(row)
    assert accepted(written.encode())
    before, after = {**REPEATED, **ESCAPED_COLON}[place]
    assert before in written
    assert not accepted(written.replace(before, after, 1).encode())


def outcomes_agree(data: bytes, target: str) -> None:
    fast, exact = (judged(data, target, fast=way) for way in (True, False))
    assert fast.findings == exact.findings
    assert fast.measures == exact.measures
    assert (fast.rows, fast.shapes_by_source) == (exact.rows, exact.shapes_by_source)


Edit: TypeAlias = tuple[str, str] | None
rows = st.tuples(
    st.lists(st.sampled_from([*OPEN, *OPEN, *REFUSED]), max_size=2),
    st.sampled_from([None, None, None, *REPEATED.values()]),
    st.booleans(),
)


def written(changes: list[str], edit: Edit, compact: bool) -> bytes:
    row = copy.deepcopy(sound())
    for change in changes:
        # The change before it may have taken away what this one needs.
        with suppress(KeyError, IndexError, AttributeError, TypeError):
            {**OPEN, **REFUSED}[change](row)
    line = json.dumps(row, separators=(",", ":") if compact else None)
    return (line.replace(*edit, 1) if edit else line).encode()


@pytest.mark.parametrize("target", [*target_names(), *CHANGED])
@settings(max_examples=40, deadline=None)
@given(st.lists(rows, min_size=1, max_size=6))
@example([([change], None, False) for change in [*OPEN, *REFUSED]])
def test_rows_are_judged_alike_with_and_without_the_fast_path(
    target: str, drawn: list[tuple[list[str], Edit, bool]]
) -> None:
    outcomes_agree(b"\n".join(written(*row) for row in drawn) + b"\n", target)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
@pytest.mark.parametrize("target", ["generic", "openai-sft", "together", "trl"])
@pytest.mark.parametrize("name", REAL)
def test_real_data_is_judged_alike_with_and_without_the_fast_path(name: str, target: str) -> None:
    outcomes_agree(gzip.decompress((SHARED / name).read_bytes()), target)


def test_the_columns_of_a_batch_are_those_of_the_exact_way() -> None:
    plain = {"messages": sound()["messages"][1:2] + sound()["messages"][5:6]}
    odd = {"messages": [], "metadata": {}}
    bare = {**sound(), "tools": [tool()]}
    del bare["metadata"]
    lines = [json.dumps(row).encode() for row in (plain, sound(), odd, bare, plain, {**plain, "metadata": {}}, sound())]
    counter = make_counter("cl100k_base")
    for data in (b"\n".join(lines) + b"\n", b"\n".join([lines[0]] * 12 + lines) + b"\n"):
        (fast,), (exact,) = ([ParsedBatch(chunk, counter) for chunk in chunks(data, fast=way)] for way in (True, False))
        assert [row.row for row in fast.tool_rows] == [len(data.split(b"\n")) - 8 + row for row in (1, 3, 6)]
        assert not exact.tool_rows
        assert list(fast.parsed) == list(exact.parsed)
        assert {name: list(found) for name, found in fast.shapes.items()} == exact.shapes
        assert list(fast.with_metadata) == list(exact.with_metadata)
        assert fast.tokens == exact.tokens
        for row in fast.tool_rows:
            assert fast.record(row.row) == exact.record(row.row)
            assert isinstance(fast.record(row.row).tokens, RowTokens)

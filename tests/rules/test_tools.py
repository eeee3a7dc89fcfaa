"""The TCL rules: one defect of a tool-calling row is one finding, and what is sound stays silent."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.model import Applicability, Chat, Json, Record, Severity, Source
from audit.read.shapes import detect
from audit.read.spans import locate
from audit.remedy.edits import apply_edits
from audit.rule import Hit, RecordRule, Run, explain
from audit.rules.tools import RULES
from audit.targets import load_target

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
ALL = [rule() for rule in RULES if issubclass(rule, RecordRule)]


def record_of(row: Json, raw: bytes | None = None) -> Record:
    shape = detect(row)
    return Record(
        source=Source(path="rows.jsonl"),
        line=1,
        offset=0,
        raw=raw if raw is not None else json.dumps(row).encode(),
        data=row,
        shape=shape.name if shape else "unknown",
        chat=shape.read(row) if shape else Chat(),
    )


def found(row: Json, target: str = "openai-sft") -> list[tuple[str, Hit]]:
    run = Run(target=load_target(target))
    record = record_of(row)
    return [(rule.code, hit) for rule in ALL if rule.applies_to(run) is None for hit in rule.check(record, run)]


def codes(row: Json, target: str = "openai-sft") -> list[str]:
    return [code for code, _ in found(row, target)]


def only(row: Json, target: str = "openai-sft") -> tuple[str, Hit]:
    hits = found(row, target)
    assert len(hits) == 1, hits
    return hits[0]


def mended(row: Json, hit: Hit) -> Json:
    assert hit.fix is not None
    after = apply_edits(json.dumps(row).encode(), hit.fix.edits)
    assert after.deferred == ()
    return json.loads(after.raw or b"null")


def call(call_id: str = "call_1", name: str = "weather", arguments: Json = '{"city": "Oslo"}') -> dict[str, Json]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(name: str = "weather", **parameters: Json) -> dict[str, Json]:
    schema = parameters or {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def result(call_id: str = "call_1", content: str = "Rain") -> dict[str, Json]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def row_of(*turns: dict[str, Json], tools: Json = None) -> dict[str, Json]:
    return {"messages": [{"role": "user", "content": "Weather?"}, *turns], "tools": tools or [tool()]}


def calling(*calls: dict[str, Json]) -> dict[str, Json]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


ANSWER: dict[str, Json] = {"role": "assistant", "content": "It rains."}


def sound() -> dict[str, Json]:
    return row_of(calling(call(), call("call_2", arguments='{"city": "Bergen"}')), result("call_2"), result(), ANSWER)


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.code)
def test_the_bad_example_gives_only_its_own_code_and_the_good_one_nothing(rule: RecordRule) -> None:
    explanation = explain(type(rule))
    target = getattr(rule, "example", {}).get("target", "generic")
    for line in explanation.bad:
        assert codes(json.loads(line), target) == [rule.code]
    for line in explanation.good:
        assert codes(json.loads(line), target) == []


@pytest.mark.parametrize("target", ["generic", "openai-sft", "trl", "azure"])
def test_a_sound_row_with_parallel_calls_is_silent(target: str) -> None:
    assert codes(sound(), target) == []
    assert codes(row_of(calling(call())), target) == []


def test_no_tool_rule_judges_a_target_that_takes_no_tools() -> None:
    run = Run(target=load_target("together"))
    assert all(rule.applies_to(run) for rule in ALL)


# ----------------------------------------------------------------------------- TCL201


def test_an_object_becomes_a_string_for_openai_and_stays_for_others() -> None:
    row = row_of(calling(call(arguments={"city": "Troms\u00f8"})))
    code, hit = only(row)
    assert code == "TCL201"
    assert hit.fix is not None
    assert hit.fix.applicability is Applicability.SAFE
    after = mended(row, hit)
    assert after["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Troms\u00f8"}'
    assert codes(after) == []
    assert codes(row, "trl") == codes(row, "generic") == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{'city': 'Oslo', 'now': True}", {"city": "Oslo", "now": True}),
        ('"{\\"city\\": \\"Oslo\\"}"', {"city": "Oslo"}),
        ("", {}),
    ],
)
def test_arguments_that_are_clearly_an_object_have_an_unsafe_fix(text: str, wanted: Json) -> None:
    row = row_of(calling(call(arguments=text)), tools=[tool(type="object")])
    code, hit = only(row)
    assert code == "TCL201"
    assert hit.fix is not None
    assert hit.fix.applicability is Applicability.UNSAFE
    assert json.loads(mended(row, hit)["messages"][1]["tool_calls"][0]["function"]["arguments"]) == wanted


@pytest.mark.parametrize("arguments", ["{'a': 1,", "[1]", "null", 7, None, [1], '{"a": NaN}', "[" * 5000])
def test_arguments_beyond_repair_drop_the_row_under_every_target(arguments: Json) -> None:
    for target in ("openai-sft", "generic", "trl"):
        code, hit = only(row_of(calling(call(arguments=arguments))), target)
        assert (code, hit.severity) == ("TCL201", None)
        assert hit.fix is not None
        assert hit.fix.applicability is Applicability.DROP


# ----------------------------------------------------------------------------- TCL202


def test_a_call_without_id_is_one_finding_and_takes_the_id_of_its_only_result() -> None:
    row = row_of(calling({k: v for k, v in call().items() if k != "id"}), result(), ANSWER)
    code, hit = only(row)
    assert code == "TCL202"
    assert codes(mended(row, hit)) == []


def test_one_broken_link_is_one_finding() -> None:
    broken = {
        "orphan": row_of(calling(call()), result("call_9"), ANSWER),
        "no tool_call_id": row_of(calling(call()), {"role": "tool", "content": "Rain"}, ANSWER),
        "never answered": row_of(calling(call()), ANSWER),
        "one of two never answered": row_of(calling(call(), call("call_2")), result(), ANSWER),
        "answered late": row_of(calling(call()), {"role": "user", "content": "?"}, result(), ANSWER),
        "answered twice": row_of(calling(call()), result(), result(), ANSWER),
        "same id twice": row_of(calling(call(), call()), result(), ANSWER),
        "result without any call": row_of(result(), ANSWER),
        "id is a number": row_of(calling({**call(), "id": 1}), result("1"), ANSWER),
    }
    assert {name: codes(row) for name, row in broken.items()} == {name: ["TCL202"] for name in broken}


def test_a_missing_tool_call_id_is_filled_in_where_one_call_waits() -> None:
    row = row_of(calling(call()), {"role": "tool", "content": "Rain"}, ANSWER)
    _, hit = only(row)
    assert codes(mended(row, hit)) == []


def test_ids_that_repeat_from_turn_to_turn_warn() -> None:
    turn = (calling(call()), result(), ANSWER, {"role": "user", "content": "And now?"})
    code, hit = only(row_of(*turn, *turn[:3]))
    assert (code, hit.severity) == ("TCL202", Severity.WARNING)


def test_local_targets_may_leave_ids_out_altogether() -> None:
    row = row_of(
        calling({"type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}),
        {"role": "tool", "name": "weather", "content": "Rain"},
        ANSWER,
    )
    assert codes(row, "trl") == codes(row, "generic") == []
    assert "TCL202" in codes(row)


def test_a_system_message_or_a_wrong_role_between_call_and_result_is_not_a_broken_link() -> None:
    assert codes(row_of(calling(call()), {"role": "system", "content": "s"}, result(), ANSWER)) == []
    assert codes(row_of(calling(call()), {**result(), "role": "Tool"}, ANSWER)) == []


def test_the_two_answers_of_a_preference_row_are_judged_apart() -> None:
    row = {
        "input": {"messages": [{"role": "user", "content": "Weather?"}], "tools": [tool()]},
        "preferred_output": [calling(call())],
        "non_preferred_output": [calling(call(arguments='{"city": "Rome"}'))],
    }
    assert codes(row, "openai-dpo") == []


def test_invented_ids_are_not_judged() -> None:
    row = {
        "conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": '{"name": "weather", "arguments": {"city": "Oslo"}}'},
            {"from": "gpt", "value": "It rains."},
        ],
        "tools": json.dumps([tool()["function"]]),
    }
    assert codes(row, "generic") == []


# ----------------------------------------------------------------------------- TCL203, TCL204


def test_an_undeclared_tool_names_the_nearest_and_is_not_judged_further() -> None:
    code, hit = only(row_of(calling(call(name="wether", arguments='{"x": 1}'))))
    assert code == "TCL203"
    assert 'did you mean "weather"' in hit.message


def test_calls_in_a_row_without_tools_warn_once_for_a_hosted_target_only() -> None:
    row = row_of(calling(call(), call("call_2")))
    del row["tools"]
    code, hit = only(row)
    assert (code, hit.severity) == ("TCL203", Severity.WARNING)
    assert codes(row, "generic") == []


@pytest.mark.parametrize("arguments", ['{"city": 1}', "{}", '{"city": "Oslo", "day": "now"}'])
def test_arguments_that_do_not_fit_warn_once_per_call(arguments: str) -> None:
    code, hit = only(row_of(calling(call(arguments=arguments))))
    assert (code, hit.severity) == ("TCL204", None)


def test_an_unknown_parameter_passes_where_the_schema_is_open_or_the_option_is_off() -> None:
    row = row_of(calling(call(arguments='{"day": 1}')), tools=[tool(type="object", properties={})])
    assert codes(row) == ["TCL204"]
    openings: tuple[tuple[str, Json], ...] = (("additionalProperties", True), ("patternProperties", {}))
    for key, value in openings:
        opened = row_of(
            calling(call(arguments='{"day": 1}')),
            tools=[tool(type="object", properties={}, **{key: value})],
        )
        assert codes(opened) == []
    rule = next(type(rule) for rule in ALL if rule.code == "TCL204")
    run = Run(target=load_target("openai-sft"))
    assert list(rule(unknown_parameters=False).check(record_of(row), run)) == []  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "required": "city"},
        {"type": "object", "$ref": "https://example.org/schema.json"},
        {"$schema": "https://example.org/dialect", "type": "object"},
        {"type": 7},
        {"type": ["str", "null", {}]},
        {"properties": {"city": {"pattern": "("}}},
        {"properties": {"city": {"type": "string"}, "\ud800": {}}},
    ],
)
def test_an_unusable_schema_never_raises(schema: dict[str, Json]) -> None:
    assert "TCL201" not in codes(row_of(calling(call()), tools=[tool(**schema)]))


def test_python_type_names_are_read_as_what_they_mean_and_mended_safely() -> None:
    schema: dict[str, Json] = {
        "type": "dict",
        "properties": {
            "city": {"type": "str"},
            "type": {"type": ["float", "null"]},
            "any": {"type": "any", "description": "free"},
            "list": {"type": "tuple", "items": {"type": "FLOAT"}},
        },
    }
    row = row_of(
        calling(call(arguments='{"city": "Oslo", "type": 1.5, "any": [], "list": [1]}')), tools=[tool(**schema)]
    )
    code, hit = only(row)
    assert code == "TCL207"
    after = mended(row, hit)
    assert codes(after) == []
    properties = after["tools"][0]["function"]["parameters"]["properties"]
    assert properties["type"] == {"type": ["number", "null"]}
    assert properties["any"] == {"description": "free"}


# ----------------------------------------------------------------------------- TCL205, TCL206, TCL208


def test_a_name_declared_twice_and_a_broken_schema_are_found() -> None:
    assert codes(row_of(ANSWER, tools=[tool(), tool()])) == ["TCL205"]
    assert codes(row_of(ANSWER, tools=[tool(type="array")])) == ["TCL205"]
    assert codes(row_of(ANSWER, tools=[tool(type="object", properties={"a": {"type": "datetime"}})])) == ["TCL205"]


def legacy() -> dict[str, Json]:
    return {
        "messages": [
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "weather", "arguments": '{"city": "Oslo"}'},
            },
            {"role": "function", "name": "weather", "content": "Rain"},
            ANSWER,
        ],
        "functions": [tool()["function"]],
    }


def test_deprecated_functions_are_one_finding_and_migrate_to_a_sound_row() -> None:
    code, hit = only(legacy())
    assert code == "TCL206"
    after = mended(legacy(), hit)
    assert codes(after) == []
    assert after["messages"][2] == {"role": "tool", "tool_call_id": "call_1", "content": "Rain"}
    assert list(after) == ["messages", "tools"]


def test_functions_that_could_be_read_in_two_ways_are_not_migrated() -> None:
    row = legacy()
    row["messages"][2]["name"] = "other"
    hits = dict(found(row))
    assert hits["TCL206"].fix is None


def test_legacy_calls_are_judged_like_tool_calls() -> None:
    row = legacy()
    row["messages"][1]["function_call"]["name"] = "no_such"
    assert codes(row) == ["TCL203", "TCL206"]


@pytest.mark.parametrize(
    "tools",
    [
        {"a": 1},
        "search",
        [1],
        [{"type": "function"}],
        [{"type": "function", "function": "weather"}],
        [{"type": "function", "function": {}}],
        [{"type": "function", "function": {"name": 3}}],
        [{"type": "web_search"}],
        [{"function": {"name": "weather"}}],
        [{"name": "weather"}],
        [{"type": "function", "function": {"name": "a.b"}}],
        [{"type": "function", "function": {"name": "x" * 65}}],
        [{"type": "function", "function": {"name": "a", "parameters": []}}],
        [{"type": "function", "function": {"name": "a", "strict": "yes"}}],
        [{"type": "function", "function": {"name": "a", "description": 5}}],
    ],
)
def test_a_malformed_definition_is_one_error_for_a_hosted_target(tools: Json) -> None:
    code, hit = only(row_of(ANSWER, tools=tools))
    assert (code, hit.severity) == ("TCL208", None)


def test_local_targets_read_bare_functions_and_any_name() -> None:
    for tools in ([{"name": "a.b", "parameters": {}}], [{"function": {"name": "weather"}}], None):
        assert codes(row_of(ANSWER, tools=tools), "generic") == []


def test_a_bare_function_is_wrapped_and_a_missing_type_added() -> None:
    for tools in ([tool()["function"]], [{"function": tool()["function"]}]):
        row = row_of(ANSWER, tools=tools)
        _, hit = only(row)
        assert sorted(mended(row, hit)["tools"][0]) == ["function", "type"]
        assert codes(mended(row, hit)) == []


@pytest.mark.parametrize(
    "calls", [{}, "x", [1], [{}], [{"id": "a", "type": "function"}], [{**call(), "type": "tool"}], [call(name="")]]
)
def test_a_malformed_call_is_one_error(calls: Json) -> None:
    row = row_of({"role": "assistant", "content": None, "tool_calls": calls})
    assert set(codes(row)) <= {"TCL208", "TCL202"}
    assert codes(row).count("TCL208") == 1


def test_null_and_empty_tool_calls_are_removed_safely() -> None:
    for calls, severity in ((None, None), ([], Severity.WARNING)):
        row = row_of({**ANSWER, "tool_calls": calls})
        code, hit = only(row)
        assert (code, hit.severity) == ("TCL208", severity)
        assert codes(mended(row, hit)) == []
        assert codes(row, "generic") == []


# ----------------------------------------------------------------------------- anything at all

_junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "weather", "call_1", "{}", "dict", "function"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "function", "name", "arguments", "parameters", "properties", "items", "required"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def _paths(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return ([path] if path else []) + [found for step, inner in items for found in _paths(inner, (*path, step))]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from([sound(), legacy()]), st.data(), st.sampled_from(["openai-sft", "generic"]))
def test_any_damage_gives_findings_at_real_places_and_edits_that_apply(
    row: dict[str, Json], data: st.DataObject, target: str
) -> None:
    row = copy.deepcopy(row)
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(_paths(row)))
        parent: Json = row
        for step in path[:-1]:
            parent = parent[step]
        if data.draw(st.booleans()):
            parent[path[-1]] = data.draw(_junk)
        else:
            del parent[path[-1]]
        if not _paths(row):
            break
    before = copy.deepcopy(row)
    raw = json.dumps(row).encode()
    for _, hit in found(row, target):
        assert not hit.at or locate(raw, hit.at) is not None
        if hit.fix is not None and hit.fix.applicability in (Applicability.SAFE, Applicability.UNSAFE):
            assert apply_edits(raw, hit.fix.edits).deferred == ()
    assert row == before


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from([sound(), legacy()]), st.data())
def test_a_safe_fix_silences_its_finding(row: dict[str, Json], data: st.DataObject) -> None:
    row = copy.deepcopy(row)
    path = data.draw(st.sampled_from(_paths(row)))
    parent: Json = row
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = data.draw(_junk)
    for code, hit in found(row):
        if hit.fix is not None and hit.fix.applicability is Applicability.SAFE:
            after = found(mended(row, hit))
            assert (code, hit.at, hit.message) not in [(other, late.at, late.message) for other, late in after]


# ----------------------------------------------------------------------------- real data


def _rows(path: Path) -> list[Json]:
    if not path.exists():
        pytest.skip("the development data is not beside the project")
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).split(b"\n") if line]


def test_real_tool_calls_give_next_to_no_findings() -> None:
    rows = _rows(DATA / "chat" / "glaive-toolcall-en.jsonl.gz")
    assert [code for row in rows for code in codes(row)] == ["TCL204"]


def test_real_schemas_with_python_types_warn_and_nothing_else_under_a_tolerant_target() -> None:
    rows = _rows(DATA / "chat" / "bfcl-dev.jsonl.gz")[:200]
    assert {code for row in rows for code in codes(row, "generic")} == {"TCL207"}


def test_raw_sharegpt_rows_are_judged_without_false_alarms() -> None:
    path = DATA / "raw" / "glaive-toolcall-en" / "glaive_toolcall_en_demo.json"
    if not path.exists():
        pytest.skip("the development data is not beside the project")
    rows = json.loads(path.read_bytes())
    assert [code for row in rows for code in codes(row, "generic")] == ["TCL204"]


def test_every_injected_tool_defect_is_one_finding_and_clean_rows_are_silent() -> None:
    folder = DATA / "raw" / "mutants-dev"
    if not folder.is_dir():
        pytest.skip("the development data is not beside the project")
    expected = {
        "tool_args_invalid_json": "TCL201",
        "tool_args_not_string": "TCL201",
        "tool_call_without_id": "TCL202",
        "tool_unknown_name": "TCL203",
        "tool_args_unknown_param": "TCL204",
    }
    truth = {row["line"]: row["defect"] for row in map(json.loads, (folder / "truth.jsonl").read_text().splitlines())}
    lines = gzip.decompress((folder / "broken.jsonl.gz").read_bytes()).split(b"\n")
    seen = 0
    for number, raw in enumerate(lines, 1):
        try:
            row = json.loads(raw)
        except ValueError:
            continue
        if isinstance(row, dict):
            wanted = expected.get(truth.get(number, ""))
            assert codes(row) == ([wanted] if wanted else []), number
            seen += wanted is not None
    assert seen == 30

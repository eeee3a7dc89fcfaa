"""Agreement with the published row formats: what they accept has no error finding, what they reject has one.

Rows are generated from OpenAI's row schemas of 2025-05-20 (the last published) and the documented prose rules that the
schemas do not express; the schema file itself confirms on which side each row lies.
"""

from __future__ import annotations

import copy
import json
import string
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.model import Json, Severity

SCHEMAS = Path(__file__).resolve().parents[1] / ".." / "shared" / "openai" / "row_schemas_2025-05-20.json"
needs_schemas = pytest.mark.skipif(not SCHEMAS.is_file(), reason="the file of OpenAI's row schemas is not here")

Kind = Literal["openai-sft", "openai-dpo", "openai-rft"]
SCHEMA_OF = {
    "openai-sft": "FineTuneChatRequestInput",
    "openai-dpo": "FineTunePreferenceRequestInput",
    "openai-rft": "FineTuneReinforcementRequestInput",
}


# ----------------------------------------------------------------------------- the two judges


def with_null(node: Json) -> Json:
    """The schema in JSON Schema's words: OpenAPI's ``nullable`` becomes a choice with null."""
    if isinstance(node, list):
        return [with_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: with_null(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [{"type": "null"}, plain]} if node.get("nullable") is True else plain


@cache
def oracle(kind: Kind) -> Callable[[Json], bool]:
    from jsonschema import Draft202012Validator

    document = with_null(json.loads(SCHEMAS.read_text("utf-8")))
    schema = {"$ref": f"#/components/schemas/{SCHEMA_OF[kind]}", "components": document["components"]}
    validator = Draft202012Validator(schema)

    def accepts(row: Json) -> bool:
        return bool(validator.is_valid(as_the_schema_names_it(row) if kind == "openai-dpo" else row))

    return accepts


def as_the_schema_names_it(row: Json) -> Json:
    """A preference row with the names that the answers have in the schema (the guide's are others)."""
    old = {"preferred_output": "preferred_completion", "non_preferred_output": "non_preferred_completion"}
    return {old.get(key, key): value for key, value in row.items()}


def errors(row: Json, target: str) -> list[str]:
    result = audit.check([row], target=target, select=["ENC", "FMT", "TCL"], ignore=["FMT114"])
    return [f"{found.code} {found.message}" for found in result.findings if found.severity is Severity.ERROR]


# ----------------------------------------------------------------------------- rows that are right

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn", "Zl", "Zp"]), max_size=12)
TEXT = st.builds("{}{}".format, st.sampled_from(["Hi", "Ünïcode", "你好", '"quoted" \\ back', "a\nb\tc"]), WORDS)
NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=12)
TEXT_PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}), min_size=1, max_size=2)
URLS = st.sampled_from(
    ["https://example.org/a.png", "http://example.org/b.jpg", "data:image/png;base64,iVBORw0KGgo=", "data:image/webp,x"]
)
IMAGE = st.fixed_dictionaries(
    {
        "type": st.just("image_url"),
        "image_url": st.fixed_dictionaries(
            {"url": URLS}, optional={"detail": st.sampled_from(["auto", "low", "high"])}
        ),
    }
)
CONTENT = TEXT | TEXT_PARTS
REFUSAL = st.fixed_dictionaries({"type": st.just("refusal"), "refusal": TEXT})


def message(
    role: str, content: st.SearchStrategy[Json], **optional: st.SearchStrategy[Json]
) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"role": st.just(role), "content": content}, optional=optional)


def user(images: bool) -> st.SearchStrategy[Json]:
    with_images = st.builds(lambda texts, image: [*texts, image], TEXT_PARTS, IMAGE)
    return message("user", CONTENT | with_images if images else CONTENT, name=NAMES)


def answer(*weights: int) -> st.SearchStrategy[Json]:
    weight = {"weight": st.sampled_from(weights)} if weights else {}
    spoken = message("assistant", CONTENT, name=NAMES, **weight)
    refused = message("assistant", st.lists(REFUSAL, min_size=1, max_size=1))
    refused_beside = message("assistant", st.none()).flatmap(
        lambda base: TEXT.map(lambda text: {**base, "refusal": text})
    )
    return spoken | refused | refused_beside


class Tools(NamedTuple):
    """A way to use tools in a row: what it declares, and the turns of a call and its results."""

    declared: list[Json]
    turns: list[Json]


@st.composite
def tool_use(draw: st.DrawFn) -> Tools:
    names = draw(st.lists(NAMES, min_size=1, max_size=2, unique=True))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    declared = [
        {"type": "function", "function": {"name": name, "description": "The weather.", "parameters": schema}}
        for name in names
    ]
    ids = [f"call_{index}" for index in range(len(names))]
    calls = [
        {"id": ident, "type": "function", "function": {"name": name, "arguments": json.dumps({"city": draw(TEXT)})}}
        for ident, name in zip(ids, names, strict=True)
    ]
    said: Json = {"role": "assistant", "tool_calls": calls}
    if draw(st.booleans()):
        said["content"] = draw(st.none() | TEXT)
    results = [{"role": "tool", "tool_call_id": ident, "content": draw(CONTENT)} for ident in ids]
    return Tools(declared, [said, *results])


@st.composite
def conversation(draw: st.DrawFn, *, instructing: str, images: bool, last: bool) -> Json:
    """Messages and, where they use them, tools; ends with the answer if ``last``, else with what asks for it."""
    messages: list[Json] = []
    declared: list[Json] = []
    if draw(st.booleans()):
        messages.append(draw(message(instructing, CONTENT, name=NAMES)))
    rounds = draw(st.integers(1, 3))
    for number in range(rounds):
        messages.append(draw(user(images and number == 0)))
        if not declared and draw(st.booleans()):
            use = draw(tool_use())
            declared = use.declared
            messages += use.turns
        if number < rounds - 1:
            messages.append(draw(answer(0, 1)))
    if last:
        messages.append(draw(answer(1)))
    elif messages[-1]["role"] != "user":
        messages += [draw(answer()), draw(user(False))]
    return {"messages": messages, **({"tools": declared} if declared else {})}


@st.composite
def supervised_rows(draw: st.DrawFn) -> Json:
    row = draw(conversation(instructing="system", images=True, last=True))
    if "tools" in row and draw(st.booleans()):
        row["parallel_tool_calls"] = draw(st.booleans())
    return row


@st.composite
def preference_rows(draw: st.DrawFn) -> Json:
    row: Json = {"input": draw(conversation(instructing="system", images=False, last=False))}
    old = draw(st.booleans())
    chosen, rejected = draw(st.lists(TEXT, min_size=2, max_size=2, unique=True))
    row["preferred_completion" if old else "preferred_output"] = [{"role": "assistant", "content": chosen}]
    row["non_preferred_completion" if old else "non_preferred_output"] = [{"role": "assistant", "content": rejected}]
    return row


@st.composite
def reinforcement_rows(draw: st.DrawFn) -> Json:
    row = draw(conversation(instructing="developer", images=True, last=False))
    columns = st.sampled_from(["reference_answer", "difficulty", "metadata", "id", "grader_notes", "source"])
    values = st.none() | st.integers() | TEXT | st.lists(st.integers(), max_size=2) | st.just({"a": {"b": 1}})
    return row | draw(st.dictionaries(columns, values, max_size=3))


ROWS: dict[Kind, st.SearchStrategy[Json]] = {
    "openai-sft": supervised_rows(),
    "openai-dpo": preference_rows(),
    "openai-rft": reinforcement_rows(),
}


# ----------------------------------------------------------------------------- rows that are wrong


class Mutation(NamedTuple):
    """One way to spoil a row: who rejects the result (the schema, or only the documentation), and the change."""

    kind: Kind
    name: str
    by: Literal["schema", "prose"]
    spoil: Callable[[Json], Json]


def first(role: str, /, **changes: Json) -> Callable[[Json], Json]:
    """Changes keys of the first message of a role; ``...`` takes a key away."""

    def spoil(row: Json) -> Json:
        for said in row.get("input", row)["messages"]:
            if said["role"] == role:
                said.update(changes)
                for key in [key for key, value in changes.items() if value is ...]:
                    del said[key]
                return row
        raise AssertionError(f"no {role} message in the row")

    return spoil


def put(**changes: Json) -> Callable[[Json], Json]:
    """Sets keys of the row; ``...`` takes a key away."""

    def spoil(row: Json) -> Json:
        return {key: value for key, value in {**row, **changes}.items() if value is not ...}

    return spoil


def put_input(**changes: Json) -> Callable[[Json], Json]:
    def spoil(row: Json) -> Json:
        return {**row, "input": put(**changes)(row["input"])}

    return spoil


def append(**said: Json) -> Callable[[Json], Json]:
    def spoil(row: Json) -> Json:
        row["messages"].append(said)
        return row

    return spoil


def put_answer(value: Json) -> Callable[[Json], Json]:
    """Sets the preferred answer, under whichever name it has; ``...`` takes it away."""

    def spoil(row: Json) -> Json:
        key = "preferred_output" if "preferred_output" in row else "preferred_completion"
        return put(**{key: value})(row)

    return spoil


def part(**keys: Json) -> list[Json]:
    return [keys]


def use_tool(**changes: Json) -> Callable[[Json], Json]:
    """Adds a call and its result before the last message, with keys of the call changed."""

    def spoil(row: Json) -> Json:
        function = {"name": "weather", "arguments": "{}"}
        call: Json = {"id": "call_9", "type": "function", "function": function}
        for key, value in changes.items():
            where = function if key in function else call
            where[key] = value
            if value is ...:
                del where[key]
        turns = [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_9", "content": "Rain"},
        ]
        declared = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
        messages = [*row["messages"][:-1], *turns, row["messages"][-1]]
        return {**row, "messages": messages, "tools": [*row.get("tools", []), declared]}

    return spoil


def only_questions(row: Json) -> Json:
    return {**row, "messages": [said for said in row["messages"] if said["role"] == "user"]}


def two_answers(row: Json) -> Json:
    return put_answer([{"role": "assistant", "content": "One."}, {"role": "assistant", "content": "Two."}])(row)


TWO_REFUSALS = [{"type": "refusal", "refusal": "No."}, {"type": "refusal", "refusal": "No!"}]
MIXED_REFUSAL = [{"type": "text", "text": "Hm."}, {"type": "refusal", "refusal": "No."}]
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
DETAIL = {"url": "https://example.org/a.png", "detail": "medium"}

MUTATIONS = (
    Mutation("openai-sft", "messages-empty", "schema", put(messages=[])),
    Mutation("openai-sft", "messages-text", "schema", put(messages="Hi")),
    Mutation("openai-sft", "messages-missing", "prose", put(messages=...)),
    Mutation("openai-sft", "message-text", "schema", lambda row: {**row, "messages": ["Hi", *row["messages"]]}),
    Mutation("openai-sft", "role-missing", "schema", first("user", role=...)),
    Mutation("openai-sft", "role-other-case", "schema", first("user", role="User")),
    Mutation("openai-sft", "role-unknown", "schema", first("assistant", role="bot")),
    Mutation("openai-sft", "role-null", "schema", first("user", role=None)),
    Mutation("openai-sft", "content-missing", "schema", first("user", content=...)),
    Mutation("openai-sft", "content-null", "schema", first("user", content=None)),
    Mutation("openai-sft", "content-number", "schema", first("user", content=7)),
    Mutation("openai-sft", "content-object", "schema", first("user", content={"type": "text", "text": "Hi"})),
    Mutation("openai-sft", "content-no-parts", "schema", first("user", content=[])),
    Mutation("openai-sft", "part-text-itself", "schema", first("user", content=["Hi"])),
    Mutation("openai-sft", "part-without-type", "schema", first("user", content=part(text="Hi"))),
    Mutation("openai-sft", "part-unknown", "schema", first("user", content=part(type="video", video="x"))),
    Mutation("openai-sft", "part-without-text", "schema", first("user", content=part(type="text"))),
    Mutation("openai-sft", "image-without-url", "schema", first("user", content=part(type="image_url", image_url={}))),
    Mutation("openai-sft", "image-as-text", "schema", first("user", content=part(type="image_url", image_url="x"))),
    Mutation("openai-sft", "image-detail", "schema", first("user", content=part(type="image_url", image_url=DETAIL))),
    Mutation(
        "openai-sft", "image-path", "prose", first("user", content=part(type="image_url", image_url={"url": "a.png"}))
    ),
    Mutation("openai-sft", "audio-part", "prose", first("user", content=[SOUND])),
    Mutation(
        "openai-sft",
        "image-of-assistant",
        "schema",
        append(role="assistant", content=part(type="image_url", image_url={"url": "https://example.org/a.png"})),
    ),
    Mutation("openai-sft", "two-refusals", "prose", append(role="assistant", content=TWO_REFUSALS)),
    Mutation("openai-sft", "refusal-and-text", "prose", append(role="assistant", content=MIXED_REFUSAL)),
    Mutation("openai-sft", "says-nothing", "prose", append(role="assistant")),
    Mutation("openai-sft", "answer-null", "prose", append(role="assistant", content=None)),
    Mutation("openai-sft", "refusal-number", "schema", append(role="assistant", content="No.", refusal=7)),
    Mutation("openai-sft", "name-number", "schema", first("user", name=7)),
    Mutation("openai-sft", "name-null", "schema", first("user", name=None)),
    Mutation("openai-sft", "weight-two", "schema", append(role="assistant", content="Yes.", weight=2)),
    Mutation("openai-sft", "weight-boolean", "schema", append(role="assistant", content="Yes.", weight=True)),
    Mutation("openai-sft", "weight-text", "schema", append(role="assistant", content="Yes.", weight="1")),
    Mutation("openai-sft", "weight-half", "schema", append(role="assistant", content="Yes.", weight=0.5)),
    Mutation("openai-sft", "weight-float", "prose", append(role="assistant", content="Yes.", weight=1.0)),
    Mutation("openai-sft", "weight-of-user", "prose", first("user", weight=1)),
    Mutation(
        "openai-sft", "function-without-name", "schema", lambda row: _before_last(row, role="function", content="")
    ),
    Mutation("openai-sft", "row-weight", "prose", put(weight=1)),
    Mutation("openai-sft", "message-key", "prose", first("user", contents="Hi")),
    Mutation("openai-sft", "parallel-text", "schema", put(parallel_tool_calls="no")),
    Mutation("openai-sft", "functions-empty", "schema", put(functions=[])),
    Mutation("openai-sft", "tools-object", "schema", put(tools={})),
    Mutation("openai-sft", "tool-without-name", "schema", put(tools=[{"type": "function", "function": {}}])),
    Mutation("openai-sft", "call-without-id", "schema", use_tool(id=...)),
    Mutation("openai-sft", "call-without-type", "schema", use_tool(type=...)),
    Mutation("openai-sft", "call-without-arguments", "schema", use_tool(arguments=...)),
    Mutation("openai-sft", "arguments-object", "schema", use_tool(arguments={})),
    Mutation("openai-sft", "result-without-id", "schema", lambda row: _before_last(row, role="tool", content="x")),
    Mutation("openai-sft", "ends-with-user", "prose", append(role="user", content="And now?")),
    Mutation("openai-sft", "no-answer", "prose", only_questions),
    Mutation("openai-dpo", "input-missing", "prose", put(input=...)),
    Mutation("openai-dpo", "input-list", "schema", put(input=[])),
    Mutation("openai-dpo", "input-without-messages", "prose", put_input(messages=...)),
    Mutation("openai-dpo", "messages-empty", "schema", put_input(messages=[])),
    Mutation("openai-dpo", "parallel-text", "schema", put_input(parallel_tool_calls="no")),
    Mutation("openai-dpo", "role-unknown", "schema", first("user", role="Human")),
    Mutation("openai-dpo", "content-number", "schema", first("user", content=7)),
    Mutation(
        "openai-dpo",
        "image",
        "prose",
        first("user", content=part(type="image_url", image_url={"url": "https://example.org/a.png"})),
    ),
    Mutation("openai-dpo", "answer-missing", "prose", put_answer(...)),
    Mutation("openai-dpo", "answer-empty", "prose", put_answer([])),
    Mutation("openai-dpo", "answer-text", "schema", put_answer("Yes.")),
    Mutation("openai-dpo", "answer-object", "schema", put_answer({"role": "assistant", "content": "Yes."})),
    Mutation("openai-dpo", "answer-of-user", "schema", put_answer([{"role": "user", "content": "Yes."}])),
    Mutation("openai-dpo", "two-messages", "schema", two_answers),
    Mutation("openai-dpo", "row-key", "prose", put(chosen_by="anna")),
    Mutation("openai-rft", "messages-missing", "schema", put(messages=...)),
    Mutation("openai-rft", "messages-empty", "schema", put(messages=[])),
    Mutation(
        "openai-rft",
        "system",
        "schema",
        lambda row: {**row, "messages": [{"role": "system", "content": "Be brief."}, *row["messages"]]},
    ),
    Mutation("openai-rft", "role-unknown", "schema", first("user", role="human")),
    Mutation("openai-rft", "content-number", "schema", first("user", content=7)),
    Mutation("openai-rft", "ends-with-answer", "prose", append(role="assistant", content="Paris.")),
)


def _before_last(row: Json, **said: Json) -> Json:
    row["messages"].insert(len(row["messages"]) - 1, said)
    return row


# ----------------------------------------------------------------------------- the agreement


@needs_schemas
@pytest.mark.parametrize("kind", ROWS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_row_that_the_schema_accepts_has_no_error(kind: Kind, data: st.DataObject) -> None:
    row = data.draw(ROWS[kind])
    assert oracle(kind)(row), "the generator is wrong: the schema rejects its row"
    assert errors(row, kind) == []


@needs_schemas
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.kind}-{mutation.name}")
@settings(max_examples=4)
@given(data=st.data())
def test_a_row_that_is_rejected_has_an_error(mutation: Mutation, data: st.DataObject) -> None:
    row = mutation.spoil(copy.deepcopy(data.draw(ROWS[mutation.kind])))
    assert oracle(mutation.kind)(row) is (mutation.by == "prose"), "the mutation is filed under the wrong judge"
    assert errors(row, mutation.kind) != []

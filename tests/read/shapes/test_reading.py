"""What each shape makes of its rows, and what holds for all of them whatever the row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.model import ABSENT, Chat, Json, Message
from audit.read.shapes import SHAPES, detect, read_chat

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
USER = {"role": "user", "content": "Hi"}
SAID = {"role": "assistant", "content": "Yo"}


def read(row: dict[str, Json]) -> Chat:
    shape = detect(row)
    assert shape is not None
    return read_chat(row, shape)


def said(turns: tuple[Message, ...]) -> list[tuple[Json, Json]]:
    return [(turn.role, turn.content) for turn in turns]


def resolve(row: Json, pointer: str) -> Json:
    value = row
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def pointers(chat: Chat) -> list[str]:
    found = [*chat.lost, chat.tools_at]
    for turn in chat.messages + chat.chosen + chat.rejected:
        found += [turn.at, turn.role_at, turn.content_at, turn.call_id_at, *(at for at, _ in turn.texts())]
        for call in turn.calls:
            found += [call.at, call.id_at, call.name_at, call.arguments_at]
    return found


KEYS = st.sampled_from(
    [
        "messages",
        "tools",
        "metadata",
        "input",
        "preferred_output",
        "non_preferred_output",
        "preferred_completion",
        "conversations",
        "chosen",
        "rejected",
        "prompt",
        "completion",
        "label",
        "kto_tag",
        "instruction",
        "output",
        "history",
        "system",
        "context",
        "response",
        "instances",
        "question",
        "answer",
        "choices",
        "text",
        "content",
        "row_id",
        "arm",
        "role",
        "from",
        "value",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "tool_call_id",
        "type",
        "tool_use_id",
        "train",
        "weight",
        "a/b~c",
    ]
)
TEXTS = st.sampled_from(
    [
        "",
        "user",
        "assistant",
        "gpt",
        "human",
        "function_call",
        "observation",
        "system",
        "tool_use",
        "tool_result",
        "text",
        "thinking",
        "x",
        "\n\nHuman: a\n\nAssistant: b",
        '{"name": "f", "arguments": {}}',
        '[{"name": 1}, 2]',
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ROWS = st.dictionaries(KEYS, VALUES, max_size=6)
_TURN = st.fixed_dictionaries({}, optional=dict.fromkeys(("role", "content", "from", "value", "tool_calls"), VALUES))
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        key: st.lists(_TURN, max_size=3) | VALUES
        for key in ("messages", "conversations", "chosen", "rejected", "prompt", "completion", "system", "history")
    },
)


@settings(deadline=None, max_examples=150)
@given(ROWS | SHAPED)
def test_no_object_makes_a_shape_raise_and_every_pointer_leads_somewhere(row: dict[str, Json]) -> None:
    before = repr(row)
    assert detect(row) == next((shape for shape in SHAPES if shape.detect(row)), None)
    for shape in SHAPES:
        chat = read_chat(row, shape)
        for pointer in pointers(chat):
            resolve(row, pointer)
    assert repr(row) == before


@settings(deadline=None, max_examples=150)
@given(ROWS | SHAPED)
def test_each_text_stands_where_its_pointer_says(row: dict[str, Json]) -> None:
    for shape in SHAPES:
        chat = read_chat(row, shape)
        for turn in chat.messages + chat.chosen + chat.rejected:
            for at, text in turn.texts():
                assert text in resolve(row, at)


@pytest.mark.parametrize(
    "name",
    [
        "raw/glaive-toolcall-en/glaive_toolcall_en_demo.json",
        "raw/llamafactory-en/dpo_en_demo.json.gz",
        "raw/hh-rlhf-harmless-test/test.jsonl.gz",
        "raw/self-instruct-seed/seed_tasks.jsonl",
        "raw/dolly-subset/databricks-dolly-15k-safety-only.jsonl",
        "chat/bfcl-dev.jsonl.gz",
    ],
)
def test_in_real_rows_every_pointer_leads_to_its_value(name: str) -> None:
    path = DATA / name
    if not path.exists():
        pytest.skip("the shared data is not here")
    raw = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
    rows = json.loads(raw) if raw.startswith("[") else [json.loads(line) for line in raw.splitlines()[:300]]
    for row in rows[:300]:
        chat = read(row)
        assert chat.messages
        for pointer in pointers(chat):
            resolve(row, pointer)
        for turn in chat.messages + chat.chosen + chat.rejected:
            assert isinstance(turn.role, str)
            assert turn.content or turn.calls or turn.content == "" or resolve(row, turn.content_at) is None


# ----------------------------------------------------------------------------- the OpenAI family


def test_an_openai_message_is_taken_as_it_stands() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    row = {
        "messages": [
            {"role": "System", "content": "s", "name": "n"},
            {"role": "assistant", "content": None, "tool_calls": [call, 3, {"function": {}}], "weight": 0},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "t"}]},
            "not a message",
            {"content": 3},
        ],
        "tools": "none",
        "metadata": {"a": 1},
        "more": 1,
    }
    chat = read(row)
    system, answer, tool, stray, mute = chat.messages
    assert (system.role, system.name, system.trained) == ("System", "n", None)
    assert (answer.weight, answer.content, answer.content_at) == (0, None, "/messages/1/content")
    assert [one.name for one in answer.calls] == ["f", ABSENT, ABSENT]
    assert answer.calls[0].arguments_at == "/messages/1/tool_calls/0/function/arguments"
    assert answer.calls[1].at == answer.calls[1].id_at == "/messages/1/tool_calls/1"
    assert answer.calls[2].name_at == "/messages/1/tool_calls/2/function"
    assert (tool.call_id, tool.call_id_at, tool.text) == ("c", "/messages/2/tool_call_id", "t")
    assert (stray.role, stray.content, stray.raw) == (ABSENT, ABSENT, "not a message")
    assert (mute.role, mute.role_at, mute.content) == (ABSENT, "/messages/4", 3)
    assert (chat.tools, chat.tools_at, chat.metadata, chat.lost) == ("none", "/tools", {"a": 1}, ())


def test_messages_that_are_no_list_are_no_messages() -> None:
    assert read({"messages": "[]"}) == Chat()


@pytest.mark.parametrize("word", ["output", "completion"])
def test_a_preference_row_keeps_both_answers_under_either_name(word: str) -> None:
    row = {
        "input": {"messages": [USER], "tools": [1]},
        f"preferred_{word}": [SAID],
        f"non_preferred_{word}": [{"role": "assistant", "content": "No"}],
    }
    chat = read(row)
    assert (said(chat.messages), said(chat.chosen), said(chat.rejected)) == (
        [("user", "Hi")],
        [("assistant", "Yo")],
        [("assistant", "No")],
    )
    assert chat.tools_at == "/input/tools"
    assert chat.chosen[0].content_at == f"/preferred_{word}/0/content"
    assert (chat.messages[0].trained, chat.chosen[0].trained) == (False, True)


def test_a_prediction_ends_with_its_output() -> None:
    chat = read({"row_id": "r", "arm": "base", "messages": [USER], "output": "Yo", "seed": 1})
    assert said(chat.messages) == [("user", "Hi"), ("assistant", "Yo")]
    assert (chat.messages[-1].content_at, chat.lost) == ("/output", ("/row_id", "/arm", "/seed"))


# ----------------------------------------------------------------------------- ShareGPT


def test_sharegpt_roles_calls_and_columns_are_translated() -> None:
    row = {
        "conversations": [
            {"from": "human", "value": "Hi"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
            {"from": "observation", "value": "1"},
            {"from": "function_call", "value": '[{"name": "g", "arguments": "{}"}, {"name": "h"}]'},
            {"from": "observation", "value": "2"},
            {"from": "observation", "value": "3"},
            {"from": "gpt", "value": "Yo", "train": False, "markdown": {}},
            {"from": "narrator", "value": "..."},
        ],
        "system": "Be kind.",
        "tools": '[{"name": "f", "parameters": {}}]',
        "id": "a",
    }
    chat = read(row)
    assert [turn.role for turn in chat.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "narrator",
    ]
    calls = [call for turn in chat.messages for call in turn.calls]
    assert [(call.id, call.name, call.arguments, call.invented) for call in calls] == [
        ("call_1", "f", {"x": 1}, True),
        ("call_2", "g", "{}", True),
        ("call_3", "h", ABSENT, True),
    ]
    assert [turn.call_id for turn in chat.messages if turn.role == "tool"] == ["call_1", "call_2", "call_3"]
    assert calls[1].name_at == "/conversations/3/value"
    assert chat.messages[7].trained is False
    assert chat.messages[0].at == "/system"
    assert chat.tools == [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    assert chat.lost == ("/conversations/6/markdown", "/id")


def test_a_call_that_is_not_json_is_a_call_without_a_name() -> None:
    chat = read({"conversations": [{"from": "function_call", "value": "f(x)"}]})
    (call,) = chat.messages[0].calls
    assert (call.name, call.arguments) == (ABSENT, "f(x)")


def test_conversations_with_role_and_content_are_read_too() -> None:
    assert said(read({"conversations": [USER, SAID]}).messages) == [("user", "Hi"), ("assistant", "Yo")]


def test_a_ranking_row_keeps_both_answers() -> None:
    row = {
        "conversations": [{"from": "human", "value": "Hi"}],
        "chosen": {"from": "gpt", "value": "Yo"},
        "rejected": {"from": "gpt", "value": "No"},
    }
    chat = read(row)
    assert (said(chat.chosen), said(chat.rejected), chat.lost) == ([("assistant", "Yo")], [("assistant", "No")], ())
    assert chat.chosen[0].content_at == "/chosen/value"


# ----------------------------------------------------------------------------- instructions and pairs


def test_instruction_and_input_are_one_turn_in_two_places() -> None:
    row = {
        "instruction": "Add",
        "input": "1 2",
        "output": "3",
        "system": "s",
        "history": [["a", "b"], "c"],
        "text": "Add 1 2 3",
    }
    chat = read(row)
    assert said(chat.messages) == [
        ("system", "s"),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "Add\n1 2"),
        ("assistant", "3"),
    ]
    assert list(chat.messages[3].texts()) == [("/instruction", "Add"), ("/input", "1 2")]
    assert chat.messages[2].content_at == "/history/0/1"
    assert chat.lost == ("/history/1", "/text")


def test_of_several_instances_the_first_is_read_and_the_others_are_named() -> None:
    instances = [{"input": "x", "output": "y"}, {"input": "p", "output": "q"}]
    chat = read({"instruction": "Do", "instances": instances})
    assert said(chat.messages) == [("user", "Do\nx"), ("assistant", "y")]
    assert chat.lost == ("/instances/1",)


def test_a_number_that_picks_a_choice_is_the_choice() -> None:
    chat = read({"question": "Which?", "choices": ["a", "b"], "answer": 1, "subject": "s"})
    assert said(chat.messages) == [("user", "Which?\na\nb"), ("assistant", "b")]
    assert (chat.messages[1].content_at, chat.lost) == ("/choices/1", ("/subject",))


def test_an_openorca_row_has_a_system_message() -> None:
    chat = read({"id": "1", "system_prompt": "s", "question": "q", "response": "r"})
    assert said(chat.messages) == [("system", "s"), ("user", "q"), ("assistant", "r")]


def test_plain_text_is_one_answer() -> None:
    chat = read({"text": "Once", "meta": {"a": 1}})
    assert (said(chat.messages), chat.messages[0].trained, chat.lost) == ([("assistant", "Once")], True, ("/meta",))


# ----------------------------------------------------------------------------- TRL and Anthropic


def test_only_the_completion_is_trained_on() -> None:
    chat = read({"prompt": [USER, SAID, USER], "completion": [SAID]})
    assert [turn.trained for turn in chat.messages] == [False, False, False, True]
    assert chat.messages[3].content_at == "/completion/0/content"


def test_a_completion_that_was_not_liked_is_never_trained_on() -> None:
    assert [turn.trained for turn in read({"prompt": "p", "completion": "c", "label": False}).messages] == [False] * 2
    assert [turn.trained for turn in read({"prompt": "p", "completion": "c", "label": True}).messages] == [False, True]
    disliked = read({"messages": [USER, SAID], "kto_tag": False})
    assert not any(turn.trained for turn in disliked.messages)


def test_what_two_conversations_share_is_the_prompt() -> None:
    no = {"role": "assistant", "content": "No"}
    chat = read({"chosen": [USER, SAID, USER, SAID], "rejected": [USER, SAID, USER, no]})
    assert (len(chat.messages), said(chat.chosen), said(chat.rejected)) == (
        3,
        [("assistant", "Yo")],
        [("assistant", "No")],
    )
    assert chat.rejected[0].at == "/rejected/3"


def test_equal_answers_are_still_two_answers() -> None:
    chat = read({"chosen": [USER, SAID], "rejected": [USER, SAID]})
    assert (len(chat.messages), len(chat.chosen), len(chat.rejected)) == (1, 1, 1)


def test_a_prompt_that_the_answers_repeat_is_taken_once() -> None:
    no = {"role": "assistant", "content": "No"}
    chat = read({"prompt": "Hi", "chosen": [USER, SAID], "rejected": [USER, no], "score_chosen": 9.0})
    assert (said(chat.messages), said(chat.chosen)) == ([("user", "Hi")], [("assistant", "Yo")])
    assert chat.lost == ("/score_chosen",)


def test_a_transcript_in_one_string_is_a_dialogue() -> None:
    start = "\n\nHuman: Hi\n\nAssistant: Yo\n\nHuman: And?\n\nAssistant:"
    chat = read({"chosen": f"{start} Good.", "rejected": f"{start} Bad."})
    assert said(chat.messages) == [("user", "Hi"), ("assistant", "Yo"), ("user", "And?")]
    assert (said(chat.chosen), said(chat.rejected)) == ([("assistant", "Good.")], [("assistant", "Bad.")])


def test_two_plain_texts_share_their_prompt_up_to_a_space() -> None:
    chat = read({"chosen": "The sky is blue.", "rejected": "The sky is bleak."})
    assert (said(chat.messages), said(chat.chosen)) == ([("user", "The sky is ")], [("assistant", "blue.")])


def test_anthropic_blocks_become_calls_and_results() -> None:
    row = {
        "system": [{"type": "text", "text": "s"}],
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "text", "text": "Wait"},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "1"},
                    {"type": "text", "text": "So?"},
                ],
            },
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    }
    chat = read(row)
    assert [turn.role for turn in chat.messages] == ["system", "user", "assistant", "tool", "user"]
    (call,) = chat.messages[2].calls
    assert (call.id, call.arguments, call.arguments_at) == ("t1", {"x": 1}, "/messages/1/content/2/input")
    assert list(chat.messages[2].texts()) == [("/messages/1/content/1/text", "Wait")]
    assert (chat.messages[3].call_id, chat.messages[3].content) == ("t1", "1")
    assert list(chat.messages[4].texts()) == [("/messages/2/content/1/text", "So?")]
    assert chat.tools == [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert chat.lost == ("/messages/1/content/0",)

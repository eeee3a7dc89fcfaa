"""Rows written from a Chat: round trips, what each shape says it cannot carry, and what it refuses."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.model import Json
from audit.read.shapes import SHAPES, WRITERS, Unwritable, Written, detect

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
USER = {"role": "user", "content": "Hi"}
SAID = {"role": "assistant", "content": "Yo"}
NO = {"role": "assistant", "content": "No"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALLED: dict[str, Json] = {
    "messages": [
        USER,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
        },
        {"role": "tool", "content": "1", "tool_call_id": "call_1"},
        SAID,
    ],
    "tools": [TOOL],
}


def write(row: dict[str, Json], to: str) -> Written:
    shape = detect(row)
    assert shape is not None
    return WRITERS[to](shape.read(row))


def there_and_back(row: dict[str, Json], via: str, home: str = "openai-sft") -> dict[str, Json]:
    away = write(row, via)
    assert away.lost == ()
    back = write(away.row, home)
    assert back.lost == ()
    return back.row


@pytest.mark.parametrize("via", ["sharegpt", "alpaca", "trl", "openai-sft"])
def test_a_plain_chat_comes_back_as_it_was(via: str) -> None:
    row = {"messages": [{"role": "system", "content": "s"}, USER, SAID, {"role": "user", "content": "é\u2028"}, NO]}
    assert there_and_back(row, via) == row


@pytest.mark.parametrize("via", ["sharegpt", "trl"])
def test_a_chat_with_tools_comes_back_as_it_was(via: str) -> None:
    assert there_and_back(CALLED, via) == CALLED


def test_weights_come_back_through_sharegpt() -> None:
    row = {"messages": [USER, {**SAID, "weight": 0}, USER, {**NO, "weight": 1}]}
    assert there_and_back(row, "sharegpt") == row


@pytest.mark.parametrize("via", ["sharegpt", "alpaca", "trl"])
def test_earlier_answers_of_a_pair_come_back_as_they_were(via: str) -> None:
    row = {"input": {"messages": [USER, SAID, USER]}, "preferred_output": [SAID], "non_preferred_output": [NO]}
    assert "weight" not in json.dumps(write(row, via).row)
    assert there_and_back(row, via, "openai-dpo") == row


@pytest.mark.parametrize("via", ["sharegpt", "alpaca", "trl"])
def test_a_pair_of_answers_comes_back_as_it_was(via: str) -> None:
    row = {"input": {"messages": [USER]}, "preferred_output": [SAID], "non_preferred_output": [NO]}
    assert there_and_back(row, via, "openai-dpo") == row


def test_an_alpaca_row_keeps_its_input_apart() -> None:
    row = {"instruction": "Add", "input": "1 2", "output": "3"}
    assert write(row, "alpaca") == Written(row)


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=4), st.booleans())
def test_any_plain_chat_comes_back_as_it_was(pairs: list[tuple[str, str]], system: bool) -> None:
    messages = [{"role": "system", "content": "s"}] if system else []
    for asked, answer in pairs:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    row = {"messages": messages}
    for via in ("sharegpt", "alpaca", "trl"):
        assert there_and_back(row, via) == row


@pytest.mark.parametrize("name", ["glaive-toolcall-en", "openai-cookbook-toy", "fastchat-dummy", "cleanlab-support"])
def test_real_chats_come_back_through_sharegpt(name: str) -> None:
    path = DATA / "chat" / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip("the shared data is not here")
    for line in gzip.decompress(path.read_bytes()).splitlines()[:300]:
        row = json.loads(line)
        row.pop("metadata", None)
        if not any(message["role"] == "assistant" for message in row["messages"]):
            continue
        back = write(write(row, "sharegpt").row, "openai-sft").row
        assert _parsed_arguments(back) == _parsed_arguments(row)


def _parsed_arguments(row: dict[str, Json]) -> Json:
    copy = json.loads(json.dumps(row))
    for message in copy["messages"]:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return copy


# ----------------------------------------------------------------------------- what is lost, and said


def test_metadata_is_stripped_for_openai_and_said_once_but_kept_elsewhere() -> None:
    row = {"messages": [USER, SAID], "metadata": {"sex": "f"}}
    assert write(row, "openai-sft") == Written(
        {"messages": [USER, SAID]}, ("/metadata: metadata, which the provider rejects",)
    )
    for to in ("sharegpt", "alpaca", "trl"):
        assert write(row, to).row["metadata"] == {"sex": "f"}
        assert write(row, to).lost == ()


def test_alpaca_says_that_calls_their_results_and_tools_are_lost() -> None:
    assert write(CALLED, "alpaca") == Written(
        {"instruction": "Hi", "input": "", "output": "Yo"},
        ("/messages/1/tool_calls: tool calls", "/messages/2: the result of a tool call", "/tools: tools"),
    )


def test_sharegpt_says_which_call_ids_are_lost() -> None:
    row = json.loads(json.dumps(CALLED).replace("call_1", "call_Xy"))
    assert write(row, "sharegpt").lost == (
        "/messages/1/tool_calls/0/id: call id",
        "/messages/2/tool_call_id: call id",
    )


def test_arguments_are_text_for_openai_and_an_object_for_trl() -> None:
    row = json.loads(json.dumps(CALLED).replace('"{\\"x\\": 1}"', '{"x": 1}'))
    assert row != CALLED
    assert write(row, "openai-sft").row == CALLED
    assert write(CALLED, "trl").row == row


def test_images_are_said_to_be_lost_where_only_text_fits() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    row = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, image]}, SAID]}
    assert write(row, "openai-sft") == Written(row)
    assert write(row, "alpaca").lost == ("/messages/0/content/1: a part of type image_url",)


def test_a_preference_pair_becomes_a_chat_of_its_preferred_answer() -> None:
    row = {"prompt": [USER, SAID, USER], "chosen": [SAID], "rejected": [NO]}
    assert write(row, "openai-sft") == Written(
        {"messages": [USER, {**SAID, "weight": 0}, USER, SAID]}, ("/rejected/0: the rejected answer",)
    )


def test_answers_of_a_prompt_stay_untrained_for_trl() -> None:
    row = {"prompt": [USER, SAID, USER], "completion": [NO]}
    assert write(row, "trl") == Written(row)


def test_an_anthropic_row_becomes_an_openai_row() -> None:
    row = {
        "system": "s",
        "messages": [
            USER,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Yo", "cache_control": {}}]},
        ],
    }
    assert [message["role"] for message in write(row, "openai-sft").row["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]


@pytest.mark.parametrize(
    ("row", "to", "reason"),
    [
        ({"messages": [USER]}, "alpaca", "no assistant answer"),
        ({"messages": [USER, SAID, USER]}, "alpaca", "the last message is not the assistant's"),
        ({"messages": [SAID]}, "alpaca", "no question right before the answer"),
        ({"messages": [USER, USER, SAID, USER, SAID]}, "alpaca", "do not alternate"),
        ({"messages": []}, "sharegpt", "no messages"),
        ({"messages": [USER, {"content": "x"}, SAID]}, "openai-sft", "a message without a role"),
        ({"messages": [USER, {"role": "assistant", "content": 3}]}, "sharegpt", "neither text nor parts"),
        ({"messages": [USER, SAID]}, "openai-dpo", "no pair"),
        ({"prompt": "p", "completion": "c", "label": False}, "openai-sft", "not to be learnt from"),
        ({"prompt": "p", "completion": "c", "label": False}, "trl", "not to be learnt from"),
        ({"chosen": [SAID], "rejected": [NO]}, "openai-dpo", "no prompt"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_reason(row: dict[str, Json], to: str, reason: str) -> None:
    with pytest.raises(Unwritable, match=reason):
        write(row, to)


KEYS = st.sampled_from(
    [
        "messages",
        "tools",
        "metadata",
        "input",
        "preferred_output",
        "non_preferred_output",
        "conversations",
        "chosen",
        "rejected",
        "prompt",
        "completion",
        "label",
        "instruction",
        "output",
        "history",
        "system",
        "role",
        "content",
        "from",
        "value",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "type",
        "text",
        "weight",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(["", "user", "assistant", "gpt", "tool", "function_call", "text", "{}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"])},
    optional={"content": VALUES, "tool_calls": st.lists(VALUES, max_size=2), "weight": VALUES, "name": VALUES},
)
ROWS = st.fixed_dictionaries(
    {}, optional={key: st.lists(MESSAGE, max_size=4) | VALUES for key in ("messages", "chosen")}
)


@settings(deadline=None, max_examples=150)
@given(ROWS | st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_chat_is_written_as_json_or_refused(row: dict[str, Json]) -> None:
    for shape in SHAPES:
        chat = shape.read(row)
        for write_chat in WRITERS.values():
            try:
                written = write_chat(chat)
            except Unwritable:
                continue
            assert json.loads(json.dumps(written.row)) == written.row
            assert all(phrase.startswith(("/", ":")) for phrase in written.lost)


def test_an_answer_marked_as_not_to_be_trained_has_weight_0_whatever_else_it_says() -> None:
    said = {"role": "assistant", "content": "no", "train": False, "weight": 1}
    messages = write({"messages": [USER, said, USER, SAID]}, "openai-sft").row["messages"]
    assert [one.get("weight") for one in messages] == [None, 0, None, None]


@pytest.mark.parametrize("mark", [{"train": False}, {"weight": 0}])
def test_a_part_that_says_whether_it_is_trained_refuses_the_row(mark: dict[str, Json]) -> None:
    parts = [{"type": "text", "text": "not", **mark}, {"type": "text", "text": "yes"}]
    with pytest.raises(Unwritable, match="only whole messages can be left untrained"):
        write({"messages": [USER, {"role": "assistant", "content": parts}]}, "openai-sft")


def test_keys_that_a_part_or_a_tool_should_not_have_stay_behind_and_are_told() -> None:
    function = {"name": "look", "parameters": {"note": "of the schema"}, "note": "PRIVATE"}
    parts = [{"type": "text", "text": "yes", "extra": "PRIVATE"}]
    row: dict[str, Json] = {
        "messages": [USER, {"role": "assistant", "content": parts}],
        "tools": [{"type": "function", "note": "PRIVATE", "function": function}],
    }
    made = write(row, "openai-sft")
    assert "PRIVATE" not in str(made.row)
    assert "of the schema" in str(made.row)
    assert made.lost == (
        "/messages/1/content/0/extra: a key that is not part of an OpenAI content part",
        "/tools/0/note: a key that is not part of an OpenAI tool",
        "/tools/0/function/note: a key that is not part of an OpenAI tool",
    )

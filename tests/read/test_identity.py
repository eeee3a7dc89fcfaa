"""A row's name depends on what is said in it and on nothing else."""

from __future__ import annotations

import json
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from audit.model import ABSENT, Chat, Json, Message, Record, Source, ToolCall
from audit.read.identity import chat_id, content_id, raw_id


def message(role: str, content: Json, **more: Json) -> Message:
    return Message(role=role, content=content, at="/m", role_at="/m/role", content_at="/m/content", **more)


def call(name: str, call_id: Json, invented: bool = False) -> ToolCall:
    return ToolCall(call_id, name, "{}", "/c", "/c/id", "/c/name", "/c/arguments", invented)


def record(chat: Chat, raw: bytes = b"{}") -> Record:
    return Record(source=Source(path="x"), line=1, offset=0, raw=raw, data={}, shape="openai-sft", chat=chat)


def test_weights_metadata_and_places_do_not_hide_a_duplicate() -> None:
    first = Chat(messages=(message("user", "a"), message("assistant", "b", weight=0)), metadata={"id": 1})
    second = Chat(messages=(message("user", "a"), message("assistant", "b", raw={"x": 1})))
    assert chat_id(first) == chat_id(second) == content_id(record(first))
    assert len(chat_id(first)) == 32


def test_call_ids_count_only_by_their_order() -> None:
    def chat(first: str, second: str, invented: bool) -> Chat:
        calls = (call("f", first, invented), call("g", second, invented))
        answer = message("tool", "1", call_id=second)
        return Chat(messages=(message("assistant", None, calls=calls), answer))

    assert chat_id(chat("call_1", "call_2", True)) == chat_id(chat("call_x", "call_y", False))
    crossed = Chat(messages=(*chat("a", "b", False).messages[:1], message("tool", "1", call_id="a")))
    assert chat_id(crossed) != chat_id(chat("a", "b", False))


def test_what_is_said_counts() -> None:
    base = Chat(messages=(message("user", "a"),))
    others = [
        Chat(messages=(message("user", "A"),)),
        Chat(messages=(message("system", "a"),)),
        Chat(messages=(message("user", "a"),), tools=[]),
        Chat(messages=(message("user", "a"),), chosen=(message("assistant", "b"),)),
        Chat(messages=(message("user", ABSENT),)),
        Chat(messages=(message("user", None),)),
    ]
    assert len({chat_id(chat) for chat in [base, *others]}) == 7


def test_odd_values_have_names_too() -> None:
    deep: Json = []
    for _ in range(50_000):
        deep = [deep]
    assert chat_id(Chat(messages=(message("user", "\ud800"),))) != chat_id(Chat(messages=(message("user", deep),)))


def test_a_row_without_a_conversation_is_named_by_its_bytes() -> None:
    assert content_id(record(Chat(), b'{"a":1}')) == raw_id(b'{"a":1}')


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=9))))
def test_a_chat_of_plain_texts_has_the_name_of_its_canonical_json(turns: list[tuple[str, str]]) -> None:
    chat = Chat(messages=tuple(message(role, content) for role, content in turns))
    said = {"messages": [{"role": role, "content": content} for role, content in turns]}
    canonical = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    name = blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16, person=b"chat").hexdigest()
    assert chat_id(chat) == name

"""Reads message objects in OpenAI's form (role, content, tool_calls, ...), wherever in a row they stand.

Values are kept as found and nothing is judged. It knows no top-level keys: those are the shapes' own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from audit.model import ABSENT, Json, Message, ToolCall


class _Places(NamedTuple):
    at: str
    role: str
    content: str


# Rows repeat the same few hundred places, and building three strings costs as much as the message itself.
@lru_cache(maxsize=4096)
def _places(list_at: str, index: int) -> _Places:
    at = f"{list_at}/{index}"
    return _Places(at, f"{at}/role", f"{at}/content")


def read_messages(value: Json, at: str, *, trained: bool | None = None) -> tuple[Message, ...]:
    """The messages of a list that stands at the JSON Pointer ``at``; none where the value is not a list."""
    if not isinstance(value, list):
        return ()
    return tuple([_read(item, _places(at, index), trained) for index, item in enumerate(value)])


def read_message(value: Json, at: str, *, trained: bool | None = None) -> Message:
    """The message that stands at ``at``. What is not an object becomes a message without role and content."""
    return _read(value, _Places(at, f"{at}/role", f"{at}/content"), trained)


def _read(value: Json, places: _Places, trained: bool | None) -> Message:
    at, role_at, content_at = places
    if not isinstance(value, dict):
        return Message(role=ABSENT, content=ABSENT, at=at, role_at=at, content_at=at, raw=value, trained=trained)
    if "role" not in value:
        role_at = at
    if "content" not in value:
        content_at = at
    elif len(value) == 2 and role_at is not at:
        return Message(
            role=value["role"],
            content=value["content"],
            at=at,
            role_at=role_at,
            content_at=content_at,
            raw=value,
            trained=trained,
        )
    return Message(
        role=value.get("role", ABSENT),
        content=value.get("content", ABSENT),
        at=at,
        role_at=role_at,
        content_at=content_at,
        raw=value,
        name=value.get("name", ABSENT),
        weight=value.get("weight", ABSENT),
        calls=read_calls(value.get("tool_calls"), f"{at}/tool_calls"),
        call_id=value.get("tool_call_id", ABSENT),
        call_id_at=f"{at}/tool_call_id" if "tool_call_id" in value else at,
        trained=False if value.get("train") is False else trained,  # as Axolotl and others mark a turn
    )


def read_calls(value: Json, at: str) -> tuple[ToolCall, ...]:
    """The calls of an OpenAI ``tool_calls`` list; none where it is not a list.

    A part that is not there is ABSENT, and its pointer is that of the nearest value that is.
    """
    if not isinstance(value, list):
        return ()
    return tuple([_read_call(item, f"{at}/{index}") for index, item in enumerate(value)])


def _read_call(value: Json, at: str) -> ToolCall:
    call = value if isinstance(value, dict) else {}
    function = call.get("function")
    inner_at = f"{at}/function" if "function" in call else at
    inner = function if isinstance(function, dict) else {}
    return ToolCall(
        id=call.get("id", ABSENT),
        name=inner.get("name", ABSENT),
        arguments=inner.get("arguments", ABSENT),
        at=at,
        id_at=f"{at}/id" if "id" in call else at,
        name_at=f"{inner_at}/name" if "name" in inner else inner_at,
        arguments_at=f"{inner_at}/arguments" if "arguments" in inner else inner_at,
    )

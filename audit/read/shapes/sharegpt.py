"""ShareGPT: ``conversations`` of turns with ``from`` and ``value``, tools and system in columns of their own.

Conversations with ``role`` and ``content`` are read as well. The shape carries no call ids: calls are numbered
``call_1``, ``call_2`` ... and given in order to the observations that follow. Masks finer than a turn are not carried.
Role names are those of FastChat, axolotl (conversation.qmd, inst_tune.qmd) and LLaMA-Factory (data/README.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from audit.model import ABSENT, Chat, Json, Message, ToolCall
from audit.read.shapes.base import Shape, other_keys, spoken
from audit.read.shapes.messages import read_calls
from audit.read.shapes.sharegpt_write import write_sharegpt

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "human": "user",
        "user": "user",
        "gpt": "assistant",
        "model": "assistant",
        "bing": "assistant",
        "chatgpt": "assistant",
        "bard": "assistant",
        "assistant": "assistant",
        "system": "system",
        "function_call": "assistant",
        "tool_call": "assistant",
        "observation": "tool",
        "tool": "tool",
        "tool_response": "tool",
    }
)
_CALLS = ("function_call", "tool_call")
_ROW_KEYS = frozenset({"conversations", "system", "tools", "metadata"})
_TURN_KEYS = frozenset({"from", "value", "role", "content", "weight", "train", "name", "tool_calls", "tool_call_id"})


class _Turn(NamedTuple):
    value: dict[str, Json]
    at: str
    role: Json
    role_at: str
    content: Json
    content_at: str
    trained: bool | None


class _Numbering:
    """Invents call ids and hands them out again, in order, to the observations that follow."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[Json] = []

    def invent(self) -> str:
        """The next id, awaiting its result."""
        self._count += 1
        self._open.append(f"call_{self._count}")
        return f"call_{self._count}"

    def answer(self) -> Json:
        """The id of the oldest call without a result; ABSENT when there is none."""
        return self._open.pop(0) if self._open else ABSENT


def read_turns(value: Json, at: str, *, trained: bool | None = None) -> tuple[Message, ...]:
    """The messages of a list of turns that stands at ``at``; none where the value is not a list."""
    if not isinstance(value, list):
        return ()
    numbering = _Numbering()
    return tuple([_read_turn(turn, f"{at}/{index}", numbering, trained) for index, turn in enumerate(value)])


def read_turn(value: Json, at: str, *, trained: bool | None = None) -> Message:
    """The one turn that stands at ``at``."""
    return _read_turn(value, at, _Numbering(), trained)


def _read_turn(value: Json, at: str, numbering: _Numbering, trained: bool | None) -> Message:
    if not isinstance(value, dict):
        return Message(role=ABSENT, content=ABSENT, at=at, role_at=at, content_at=at, raw=value, trained=trained)
    role_key = "from" if "from" in value else "role"
    content_key = "value" if "value" in value else "content"
    turn = _Turn(
        value=value,
        at=at,
        role=value.get(role_key, ABSENT),
        role_at=f"{at}/{role_key}" if role_key in value else at,
        content=value.get(content_key, ABSENT),
        content_at=f"{at}/{content_key}" if content_key in value else at,
        trained=False if value.get("train") is False else trained,
    )
    if isinstance(turn.role, str) and turn.role in _CALLS:
        return _read_call_turn(turn, numbering)
    return _read_plain_turn(turn, numbering)


def _read_plain_turn(turn: _Turn, numbering: _Numbering) -> Message:
    role = ROLES.get(turn.role, turn.role) if isinstance(turn.role, str) else turn.role
    call_id = turn.value.get("tool_call_id", ABSENT)
    call_id_at = f"{turn.at}/tool_call_id" if call_id is not ABSENT else turn.at
    if role == "tool" and call_id is ABSENT:
        call_id = numbering.answer()
    return Message(
        role=role,
        content=turn.content,
        at=turn.at,
        role_at=turn.role_at,
        content_at=turn.content_at,
        raw=turn.value,
        name=turn.value.get("name", ABSENT),
        weight=turn.value.get("weight", ABSENT),
        calls=read_calls(turn.value.get("tool_calls"), f"{turn.at}/tool_calls"),
        call_id=call_id,
        call_id_at=call_id_at,
        trained=turn.trained,
    )


def _read_call_turn(turn: _Turn, numbering: _Numbering) -> Message:
    return Message(
        role="assistant",
        content=None,
        at=turn.at,
        role_at=turn.role_at,
        content_at=turn.content_at,
        raw=turn.value,
        weight=turn.value.get("weight", ABSENT),
        calls=tuple(_calls(turn.content, turn.content_at, numbering)),
        trained=turn.trained,
    )


def _calls(content: Json, at: str, numbering: _Numbering) -> Iterable[ToolCall]:
    """The calls in the value of a call turn: JSON text or the value itself, of one call or of a list of them.

    Pointers go as deep as the row's own values do: into a text they cannot.
    """
    parsed = _parsed(content) if isinstance(content, str) else content
    entries = parsed if isinstance(parsed, list) else [parsed]
    for index, entry in enumerate(entries):
        place = at
        if parsed is content and isinstance(parsed, list):
            place = f"{at}/{index}"
        inner = entry if isinstance(entry, dict) else {}
        real = parsed is content and isinstance(entry, dict)
        yield ToolCall(
            id=numbering.invent(),
            name=inner.get("name", ABSENT),
            arguments=inner.get("arguments", ABSENT) if isinstance(entry, dict) else entry,
            at=place,
            id_at=place,
            name_at=f"{place}/name" if real and "name" in inner else place,
            arguments_at=f"{place}/arguments" if real and "arguments" in inner else place,
            invented=True,
        )


def _parsed(text: str) -> Json:
    """The value of a text of JSON, or the text itself where it is not one."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def wrapped_tools(value: Json) -> Json:
    """Tool definitions in OpenAI's form: a text of JSON is parsed, bare functions are wrapped, all else is as found.

    Bare means ``{"name", "description", "parameters"}``, or Anthropic's ``input_schema`` for ``parameters``.
    """
    if isinstance(value, str):
        value = [] if not value.strip() else _parsed(value)
    if not isinstance(value, list):
        return value
    return [_wrapped(tool) for tool in value]


def _wrapped(tool: Json) -> Json:
    if not isinstance(tool, dict) or "function" in tool or "name" not in tool:
        return tool
    bare = {"parameters" if key == "input_schema" else key: part for key, part in tool.items() if key != "type"}
    return {"type": "function", "function": bare}


def system_turn(data: Mapping[str, Json]) -> tuple[Message, ...]:
    """The ``system`` column as a first message; none where it is missing or empty, as LLaMA-Factory reads it."""
    system = data.get("system")
    return () if system is None or system == "" else (spoken("system", system, "/system"),)


def lost_in_turns(value: Json, at: str) -> tuple[str, ...]:
    """JSON Pointers of the keys of turns that a Message does not hold."""
    if not isinstance(value, list):
        return ()
    lost: list[str] = []
    for index, turn in enumerate(value):
        if isinstance(turn, dict) and len(turn) > 2:
            lost += other_keys(turn, _TURN_KEYS, f"{at}/{index}")
    return tuple(lost)


def read_sharegpt(data: Mapping[str, Json], *, trained: bool | None = None) -> Chat:
    """The Chat of the conversation columns of a row; columns that are not a conversation's are named in ``lost``."""
    turns = data.get("conversations")
    return Chat(
        messages=system_turn(data) + read_turns(turns, "/conversations", trained=trained),
        tools=wrapped_tools(data["tools"]) if data.get("tools") is not None else ABSENT,
        tools_at="/tools" if data.get("tools") is not None else "",
        metadata=data.get("metadata", ABSENT),
        lost=lost_in_turns(turns, "/conversations") + other_keys(data, _ROW_KEYS),
    )


def _detect(data: dict[str, Json]) -> bool:
    return "conversations" in data


SHAREGPT = Shape(
    name="sharegpt", title="ShareGPT conversations", detect=_detect, read=read_sharegpt, write=write_sharegpt
)

"""Anthropic's row: a ``system`` column beside messages whose content may be blocks.

``tool_use`` blocks become calls, ``tool_result`` blocks become messages of the tool; thinking blocks are not carried.
Blocks that a part of OpenAI's form could say as well (text, image) stay as found.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit.model import ABSENT, Chat, Json, Message, ToolCall
from audit.read.shapes.base import JoinedMessage, Shape, other_keys, spoken
from audit.read.shapes.messages import read_message
from audit.read.shapes.sharegpt import wrapped_tools

_HELD = frozenset({"system", "messages", "tools", "metadata"})
_TOOL_BLOCKS = ("tool_use", "tool_result")
_THINKING = ("thinking", "redacted_thinking")


def _detect(data: dict[str, Json]) -> bool:
    messages = data.get("messages")
    if "system" not in data or "messages" not in data:
        return False
    if not isinstance(messages, list):
        return True
    return not any(isinstance(turn, dict) and turn.get("role") in ("system", "developer") for turn in messages)


def _kind(block: Json) -> Json:
    return block.get("type") if isinstance(block, dict) else None


def _read(data: dict[str, Json]) -> Chat:
    system = data.get("system")
    turns: list[Message] = [] if system is None else [spoken("system", system, "/system")]
    lost: list[str] = []
    messages = data.get("messages")
    for index, value in enumerate(messages if isinstance(messages, list) else ()):
        turns += _read_turn(value, f"/messages/{index}", lost)
    return Chat(
        messages=tuple(turns),
        tools=wrapped_tools(data["tools"]) if data.get("tools") is not None else ABSENT,
        tools_at="/tools" if data.get("tools") is not None else "",
        metadata=data.get("metadata", ABSENT),
        lost=(*lost, *other_keys(data, _HELD)),
    )


def _read_turn(value: Json, at: str, lost: list[str]) -> Iterable[Message]:
    """The message at ``at``: the results it brings first, as OpenAI wants them, then what it says."""
    message = read_message(value, at)
    blocks = message.content
    if not isinstance(blocks, list):
        return [message]
    kinds = [_kind(block) for block in blocks]
    lost += [f"{at}/content/{index}" for index, kind in enumerate(kinds) if kind in _THINKING]
    if not any(kind in _TOOL_BLOCKS or kind in _THINKING for kind in kinds):
        return [message]
    places = [(f"{at}/content/{index}", block) for index, block in enumerate(blocks)]
    results = [_result(block, place) for place, block in places if _kind(block) == "tool_result"]
    calls = tuple(_call(block, place) for place, block in places if _kind(block) == "tool_use")
    rest = [(place, block) for place, block in places if _kind(block) not in (*_TOOL_BLOCKS, *_THINKING)]
    if not rest and not calls and results:
        return results
    return [*results, _said(message, rest, calls)]


def _said(message: Message, rest: list[tuple[str, Json]], calls: tuple[ToolCall, ...]) -> Message:
    """The message without its tool and thinking blocks; its content is null where nothing else is left."""
    pieces = [
        (f"{place}/text", block["text"])
        for place, block in rest
        if isinstance(block, dict) and isinstance(block.get("text"), str)
    ]
    return JoinedMessage(
        role=message.role,
        content=[block for _, block in rest] if rest else None,
        at=message.at,
        role_at=message.role_at,
        content_at=message.content_at,
        raw=message.raw,
        name=message.name,
        weight=message.weight,
        calls=calls,
        pieces=tuple(pieces),
    )


def _result(block: dict[str, Json], at: str) -> Message:
    return Message(
        role="tool",
        content=block.get("content", ""),
        at=at,
        role_at=f"{at}/type",
        content_at=f"{at}/content" if "content" in block else at,
        raw=block,
        call_id=block.get("tool_use_id", ABSENT),
        call_id_at=f"{at}/tool_use_id" if "tool_use_id" in block else at,
    )


def _call(block: dict[str, Json], at: str) -> ToolCall:
    return ToolCall(
        id=block.get("id", ABSENT),
        name=block.get("name", ABSENT),
        arguments=block.get("input", ABSENT),
        at=at,
        id_at=f"{at}/id" if "id" in block else at,
        name_at=f"{at}/name" if "name" in block else at,
        arguments_at=f"{at}/input" if "input" in block else at,
    )


ANTHROPIC = Shape(name="anthropic", title="Anthropic messages with a system column", detect=_detect, read=_read)

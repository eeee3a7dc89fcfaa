"""Writes turns as OpenAI message objects, for OpenAI's own rows and, with tool arguments as objects, for TRL's.

It collects what a message object cannot carry; which rows are made of the messages is the shapes' business.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from audit.model import ABSENT, Chat, Json, Message, ToolCall
from audit.read.shapes.base import PART_MARKS, JoinedMessage, Unwritable, other_keys

_PARTS = frozenset({"text", "refusal", "image_url", "input_audio", "file"})
_READ_KEYS = frozenset({"role", "content", "name", "weight", "tool_calls", "tool_call_id", "from", "value", "train"})
_KEPT_KEYS = frozenset({"refusal", "function_call", "audio"})
_FUNCTION_KEYS = ("name", "description", "parameters", "strict")


class Notes:
    """Collects what was lost, one phrase per place and kind, in the order in which it was noticed."""

    def __init__(self) -> None:
        self._phrases: dict[str, None] = {}

    def add(self, at: str, what: str) -> None:
        """Remember that ``what`` at a JSON Pointer is not carried."""
        self._phrases[f"{at}: {what}"] = None

    def phrases(self) -> tuple[str, ...]:
        """All phrases, each once."""
        return tuple(self._phrases)


def write_messages(
    turns: Iterable[Message], notes: Notes, *, weights: bool = False, objects: bool = False
) -> list[dict[str, Json]]:
    """Message objects of the turns. ``weights`` writes them on answers; ``objects`` keeps tool arguments as objects.

    Raises Unwritable for a turn without a role, and when there is no turn.
    """
    written = [_write(turn, notes, weights, objects) for turn in turns]
    if not written:
        raise Unwritable("no messages")
    return written


def _write(turn: Message, notes: Notes, weights: bool, objects: bool) -> dict[str, Json]:
    if not isinstance(turn.role, str):
        raise Unwritable("a message without a role")
    row: dict[str, Json] = {"role": turn.role}
    if turn.content is not ABSENT:
        row["content"] = write_content(turn, notes)
    for key, value in (("name", turn.name), ("tool_call_id", turn.call_id)):
        if value is not ABSENT:
            row[key] = value
    if turn.calls:
        row["tool_calls"] = [_write_call(call, notes, objects) for call in turn.calls]
    _write_weight(turn, row, notes, weights)
    _write_other_keys(turn, row, notes)
    return row


def _write_weight(turn: Message, row: dict[str, Json], notes: Notes, weights: bool) -> None:
    if not weights:
        if turn.weight is not ABSENT:
            notes.add(f"{turn.at}/weight", "weight")
    elif turn.trained is False and turn.role == "assistant":
        row["weight"] = 0
    elif turn.weight is not ABSENT:
        row["weight"] = turn.weight


def _write_other_keys(turn: Message, row: dict[str, Json], notes: Notes) -> None:
    raw = turn.raw
    if not isinstance(raw, dict) or not ("role" in raw or "from" in raw):
        return
    for key in raw:
        if key in _KEPT_KEYS:
            row[key] = raw[key]
        elif key == "tool_calls" and not turn.calls and "tool_calls" not in row and raw[key]:
            notes.add(f"{turn.at}/tool_calls", "tool calls")
    for pointer in other_keys(raw, _READ_KEYS | _KEPT_KEYS, turn.at):
        notes.add(pointer, "a key that is not part of an OpenAI message")


def write_content(turn: Message, notes: Notes) -> Json:
    """The content as found; parts of other providers are turned into OpenAI's where there is one, or noted."""
    if not isinstance(turn.content, list):
        return turn.content
    if isinstance(turn, JoinedMessage):
        places = [turn.content_at] * len(turn.content)
    else:
        places = [f"{turn.content_at}/{index}" for index in range(len(turn.content))]
    parts = []
    for at, part in zip(places, turn.content, strict=True):
        written = _write_part(part, at, notes)
        if written is None:
            kind = part.get("type") if isinstance(part, dict) else None
            notes.add(at, f"a part of type {kind}" if isinstance(kind, str) else "a part without a type")
        else:
            parts.append(written)
    return parts


def _write_part(part: Json, at: str, notes: Notes) -> Json:
    """The part with the keys that OpenAI's has; others are noted. Raises Unwritable for one that says for itself
    whether it is trained on."""
    if not isinstance(part, dict):
        return None
    if marks := [key for key in PART_MARKS if key in part]:
        raise Unwritable(f"a part of a message has {marks[0]!r}: only whole messages can be left untrained")
    kind = part.get("type")
    if kind == "image" and isinstance(part.get("source"), dict):
        return _image_part(part["source"])
    if not isinstance(kind, str) or kind not in _PARTS or (kind == "text" and "text" not in part):
        return None
    return _only(part, ("type", kind), at, "a key that is not part of an OpenAI content part", notes)


def _only(value: dict[str, Json], keys: tuple[str, ...], at: str, what: str, notes: Notes) -> dict[str, Json]:
    """The object with these of its keys; the others are noted."""
    for pointer in other_keys(value, keys, at):
        notes.add(pointer, what)
    return {key: value[key] for key in value if key in keys}


def _image_part(source: dict[str, Json]) -> Json:
    """OpenAI's part for an Anthropic image source (base64 or url); None for any other."""
    if isinstance(source.get("url"), str):
        return {"type": "image_url", "image_url": {"url": source["url"]}}
    if isinstance(source.get("data"), str) and isinstance(source.get("media_type"), str):
        return {"type": "image_url", "image_url": {"url": f"data:{source['media_type']};base64,{source['data']}"}}
    return None


def _write_call(call: ToolCall, notes: Notes, objects: bool) -> dict[str, Json]:
    if not isinstance(call.name, str):
        raise Unwritable("a tool call without a name")
    row: dict[str, Json] = {} if call.id is ABSENT else {"id": call.id}
    row["type"] = "function"
    arguments = arguments_object(call) if objects else arguments_text(call)
    row["function"] = {"name": call.name, "arguments": arguments}
    return row


def arguments_text(call: ToolCall) -> str:
    """The arguments as a string of JSON: as found where they are a string, ``{}`` where there are none."""
    if isinstance(call.arguments, str):
        return call.arguments
    return "{}" if call.arguments is ABSENT else json.dumps(call.arguments, ensure_ascii=False)


def arguments_object(call: ToolCall) -> Json:
    """The arguments as an object where they are one or the JSON of one; else as found."""
    if call.arguments is ABSENT:
        return {}
    if not isinstance(call.arguments, str):
        return call.arguments
    try:
        parsed = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return call.arguments
    return parsed if isinstance(parsed, dict) else call.arguments


def write_tools(chat: Chat, row: dict[str, Json], notes: Notes, *, exact: bool = False) -> None:
    """Put the tools into ``row`` where there are any; note them where they are not a list. ``exact`` leaves out, and
    notes, keys that OpenAI's tools do not have; templates of other models may read them."""
    if isinstance(chat.tools, list):
        if chat.tools:
            tools = enumerate(chat.tools)
            row["tools"] = (
                [_write_tool(one, f"{chat.tools_at}/{at}", notes) for at, one in tools] if exact else chat.tools
            )
    elif chat.tools is not ABSENT and chat.tools is not None and chat.tools != "":
        notes.add(chat.tools_at, "tools that are not a list")


def _write_tool(tool: Json, at: str, notes: Notes) -> Json:
    """What is no tool at all is written as it is: the rules say so."""
    if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
        return tool
    what = "a key that is not part of an OpenAI tool"
    written = _only(tool, ("type", "function"), at, what, notes)
    written["function"] = _only(tool["function"], _FUNCTION_KEYS, f"{at}/function", what, notes)
    return written

"""Writes ShareGPT rows: ``conversations`` with ``from`` and ``value``, tools as a string of JSON.

A preference pair becomes LLaMA-Factory's ranking row. Call ids have no place there and are invented again on reading.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from audit.model import ABSENT, Chat, Json, Message, ToolCall
from audit.read.shapes.base import Unwritable, Written, other_keys, unmarked
from audit.read.shapes.openai_write import Notes, arguments_object

_NAMES = {
    "user": "human",
    "assistant": "gpt",
    "system": "system",
    "developer": "system",
    "tool": "observation",
    "function": "observation",
}
_KNOWN = frozenset({"role", "content", "from", "value", "name", "weight", "train", "tool_calls", "tool_call_id"})


def write_sharegpt(chat: Chat) -> Written:
    """A conversation row, or a ranking row for a preference pair. Raises Unwritable."""
    notes = Notes()
    ids = _Ids()
    pair = bool(chat.chosen or chat.rejected)
    messages = unmarked(chat.messages) if pair else chat.messages
    turns = [turn for message in messages for turn in _turns(message, notes, ids)]
    row: dict[str, Json] = {"conversations": turns}
    if pair:
        row["chosen"] = _answer(chat.chosen, "preferred", notes)
        row["rejected"] = _answer(chat.rejected, "rejected", notes)
    if not turns:
        raise Unwritable("no messages")
    if chat.tools is not ABSENT and chat.tools is not None:
        row["tools"] = _tools(chat.tools)
    if chat.metadata is not ABSENT:
        row["metadata"] = chat.metadata
    return Written(row, notes.phrases())


class _Ids:
    """Follows the numbers that reading will invent, to tell which ids come back by themselves."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[str] = []

    def call(self, call: ToolCall, notes: Notes) -> None:
        self._count += 1
        self._open.append(f"call_{self._count}")
        if call.id is not ABSENT and call.id != self._open[-1]:
            notes.add(call.id_at, "call id")

    def result(self, message: Message, notes: Notes) -> None:
        expected = self._open.pop(0) if self._open else ABSENT
        if message.call_id is not ABSENT and message.call_id != expected:
            notes.add(message.call_id_at, "call id")


def _answer(answer: tuple[Message, ...], which: str, notes: Notes) -> dict[str, Json]:
    turns = [turn for message in answer for turn in _turns(message, notes, _Ids())]
    if len(turns) != 1:
        raise Unwritable(f"the {which} answer is not exactly one message")
    return turns[0]


def _turns(message: Message, notes: Notes, ids: _Ids) -> Iterable[dict[str, Json]]:
    """The one turn of a message, or two where text and calls stand together."""
    if not isinstance(message.role, str):
        raise Unwritable("a message without a role")
    _note_the_rest(message, notes)
    weight: dict[str, Json] = {} if message.weight is ABSENT else {"weight": message.weight}
    if message.trained is False and not weight and message.role == "assistant":
        weight = {"weight": 0}
    text = plain_text(message, notes)
    if text or not message.calls:
        yield {"from": _NAMES.get(message.role, message.role), "value": text, **weight}
    if message.calls:
        for call in message.calls:
            ids.call(call, notes)
        yield {"from": "function_call", "value": _calls(message.calls), **weight}
    if message.role in ("tool", "function"):
        ids.result(message, notes)


def _note_the_rest(message: Message, notes: Notes) -> None:
    if message.role == "developer":
        notes.add(message.role_at, "the developer role, written as system")
    if message.name is not ABSENT:
        notes.add(f"{message.at}/name", "name")
    raw = message.raw
    if isinstance(raw, dict) and ("role" in raw or "from" in raw):
        for pointer in other_keys(raw, _KNOWN, message.at):
            notes.add(pointer, "a key that a ShareGPT turn does not have")
        if raw.get("tool_calls") and not message.calls:
            notes.add(f"{message.at}/tool_calls", "tool calls")


def plain_text(message: Message, notes: Notes) -> str:
    """The text of a message: its string, or its text parts joined. Other parts are noted.

    Raises Unwritable where the content is neither text nor missing beside tool calls.
    """
    content = message.content
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        for index, part in enumerate(content):
            if not isinstance(part, dict) or part.get("type", "text") != "text":
                kind = part.get("type") if isinstance(part, dict) else None
                what = f"a part of type {kind}" if isinstance(kind, str) else "a part without a type"
                notes.add(f"{message.content_at}/{index}", what)
        return message.text
    if content is None or content is ABSENT:
        if message.calls:
            return ""
        raise Unwritable("a message without content")
    raise Unwritable("a content that is neither text nor parts")


def _calls(calls: tuple[ToolCall, ...]) -> str:
    entries = [{"name": call.name, "arguments": arguments_object(call)} for call in calls]
    if not all(isinstance(call.name, str) for call in calls):
        raise Unwritable("a tool call without a name")
    return json.dumps(entries[0] if len(entries) == 1 else entries, ensure_ascii=False)


def _tools(tools: Json) -> Json:
    """A string of JSON with bare functions, which LLaMA-Factory reads; what is not a list stays as found."""
    if not isinstance(tools, list):
        return tools
    return json.dumps([_bare(tool) for tool in tools], ensure_ascii=False)


def _bare(tool: Json) -> Json:
    if isinstance(tool, dict) and set(tool) == {"type", "function"} and isinstance(tool["function"], dict):
        return tool["function"]
    return tool

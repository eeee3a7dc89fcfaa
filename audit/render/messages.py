"""Messages and tools as Hugging Face chat templates expect them. Renders nothing."""

from __future__ import annotations

import json
from typing import Final

from audit.model import ABSENT, Json, Message

_NORMALISED: Final = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "weight", "train"})
"""Keys of a message that are read already, or that say how to train and not what to write."""


def as_template_message(message: Message, missing: Json = "", *, as_found: bool = False) -> dict[str, Json]:
    """A message with tool arguments as objects (or ``as_found``), and with the keys of its row that only its template
    knows (such as ``reasoning_content``). ``missing`` stands for a content that is null or absent beside tool calls;
    without them it is an empty text."""
    content = message.content
    if content is None or content is ABSENT:
        content = missing if message.calls else ""
    made: dict[str, Json] = {"role": "" if message.role is ABSENT else message.role, "content": content}
    if message.name is not ABSENT:
        made["name"] = message.name
    if message.call_id is not ABSENT:
        made["tool_call_id"] = message.call_id
    if message.calls:
        made["tool_calls"] = [
            {
                "type": "function",
                "id": None if call.id is ABSENT else call.id,
                "function": {"name": call.name, "arguments": _arguments(call.arguments, as_found)},
            }
            for call in message.calls
        ]
    raw = message.raw
    if isinstance(raw, dict) and len(raw) > 2 and "role" in raw:
        made |= {key: value for key, value in raw.items() if key not in _NORMALISED}
    return made


def _arguments(arguments: Json, as_found: bool) -> Json:
    if arguments is ABSENT:
        return {}
    if as_found or not isinstance(arguments, str):
        return arguments
    try:
        parsed = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    return parsed if isinstance(parsed, dict) else arguments


def as_tools(tools: Json) -> Json:
    """Declared tools as templates expect them: a list, or None where there are none."""
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            return None
    return tools if isinstance(tools, list) and tools else None

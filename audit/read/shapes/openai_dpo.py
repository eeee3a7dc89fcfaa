"""OpenAI's preference row: ``input.messages`` with ``preferred_output`` and ``non_preferred_output``.

The public specification of 2024-12 to 2025-06 named the answers ``preferred_completion`` and
``non_preferred_completion``; both spellings are read, the present one is written.
"""

from __future__ import annotations

from collections.abc import Mapping

from audit.model import ABSENT, Chat, Json, Message
from audit.read.shapes.base import Shape, Unwritable, Written, other_keys, spoken
from audit.read.shapes.messages import read_message, read_messages
from audit.read.shapes.openai_write import Notes, write_messages, write_tools

_PREFERRED = ("preferred_output", "preferred_completion")
_REJECTED = ("non_preferred_output", "non_preferred_completion")
_HELD = frozenset({"input", "metadata", *_PREFERRED, *_REJECTED})


def _detect(data: dict[str, Json]) -> bool:
    if "preferred_output" in data or "non_preferred_output" in data:
        return True
    if "preferred_completion" in data or "non_preferred_completion" in data:
        return True
    prompt = data.get("input")
    return isinstance(prompt, dict) and "messages" in prompt


def _answer(data: Mapping[str, Json], keys: tuple[str, ...]) -> tuple[Message, ...]:
    for key in keys:
        if key in data:
            value = data[key]
            if isinstance(value, list):
                return read_messages(value, f"/{key}", trained=True)
            if isinstance(value, dict):
                return (read_message(value, f"/{key}", trained=True),)
            return (spoken("assistant", value, f"/{key}", trained=True),)
    return ()


def _read(data: dict[str, Json]) -> Chat:
    prompt = data.get("input")
    inner = prompt if isinstance(prompt, dict) else {}
    return Chat(
        messages=read_messages(inner.get("messages"), "/input/messages", trained=False),
        tools=inner.get("tools", ABSENT),
        tools_at="/input/tools" if "tools" in inner else "",
        chosen=_answer(data, _PREFERRED),
        rejected=_answer(data, _REJECTED),
        metadata=data.get("metadata", ABSENT),
    )


def _spare(data: Mapping[str, Json]) -> tuple[str, ...]:
    prompt = data.get("input")
    inner = other_keys(prompt, ("messages", "tools"), "/input") if isinstance(prompt, dict) else ()
    return inner + other_keys(data, _HELD)


def write_openai_dpo(chat: Chat) -> Written:
    """A preference row. ``metadata`` is left out: the provider rejects it. Answers carry no weight there."""
    if not chat.chosen or not chat.rejected:
        raise Unwritable("no pair of a preferred and a rejected answer")
    if not chat.messages:
        raise Unwritable("no prompt before the two answers")
    notes = Notes()
    prompt: dict[str, Json] = {"messages": write_messages(chat.messages, notes)}
    write_tools(chat, prompt, notes, exact=True)
    row: dict[str, Json] = {
        "input": prompt,
        "preferred_output": write_messages(chat.chosen, notes),
        "non_preferred_output": write_messages(chat.rejected, notes),
    }
    if chat.metadata is not ABSENT:
        notes.add("/metadata", "metadata, which the provider rejects")
    return Written(row, notes.phrases())


OPENAI_DPO = Shape(
    name="openai-dpo", title="OpenAI preference pair", detect=_detect, read=_read, write=write_openai_dpo, spare=_spare
)

"""OpenAI's supervised row, ``{"messages": [...]}``, and everything else that is built like it.

Hugging Face and TRL rows with ``messages`` are this shape too: what they add (``prompt`` duplicates,
``chat_template_kwargs``, ``thinking`` ...) are extra keys, which a target accepts or not. Roles stay as written.
"""

from __future__ import annotations

from collections.abc import Mapping

from audit.model import ABSENT, Chat, Json
from audit.read.shapes.base import Shape, Unwritable, Written, other_keys
from audit.read.shapes.messages import read_messages
from audit.read.shapes.openai_write import Notes, write_messages, write_tools

_HELD = frozenset({"messages", "tools", "metadata"})


def read_openai(data: Mapping[str, Json]) -> Chat:
    """The Chat of any row with ``messages`` in OpenAI's form. Unknown keys are left to the rules."""
    return Chat(
        messages=read_messages(data.get("messages"), "/messages"),
        tools=data.get("tools", ABSENT),
        tools_at="/tools" if "tools" in data else "",
        metadata=data.get("metadata", ABSENT),
    )


def spare_keys(data: Mapping[str, Json]) -> tuple[str, ...]:
    """JSON Pointers of the top-level keys that a Chat does not hold."""
    return other_keys(data, _HELD)


def _detect(data: dict[str, Json]) -> bool:
    return "messages" in data


def write_openai_sft(chat: Chat) -> Written:
    """A supervised row. A preference pair becomes its prompt and the preferred answer.

    Turns that the source does not train on get ``weight`` 0. ``metadata`` is left out: the provider rejects it.
    """
    notes = Notes()
    turns = chat.messages + chat.chosen
    if not any(turn.role == "assistant" for turn in turns):
        raise Unwritable("no assistant answer")
    if all(turn.trained is False for turn in turns if turn.role == "assistant"):
        raise Unwritable("every answer is marked as not to be learnt from")
    for answer in chat.rejected[:1]:
        notes.add(answer.at, "the rejected answer")
    row: dict[str, Json] = {"messages": write_messages(turns, notes, weights=True)}
    write_tools(chat, row, notes, exact=True)
    if chat.metadata is not ABSENT:
        notes.add("/metadata", "metadata, which the provider rejects")
    return Written(row, notes.phrases())


OPENAI_SFT = Shape(
    name="openai-sft",
    title="OpenAI chat messages",
    detect=_detect,
    read=read_openai,
    write=write_openai_sft,
    spare=spare_keys,
)

"""What every rule of this family asks first: what a row is read as for the target, and who speaks in it.

Also the few remedies they share. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from audit.model import Applicability, DropRow, Fix, Json, Message, PointerEdit, Record, Target

CHAT_SHAPES: Final = frozenset({"openai-sft", "openai-rft"})
"""Rows with ``messages`` at the top: which of the two a row is depends on the target too."""

OPENAI_SHAPES: Final = frozenset({"openai-sft", "openai-rft", "openai-dpo"})
"""Rows whose messages and keys are those of OpenAI's chat format."""

MESSAGE_SHAPES: Final = OPENAI_SHAPES | {"trl-prompt-completion", "trl-preference", "kto", "predictions"}
"""Shapes whose messages are objects in OpenAI's form, parts of content included."""

PREFERENCE_SHAPES: Final = frozenset({"openai-dpo", "trl-preference", "sharegpt-preference"})

ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
"""OpenAI's vocabulary, the deprecated ``function`` included."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "human": "user",
        "prompter": "user",
        "usr": "user",
        "gpt": "assistant",
        "bot": "assistant",
        "chatbot": "assistant",
        "chatgpt": "assistant",
        "model": "assistant",
        "ai": "assistant",
        "llm": "assistant",
        "bing": "assistant",
        "bard": "assistant",
        "sys": "system",
        "dev": "developer",
        "observation": "tool",
        "tool_response": "tool",
        "tool_result": "tool",
        "ipython": "tool",
    }
)
"""Names that other formats and tools use, in lower case (ShareGPT, OASST, Cohere, Gemini, Llama)."""

DROP: Final = Fix(Applicability.DROP, "drop the row", (DropRow(),))


def read_as(record: Record, target: Target) -> str | None:
    """The shape that the target reads the row as; None when it reads it as nothing (that is FMT101's to say)."""
    shape, reads = record.shape, target.shapes
    if shape in CHAT_SHAPES:
        return _chat_shape(record, reads) if isinstance(record.data.get("messages"), list) else None
    if shape == "unknown" or (reads and shape not in reads):
        return None
    return shape if conversation_gap(record) is None else None


def _chat_shape(record: Record, reads: tuple[str, ...]) -> str | None:
    if not reads or record.shape in reads:
        return record.shape
    if record.shape == "openai-sft":
        return "openai-rft" if "openai-rft" in reads else None
    # A column for a grader and a missing answer make a row look like reinforcement; an answer in it says otherwise.
    if "openai-sft" in reads and any(speaker(message) == "assistant" for message in record.messages):
        return "openai-sft"
    return None


def conversation_gap(record: Record) -> str | None:
    """The JSON Pointer where the list of turns should be, or None when it is there (or the shape has no list)."""
    data, shape = record.data, record.shape
    if shape in CHAT_SHAPES:
        return None if isinstance(data.get("messages"), list) else "/messages"
    if shape == "openai-dpo":
        prompt = data.get("input")
        if not isinstance(prompt, dict):
            return "/input"
        return None if isinstance(prompt.get("messages"), list) else "/input/messages"
    if shape == "sharegpt":
        return None if isinstance(data.get("conversations"), list) else "/conversations"
    return None


def speaker(message: Message) -> str | None:
    """The role in OpenAI's vocabulary, other spellings and formats' names included; None where it cannot be told."""
    role = message.role
    if not isinstance(role, str):
        return None
    if role in ROLES:
        return role
    plain = role.strip().lower()
    return plain if plain in ROLES else ALIASES.get(plain)


def speaks_otherwise(message: Message) -> bool:
    """Whether the message says something in other ways than content: calls, a refusal or audio."""
    if message.calls:
        return True
    raw = message.raw
    if not isinstance(raw, dict):
        return False
    # Calls of a wrong build are calls all the same: TCL says what is wrong with them.
    return bool(raw.get("tool_calls") or raw.get("function_call") or raw.get("refusal") or raw.get("audio"))


def is_bare_answer(message: Message, shape: str) -> bool:
    """Whether an answer of a preference row stands there without a message around it, which FMT113 reports."""
    return shape == "openai-dpo" and message.content_at == message.role_at and isinstance(message.role, str)


def json_kind(value: Json) -> str:
    """What a JSON value is, in words: ``a string``, ``a list``, ``null`` ..."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"


def safely(title: str, *edits: PointerEdit) -> Fix:
    """A fix that changes no meaning."""
    return Fix(Applicability.SAFE, title, edits)


def unsafely(title: str, *edits: PointerEdit) -> Fix:
    """A fix that may change what the row says."""
    return Fix(Applicability.UNSAFE, title, edits)


def remove(pointer: str) -> PointerEdit:
    """The edit that takes a value (and its key) away."""
    return PointerEdit("remove", pointer)


def replace(pointer: str, value: Json) -> PointerEdit:
    """The edit that puts another value in a place."""
    return PointerEdit("replace", pointer, value)

"""The fast path for tool-calling rows: a second typed decode in C, for lines that declare tools.

A canonical tool row is a chat in OpenAI's form: an optional system message, then turns that follow each other as every
target wants them and end with the assistant; each call with an id of its own, arguments that are JSON of an object, the
name of a declared tool and, unless it ends the row, exactly one result; besides ``messages`` and ``tools`` at most
``parallel_tool_calls`` and ``metadata``; no key twice. Names and schemas of the tools, and whether arguments fit them,
are not judged here, nor is anything else: what is not accepted is not thereby wrong.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from audit.model import Json
from audit.read.canonical import repeats_a_key
from audit.read.suspects import is_suspect

MARK: Final = b'"tools":'
"""What every line of a canonical tool row holds: a key followed by white space makes its line a suspect."""

KEPT_TOOLS: Final = 1024
"""Different lists of tools remembered: a few kilobytes each, and rows of one source tend to share theirs."""

_Text: TypeAlias = Annotated[str, Meta(min_length=1)]


class CalledFunction(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a call calls, and with what."""

    name: str
    arguments: str


class Call(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One entry of ``tool_calls``."""

    id: _Text
    type: Literal["function"]
    function: CalledFunction


class SystemTurn(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag_field="role", tag="system"):
    """A system message."""

    content: _Text


class UserTurn(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag_field="role", tag="user"):
    """A message of the user."""

    content: _Text


class AssistantTurn(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag_field="role", tag="assistant"):
    """An answer, calls of tools, or both."""

    content: str | UnsetType | None = UNSET
    tool_calls: Annotated[list[Call], Meta(min_length=1)] | UnsetType = UNSET


class ToolTurn(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag_field="role", tag="tool"):
    """The result of a call, which may be empty."""

    content: str
    tool_call_id: _Text


class ToolChat(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A row that declares tools. Its tools stay bytes, because what can be said of them is kept by their bytes."""

    messages: list[SystemTurn | UserTurn | AssistantTurn | ToolTurn]
    tools: msgspec.Raw
    parallel_tool_calls: bool | UnsetType = UNSET
    metadata: dict[str, Json] | UnsetType = UNSET


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A canonical tool row: its tools as JSON (equal ones are one object) and (name, arguments) of its calls."""

    chat: ToolChat
    tools: bytes
    calls: list[tuple[str, dict[str, Json]]]

    def texts(self) -> Iterable[str]:
        """The contents of its messages."""
        return (turn.content for turn in self.chat.messages if isinstance(turn.content, str))

    def all_calls(self) -> Iterable[Call]:
        """The calls of its messages, as written."""
        turns = (turn for turn in self.chat.messages if isinstance(turn, AssistantTurn))
        return (call for turn in turns if isinstance(turn.tool_calls, list) for call in turn.tool_calls)


class _Function(msgspec.Struct, gc=False):
    name: _Text
    description: str | UnsetType = UNSET
    parameters: dict[str, Json] | UnsetType = UNSET
    strict: bool | UnsetType | None = UNSET
    input_schema: Json = UNSET


class _Tool(msgspec.Struct, gc=False):
    type: Literal["function"]
    function: _Function


class _Declared(msgspec.Struct, frozen=True, gc=False):
    tools: bytes
    names: frozenset[str]
    quotes: int


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """The calls of a row whose turns are in order, and how many quotes its messages are written with."""

    calls: list[tuple[str, dict[str, Json]]]
    quotes: int


_decode = msgspec.json.Decoder(ToolChat).decode
_decode_arguments = msgspec.json.Decoder(dict[str, Json]).decode
_decode_tools = msgspec.json.Decoder(list[_Tool]).decode
_decode_json = msgspec.json.Decoder().decode
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def accept_tools(lines: Sequence[bytes], indices: Iterable[int], skip: Container[int]) -> dict[int, Accepted]:
    """The canonical tool rows among the lines of these indices, by index, without those in ``skip``.

    ``skip`` must name the lines with characters that a rule may find (the chunk's suspects).
    """
    accepted: dict[int, Accepted] = {}
    for index in indices:
        raw = lines[index]
        if MARK not in raw or index in skip:
            continue
        try:
            chat = _decode(raw)
        except _REFUSED:
            continue
        declared = _declared(bytes(chat.tools))
        if declared is None:
            continue
        seen = _in_order(chat, declared.names)
        if seen is not None and not _repeats(raw, chat, seen.quotes + declared.quotes):
            accepted[index] = Accepted(chat, declared.tools, seen.calls)
    return accepted


@lru_cache(maxsize=KEPT_TOOLS)
def _declared(tools: bytes) -> _Declared | None:
    """What is known of a list of tools, None where a rule may have something to say of its build or its bytes."""
    try:
        built = _decode_tools(tools)
        if is_suspect(tools) or repeats_a_key(tools, _decode_json(tools)):
            return None
    except _REFUSED:
        return None
    if not built or any(tool.function.input_schema is not UNSET for tool in built):
        return None
    return _Declared(tools, frozenset(tool.function.name for tool in built), _quotes(tools))


def _in_order(chat: ToolChat, names: frozenset[str]) -> _Seen | None:
    """The calls of the row; None where turns, calls or results are not as every target wants them."""
    # One flat loop with exact types: called once a row, and half as fast when cut into functions.
    before: type | None = None
    made: list[tuple[str, dict[str, Json]]] = []
    ids: set[str] = set()
    waiting: set[str] = set()
    quotes = 0
    for turn in chat.messages:
        if type(turn) is AssistantTurn:
            if waiting or (before is not UserTurn and before is not ToolTurn):
                return None
            if turn.tool_calls is UNSET:
                if not turn.content or turn.content.isspace():
                    return None
                quotes += 8
            else:
                quotes += 6 + 18 * len(turn.tool_calls)
                if turn.content is not UNSET:
                    quotes += 2 if turn.content is None else 4
                for call in turn.tool_calls:
                    function = call.function
                    if call.id in ids or function.name not in names:
                        return None
                    try:
                        made.append((function.name, _decode_arguments(function.arguments)))
                    except _REFUSED:
                        return None
                    ids.add(call.id)
                    waiting.add(call.id)
        elif type(turn) is UserTurn:
            if waiting or before is UserTurn or turn.content.isspace():
                return None
            quotes += 8
        elif type(turn) is ToolTurn:
            if turn.tool_call_id not in waiting:
                return None
            waiting.discard(turn.tool_call_id)
            quotes += 12
        elif type(turn) is SystemTurn and before is None and not turn.content.isspace():
            quotes += 8
        else:
            return None
        before = type(turn)
    return _Seen(made, quotes) if before is AssistantTurn else None


def _repeats(raw: bytes, chat: ToolChat, quotes: int) -> bool:
    """Whether a key may stand twice outside the tools; ``quotes`` are those that messages and tools are written with.

    A key that stands twice, in whatever writing, adds at least two to the quotes that the decoded row accounts for.
    """
    quotes += 4 if chat.parallel_tool_calls is UNSET else 6
    if chat.metadata is not UNSET:
        quotes += 2 + 2 * len(chat.metadata)
        for value in chat.metadata.values():
            if type(value) is str:
                quotes += 2
    if _quotes(raw) == quotes and b'\\\\"' not in raw:
        return False
    # Nested metadata, or a text with a backslash before a quote.
    return is_suspect(raw) or repeats_a_key(raw, chat)


def _quotes(raw: bytes) -> int:
    """Quotes around keys and strings of a JSON text in which no quote stands behind two backslashes."""
    return raw.count(b'"') - raw.count(b'\\"')

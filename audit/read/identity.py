"""Names for rows by what they say: rows with the same conversation share one, wherever they lie and however written.

Gives ids and keys only; finding duplicates is for rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import blake2b
from json.encoder import encode_basestring as _quoted
from typing import Final

import msgspec
from xxhash import xxh3_64_intdigest

from audit.model import ABSENT, Chat, Json, Message, Record

_BYTES: Final = 16
"""128 bits: a collision among 10^9 rows has a chance of about 10^-21."""

RAW, CONVERSATION, FOLDED, TEXT = range(4)
"""Kinds of keys."""

_encode: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def content_id(record: Record) -> str:
    """32 hexadecimal digits: BLAKE2b of the canonical JSON of a row's messages, tools and answers.

    Weights and metadata are left out, and call ids are replaced by their order of appearance, so that neither
    hides a duplicate. A row of which no conversation could be made is named by its bytes.
    """
    chat = record.chat
    if not (chat.messages or chat.chosen or chat.rejected):
        return raw_id(record.raw)
    return chat_id(chat)


def chat_id(chat: Chat) -> str:
    """The same for a conversation alone. Never raises for values that JSON can hold, at any depth."""
    plain = _plain(chat)
    return _digest(_body(chat) if plain is None else plain, b"chat")


def _body(chat: Chat) -> bytes:
    """The canonical JSON of a conversation."""
    calls: dict[str, int] = {}
    body: dict[str, Json] = {"messages": [_said(message, calls) for message in chat.messages]}
    if chat.tools is not ABSENT:
        body["tools"] = chat.tools
    for name, answers in (("chosen", chat.chosen), ("rejected", chat.rejected)):
        if answers:
            body[name] = [_said(message, calls) for message in answers]
    return _canonical(body)


def conversation_key(record: Record) -> int:
    """64 bits that rows with the same conversation share: as ``content_id``, but of the tools only the names count.

    The same dialogue under a tool description that was worded anew is still the same dialogue.
    """
    chat = record.chat
    if not (chat.messages or chat.chosen or chat.rejected):
        return key_of(record.raw, RAW)
    if (turns := _plain_turns(chat)) is not None:
        return plain_key(turns)
    named = msgspec.structs.replace(chat, tools=tool_names(chat.tools) or ABSENT)
    return key_of(_body(named), CONVERSATION)


def tool_names(tools: Json) -> list[str]:
    """The names of the tools that a row declares, sorted; of a declaration as text its names when it can be parsed."""
    if isinstance(tools, str):
        try:
            tools = msgspec.json.decode(tools.encode("utf-8", "surrogatepass"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return [tools]
    names: set[str] = set()
    for tool in tools if isinstance(tools, list) else ():
        inner = tool.get("function", tool) if isinstance(tool, dict) else tool
        name = inner.get("name") if isinstance(inner, dict) else inner
        names.add(name if isinstance(name, str) else _canonical(tool).decode("utf-8", "surrogatepass"))
    return sorted(names)


def key_of(data: bytes, kind: int) -> int:
    """64 bits of XXH3, never 0; ``kind`` keeps keys of different things apart. Two of 10^7 different texts share a key
    with a chance of 3 in a million. https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md"""
    return xxh3_64_intdigest(data, kind) or 1


def plain_key(turns: Iterable[tuple[str, str]]) -> int:
    """``conversation_key`` of a conversation of nothing but roles and texts."""
    said = "\x1e".join([f"{role}\n{len(content)}\n{content}" for role, content in turns])
    return key_of(said.encode("utf-8", "surrogatepass"), CONVERSATION)


def raw_id(raw: bytes) -> str:
    """32 hexadecimal digits of BLAKE2b over the bytes of a line, for lines that cannot be parsed."""
    return _digest(raw, b"raw")


def _digest(data: bytes, kind: bytes) -> str:
    return blake2b(data, digest_size=_BYTES, person=kind).hexdigest()


def _said(message: Message, calls: dict[str, int]) -> dict[str, Json]:
    made = {"role": message.role, "content": message.content, "name": message.name}
    said: dict[str, Json] = {key: value for key, value in made.items() if value is not ABSENT}
    if message.calls:
        said["calls"] = [
            _present(id=_ordinal(call.id, calls), name=call.name, arguments=call.arguments) for call in message.calls
        ]
    if message.call_id is not ABSENT:
        said["call_id"] = _ordinal(message.call_id, calls)
    return said


def _present(**values: Json) -> dict[str, Json]:
    return {key: value for key, value in values.items() if value is not ABSENT}


def _ordinal(call_id: Json, calls: dict[str, int]) -> Json:
    if call_id is ABSENT:
        return ABSENT
    return calls.setdefault(call_id if isinstance(call_id, str) else "\0" + repr(_canonical(call_id)), len(calls))


def _plain(chat: Chat) -> bytes | None:
    """The canonical bytes of a chat of nothing but roles and texts, without the encoder; None for any other."""
    turns = _plain_turns(chat)
    if turns is None:
        return None
    said = ",".join([f'{{"content":{_quoted(content)},"role":{_quoted(role)}}}' for role, content in turns])
    return f'{{"messages":[{said}]}}'.encode("utf-8", "surrogatepass")


def _plain_turns(chat: Chat) -> list[tuple[str, str]] | None:
    """Roles and texts of a chat that has nothing else; None for any other."""
    if chat.tools is not ABSENT or chat.chosen or chat.rejected:
        return None
    turns: list[tuple[str, str]] = []
    for message in chat.messages:
        role, content = message.role, message.content
        if not (isinstance(role, str) and isinstance(content, str)):
            return None
        if message.calls or message.name is not ABSENT or message.call_id is not ABSENT:
            return None
        turns.append((role, content))
    return turns


def _canonical(value: Json) -> bytes:
    """Sorted keys in code point order, no spaces, UTF-8; lone surrogates as their three bytes."""
    try:
        text = _encode(value)
    except RecursionError:
        text = "".join(_flat(value))
    return text.encode("utf-8", "surrogatepass")


def _flat(value: Json) -> Iterable[str]:
    """The same text without recursion, for nesting that the standard encoder refuses."""
    todo: list[tuple[bool, Json]] = [(False, value)]
    while todo:
        written, item = todo.pop()
        if written:
            yield item
        elif isinstance(item, dict):
            parts: list[tuple[bool, Json]] = [(True, "{")]
            for index, key in enumerate(sorted(item)):
                parts += [(True, ("," if index else "") + json.dumps(key, ensure_ascii=False) + ":")]
                parts += [(False, item[key])]
            todo += reversed([*parts, (True, "}")])
        elif isinstance(item, list | tuple):
            parts = [(True, "[")]
            for index, element in enumerate(item):
                parts += [(True, ",")] if index else []
                parts += [(False, element)]
            todo += reversed([*parts, (True, "]")])
        else:
            yield json.dumps(item, ensure_ascii=False)

"""Names for rows by what they say: rows with the same conversation share one, wherever they lie and however written.

Gives ids only; finding duplicates is for rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import blake2b
from json.encoder import encode_basestring as _quoted
from typing import Final

from audit.model import ABSENT, Chat, Json, Message, Record

_BYTES: Final = 16
"""128 bits: a collision among 10^9 rows has a chance of about 10^-21."""

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
    if (plain := _plain(chat)) is not None:
        return _digest(plain, b"chat")
    calls: dict[str, int] = {}
    body: dict[str, Json] = {"messages": [_said(message, calls) for message in chat.messages]}
    if chat.tools is not ABSENT:
        body["tools"] = chat.tools
    for name, answers in (("chosen", chat.chosen), ("rejected", chat.rejected)):
        if answers:
            body[name] = [_said(message, calls) for message in answers]
    return _digest(_canonical(body), b"chat")


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
    if chat.tools is not ABSENT or chat.chosen or chat.rejected:
        return None
    said: list[str] = []
    for message in chat.messages:
        role, content = message.role, message.content
        if not (isinstance(role, str) and isinstance(content, str)):
            return None
        if message.calls or message.name is not ABSENT or message.call_id is not ABSENT:
            return None
        said.append(f'{{"content":{_quoted(content)},"role":{_quoted(role)}}}')
    return f'{{"messages":[{",".join(said)}]}}'.encode("utf-8", "surrogatepass")


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

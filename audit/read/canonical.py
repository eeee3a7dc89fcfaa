"""The fast path: rows that a typed decode accepts in C, so that only odd rows pay for Python.

A canonical row is a plain chat: an optional system message, then user and assistant in turn, ending with the
assistant; every message exactly ``role`` and a non-blank string ``content``; besides ``messages`` at most ``metadata``;
no key twice. Nothing else is judged here: what is not accepted is not thereby wrong.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Annotated, Final, Literal

import msgspec

from audit.model import Json


class Turn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One message of a canonical row."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, msgspec.Meta(min_length=1)]


class CanonicalRow(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A row that has nothing for a structure rule to find."""

    messages: list[Turn]
    metadata: dict[str, Json] | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(CanonicalRow).decode
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


BARE: Final = CanonicalRow([])
BARE_WITH_METADATA: Final = CanonicalRow([], {})
"""What ``accept`` gives instead of a row that is not kept."""


def accept(lines: Sequence[bytes], skip: Container[int], *, keep: bool = True) -> list[CanonicalRow | None]:
    """The canonical rows among the lines, None where a line is not one or its index is in ``skip``.

    Without ``keep`` the rows themselves are let go, which is a third faster as memory stays in the cache: the list then
    holds ``BARE`` and ``BARE_WITH_METADATA`` in their place, and ``read_canonical`` reads one again.

    ``skip`` must name every line with a key that is followed by white space or ends in a backslash, because repeated
    keys are recognised by counting, and every line with a string of nothing but white space (the reader's suspects).
    """
    accepted: list[CanonicalRow | None] = []
    append, decode = accepted.append, _decode
    for index, raw in enumerate(lines):
        try:
            row = decode(raw)
        except _REFUSED:
            append(None)
            continue
        messages = row.messages
        turns = len(messages)
        if turns == 2:
            ordered = messages[0].role == "user" and messages[1].role == "assistant"
        elif turns == 3:
            first, second, third = messages
            ordered = first.role == "system" and second.role == "user" and third.role == "assistant"
        else:
            ordered = _alternates(messages)
        if not ordered or index in skip:
            append(None)
            continue
        # Where no text holds a quote, the cheapest count tells: "messages", and per turn two keys and two values.
        if row.metadata is msgspec.UNSET:
            certain = raw.count(b'"') == 2 + 8 * turns or raw.count(b'":') == 1 + 2 * turns
        else:
            certain = raw.count(b'":') == 2 + 2 * turns + len(row.metadata)
        # An escaped quote before a colon inside a text counts too, and nested metadata has more keys:
        # both only raise the count and send the row the exact way.
        if not certain and repeats_a_key(raw, row):
            append(None)
        elif keep:
            append(row)
        else:
            append(BARE if row.metadata is msgspec.UNSET else BARE_WITH_METADATA)
    return accepted


def read_canonical(raw: bytes) -> CanonicalRow:
    """A row that ``accept`` has accepted, read again."""
    return _decode(raw)


def _alternates(messages: Sequence[Turn]) -> bool:
    """Whether the roles are user and assistant in turn, after at most one system message, ending with the assistant."""
    roles = [turn.role for turn in messages]
    if roles[:1] == ["system"]:
        del roles[0]
    return bool(roles) and roles == ["user", "assistant"] * (len(roles) // 2)


def repeats_a_key(raw: bytes, value: Json) -> bool:
    """Whether the decoded value may hold fewer keys than the line did (never wrong in saying no).

    Writing the value again writes each key once and escapes the same quotes, so equal counts of ``":`` mean that no
    key was dropped, unless a quote was written as ``\\u0022``.
    """
    return msgspec.json.encode(value).count(b'":') != raw.count(b'":') or b"\\u0022" in raw


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
from audit.read.suspects import is_suspect


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

    ``skip`` must name the lines with characters that a rule may find (the chunk's suspects). Without ``keep`` the rows
    themselves are let go, which is a third faster as memory stays in the cache: the list then holds ``BARE`` and
    ``BARE_WITH_METADATA`` in their place.
    """
    accepted: list[CanonicalRow | None] = []
    append, decode, orders = accepted.append, _decode, _ORDERS
    for index, raw in enumerate(lines):
        try:
            row = decode(raw)
        except _REFUSED:
            append(None)
            continue
        messages = row.messages
        turns = len(messages)
        if turns == 2:
            one, two = messages
            fine = one.role == "user" and two.role == "assistant"
            fine = fine and not (one.content.isspace() or two.content.isspace())
        elif turns == 3:
            one, two, three = messages
            fine = one.role == "system" and two.role == "user" and three.role == "assistant"
            fine = fine and not (one.content.isspace() or two.content.isspace() or three.content.isspace())
        else:
            fine = tuple([turn.role for turn in messages]) in orders or _alternates(messages)
            fine = fine and not any(map(str.isspace, [turn.content for turn in messages]))
        if not fine or index in skip:
            append(None)
            continue
        # Of quotes there are two for "messages", and eight for the keys and values of a turn. Escaped quotes in texts
        # and keys that stand twice only add to them.
        quotes = 2 + 8 * turns
        metadata = row.metadata
        if metadata is not msgspec.UNSET:
            quotes += 2 + 2 * len(metadata)
            for value in metadata.values():
                if value.__class__ is str:
                    quotes += 2
        more = raw.count(b'"') - quotes
        if more and (more != _quoted(row) or b"\\u0022" in raw) and (is_suspect(raw) or repeats_a_key(raw, row)):
            append(None)
        elif keep:
            append(row)
        else:
            append(BARE if metadata is msgspec.UNSET else BARE_WITH_METADATA)
    return accepted


def _quoted(row: CanonicalRow) -> int:
    """Quotes in the texts of a row: as many as there are escaped ones in its line, if none is written ``\\u0022``."""
    quotes = 0
    for turn in row.messages:
        quotes += turn.content.count('"')
    if row.metadata is not msgspec.UNSET:
        for key, value in row.metadata.items():
            quotes += key.count('"')
            if value.__class__ is str:
                quotes += value.count('"')
    return quotes


_ORDERS: Final = frozenset(
    (*system, *("user", "assistant") * pairs) for system in ((), ("system",)) for pairs in range(1, 33)
)


def _alternates(messages: Sequence[Turn]) -> bool:
    """Whether the roles are user and assistant in turn, after at most one system message, ending with the assistant."""
    roles = [turn.role for turn in messages]
    if roles[:1] == ["system"]:
        del roles[0]
    return bool(roles) and roles == ["user", "assistant"] * (len(roles) // 2)


def repeats_a_key(raw: bytes, value: Json) -> bool:
    """Whether the decoded value may hold fewer keys than the line did (a no is right unless the line ``is_suspect``).

    Writing the value again writes each key once and escapes the same quotes, so equal counts of ``":`` mean that no
    key was dropped, unless a quote or a colon was written as ``\\u0022`` or ``\\u003a``. Of a value that cannot be
    written again nothing is known.
    """
    try:
        written = msgspec.json.encode(value)
    except (msgspec.EncodeError, UnicodeEncodeError, OverflowError, RecursionError):
        return True
    return written.count(b'":') != raw.count(b'":') or b"\\u0022" in raw or b"\\u003" in raw

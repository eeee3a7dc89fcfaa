"""The fast path: rows that a typed decode accepts in C, so that only odd rows pay for Python.

A canonical row is a plain chat: an optional system message, then user and assistant in turn, ending with the
assistant; every message exactly ``role`` and a non-blank string ``content``; besides ``messages`` at most ``metadata``;
no key twice. Nothing else is judged here: what is not accepted is not thereby wrong.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Annotated, Literal

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
_known_orders: dict[str, bool] = {}


def accept(lines: Sequence[bytes], skip: Container[int]) -> list[CanonicalRow | None]:
    """The canonical rows among the lines, None where a line is not one or its index is in ``skip``.

    ``skip`` must name every line where a key is followed by white space or ends in a backslash (the reader's
    suspects), because duplicate keys are recognised by counting ``":``.
    """
    accepted: list[CanonicalRow | None] = []
    append, decode, known = accepted.append, _decode, _known_orders
    for index, raw in enumerate(lines):
        try:
            row = decode(raw)
        except _REFUSED:
            append(None)
            continue
        order = ""
        for turn in row.messages:
            if turn.content.isspace():
                order = "blank"
                break
            order += turn.role
        ordered = known.get(order)
        if ordered is None:
            ordered = _learn(order, row)
        if not ordered or index in skip:
            append(None)
            continue
        keys = 1 + 2 * len(row.messages)
        if row.metadata is not msgspec.UNSET:
            keys += 1 + len(row.metadata)
        # An escaped quote before a colon inside a text counts too, and nested metadata has more keys:
        # both only raise the count and send the row the exact way.
        append(row if raw.count(b'":') == keys or not repeats_a_key(raw, row) else None)
    return accepted


def _learn(order: str, row: CanonicalRow) -> bool:
    """Whether roles in this order alternate as they should; kept, because a file has few different orders."""
    roles = [turn.role for turn in row.messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    good = order != "blank" and bool(turns) and turns == ["user", "assistant"] * (len(turns) // 2)
    if len(_known_orders) < 10_000:
        _known_orders[order] = good
    return good


def repeats_a_key(raw: bytes, value: Json) -> bool:
    """Whether the decoded value may hold fewer keys than the line did (never wrong in saying no).

    Writing the value again writes each key once and escapes the same quotes, so equal counts of ``":`` mean that no
    key was dropped, unless a quote was written as ``\\u0022``.
    """
    return msgspec.json.encode(value).count(b'":') != raw.count(b'":') or b"\\u0022" in raw


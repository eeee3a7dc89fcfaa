"""The texts of a row that may be edited, and where they stand in its bytes. Changes none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from audit.model import Json, Message, PointerEdit, Record
from audit.read.spans import escape, resolve
from audit.remedy.balance.augment.result import Refused

SYSTEM: Final = ("system", "developer")
USER: Final = "user"


class Piece(NamedTuple):
    """A text of a row: the role that says it, its JSON Pointer, and what it says."""

    role: Json
    at: str
    text: str


def pieces_of(record: Record, messages: Iterable[Message]) -> Sequence[Piece]:
    """The texts of some messages, in order. Refuses (``shape``) where a text is put together from several fields, so
    that an edit of one would not be an edit of the text."""
    found: list[Piece] = []
    for message in messages:
        for at, text in message.texts():
            if resolve(record.data, at) != text:
                raise Refused("shape")
            found.append(Piece(message.role, at, text))
    return found


def user_pieces(record: Record) -> Sequence[Piece]:
    """What the user says, all turns."""
    return [piece for piece in pieces_of(record, record.messages) if piece.role == USER and piece.text.strip()]


def edits_of(pieces: Sequence[Piece], texts: Sequence[str]) -> tuple[PointerEdit, ...]:
    """The edits that put new texts in the place of those that differ."""
    pairs = zip(pieces, texts, strict=True)
    return tuple(PointerEdit("replace", piece.at, text) for piece, text in pairs if piece.text != text)


def strings_in(value: Json, at: str = "", depth: int = 8) -> Iterator[tuple[str, str]]:
    """(JSON Pointer, text) of every string in a value, keys left out, down to some depth."""
    if isinstance(value, str):
        yield at, value
    elif depth and isinstance(value, dict):
        for key, inner in value.items():
            yield from strings_in(inner, f"{at}/{escape(key)}", depth - 1)
    elif depth and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings_in(inner, f"{at}/{index}", depth - 1)

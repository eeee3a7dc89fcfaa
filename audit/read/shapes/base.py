"""What a shape is: how one kind of row is recognised, read into a Chat and, for some, written from one.

Holds the contract and the small types that all shapes share; knows no shape.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping

import msgspec

from audit.model import Chat, Json, Message

BOOKKEEPING = frozenset(
    {"metadata", "meta", "id", "source", "split", "dataset", "url", "timestamp", "lang", "language", "uuid"}
)
"""Top-level keys that say where a row comes from and nothing about what kind of row it is."""


PART_MARKS = ("train", "weight")
"""Keys of a content part by which some data says whether the part is trained on; nothing here can train part of an
answer."""


class Written(msgspec.Struct, frozen=True):
    """A row made from a Chat. ``lost`` holds one phrase, ``"POINTER: what"``, for everything it could not carry.

    The pointers are those of the row that the Chat was read from.
    """

    row: dict[str, Json]
    lost: tuple[str, ...] = ()


class Unwritable(Exception):
    """A Chat that a shape has no way to express. ``reason`` is a short phrase for the list of skipped rows."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def nothing_spare(data: Mapping[str, Json]) -> tuple[str, ...]:
    """The default ``Shape.spare``: ``Chat.lost`` already names all that the Chat leaves out."""
    return ()


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of row.

    ``detect`` is a cheap test on keys, asked in the order of ``SHAPES``; it recognises a row by what it tries to be,
    whether or not its values are right. ``read`` never raises, whatever JSON object it is given.
    ``write`` is None where the shape is only read; it raises Unwritable.
    ``spare`` names, as JSON Pointers, keys that the Chat does not hold and that ``Chat.lost`` leaves out because
    unknown keys are for the rules to judge (the OpenAI family): a conversion must report them.
    """

    name: str
    title: str
    detect: Callable[[dict[str, Json]], bool]
    read: Callable[[dict[str, Json]], Chat]
    write: Callable[[Chat], Written] | None = None
    spare: Callable[[Mapping[str, Json]], tuple[str, ...]] = nothing_spare


class JoinedMessage(Message, frozen=True, kw_only=True, gc=False):
    """A turn whose text lies in several places of the row, such as Alpaca's instruction and input.

    ``content`` is what a trainer would make of them; ``pieces`` holds (JSON Pointer, text) of each, so that whoever
    goes through ``texts()`` finds every string where it really stands.
    """

    pieces: tuple[tuple[str, str], ...] = ()

    def texts(self) -> Iterator[tuple[str, str]]:
        """(JSON Pointer, text) of every piece, in order."""
        yield from self.pieces


def token(key: str) -> str:
    """A key as one reference token of a JSON Pointer, escaped as RFC 6901 section 3 asks."""
    return key.replace("~", "~0").replace("/", "~1")


def other_keys(data: Mapping[str, Json], known: Container[str], at: str = "") -> tuple[str, ...]:
    """JSON Pointers of the keys of an object that are not ``known``, in the order in which they stand there."""
    return tuple([f"{at}/{token(key)}" for key in data if key not in known])


def spoken(role: str, content: Json, at: str, *, trained: bool | None = None) -> Message:
    """A turn whose value stands alone in the row: its role is the shape's doing, so every pointer is the value's."""
    return Message(role=role, content=content, at=at, role_at=at, content_at=at, raw=content, trained=trained)


def unmarked(turns: tuple[Message, ...]) -> tuple[Message, ...]:
    """The turns without what their shape says of training: in a row of two answers no prompt is trained on anyway."""
    return tuple([msgspec.structs.replace(turn, trained=None) for turn in turns])


def joined(role: str, pieces: list[tuple[str, str]], *, trained: bool | None = None) -> Message:
    """One turn of the non-empty pieces with a line break between, as LLaMA-Factory joins instruction and input.

    With no non-empty piece it is an empty turn at the first piece. ``pieces`` must not be empty.
    """
    full = [piece for piece in pieces if piece[1]] or pieces[:1]
    at = full[0][0]
    if len(full) == 1:
        return spoken(role, full[0][1], at, trained=trained)
    return JoinedMessage(
        role=role,
        content="\n".join(text for _, text in full),
        at=at,
        role_at=at,
        content_at=at,
        trained=trained,
        pieces=tuple(full),
    )

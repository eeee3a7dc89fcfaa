"""Counterfactual twins: a row with the group that it is about exchanged for another, in all its texts or not at all.

Code, JSON, names of functions and the arguments of calls stay as they are. Which rows are wanted is not decided here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

import msgspec

from audit.counterfactual import Swap, swap
from audit.counterfactual.english import english
from audit.counterfactual.words import words_of
from audit.language import identify
from audit.lexicons import load
from audit.model import ABSENT, Json, PointerEdit, Record
from audit.read.fields import pointer_at
from audit.read.marks import HOLDER
from audit.read.spans import pointer, resolve
from audit.remedy.balance.augment.groups import Exchange, group_named, spelling_of
from audit.remedy.balance.augment.pieces import SYSTEM, Piece, edits_of, pieces_of, strings_in
from audit.remedy.balance.augment.result import Changes, Refused
from audit.rule import Attribute, Fields


def twin(
    record: Record,
    exchange: Exchange,
    fields: Fields,
    declared: Sequence[Attribute],
    levels: Mapping[str, Sequence[str]],
) -> Changes:
    """How a row becomes its twin. Raises Refused, with the reason.

    ``declared`` are the attributes that rows keep in a field, ``levels`` the groups that the data has of each: a field
    that names the group names the other one in the usual spelling of the data. Other metadata that names the group and
    nothing else is swapped as a text is. The label's field is left alone.
    """
    _refuse_calls(record, exchange)
    pieces = pieces_of(record, record.turns)
    texts = swapped_texts(pieces, exchange)
    edits = edits_of(pieces, texts)
    if not edits:
        raise Refused("no_term")
    return Changes((*edits, *_named_edits(record.data, exchange, fields, declared, levels)))


def swapped_texts(pieces: Sequence[Piece], exchange: Exchange) -> Sequence[str]:
    """The texts with the group exchanged, read as one text: what mentions another group, a name or a word that is tied
    to the group anywhere in the row leaves no sure twin.

    A system prompt that mentions nobody takes no part: it names products and rules, not the person.
    """
    spoken = [piece for piece in pieces if piece.role not in SYSTEM or _mentions(piece.text, exchange.axis)]
    known = {piece.at for piece in spoken}
    if any(_names_a_person(piece.text) for piece in pieces if piece.at not in known):
        raise Refused("named_person")
    for piece in spoken:
        guess = identify(piece.text)
        if guess.sure and guess.language != "en":
            raise Refused("language")
    swapped = swap("\n".join(piece.text for piece in spoken), *exchange)
    if swapped.reason:
        raise Refused(swapped.reason)
    by_place = dict(zip((piece.at for piece in spoken), _cut(spoken, swapped), strict=True))
    texts = [by_place.get(piece.at, piece.text) for piece in pieces]
    if any(exchange.source in _groups(text, exchange.axis) for text in texts):
        raise Refused("code")  # seen only where the text stands alone: an open fence in another one hides it
    return texts


def _cut(pieces: Sequence[Piece], swapped: Swap) -> Iterator[str]:
    """The swapped text of every piece, by the edits that lie in it."""
    starts = list(accumulate((len(piece.text) + 1 for piece in pieces), initial=0))
    edits = deque(swapped.edits)
    for piece, (first, then) in zip(pieces, pairwise(starts), strict=True):
        parts: list[str] = []
        at = 0
        while edits and edits[0].start < then:
            start, end, _, after = edits.popleft()
            parts += (piece.text[at : start - first], after)
            at = end - first
        yield "".join((*parts, piece.text[at:]))


def _groups(text: str, axis: str) -> frozenset[str]:
    return frozenset(mention.term.group for mention in load(axis).find(text, "en"))


def _mentions(text: str, axis: str) -> bool:
    """Whether a text has a word of the axis, one in code or JSON among them."""
    return swap(text, axis).reason != "no_term"


def _names_a_person(text: str) -> bool:
    given = english().given_names
    return any(word.is_capital and word.base in given for word in words_of(text))


def _refuse_calls(record: Record, exchange: Exchange) -> None:
    """A call that mentions the group would contradict the swapped texts, and stays as it is."""
    for message in record.turns:
        for call in message.calls:
            arguments = _parsed(call.arguments) if isinstance(call.arguments, str) else call.arguments
            if any(_mentions(text, exchange.axis) for _, text in strings_in(arguments)):
                raise Refused("tool_call")


def _parsed(arguments: str) -> Json:
    try:
        return msgspec.json.decode(arguments.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return arguments


# ----------------------------------------------------------------------------- what names the group beside the texts


def _named_edits(
    data: Json, exchange: Exchange, fields: Fields, declared: Sequence[Attribute], levels: Mapping[str, Sequence[str]]
) -> Iterator[PointerEdit]:
    """The edits of fields and metadata that name the group."""
    spellings: dict[str, str] = {}
    for attribute in declared:
        at = pointer_at(data, attribute.where)
        value = resolve(data, at) if at is not None else ABSENT
        if at is None or value is ABSENT or value is None:
            continue
        names = value if isinstance(value, list) else [value]
        if any(isinstance(name, str) and group_named(exchange.axis, name) == exchange.source for name in names):
            if not isinstance(value, str):
                raise Refused("metadata")
            spellings[at] = spelling_of(exchange.axis, exchange.target, levels[attribute.name])
    label = None if fields.label in (None, "answer") else pointer_at(data, fields.label)
    yield from (PointerEdit("replace", at, name) for at, name in spellings.items())
    metadata = data.get("metadata") if isinstance(data, dict) else None
    own = pointer("metadata", HOLDER)
    for at, text in strings_in(metadata, pointer("metadata")):
        named = at != label and at not in spellings and at != own and not at.startswith(f"{own}/")
        if named and group_named(exchange.axis, text) == exchange.source:
            swapped = swap(text, *exchange)
            if swapped.reason:
                raise Refused("metadata")
            yield PointerEdit("replace", at, swapped.text)

"""What a conversation says beyond its folded words, and whether two answers say something else. Judges no row."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from audit.model import Record
from audit.read.dialogue import answer_text, said
from audit.read.folding import fold

_SPACES: Final = re.compile(r"\s+")
_ARITHMETIC: Final = (
    r"[%+<=>\xac\xb1\xd7\xf7\u2190-\u22ff]|(?<!\w)[-\u2212](?=\.?\d)|(?<=\w)#(?!\w)"  # not | and ~: tables, Markdown
)
_SIGNS: Final = re.compile(_ARITHMETIC)
_SIGNS_AND_MONEY: Final = re.compile(rf"[$\xa2-\xa5\u20a0-\u20c0]|{_ARITHMETIC}")


class Wording(NamedTuple):
    """What keeps two rows apart although their folded conversations are equal."""

    signs: tuple[str, ...]
    rejected: bytes
    answer: str


def wording(record: Record) -> Wording:
    """The signs of arithmetic in a row (a minus before a number, ``%`` and the ``#`` of ``C#`` among them), its
    rejected answer (preference rows that differ in it are different examples), and of its answer the signs of money,
    too, or all of it where it has no word: ``>50K`` is not ``<=50K``, ``$5`` not ``€5``, ``:)`` not ``:(``."""
    rejected = fold(said(record.chat.rejected)) if record.chat.rejected else b""
    return Wording(tuple(_SIGNS.findall(_text(record))), rejected, unfolded(answer_of(record)))


class Answer(NamedTuple):
    """The text of an answer and its units: words, or characters of a script without spaces."""

    text: str
    units: tuple[bytes, ...]


def answer_of(record: Record) -> Answer:
    """The answer of a row."""
    text = answer_text(record)
    return Answer(text, tuple(fold(text).split()))


def unfolded(answer: Answer) -> str:
    """What an answer says beside its units: its signs of arithmetic and money, or all of it where it has no units."""
    return "\n".join(_SIGNS_AND_MONEY.findall(answer.text)) if answer.units else answer.text


def answers_otherwise(first: Answer, other: Answer, short: int) -> bool:
    """Whether two answers differ and one has fewer than ``short`` units: a label, a number, a call. However much alike
    their prompts are, such rows contradict or complement each other, and neither is redundant."""
    if min(len(first.units), len(other.units)) >= short:
        return False
    return first.units != other.units or unfolded(first) != unfolded(other)


def distinct_similarity(first: frozenset[bytes], other: frozenset[bytes]) -> float:
    """The Jaccard similarity of two sets of units, 1 for two empty ones."""
    shared = len(first & other)
    together = len(first) + len(other) - shared
    return shared / together if together else 1.0


def differing_forms(first: Record, other: Record) -> list[str]:
    """In what two conversations differ that are the same once they are folded."""
    one, two = _text(first), _text(other)
    forms = []
    if _letters(one) != _letters(two):
        same = _letters(one).casefold() == _letters(two).casefold()
        forms.append("case" if same else "forms of characters")
    if _marks(one) != _marks(two):
        forms.append("punctuation")
    if _SPACES.findall(one) != _SPACES.findall(two):
        forms.append("white space")
    return forms or ["the places of punctuation" if one != two else "structure"]


def _text(record: Record) -> str:
    return said(record.chat.messages + record.chat.chosen)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _marks(text: str) -> str:
    return "".join(c for c in text if not (c.isalnum() or c.isspace()))

"""Cuts an English text into words and marks, and says which words begin a sentence. Knows no groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*|\n|[^\w\s]|_")
_CLITIC: Final = re.compile(r"(?P<base>.+?)(?P<clitic>['’](?:s|d|ll|ve|re|m))\Z", re.IGNORECASE)
_ENDS: Final = frozenset(".!?\n:…•*")
_OPENS: Final = frozenset("\"“”‘«([{'-–—>#*•`")
_ABBREVIATED: Final = frozenset(["mr", "ms", "mrs", "dr", "st", "prof", "vs", "sr", "jr", "inc", "ltd", "no", "etc"])
QUOTES: Final = frozenset("\"“”‘’'«»`")
MARKS: Final = frozenset(".,;:!?)]}…–—\n")
"""Marks that end a phrase."""


class Word(NamedTuple):
    """A word or a mark in a text. ``base`` is the word in lower case without ``clitic`` ("'s", "'ll"); ``first`` says
    that it begins a sentence, ``apart`` that white space or nothing stands before it."""

    text: str
    start: int
    base: str
    clitic: str
    first: bool
    apart: bool

    @property
    def stem(self) -> str:
        """The word as it is written, without its clitic."""
        return self.text[: len(self.text) - len(self.clitic)]

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum()

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()


def words_of(text: str) -> Sequence[Word]:
    """The words and marks of a text, line breaks among them, other white space left out."""
    words: list[Word] = []
    first = True
    for found in _TOKEN.finditer(text):
        token, start = found[0], found.start()
        apart = start == 0 or text[start - 1].isspace()
        if not token[0].isalnum():
            words.append(Word(token, start, token, "", False, apart))
            first = _first_after(token, first, words)
            continue
        parts = _CLITIC.match(token)
        base, clitic = (parts["base"], parts["clitic"]) if parts else (token, "")
        words.append(Word(token, start, base.lower(), clitic, first, apart))
        first = first and token.isdigit()
    return words


def _first_after(mark: str, first: bool, words: Sequence[Word]) -> bool:
    """Whether a word right behind a mark begins a sentence."""
    if mark == "." and len(words) > 1 and words[-2].base in _ABBREVIATED:
        return False
    if mark in _ENDS or (mark in QUOTES and words[-1].apart):
        return True
    return first and mark in _OPENS

"""What was found to identify somebody, or to be a secret: a stretch of a text and its kind. Finds nothing itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

from audit.read.patterns import pattern

_DIGITS: Final = (0x660, 0x6F0, 0x966, 0x9E6, 0xFF10)
"""Zeros of the decimal digits that telephone numbers are written in: Arabic, Persian, Hindi, Bengali, full width."""
_PLAIN: Final[dict[int, str]] = {
    **{zero + digit: str(digit) for zero in _DIGITS for digit in range(10)},
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212, 0xFF0D), "-"),
    **dict.fromkeys((0xA0, 0x2007, 0x2009, 0x202F, 0x3000), " "),
    **dict(zip(map(ord, "＠＋（）．：／"), "@+().:/", strict=True)),
    **dict.fromkeys(range(0xD800, 0xE000), "?"),
}
_NOT_PLAIN: Final = pattern(f"[{''.join(map(chr, _PLAIN))}]")
MOST: Final = 1_000
"""Identifiers of a text after which nobody looks for more: a row with so many is dropped, not masked."""
CANDIDATES: Final = 20_000
"""Places of a text at which one pattern is tried: what is read then is bounded, however hostile the text."""
REACH: Final = 40
"""Code points before and after a number in which a word says what it is."""


class Identifier(NamedTuple):
    """Code points ``start`` to ``end`` (exclusive) of a text. ``kind`` is snake case: ``email``, ``phone``, ``card``.

    ``value`` is normalised, so that two spellings are one. ``sure`` is True where a checksum, a distinct format or a
    word beside it leaves hardly a doubt. ``country`` is ISO 3166-1 alpha-2 for what one country issues. ``specimen``
    says that it has the form but is reserved for examples and tests, and is nobody's; it is ``sure`` where the text
    gives it for somebody's own.
    """

    start: int
    end: int
    kind: str
    value: str
    sure: bool
    country: str = ""
    specimen: bool = False


class Found(list[Identifier]):
    """Identifiers of a text, in order and without overlap. ``cut`` says that looking stopped before the end."""

    def __init__(self, found: Iterable[Identifier] = (), *, cut: bool = False) -> None:
        super().__init__(found)
        self.cut = cut


class TooManyError(Exception):
    """There are more candidates in a text than are looked at; ``gathered`` takes it."""


_T = TypeVar("_T")


def at_most(candidates: Iterable[_T]) -> Iterator[_T]:
    """The candidates of one pattern. Raises TooManyError after ``CANDIDATES`` of them."""
    for count, one in enumerate(candidates):
        if count >= CANDIDATES:
            raise TooManyError
        yield one


def gathered(finders: Iterable[Iterable[Identifier]]) -> Found:
    """What the finders find, without overlaps; ``cut`` where there are ``MOST`` or too many candidates."""
    found: list[Identifier] = []
    cut = False
    for ones in finders:
        try:
            for one in ones:
                found.append(one)
                if len(found) >= MOST:
                    return Found(without_overlaps(found), cut=True)
        except TooManyError:
            cut = True
    return Found(without_overlaps(found) if found else (), cut=cut)


def plain(text: str) -> str:
    """The text with other scripts' digits, dashes, spaces and full-width signs as ASCII has them, and lone surrogates
    as question marks. Every code point stays in its place."""
    return text if text.isascii() or not _NOT_PLAIN.search(text) else text.translate(_PLAIN)


def before(text: str, start: int, reach: int = REACH) -> str:
    """What stands shortly before a place."""
    return text[max(0, start - reach) : start]


def around(text: str, start: int, end: int, reach: int = REACH) -> str:
    """What stands before and after a stretch, without the stretch, a line break between the two."""
    return f"{before(text, start, reach)}\n{text[end : end + reach]}"


def any_of(*words: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    """A pattern for any of these words (regular expressions). Those of Latin letters have to be whole; a placeholder
    such as ``[IBAN_3F9A]`` is no word."""
    latin = "|".join(word for word in words if word.isascii() or word[0] < "\u0250")
    other = "|".join(word for word in words if not (word.isascii() or word[0] < "\u0250"))
    return re.compile(
        "|".join(part for part in (rf"(?<![\w\[])(?:{latin})(?!\w)" if latin else "", other) if part), flags
    )


def necessary(word: str) -> str:
    """A pattern of RE2 that is wherever ``any_of`` finds a word, in any case; with borders of words where RE2 has them
    too, which are ASCII's."""
    begin = r"\b" if word[0].isascii() and word[0].isalpha() else ""
    last = word.rstrip(")?")[-1]
    end = r"\b" if word.isascii() and last.isalpha() else ""
    return f"{begin}(?i:{word}){end}"


def without_overlaps(found: Iterable[Identifier]) -> list[Identifier]:
    """In order of place. Of two that overlap the surer is kept, of two as sure the longer, of these the first."""
    kept: list[Identifier] = []
    for one in sorted(found, key=lambda one: (one.start, one.end)):
        while kept and kept[-1].end > one.start and _rank(one) > _rank(kept[-1]):
            kept.pop()
        if not kept or kept[-1].end <= one.start:
            kept.append(one)
    return kept


def _rank(one: Identifier) -> tuple[bool, bool, int]:
    return (one.sure, not one.specimen, one.end - one.start)

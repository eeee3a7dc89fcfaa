"""Folds a text for matching and keeps for every folded character where it came from. Knows no term.

Folding is NFKC and casefold, without characters that show nothing (zero-width ones, soft hyphens), without marks over
ASCII letters that make no other letter, and with look-alikes of Latin letters replaced inside words that also hold an
ASCII letter. A wholly Cyrillic or Greek word stays what it is: Russian ``не`` is not English ``he``.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple


class Folded(NamedTuple):
    """A folded text. ``words`` is as long as ``text`` and has a space for every character that is in no word.

    ``origin[i]`` is the place in the original of the folded character ``i``, and one more entry is the original's
    length; None where the places are the same.
    """

    text: str
    words: str
    origin: Sequence[int] | None

    def place(self, at: int) -> int:
        """Where a place in the folded text lies in the original."""
        return at if self.origin is None else self.origin[at]


# Pairs of a letter and the Latin one that it looks like, capitals as capitals: single letters that confusables.txt
# (Unicode Technical Standard 39, version 14) maps to an ASCII letter, from the scripts that are used for it in
# practice. It folds I to l; here capital iotas and Cyrillic I are what they look like in a word, an I.
_PAIRS: Final = (
    "аa сc ԁd еe ҽe һh іi јj оo рp ԛq ѕs ѵv ԝw хx уy үy гr "  # Cyrillic
    "АA ВB СC ЕE ԌG НH ІI ӀI ЈJ КK МM ОO РP ЅS ТT Ѵv ԜW ХX УY ҮY "
    "αa ϲc ιi ϳj οo ρp σo υu νv γy ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX "  # Greek
    "ցg հh օo ոn սu զq ՍU ՏS ՕO "  # Armenian
    "ɑa ɡg ɩi ıi ɪi ʏy ꜱs ᴏo ᴄc ᴜu ᴠv ᴡw ᴢz"  # Latin
)
LOOK_ALIKES: Final = {ord(pair[0]): pair[1].lower() for pair in _PAIRS.split()}
"""Code point -> the ASCII letter that it looks like, in lower case."""

_SPACED: Final = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() or chr(code) == "_" else 0x20 for code in range(128)
) + bytes(range(128, 256))
_ASCII_LETTER: Final = re.compile("[A-Za-z]")
_LOOK_ALIKE: Final = re.compile(f"[{''.join(map(chr, LOOK_ALIKES))}]")
_WORD: Final = re.compile(r"[^\W_]+")
_ODD: Final = re.compile(r"[^\x00-\x7f]+")
_ODD_WITH_BASE: Final = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")  # a mark belongs to the letter before it
_FILLER: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_LONGEST_SEGMENT: Final = 31
"""Of characters: a letter with 30 marks, as in the Stream-Safe Text Format (Unicode Standard Annex 15)."""


def fold(text: str) -> Folded:
    """The folded text. Takes any string; lone surrogates are in no word."""
    if text.isascii():
        return Folded(text.lower(), text.encode().translate(_SPACED).decode(), None)
    plain = _WORD.sub(_latin_word, text) if _LOOK_ALIKE.search(text) else text
    origin: Sequence[int] | None = None
    try:
        folded = _ODD.sub(_same_length, plain)
    except _OtherLength:
        folded, origin = _by_segments(plain)
    spaced = _ODD.sub(_gaps, folded).encode().translate(_SPACED).decode()
    return Folded(_lower_ascii(folded), spaced, origin)


def fold_form(form: str) -> str:
    """A form as it is looked for: the words of its folding, one space between two."""
    return " ".join(fold(form).words.split())


def _latin_word(found: re.Match[str]) -> str:
    word = found[0]
    return word.translate(LOOK_ALIKES) if _ASCII_LETTER.search(word) else word


def _lower_ascii(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


class _OtherLength(Exception):
    """A run folds to more or fewer characters, so that places have to be kept."""


def _same_length(found: re.Match[str]) -> str:
    folded = "".join(map(_same_character, found[0]))
    if len(folded) != len(found[0]):
        raise _OtherLength
    return folded


@lru_cache(maxsize=4096)
def _same_character(character: str) -> str:
    """One character folded by itself; nothing for a mark, whose folding depends on the letter before it."""
    return "" if _is_mark(character) else _folded(character)


@lru_cache(maxsize=4096)
def _folded(segment: str) -> str:
    """A character with its marks, folded: as toNFKC_Casefold does (Unicode 15, section 3.13), and marks that a plain
    ASCII letter keeps are dropped."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", segment).casefold())
    shown = "".join(character for character in text if not _is_ignorable(character))
    return shown[0] if len(shown) > 1 and shown[0].isascii() and all(map(_is_mark, shown[1:])) else shown


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc", "Me")


def _is_ignorable(character: str) -> bool:
    """Whether a character shows nothing: format controls, variation selectors, fillers (DerivedCoreProperties.txt,
    Default_Ignorable_Code_Point, the assigned ones)."""
    return unicodedata.category(character) == "Cf" or _FILLER.match(character) is not None


def _by_segments(text: str) -> tuple[str, Sequence[int]]:
    """The folded text, and the origin of each of its characters."""
    pieces: list[str] = []
    origin = array("L")
    done = 0
    for found in _ODD_WITH_BASE.finditer(text):
        pieces.append(text[done : found.start()])
        origin.extend(range(done, found.start()))
        for start, segment in _segments(found[0]):
            folded = _folded(segment)
            pieces.append(folded)
            origin.extend([found.start() + start] * len(folded))
        done = found.end()
    pieces.append(text[done:])
    origin.extend(range(done, len(text) + 1))
    return "".join(pieces), origin


def _segments(run: str) -> Iterator[tuple[int, str]]:
    """Each character with the marks that follow it, and where it begins."""
    start = 0
    for at in range(1, len(run)):
        if not _is_mark(run[at]) or at - start == _LONGEST_SEGMENT:
            yield start, run[start:at]
            start = at
    yield start, run[start:]


def _gaps(found: re.Match[str]) -> str:
    return "".join(character if _in_word(character) else " " for character in found[0])


@lru_cache(maxsize=4096)
def _in_word(character: str) -> bool:
    return character.isalnum() or _is_mark(character)

"""Whether two texts differ only in how they are spelt. Knows no rows and judges none."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from audit.read.folding import fold

_ASCII_MARKS: Final = re.compile(
    r"[+<=>|~^$%&@#*/\\]"
    r"|(?<=\d)[.,:](?=\d)"  # 1.5 and 1,5
    r"|-(?=\s*\d)|(?<=\d)\s*-"  # 2-3 is not 2 3
    r"|(?<!\w)-(?=\w)|(?<=\w)-(?!\w)"  # grade A-, but not well-known
)
_SYMBOLS: Final = ("Sm", "Sc", "So")
LEAST_LETTERS: Final = 4
"""Letters of the shortest word that may be a slip: of shorter ones too many are one letter apart ("male", "sale")."""


def marks(text: str) -> str:
    """The marks that folding takes away and that change what is meant, in order: "<=", "+", "#", an emoji, the point of
    1.5. Full stops, commas, quotes, brackets and hyphens within a word are none."""
    if text.isascii():
        return " ".join(_ASCII_MARKS.findall(text))
    text = unicodedata.normalize("NFKC", text)
    others = "".join(char for char in text if char > "\x7f" and unicodedata.category(char) in _SYMBOLS)
    return " ".join((*_ASCII_MARKS.findall(text), others))


def spelling_key(label: str) -> str:
    """What labels have in common that differ only in case, white space, hyphens, underscores and punctuation."""
    plain = fold(label.replace("_", " ")).replace(b" ", b"").decode()
    return f"{plain}\n{marks(label)}" if plain else label


def is_slip(rare: str, usual: str) -> bool:
    """Whether a label is another with a slip in one word: a letter too many, missing, wrong, or two swapped.

    The word has at least four letters on both sides. Digits must agree, and so must marks; a leading "a" too many or
    missing is none ("typical" and "atypical").
    """
    if marks(rare) != marks(usual):
        return False
    ours, theirs = (fold(label.replace("_", " ")).decode().split() for label in (rare, usual))
    if len(ours) != len(theirs):
        return False
    differing = [(one, other) for one, other in zip(ours, theirs, strict=True) if one != other]
    if len(differing) != 1:
        return False
    (one, other) = differing[0]
    if min(len(one), len(other)) < LEAST_LETTERS or one in ("a" + other, other[1:] if other[0] == "a" else other):
        return False
    return _digits(one) == _digits(other) and is_one_edit(one, other)


def is_one_edit(one: str, other: str) -> bool:
    """Whether one insertion, deletion, replacement or swap of neighbours makes two different strings the same.

    That is a distance of 1 as Damerau (1964), "A technique for computer detection and correction of spelling errors".
    """
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, other_rest = one[start:], other[start:]
    if len(one) != len(other):
        return rest[1:] == other_rest or rest == other_rest[1:]
    return rest[1:] == other_rest[1:] or (rest[1::-1] == other_rest[:2] and rest[2:] == other_rest[2:])


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())

"""The units of a text: what near-duplicate detection counts as a word. Hashes nothing and compares nothing.

A unit is a run of word characters (``\\w``) in lower case. A letter, mark or digit of a script that is written without
spaces is a unit of its own. Texts that are not ASCII are put into normal form NFKC first. Which newer characters are
letters depends on the Unicode version of the interpreter; nothing else does.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

UNSPACED: Final = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59"  # Thai, without its currency sign and its marks of division
    "\u0e80-\u0eff"  # Lao
    "\u0f00\u0f18\u0f19\u0f20-\u0f33\u0f35\u0f37\u0f39\u0f3e-\u0f84\u0f86-\u0fbc"  # Tibetan, without its punctuation
    "\u1000-\u1049\u1050-\u109d\ua9e0-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"  # Myanmar
    "\u1780-\u17d3\u17d7\u17dc\u17dd\u17e0-\u17e9"  # Khmer
    "\u3041-\u3096\u3099\u309a\u309d-\u309f"  # Hiragana
    "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\U0001b000-\U0001b16f"  # Katakana, and old forms of both
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"  # Han
)
"""Ranges of a character class: Thai, Lao, Tibetan, Myanmar, Khmer, Hiragana, Katakana and Han (Unicode 15 blocks)."""

_BETWEEN: Final = re.compile(f"[^\\w\x00-\x7f{UNSPACED}]+")
_UNSPACED_RUN: Final = re.compile(f"[{UNSPACED}]+")

ASCII_TABLE: Final = bytes(
    (ord(chr(byte).lower()) if chr(byte).isalnum() or byte == ord("_") else ord(" ")) if byte < 128 else byte
    for byte in range(256)
)
"""For ``bytes.translate``: ASCII letters in lower case, a space for what is between ASCII words, other bytes kept."""


def fold(text: str) -> bytes:
    """UTF-8 in which units are kept apart, once it is translated with ``ASCII_TABLE``, by spaces."""
    if text.isascii():
        return text.encode()
    lowered = unicodedata.normalize("NFKC", text).lower()
    spaced = _UNSPACED_RUN.sub(_apart, _BETWEEN.sub(" ", lowered))
    return spaced.encode()


def units(text: str) -> list[bytes]:
    """The units of a text in order, as UTF-8. Any string will do; half surrogate pairs are between words."""
    return fold(text).translate(ASCII_TABLE).split()


def _apart(run: re.Match[str]) -> str:
    return f" {' '.join(run[0])} "

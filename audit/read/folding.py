"""Texts without what hides a duplicate: case, punctuation, white space, forms of one character. Compares nothing."""

from __future__ import annotations

import unicodedata
from typing import Final

from audit.read.patterns import pattern

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

ASCII_WORDS: Final = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() or chr(code) == "_" else 0x20 for code in range(128)
) + bytes(range(128, 256))
"""For ``bytes.translate``: ASCII letters in lower case, whatever is between ASCII words a space, other bytes kept."""
_GAPS: Final = pattern(r"\W+")
_UNSPACED: Final = pattern(f"([{UNSPACED}])")
_ASCII: Final = bytes(range(128))
# Blocks of nothing but punctuation and spaces, as UTF-8: U+00A0, U+2000 to U+203E, U+3000 to U+3004. Each begins with
# bytes that are looked for at the speed of memory.
_PUNCTUATION: Final = (
    (b"\xc2\xa0", pattern(rb"\xc2\xa0")),
    (b"\xe2\x80", pattern(rb"\xe2\x80[\x80-\xbe]")),
    (b"\xe3\x80", pattern(rb"\xe3\x80[\x80-\x84]")),
)


def words(text: str) -> bytes:
    """The words of a text in lower case after NFKC, as ``\\w+`` sees them, one space between two. UTF-8; lone
    surrogates are between words."""
    data = text.encode("utf-8", "replace").translate(ASCII_WORDS)
    if not data.isascii():
        for mark, character in _PUNCTUATION:
            if mark in data:
                data = character.sub(b" ", data)
        # What is left is most often a few letters: when they are in lower case and in normal form, so is the text.
        rest = data.translate(None, _ASCII).decode()
        if rest and not (rest.isalnum() and rest == unicodedata.normalize("NFKC", rest).lower()):
            whole = unicodedata.normalize("NFKC", text).lower()
            data = _GAPS.sub(" ", whole).encode("utf-8", "ignore")
    return b" ".join(data.split())


def fold(text: str) -> bytes:
    """The units of a text, one space between two: its words, and every character of a script that is written without
    spaces by itself."""
    folded = words(text)
    if folded.isascii():
        return folded
    return b" ".join(_UNSPACED.sub(r" \1 ", folded.decode()).encode().split())

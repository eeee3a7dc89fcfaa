"""Texts without what hides a duplicate: case, punctuation, white space, forms of one character. Compares nothing."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

UNSPACED: Final = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b"  # radicals and marks of Han
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
"""Character class of the scripts that are written without spaces between words."""

ASCII_WORDS: Final = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() or chr(code) == "_" else 0x20 for code in range(128)
) + bytes(range(128, 256))
"""For ``bytes.translate``: ASCII letters in lower case, whatever is between ASCII words a space, other bytes kept."""
_GAPS: Final = re.compile(r"\W+")
_UNSPACED: Final = re.compile(f"([{UNSPACED}])")
_ASCII: Final = bytes(range(128))
# Blocks of nothing but punctuation and spaces, as UTF-8: U+00A0, U+2000 to U+203E, U+3000 to U+3004. Each begins with
# bytes that are looked for at the speed of memory.
_PUNCTUATION: Final = (
    (b"\xc2\xa0", re.compile(rb"\xc2\xa0")),
    (b"\xe2\x80", re.compile(rb"\xe2\x80[\x80-\xbe]")),
    (b"\xe3\x80", re.compile(rb"\xe3\x80[\x80-\x84]")),
)


def words(text: str) -> bytes:
    """The words of a text in lower case after NFKC, as ``\\w+`` sees them, one space between two. UTF-8; lone
    surrogates are between words."""
    data = text.encode("utf-8", "replace").translate(ASCII_WORDS)
    if not data.isascii():
        for mark, pattern in _PUNCTUATION:
            if mark in data:
                data = pattern.sub(b" ", data)
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

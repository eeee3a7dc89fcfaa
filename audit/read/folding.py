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

_TABLE: Final = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() or chr(code) == "_" else 0x20 for code in range(128)
) + bytes(range(128, 256))
_GAPS: Final = re.compile(r"\W+")
_UNSPACED: Final = re.compile(f"([{UNSPACED}])")
# Blocks of nothing but punctuation and spaces, as UTF-8: U+2000 to U+206F without the letters from U+2070 on, U+3000 to
# U+3004. Each begins with bytes that are looked for at the speed of memory.
_PUNCTUATION: Final = (
    (b"\xe2\x80", re.compile(rb"\xe2\x80[\x80-\xbe]")),
    (b"\xe3\x80", re.compile(rb"\xe3\x80[\x80-\x84]")),
)


def words(text: str) -> bytes:
    """The words of a text in lower case after NFKC, as ``\\w+`` sees them, one space between two. UTF-8, lone
    surrogates left out."""
    if text.isascii():
        return _single_spaced(text.encode().translate(_TABLE))
    text = unicodedata.normalize("NFKC", text).lower()
    data = text.encode("utf-8", "ignore").translate(_TABLE)
    for mark, pattern in _PUNCTUATION:
        if mark in data:
            data = pattern.sub(b" ", data)
    rest = data.decode().replace(" ", "").replace("_", "")
    if rest and not rest.isalnum():
        data = _GAPS.sub(" ", text).encode("utf-8", "ignore")
    return _single_spaced(data)


def _single_spaced(data: bytes) -> bytes:
    """Twice as fast as splitting and joining, where there are few long gaps."""
    while b"  " in data:
        data = data.replace(b"  ", b" ")
    return data.strip()


def fold(text: str) -> bytes:
    """The units of a text, one space between two: its words, and every character of a script that is written without
    spaces by itself."""
    folded = words(text)
    if folded.isascii():
        return folded
    return b" ".join(_UNSPACED.sub(r" \1 ", folded.decode()).encode().split())

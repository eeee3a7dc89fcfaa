"""The units of a text: what near-duplicate detection counts as a word. Hashes nothing and compares nothing.

A unit is a run of word characters (``\\w``) in lower case. A letter, mark or digit of a script that is written without
spaces is a unit of its own. Texts that are not ASCII are put into normal form NFKC first. Which newer characters are
letters depends on the Unicode version of the interpreter; nothing else does.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from audit.read.folding import ASCII_WORDS, UNSPACED
from audit.read.patterns import pattern

_BETWEEN: Final = pattern(f"[^\\w\x00-\x7f{UNSPACED}]+")
_UNSPACED_RUN: Final = pattern(f"[{UNSPACED}]+")


def fold(text: str) -> bytes:
    """UTF-8 in which units are kept apart, once it is translated with ``ASCII_WORDS``, by spaces."""
    if text.isascii():
        return text.encode()
    lowered = unicodedata.normalize("NFKC", text).lower()
    spaced = _UNSPACED_RUN.sub(_apart, _BETWEEN.sub(" ", lowered))
    return spaced.encode()


def units(text: str) -> list[bytes]:
    """The units of a text in order, as UTF-8. Any string will do; half surrogate pairs are between words."""
    return fold(text).translate(ASCII_WORDS).split()


def _apart(run: re.Match[str]) -> str:
    return f" {' '.join(run[0])} "

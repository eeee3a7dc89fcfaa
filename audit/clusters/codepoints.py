"""``audit.clusters.units.fold`` for many texts at once, by one table of code points. Needs numpy.

A text in which every character has a fixed replacement, whatever stands beside it, is folded by looking it up. The few
others (combining marks, capital sigma, ligatures) are left to ``fold``. The units are the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from audit.clusters.units import fold
from audit.read.folding import UNSPACED

_SIZE: Final = 0x40000
"""Code points in the table. All above are as its last one: in context."""
_SPACE: Final = 0x20
_ROW_END: Final = 0x0A
_ALONE: Final = 1 << 21
"""Set for a character that is a unit of its own."""
_CONTEXT: Final = 1 << 22
"""Set for a character that only ``fold`` can judge."""
_CODE_POINT: Final = _ALONE - 1

# Ranges whose characters are all their own normal form and have no case.
_HAN: Final = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x2F800), (0x30000, 0x3FFFE))
_HANGUL: Final = (0xAC00, 0xD7A4)
_SURROGATES: Final = (0xD800, 0xE000)
_OTHERS: Final = ((0, 0x3400), (0x4DC0, 0x4E00), (0xA000, 0xAC00), (0xD7A4, 0xD800), (0xE000, 0x10000))
_EMOJI: Final = (0x1F000, 0x1FC00)
"""The rest of the basic plane, and emoji. Rarer characters are left to ``fold``."""


def fold_all(texts: Sequence[str]) -> list[bytes]:
    """Of every text, in order, what ``fold`` gives, but for the number of spaces between units."""
    if all(map(str.isascii, texts)):
        return [text.encode() for text in texts]
    other = [at for at, text in enumerate(texts) if not text.isascii()]
    folded: list[bytes] = [text.encode() if text.isascii() else b"" for text in texts]
    for at, data in zip(other, _looked_up([texts[at] for at in other]), strict=True):
        folded[at] = fold(texts[at]) if data is None else data
    return folded


def _looked_up(texts: Sequence[str]) -> list[bytes | None]:
    """Every text folded by the table, or None where a character of it depends on its neighbours."""
    joined = "\n".join(texts) + "\n"
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4")
    replaced = _table()[np.minimum(points, _SIZE - 1)]
    ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    context = np.searchsorted(ends, np.flatnonzero(replaced & _CONTEXT))
    replaced[ends] = _ROW_END
    spaced = _spaced(replaced) & _CODE_POINT
    rows: list[bytes | None] = list(spaced.tobytes().decode("utf-32-le").encode().split(b"\n")[:-1])
    for at in np.unique(context).tolist():
        rows[at] = None
    return rows


def _spaced(replaced: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A space put in before every character that is a unit of its own, and before what follows it."""
    alone = (replaced & _ALONE) != 0
    if not alone.any():
        return replaced
    before = alone.copy()
    before[1:] |= alone[:-1] & (replaced[1:] != _ROW_END)
    return np.insert(replaced, np.flatnonzero(before), np.uint32(_SPACE))


@cache
def _table() -> NDArray[np.uint32]:
    """Per code point what replaces it (a space for whatever separates units) with the flags above; 1 MB."""
    table = np.full(_SIZE, _CONTEXT | _SPACE, np.uint32)
    unspaced = re.compile(f"[{UNSPACED}]").match
    word = re.compile(r"\w").match
    letters = [chr(point) for ends in (*_OTHERS, _EMOJI) for point in range(*ends)]
    merging = _merging(letters)
    for letter in letters:
        text = unicodedata.normalize("NFKC", letter) if unicodedata.decomposition(letter) else letter
        if not merging.isdisjoint(text) or text == "Σ":
            continue
        lowered = text.lower()
        if len(lowered) == 1 and unspaced(lowered):
            table[ord(letter)] = ord(lowered) | _ALONE
        elif len(lowered) == 1 and word(lowered):
            table[ord(letter)] = ord(lowered)
        elif not any(word(one) or unspaced(one) for one in lowered):
            table[ord(letter)] = _SPACE
    for first, end in _HAN:
        table[first:end] = np.arange(first, end, dtype=np.uint32) | _ALONE
    table[slice(*_HANGUL)] = np.arange(*_HANGUL, dtype=np.uint32)
    table[slice(*_SURROGATES)] = _SPACE
    return table


def _merging(letters: Sequence[str]) -> frozenset[str]:
    """Characters that may merge with their neighbours, or change places, when a text is put into normal form.

    They are those with a combining class, the second halves of canonical decompositions, and the vowels and finals of
    Hangul.
    """
    classed = filter(unicodedata.combining, letters)
    halves = (split for letter in letters if len(split := unicodedata.decomposition(letter).split()) == 2)
    seconds = (chr(int(second, 16)) for first, second in halves if not first.startswith("<"))
    return frozenset({*classed, *seconds, *map(chr, range(0x1161, 0x1176)), *map(chr, range(0x11A8, 0x11C3))})

"""What is compared of the rows of two samples, and which rows are compared. Tests nothing."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from heapq import nsmallest
from typing import Final, NamedTuple

from audit.model import Record
from audit.read.dialogue import answer_text, conversation_text
from audit.read.fields import label_of
from audit.read.folding import fold
from audit.rule import Fields

LONGEST: Final = 4_000
"""Characters of a text that its words and its script are told from."""
KANA_SHARE: Final = 0.05
"""Share of kana among letters from which a text is Japanese, whatever Han is in it."""
_KANA: Final = ("HIRAGANA", "KATAKANA")


class Facts(NamedTuple):
    """One row: its label, the units of the whole and of the answer, its script, and its words, one space between."""

    label: str | None
    units: int
    answer_units: int
    script: str
    words: str


def facts_of(record: Record, fields: Fields) -> Facts:
    """The facts of a row; any row has some."""
    text = conversation_text(record)
    return Facts(
        label=label_of(record, fields),
        units=units_in(text),
        answer_units=units_in(answer_text(record)),
        script=script_of(text[:LONGEST]),
        words=fold(text[:LONGEST]).decode(),
    )


def units_in(text: str) -> int:
    """Words of a text, or characters of scripts without spaces."""
    folded = fold(text)
    return folded.count(b" ") + 1 if folded else 0


def script_of(text: str) -> str:
    """The script of most letters of a text, in capitals: LATIN, CYRILLIC, CJK, KANA ...; NONE without letters."""
    if text.isascii():
        return "LATIN" if any(map(str.isalpha, text)) else "NONE"
    counts = Counter(map(_script, filter(str.isalpha, text)))
    if not counts:
        return "NONE"
    kana = sum(counts[name] for name in _KANA)
    if kana >= KANA_SHARE * sum(counts.values()) and (kana or counts["CJK"]):
        return "KANA"
    return min(counts, key=lambda name: (-counts[name], name))


@lru_cache(maxsize=1 << 16)
def _script(letter: str) -> str:
    """The first word of a letter's name in Unicode, which is its script for nearly all that matter here."""
    return unicodedata.name(letter, "OTHER").partition(" ")[0]


# ----------------------------------------------------------------------------- samples


def sample(rows: Iterable[int], keys: Sequence[int], most: int) -> list[int]:
    """At most so many rows, ascending: those whose contents have the smallest keys, whatever their order is."""
    return sorted(row for _, row in nsmallest(most, ((keys[row], row) for row in rows)))


def distinct_sample(rows: Sequence[int], keys: Sequence[int], most: int) -> list[int]:
    """The first row with each of the smallest keys, at most so many, ascending; rows without a key are left out.

    Keys are evenly spread over 64 bits, so that a bound on them takes out most rows before any are collected.
    """
    bound = (1 << 64) * 2 * most // max(len(rows), 1)
    while True:
        first: dict[int, int] = {}
        for row in rows:
            if 0 < keys[row] < bound:
                first.setdefault(keys[row], row)
        if len(first) >= most or bound >= 1 << 64:
            return sorted(first[key] for key in nsmallest(most, first))
        bound *= 4

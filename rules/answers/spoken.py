"""Which rows of a batch say something that a pattern matches: one scan over the answers of all canonical rows.

For rules that have to see the prompt as well, and so cannot be text rules. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import re2

from audit.rule import Batch

_SEPARATOR: Final = b"\xff"
"""A byte that UTF-8 never has."""


@cache
def compiled(*patterns: str) -> re2._Regexp[bytes]:
    """One pattern over bytes for any of these, whatever the case of ASCII letters."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.max_mem = 64 << 20
    return re2.compile("|".join(f"(?:{pattern})" for pattern in patterns).encode(), options)


def rows_saying(batch: Batch, pattern: re2._Regexp[bytes]) -> Sequence[int]:
    """Row numbers of the canonical rows of which the answer matches, or, where several are given, any text does."""
    rows, texts = _answers(batch)
    joined = _SEPARATOR.join([text.encode("utf-8", "replace") for text in texts]) + _SEPARATOR
    found: list[int] = []
    place = start = 0
    while match := pattern.search(joined, start):
        at = match.start()
        place += joined.count(_SEPARATOR, start, at)
        found.append(rows[place])
        start = joined.find(_SEPARATOR, at) + 1
        place += 1
    return found


def _answers(batch: Batch) -> tuple[Sequence[int], Sequence[str]]:
    """Row numbers, and the answer of each: everything that is said in it, where there is more than one exchange."""
    said = dict(zip(batch.parsed, batch.texts, strict=True))
    rows, texts = [], []
    for row, prompt, answer in batch.exchanges:
        whole = said[row]
        rows.append(row)
        texts.append(whole if len(whole) > len(prompt) + len(answer) + 1 else answer)
    return rows, texts

"""The languages of a sample of rows, each conversation once. The same for any order and cut of the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from audit.language import UNDETERMINED, sure_language, sure_language_by_words
from audit.model import Json
from audit.read.dialogue import conversation_text
from audit.rule import Context
from audit.rules.duplicates.sampling import distinct_rows
from audit.statistics.intervals import wilson

MOST_ROWS: Final = 10_000
"""Rows that are read again; the smallest of their identities, which are hashes, are a random sample."""

MANY_ROWS: Final = 1_000
_MANY_UNSETTLED: Final = 0.02
"""Of the rows: fewer are worth no model, which takes 0.8 seconds to load."""
_MOST_ASKED: Final = 500
"""Rows that the model is asked about, or as many of ``MANY_ROWS`` as there are."""
_READ: Final = 500
"""Characters of a row, as many as ``sure_language`` reads."""


def languages(context: Context) -> tuple[dict[str, int], bool]:
    """Language -> rows of the sample that are surely in it, the most frequent first; those of none as ``und``, last.
    And whether there are more different rows than these.

    The model is asked only where script and common words leave many rows open, and then of a smaller sample. Data of
    fewer than ``MANY_ROWS`` different rows is counted without it: a check of it is over in less time than that takes
    to load.
    """
    rows = distinct_rows(context.column("conversation"), MOST_ROWS + 1)
    sampled, rows = len(rows) > MOST_ROWS, rows[:MOST_ROWS]
    found, unsettled = _by_words(rows, context)
    if len(rows) >= MANY_ROWS and len(unsettled) >= _MANY_UNSETTLED * len(rows):
        asked = max(MANY_ROWS, _MOST_ASKED * len(rows) // len(unsettled))
        rows, sampled = rows[:asked], sampled or asked < len(rows)
        found |= {row: sure_language(unsettled[row]) for row in rows if row in unsettled}
    counts = Counter(found[row] for row in rows)
    ordered = sorted(counts.items(), key=lambda one: (one[0] == UNDETERMINED, -one[1], one[0]))
    return dict(ordered), sampled


def _by_words(rows: Sequence[int], context: Context) -> tuple[dict[int, str], dict[int, str]]:
    """Row -> its language as far as the model is not needed, ``und`` where it is; and the text of each such row."""
    found, unsettled = dict[int, str](), dict[int, str]()
    ascending = sorted(rows)
    for row, record in zip(ascending, context.records(ascending), strict=True):
        text = conversation_text(record)
        language = sure_language_by_words(text)
        found[row] = language or UNDETERMINED
        if language is None:
            unsettled[row] = text[:_READ]
    return found, unsettled


def table_of(rows: Mapping[str, int]) -> list[Json]:
    """One entry per language, with its share of the rows that were looked at and the 95 % interval (Wilson)."""
    n = sum(rows.values())
    entries: list[Json] = []
    for language, count in rows.items():
        low, high = wilson(count, n)
        share = {"share": round(count / n, 6), "low": round(low, 6), "high": round(high, 6)}
        entries.append({"language": language, "rows": count, **share})
    return entries

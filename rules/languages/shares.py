"""The languages of a sample of rows, each conversation once. The same for any order and cut of the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from audit.language import UNDETERMINED, sure_language
from audit.model import Json
from audit.read.dialogue import conversation_text
from audit.rule import Context
from audit.rules.duplicates.sampling import distinct_rows
from audit.statistics.intervals import wilson

MOST_ROWS: Final = 10_000
"""Rows that are read again; the smallest of their identities, which are hashes, are a random sample."""

MANY_ROWS: Final = 1_000


def languages(context: Context) -> dict[str, int]:
    """Language -> rows of the sample that are surely in it, the most frequent first; those of none as ``und``, last.

    Data of fewer than ``MANY_ROWS`` different rows is counted without the model: a check of it is over in less time
    than that takes to load.
    """
    rows = sorted(distinct_rows(context.column("conversation"), MOST_ROWS))
    model = len(rows) >= MANY_ROWS
    counts = Counter(sure_language(conversation_text(record), model=model) for record in context.records(rows))
    return dict(sorted(counts.items(), key=lambda one: (one[0] == UNDETERMINED, -one[1], one[0])))


def table_of(rows: Mapping[str, int]) -> list[Json]:
    """One entry per language, with its share of the rows that were looked at and the 95 % interval (Wilson)."""
    n = sum(rows.values())
    entries: list[Json] = []
    for language, count in rows.items():
        low, high = wilson(count, n)
        share = {"share": round(count / n, 6), "low": round(low, 6), "high": round(high, 6)}
        entries.append({"language": language, "rows": count, **share})
    return entries

"""What is said of a text with more identifiers than are looked at: one finding, and the row is dropped. Finds none."""

from __future__ import annotations

from collections import Counter

from audit.identifiers.finding import MOST, Found
from audit.model import DROP_ROW, Severity
from audit.rule import Span


def too_many(found: Found, severity: Severity) -> Span:
    """One span at the first of them. Its fix drops the row: to mask some of them is to leave the others."""
    start, end = (found[0].start, found[0].end) if found else (0, 1)
    kinds = Counter(one.kind for one in found)
    return Span(
        start=start,
        end=end,
        message=f"the text holds {MOST:,} or more of what identifies somebody, or looks like it; not read to its end",
        severity=severity,
        evidence={"kinds": dict(sorted(kinds.items())), "count": len(found), "cut": True},
        fix=lambda _: DROP_ROW,
        key="many",
    )

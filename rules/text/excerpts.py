"""Bounds what is judged of a very long text, so that no text costs more than its reading. Judges nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from audit.model import DROP_ROW, Severity
from audit.rule import Span
from audit.rules.text.patterns import Pattern

LONGEST: Final = 100_000
"""Characters of a text that are judged: about 25,000 tokens."""
_BEFORE: Final = 1_000


def judged_in_part(text: str, candidate: Pattern, judge: Callable[[str], Iterable[Span]]) -> Iterator[Span]:
    """What ``judge`` says of a text, or of its 100,000 characters from shortly before the first candidate on.

    ``candidate`` is what anything to find must match. Of a text that is judged in part nothing is rewritten; an error
    in it drops the row.
    """
    if len(text) <= LONGEST:
        yield from judge(text)
        return
    first = candidate.search(text)
    if first is None:
        return
    start = max(0, first.start() - _BEFORE)
    for span in judge(text[start : start + LONGEST]):
        fix = (lambda _: DROP_ROW) if span.severity is Severity.ERROR else None
        yield msgspec.structs.replace(span, start=span.start + start, end=span.end + start, fix=fix)

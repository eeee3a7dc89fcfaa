"""Bounds what is judged of a very long text, so that no text costs more than its reading. Judges nothing itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from audit.model import DROP_ROW, Severity
from audit.rule import Span

LONGEST: Final = 100_000
"""Characters of a text that is judged as a whole: about 25,000 tokens."""
EXCERPT: Final = 2_000
"""Characters of a longer one that are judged around a place."""
_BEFORE: Final = 500
_MOST: Final = 50
"""Places of it around which the text is judged."""


def judged_in_part(text: str, candidate: re.Pattern[str], judge: Callable[[str], Iterable[Span]]) -> Iterator[Span]:
    """What ``judge`` says of a text; of one longer than 100,000 characters, the first that it says of each kind
    (``Span.key``) around the first 50 candidates: of 2,000 characters from shortly before one on, and whole lines where
    there are any. A candidate in such an excerpt starts none.

    ``candidate`` is what anything to find must match. Of a text that is judged in part nothing is rewritten; an error
    in it drops the row.
    """
    if len(text) <= LONGEST:
        yield from judge(text)
        return
    seen: set[str] = set()
    for start, end in _excerpts(text, candidate):
        for span in judge(text[start:end]):
            if span.key in seen:
                continue
            seen.add(span.key)
            fix = (lambda _: DROP_ROW) if span.severity is Severity.ERROR else None
            yield msgspec.structs.replace(span, start=span.start + start, end=span.end + start, fix=fix)


def _excerpts(text: str, candidate: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    end = 0
    for _ in range(_MOST):
        place = candidate.search(text, end)
        if place is None:
            return
        start = max(end, place.start() - _BEFORE)
        start = text.find("\n", start, place.start()) + 1 or start
        end = text.rfind("\n", place.end(), start + EXCERPT) + 1 or max(place.end(), start + EXCERPT)
        yield start, end

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
EXCERPT: Final = 20_000
"""Characters that are judged of a longer one."""
_BEFORE: Final = 1_000


def judged_in_part(text: str, candidate: re.Pattern[str], judge: Callable[[str], Iterable[Span]]) -> Iterator[Span]:
    """What ``judge`` says of a text; of one longer than 100,000 characters, of 20,000 from shortly before the first
    candidate on, whole lines where there are any.

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
    start = text.find("\n", start, first.start()) + 1 or start
    end = text.rfind("\n", first.end(), start + EXCERPT) + 1 or start + EXCERPT
    for span in judge(text[start:end]):
        fix = (lambda _: DROP_ROW) if span.severity is Severity.ERROR else None
        yield msgspec.structs.replace(span, start=span.start + start, end=span.end + start, fix=fix)

"""The parts of a text that must stay when it is misspelt or said in other words. Changes nothing itself."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

from audit.lexicons import Lexicon
from audit.lexicons.excluded import Span, excluded_spans
from audit.read.folding import fold

LINKS: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
NUMBERS: Final = re.compile(r"\d+(?:[.,:/]\d+)*%?")
PLACEHOLDERS: Final = re.compile(
    r"\{\{?\w[^{}\n]{0,40}\}?\}|<\w[\w -]{0,40}>|\[[A-Z][A-Z0-9_ ]{1,40}\]|\$\w+|%[sd]\b|@\w+|#\w+"
)
QUOTES: Final = re.compile(r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|«[^»\n]{1,200}»|(?<!\w)'[^'\n]{1,200}'(?!\w)")
_CODE_LINE: Final = re.compile(
    r"^(?:[ ]{4}|\t).*$"  # CommonMark 0.31, section 4.4: indented code
    r"|^.*(?:\\\w|\w\((?!s\))|[=!<>]=|\w\s=\s|=>|->|::|[{};][ \t]*$).*$"
    r"|^\s*(?:def|class|import|from|return|#include)\b.*$",
    re.MULTILINE,
)
"""Lines that look like code without a fence."""


def code_spans(text: str) -> Sequence[Span]:
    """Code (fenced, in backticks, indented, or that looks like it) and JSON, sorted and joined."""
    return joined([*excluded_spans(text), *(found.span() for found in _CODE_LINE.finditer(text))])


def kept_spans(text: str, lexicons: Sequence[Lexicon]) -> Sequence[Span]:
    """All that no letter may change in: code, JSON, links, placeholders, and the terms of the lexicons."""
    spans = [*code_spans(text), *_spans(LINKS, text), *_spans(PLACEHOLDERS, text)]
    spans += [mention[:2] for lexicon in lexicons for mention in lexicon.find(text)]
    return joined(spans)


def identity_terms(text: str, lexicons: Sequence[Lexicon]) -> Counter[tuple[str, str, bytes]]:
    """Axis, group and form of every mention in a text."""
    return Counter(
        (lexicon.axis, mention.term.group, fold(mention.term.form))
        for lexicon in lexicons
        for mention in lexicon.find(text)
    )


def joined(spans: Sequence[Span]) -> Sequence[Span]:
    """Spans sorted, those that overlap as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def overlaps(spans: Sequence[Span], start: int, end: int) -> bool:
    """Whether a stretch shares a character with one of the sorted spans."""
    at = bisect_left(spans, (end, end)) - 1
    return at >= 0 and spans[at][1] > start


def _spans(pattern: re.Pattern[str], text: str) -> list[Span]:
    return [found.span() for found in pattern.finditer(text)]

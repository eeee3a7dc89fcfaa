"""Parts of a text in which a word mentions nobody: code, JSON, addresses. Linear in the text; knows no term."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

Span: TypeAlias = tuple[int, int]

_MARKS: Final = re.compile(r"[`~{\[]")
# CommonMark 0.31: fenced code (section 4.5; without its end it goes to the end of the text) and code spans (6.1; here
# on one line, as a lone backtick is most often a slip).
_CODE: Final = re.compile(r"(```|~~~)[\s\S]*?(?:\1|\Z)|`[^`\n]+`")
_OPENING: Final = re.compile(r'\{\s{0,64}"|\[\s{0,64}["{\[]')
_DECODER: Final = json.JSONDecoder()
_MOST_FAILURES: Final = 16
"""Openings that are no JSON, after which the rest of a text is not tried: each costs up to a pass over the text."""
_LONGEST_ADDRESS: Final = 256
"""Characters looked at on either side of a word, for the address that it might be a part of."""
_BREAK: Final = re.compile(r"[\s<>\"'()\[\]{}|,]")
_ADDRESS: Final = re.compile(
    r"://|^(?:www\.|mailto:|~?\.{0,2}/\w|[A-Za-z]:\\)|[\w.+-]@[\w-]+\.\w"
    r"|^[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|info|io|co|uk|de|fr|es|eu|ca|au|us)(?:[/:?#.]|$)"
)


def excluded_spans(text: str) -> Sequence[Span]:
    """Code (fenced or in backticks) and JSON objects and arrays, sorted; overlapping ones are joined."""
    if not _MARKS.search(text):
        return ()
    spans = sorted([*(found.span() for found in _CODE.finditer(text)), *_json(text)])
    joined: list[Span] = []
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def inside(spans: Sequence[Span], place: int) -> bool:
    """Whether a place lies in one of the sorted spans."""
    at = bisect_right(spans, (place, len(spans) and spans[-1][1])) - 1
    return at >= 0 and spans[at][0] <= place < spans[at][1]


def _json(text: str) -> Iterator[Span]:
    done, failures = 0, 0
    for found in _OPENING.finditer(text):
        if found.start() < done:
            continue
        try:
            _, done = _DECODER.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            failures += 1
            if failures == _MOST_FAILURES:
                return
        else:
            yield found.start(), done


def in_address(text: str, start: int, end: int) -> bool:
    """Whether what stands there is a part of a URL, an e-mail address, a domain or the path of a file."""
    if text[start - 1 : start].isspace() and text[end : end + 1].isspace():
        return False
    before = text[max(0, start - _LONGEST_ADDRESS) : start]
    after = text[end : end + _LONGEST_ADDRESS]
    head = max((found.end() for found in _BREAK.finditer(before)), default=0)
    tail = _BREAK.search(after)
    token = before[head:] + text[start:end] + (after[: tail.start()] if tail else after)
    return len(token) > end - start and _ADDRESS.search(token) is not None

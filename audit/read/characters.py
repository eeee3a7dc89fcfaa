"""Where the characters of a JSON string lie in its bytes: code point to byte, through escapes and bad bytes. And text
made such that it can be written as UTF-8.

Knows strings only; where a value lies in a line is for ``audit.read.spans``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import Final, TypeAlias

Span: TypeAlias = tuple[int, int]

BLOCK: Final = 1_024
"""Characters skipped at once when a place in a long string is looked for."""
_SMALL_BLOCK: Final = 32
# What decodes to one code point: an escape (a surrogate pair of escapes together), a UTF-8 sequence, or the longest
# start of one that is cut (Unicode 15, section 3.9, table 3-7: what the decoder replaces by one U+FFFD).
_ONE: Final = (
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[\x00-\x7f]"
    rb"|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]?|[\xe1-\xec\xee\xef][\x80-\xbf]{1,2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]?|\xf0[\x90-\xbf][\x80-\xbf]{0,2}|[\xf1-\xf3][\x80-\xbf]{1,3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{0,2}|[\x80-\xff]"
)


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    # When first used: a file without findings needs none.
    return re.compile(pattern, re.DOTALL)


_BLOCKS: Final = {size: rb"(?:%b){0,%d}+" % (_ONE, size) for size in (BLOCK, _SMALL_BLOCK)}


def string_value(token: bytes) -> str:
    """The text of a string token with its quotes; bad bytes become U+FFFD, bad escapes stay as written."""
    text = token.decode("utf-8", "replace")
    if "\\" not in text:
        return text[1:-1]
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text[1:-1]


def character_offsets(raw: bytes, span: Span, positions: Sequence[int]) -> list[int]:
    """Byte offsets of code points of the decoded string at ``span`` (quotes included in the span).

    ``positions`` are in ascending order. One at or beyond the end of the text gives the offset of the closing quote.
    """
    piece = raw[span[0] + 1 : span[1] - 1]
    if b"\\" not in piece:
        try:
            return _plain_offsets(piece.decode("utf-8"), span, positions)
        except UnicodeDecodeError:
            pass
    return _written_offsets(raw, span, positions)


def _plain_offsets(text: str, span: Span, positions: Sequence[int]) -> list[int]:
    """The offsets where the bytes are the text itself: valid and without escapes."""
    if text.isascii():
        return [min(span[0] + 1 + max(position, 0), span[1] - 1) for position in positions]
    before, at, found = 0, span[0] + 1, list[int]()
    for position in positions:
        if position > before:
            at += len(text[before:position].encode("utf-8"))
            before = position
        found.append(at)
    return found


def _written_offsets(raw: bytes, span: Span, positions: Sequence[int]) -> list[int]:
    """The offsets where escapes or bad bytes stand for characters."""
    at, end = span[0] + 1, span[1] - 1
    first, found = 0, list[int]()
    while at < end and len(found) < len(positions):
        after = _skip(raw, at, end, BLOCK)
        while len(found) < len(positions) and positions[len(found)] < first + BLOCK:
            place = _character_start(raw, at, after, positions[len(found)] - first)
            if place is None:
                break
            found.append(place)
        at, first = after, first + BLOCK
    return found + [end] * (len(positions) - len(found))


def _skip(raw: bytes, at: int, end: int, size: int) -> int:
    block = _compiled(_BLOCKS[size]).match(raw, at, end)
    return block.end() if block else end


def character_spans(raw: bytes, span: Span, positions: Sequence[int]) -> list[Span]:
    """Byte spans of single code points (positions ascending) of the decoded string at ``span``."""
    edges = character_offsets(raw, span, [edge for position in positions for edge in (position, position + 1)])
    return list(zip(edges[::2], edges[1::2], strict=True))


def _character_start(raw: bytes, start: int, end: int, count: int) -> int | None:
    """The byte offset of the character after ``count`` others, or None when there are not so many."""
    while count >= _SMALL_BLOCK:
        start, count = _skip(raw, start, end, _SMALL_BLOCK), count - _SMALL_BLOCK
    character = next(islice(_compiled(_ONE).finditer(raw, start, end), max(count, 0), None), None)
    return character.start() if character else None


def inside(raw: bytes, span: Span, start: int, end: int) -> Span:
    """Byte span of code points ``start`` to ``end`` of the decoded string value that lies at ``span``.

    Escapes (and surrogate pairs of escapes) count as the one code point that they stand for; an undecodable sequence
    counts as the one U+FFFD that it decodes to. For a span that is not a string the whole span comes back.
    """
    if raw[span[0] : span[0] + 1] != b'"':
        return span
    first, last = character_offsets(raw, span, (start, end))
    return first, last


def well_formed(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, one for one: what is written or sent is UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text

"""Where a JSON value lies in the bytes of a line: JSON Pointer to byte span, code point to byte, byte to column.

Works on raw bytes with compiled patterns and never builds the value; broken JSON gives None, not an exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, Literal, NamedTuple, TypeAlias

from audit.model import ABSENT, Absent, Json

Span: TypeAlias = tuple[int, int]

_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_ATOM: Final = re.compile(rb'[^ \t\r\n,:{}\[\]"]++')
_BRACKET: Final = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL)
_TOKEN: Final = re.compile(
    rb'[ \t\r\n]*+(?:("[^"\\]*+(?:\\.[^"\\]*+)*+")|([{}\[\]])|([,:])|([^ \t\r\n,:{}\[\]"]++))', re.DOTALL
)
BLOCK: Final = 1_024
"""Characters skipped at once when a place in a long string is looked for."""
# What decodes to one code point: an escape (a surrogate pair of escapes together), a UTF-8 sequence, or the longest
# start of one that is cut (Unicode 15, section 3.9, table 3-7: what the decoder replaces by one U+FFFD).
_ONE: Final = (
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[\x00-\x7f]"
    rb"|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]?|[\xe1-\xec\xee\xef][\x80-\xbf]{1,2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]?|\xf0[\x90-\xbf][\x80-\xbf]{0,2}|[\xf1-\xf3][\x80-\xbf]{1,3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{0,2}|[\x80-\xff]"
)
_CHARACTER: Final = re.compile(_ONE, re.DOTALL)
_BLOCK: Final = re.compile(rb"(?:%b){0,%d}+" % (_ONE, BLOCK), re.DOTALL)
_INDEX: Final = re.compile(r"0|[1-9][0-9]*")


class Broken(ValueError):
    """The bytes are not JSON where a value was looked for. Never leaves this package's public functions."""


# ----------------------------------------------------------------------------- pointers


def escape(token: str | int) -> str:
    """One reference token of a JSON Pointer, escaped (RFC 6901 section 3)."""
    return str(token).replace("~", "~0").replace("/", "~1")


def pointer(*steps: str | int) -> str:
    """The JSON Pointer of keys and indices; "" for none."""
    return "".join("/" + escape(step) for step in steps)


def steps(at: str) -> tuple[str, ...]:
    """The reference tokens of a JSON Pointer, unescaped; () for the whole value."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in at.split("/")[1:]) if at else ()


def resolve(data: Json, at: str) -> Json | Absent:
    """The value at a JSON Pointer in parsed data, or ``ABSENT`` when nothing stands there."""
    for step in steps(at):
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, list) and _INDEX.fullmatch(step) and int(step) < len(data):
            data = data[int(step)]
        else:
            return ABSENT
    return data


# ----------------------------------------------------------------------------- values in bytes


class Member(NamedTuple):
    """One member of an object: byte spans of its key (with quotes) and of its value."""

    key: Span
    value: Span


def string_value(token: bytes) -> str:
    """The text of a string token with its quotes; bad bytes become U+FFFD, bad escapes stay as written."""
    text = token.decode("utf-8", "replace")
    if "\\" not in text:
        return text[1:-1]
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text[1:-1]


def _skip_space(raw: bytes, at: int) -> int:
    found = _SPACE.match(raw, at)
    return found.end() if found else at


def _value_end(raw: bytes, start: int) -> int:
    first = raw[start : start + 1]
    if first in (b"{", b"["):
        return _container_end(raw, start)
    found = (_STRING if first == b'"' else _ATOM).match(raw, start)
    if found is None:
        raise Broken(start)
    return found.end()


def _container_end(raw: bytes, start: int) -> int:
    depth, at = 0, start
    while found := _BRACKET.match(raw, at):
        at = found.end()
        depth += 1 if raw[at - 1] in b"{[" else -1
        if depth == 0:
            return at
    raise Broken(start)


def members(raw: bytes, start: int) -> Iterator[Member]:
    """The members of the object that starts at byte ``start``, in order, repeated keys included. Raises Broken."""
    at = _skip_space(raw, start + 1)
    while raw[at : at + 1] != b"}":
        key = _STRING.match(raw, at)
        if key is None:
            raise Broken(at)
        at = _skip_space(raw, key.end())
        if raw[at : at + 1] != b":":
            raise Broken(at)
        begin = _skip_space(raw, at + 1)
        end = _value_end(raw, begin)
        yield Member(key.span(), (begin, end))
        at = _after_comma(raw, end, b"}")


def elements(raw: bytes, start: int) -> Iterator[Span]:
    """The byte spans of the elements of the array that starts at byte ``start``. Raises Broken."""
    at = _skip_space(raw, start + 1)
    while raw[at : at + 1] != b"]":
        end = _value_end(raw, at)
        yield at, end
        at = _after_comma(raw, end, b"]")


def _after_comma(raw: bytes, end: int, close: bytes) -> int:
    at = _skip_space(raw, end)
    mark = raw[at : at + 1]
    if mark == close:
        return at
    if mark != b",":
        raise Broken(at)
    return _skip_space(raw, at + 1)


def _member(raw: bytes, start: int, name: str) -> Member | None:
    """The member with a key; of repeated keys the last, which is the one that parsers keep."""
    plain = b'"' + name.encode("utf-8", "surrogatepass") + b'"'
    last = None
    for member in members(raw, start):
        token = raw[member.key[0] : member.key[1]]
        if token == plain or (b"\\" in token and string_value(token) == name):
            last = member
    return last


def _child(raw: bytes, start: int, step: str) -> tuple[Span | None, Span] | None:
    """(key span or None, value span) of one step below the container at ``start``."""
    first = raw[start : start + 1]
    if first == b"{":
        member = _member(raw, start, step)
        return (member.key, member.value) if member else None
    if first == b"[" and _INDEX.fullmatch(step):
        for index, span in enumerate(elements(raw, start)):
            if index == int(step):
                return None, span
    return None


def _find(raw: bytes, at: str) -> tuple[Span | None, Span] | None:
    try:
        start = _skip_space(raw, 3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        found: tuple[Span | None, Span] | None = (None, (start, start))
        path = steps(at)
        if not path:
            return None, (start, _value_end(raw, start))
        for step in path:
            if found is None:
                return None
            found = _child(raw, found[1][0], step)
        return found
    except Broken:
        return None


def locate(raw: bytes, pointer: str) -> Span | None:
    """Byte span (end exclusive) of the value at a JSON Pointer in a raw line, or None when it is not there.

    Of repeated keys the last counts, as parsers do. The line may be broken behind the value.
    """
    found = _find(raw, pointer)
    return found[1] if found else None


def locate_key(raw: bytes, pointer: str) -> Span | None:
    """Byte span, quotes included, of the key of the object member at a JSON Pointer; None for an array element."""
    found = _find(raw, pointer)
    return found[0] if found else None


# ----------------------------------------------------------------------------- walking all tokens

TokenKind: TypeAlias = Literal["key", "string", "atom", "open", "close"]


class Token(NamedTuple):
    """One token of a line: an object key, a string, a number or word, or a bracket. ``end`` is exclusive."""

    kind: TokenKind
    start: int
    end: int


class Walk:
    """All tokens of a line in order, with the JSON Pointer of the current one on demand; stops where JSON breaks.

    Iterative, so that nesting of any depth is safe. ``finished`` is True when the end of the bytes was reached.
    """

    def __init__(self, raw: bytes, limit: int | None = None) -> None:
        self.raw = raw
        self.limit = limit
        self.finished = False
        self._path: list[bytes | int] = []

    def pointer(self) -> str:
        """The JSON Pointer of the token that was yielded last (of a key: the pointer of its member)."""
        return pointer(*(step if isinstance(step, int) else string_value(step) for step in self._path))

    def __iter__(self) -> Iterator[Token]:
        raw, path = self.raw, self._path
        at, awaiting_key, seen = 0, False, 0
        for match in _TOKEN.finditer(raw):
            if match.start() != at or (self.limit is not None and seen >= self.limit):
                return
            at, seen = match.end(), seen + 1
            group = match.lastindex or 0
            start = match.start(group)
            if group == 3:
                if raw[start] == 0x2C and path:
                    awaiting_key = isinstance(path[-1], bytes)
                    if isinstance(path[-1], int):
                        path[-1] += 1
            elif group == 1 and awaiting_key:
                path[-1], awaiting_key = raw[start:at], False
                yield Token("key", start, at)
            elif group == 2 and raw[start] in b"{[":
                yield Token("open", start, at)
                awaiting_key = raw[start] == 0x7B
                path.append(b'""' if awaiting_key else 0)
            elif group == 2:
                awaiting_key = False
                if path:
                    path.pop()
                yield Token("close", start, at)
            else:
                yield Token("string" if group == 1 else "atom", start, at)
        self.finished = not raw[at:].strip(b" \t\r\n")


def strings(raw: bytes, start: int) -> Iterator[Span]:
    """Byte spans of the strings (keys too) from a byte on that lies outside any string."""
    for found in _STRING.finditer(raw, start):
        yield found.span()


def depth(raw: bytes) -> int:
    """The deepest nesting of brackets outside strings; exact for JSON, an estimate for what is not."""
    deepest = level = at = 0
    while found := _BRACKET.match(raw, at):
        at = found.end()
        level += 1 if raw[at - 1] in b"{[" else -1
        deepest = max(deepest, level)
    return deepest


def pointers_at(raw: bytes, offsets: Sequence[int]) -> list[str]:
    """For each byte offset the JSON Pointer of the innermost value or key that holds it; "" where none is found."""
    wanted = sorted(set(offsets))
    found = dict.fromkeys(wanted, "")
    walk, next_one = Walk(raw), 0
    for token in walk:
        while next_one < len(wanted) and wanted[next_one] < token.start:
            next_one += 1
        while next_one < len(wanted) and wanted[next_one] < token.end:
            found[wanted[next_one]] = walk.pointer()
            next_one += 1
        if next_one == len(wanted):
            break
    return [found[offset] for offset in offsets]


# ----------------------------------------------------------------------------- characters


def column(raw: bytes, byte_offset: int) -> int:
    """1-based column in code points of a byte of a line; every byte that cannot be decoded counts one."""
    return len(raw[:byte_offset].decode("utf-8", "surrogateescape")) + 1


def character_offsets(raw: bytes, span: Span, positions: Sequence[int]) -> list[int]:
    """Byte offsets of code points of the decoded string at ``span`` (quotes included in the span).

    ``positions`` are in ascending order. One at or beyond the end of the text gives the offset of the closing quote.
    """
    at, end = span[0] + 1, span[1] - 1
    first, found = 0, list[int]()
    while at < end and len(found) < len(positions):
        block = _BLOCK.match(raw, at, end)
        after = block.end() if block else end
        while len(found) < len(positions) and positions[len(found)] < first + BLOCK:
            place = _character_start(raw, at, after, positions[len(found)] - first)
            if place is None:
                break
            found.append(place)
        at, first = after, first + BLOCK
    return found + [end] * (len(positions) - len(found))


def character_spans(raw: bytes, span: Span, positions: Sequence[int]) -> list[Span]:
    """Byte spans of single code points (positions ascending) of the decoded string at ``span``."""
    edges = character_offsets(raw, span, [edge for position in positions for edge in (position, position + 1)])
    return list(zip(edges[::2], edges[1::2], strict=True))


def _character_start(raw: bytes, start: int, end: int, count: int) -> int | None:
    """The byte offset of the character after ``count`` others, or None when there are not so many."""
    character = next(islice(_CHARACTER.finditer(raw, start, end), max(count, 0), None), None)
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

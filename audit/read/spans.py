"""Where a JSON value lies in the bytes of a line: JSON Pointer to byte span, code point to byte, byte to column.

Works on raw bytes with compiled patterns and never builds the value; broken JSON gives None, not an exception.
What is learnt of a line is kept until another line is asked about: many findings in one row share the work.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, Literal, NamedTuple, TypeAlias

from audit.model import ABSENT, Absent, Json
from audit.read.characters import Span as Span
from audit.read.characters import character_offsets as character_offsets
from audit.read.characters import character_spans as character_spans
from audit.read.characters import inside as inside
from audit.read.characters import string_value as string_value

_WHITE: Final = rb"[ \t\r\n]*+"
_QUOTED: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_ATOM: Final = rb'[^ \t\r\n,:{}\[\]"]++'
_BETWEEN: Final = rb'[^"{}\[\]]*+'
NESTING: Final = 8
"""Levels of brackets that one pattern skips at once; what is nested deeper is skipped bracket by bracket."""
MOST_MEMBERS: Final = 65_536
"""Members of an object whose places are kept; a larger object is searched again for every key (200 bytes a member)."""


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    # When first used: a file without findings needs none, and compiling takes longer than reading ten rows.
    return re.compile(pattern, re.DOTALL)


def _container(levels: int) -> bytes:
    """A pattern for a container with so many levels of brackets; linear, as nothing in it can match in two ways."""
    inner = _QUOTED if levels == 1 else rb"(?:%b|%b)" % (_QUOTED, _container(levels - 1))
    return rb"[{\[]%b(?:%b%b)*+[}\]]" % (_BETWEEN, inner, _BETWEEN)


_BRACKET: Final = rb"%b(?:%b%b)*+([{}\[\]])" % (_BETWEEN, _QUOTED, _BETWEEN)
_TOKEN: Final = rb"%b(?:(%b)|([{}\[\]])|([,:])|(%b))" % (_WHITE, _QUOTED, _ATOM)
_VALUE: Final = rb"(?:%b|%b|%b)" % (_QUOTED, _ATOM, _container(NESTING))
_KEY: Final = rb"(%b)%b:%b" % (_QUOTED, _WHITE, _WHITE)
# The last group is there when a comma follows, else the container ends.
_MEMBER: Final = rb"%b%b(%b)%b(?:(,)|})" % (_WHITE, _KEY, _VALUE, _WHITE)
_ELEMENT: Final = rb"%b(%b)%b(?:(,)|\])" % (_WHITE, _VALUE, _WHITE)


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
    path = tuple(at.split("/")[1:])
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in path) if "~" in at else path


def _index(step: str) -> int | None:
    """The array index that a step means (RFC 6901 section 4: no leading zeros), or None. None has 10^18 elements."""
    plain = step.isascii() and step.isdigit() and (step[0] != "0" or step == "0") and len(step) <= 18
    return int(step) if plain else None


def resolve(data: Json, at: str) -> Json | Absent:
    """The value at a JSON Pointer in parsed data, or ``ABSENT`` when nothing stands there."""
    for step in steps(at):
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, list) and (index := _index(step)) is not None and index < len(data):
            data = data[index]
        else:
            return ABSENT
    return data


# ----------------------------------------------------------------------------- values in bytes


def _skip_space(raw: bytes, at: int) -> int:
    if raw[at : at + 1] not in (b" ", b"\t", b"\r", b"\n"):
        return at
    found = _compiled(_WHITE).match(raw, at)
    return found.end() if found else at


def _value_end(raw: bytes, start: int) -> int:
    found = _compiled(_VALUE).match(raw, start)
    if found is None:
        return _container_end(raw, start)
    return found.end()


def _container_end(raw: bytes, start: int) -> int:
    """The end of a container of any depth. Raises Broken, also where there is none."""
    if raw[start : start + 1] not in (b"{", b"["):
        raise Broken(start)
    match, depth, at = _compiled(_BRACKET).match, 0, start
    while found := match(raw, at):
        at = found.end()
        depth += 1 if raw[at - 1] in b"{[" else -1
        if depth == 0:
            return at
    raise Broken(start)


Member: TypeAlias = tuple[Span, Span]
"""Byte spans of a member's key (with quotes) and of its value."""


def _pass_member(raw: bytes, at: int) -> tuple[Member, int, bool] | None:
    """A member nested deeper than the pattern, the place behind it and whether more follow; None at the end."""
    at = _skip_space(raw, at)
    if raw[at : at + 1] == b"}":
        return None
    key = _compiled(_KEY).match(raw, at)
    if key is None:
        raise Broken(at)
    end = _container_end(raw, key.end())
    return (key.span(1), (key.end(), end)), *_behind(raw, end, b"}")


def _behind(raw: bytes, end: int, close: bytes) -> tuple[int, bool]:
    """(where to read on behind a value that ended, whether a comma stands there). Raises Broken for anything else."""
    at = _skip_space(raw, end)
    mark = raw[at : at + 1]
    if mark not in (b",", close):
        raise Broken(at)
    return at + 1, mark == b","


def _same_key(token: bytes) -> bytes:
    """A key token with escapes in the one form that all spellings of the key share."""
    return b'"%b"' % string_value(token).encode("utf-8", "surrogatepass")


class _Elements:
    """The elements of one array that have been passed so far: asked for in order, each is passed once."""

    def __init__(self, raw: bytes, start: int) -> None:
        self._raw = raw
        self._match = _compiled(_ELEMENT).match
        self._next = start + 1
        self._more = True
        # 16 bytes an element: a row may hold millions.
        self._edges = array("Q")

    def at(self, index: int) -> Span | None:
        """The span of an element, None beyond the last. Raises Broken; what follows the element may be broken."""
        edges = self._edges
        while len(edges) <= 2 * index:
            if not self._more:
                return None
            if found := self._match(self._raw, self._next):
                edges.extend(found.span(1))
                self._next, self._more = found.end(), found.lastindex == 2
            else:
                self._pass_one()
        return edges[2 * index], edges[2 * index + 1]

    def _pass_one(self) -> None:
        """Pass an element that is nested deeper than the pattern or has something broken behind it, or the end."""
        raw, at = self._raw, _skip_space(self._raw, self._next)
        self._more = False
        if raw[at : at + 1] == b"]":
            return
        end = _value_end(raw, at)
        self._edges.extend((at, end))
        try:
            self._next, self._more = _behind(raw, end, b"]")
        except Broken:
            return


class _Line:
    """Where the values of one line lie, as far as anybody has asked."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._ascii = raw.isascii()
        self._objects: dict[int, dict[bytes, Member]] = {}
        self._arrays: dict[int, _Elements] = {}
        self._column = (0, 1)

    def find(self, at: str) -> tuple[Span | None, Span] | None:
        """(key span or None, value span) at a JSON Pointer."""
        raw = self.raw
        start = _skip_space(raw, 3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        try:
            if not at:
                return None, (start, _value_end(raw, start))
            found: tuple[Span | None, Span] | None = None
            for step in steps(at):
                found = self._child(start, step)
                if found is None:
                    return None
                start = found[1][0]
            return found
        except Broken:
            return None

    def _child(self, start: int, step: str) -> tuple[Span | None, Span] | None:
        """The same of one step below the container at ``start``."""
        first = self.raw[start : start + 1]
        if first == b"{":
            name = b'"%b"' % step.encode("utf-8", "surrogatepass")
            known = self._objects.get(start)
            return self._member(start, name) if known is None else known.get(name)
        if first == b"[" and (index := _index(step)) is not None:
            elements = self._arrays.get(start)
            if elements is None:
                elements = self._arrays[start] = _Elements(self.raw, start)
            span = elements.at(index)
            return None if span is None else (None, span)
        return None

    def _member(self, start: int, name: bytes) -> Member | None:
        """The member with a key; of repeated keys the last, which is the one that parsers keep."""
        raw, match = self.raw, _compiled(_MEMBER).match
        known: dict[bytes, Member] = {}
        last: Member | None = None
        at, more = start + 1, True
        while more:
            if found := match(raw, at):
                member, at, more = (found.span(1), found.span(2)), found.end(), found.lastindex == 3
            elif passed := _pass_member(raw, at):
                member, at, more = passed
            else:
                break
            token = raw[member[0][0] : member[0][1]]
            if b"\\" in token:
                token = _same_key(token)
            if token == name:
                last = member
            if len(known) <= MOST_MEMBERS:
                known[token] = member
        if len(known) <= MOST_MEMBERS:
            self._objects[start] = known
        return last

    def column(self, at: int) -> int:
        """1-based column in code points of a byte."""
        raw = self.raw
        if self._ascii:
            return min(at, len(raw)) + 1
        before, column = self._column
        # Counting on from the middle of a character would count its rest byte by byte.
        if at < before or b"\x80" <= raw[before : before + 1] < b"\xc0":
            before, column = 0, 1
        column += len(raw[before:at].decode("utf-8", "surrogateescape"))
        self._column = (at, column)
        return column


_latest = _Line(b"")


def _line(raw: bytes) -> _Line:
    """What is known of a line: of the one that was asked about last it is kept."""
    global _latest
    line = _latest
    if line.raw is not raw:
        line = _latest = _Line(raw)
    return line


def locate(raw: bytes, pointer: str) -> Span | None:
    """Byte span (end exclusive) of the value at a JSON Pointer in a raw line, or None when it is not there.

    Of repeated keys the last counts, as parsers do. The line may be broken behind the value.
    """
    found = _line(raw).find(pointer)
    return found[1] if found else None


def locate_key(raw: bytes, pointer: str) -> Span | None:
    """Byte span, quotes included, of the key of the object member at a JSON Pointer; None for an array element."""
    found = _line(raw).find(pointer)
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
        for match in _compiled(_TOKEN).finditer(raw):
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
    for found in _compiled(_QUOTED).finditer(raw, start):
        yield found.span()


def depth(raw: bytes) -> int:
    """The deepest nesting of brackets outside strings; exact for JSON, an estimate for what is not."""
    match = _compiled(_BRACKET).match
    deepest = level = at = 0
    while found := match(raw, at):
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
    return _line(raw).column(byte_offset)

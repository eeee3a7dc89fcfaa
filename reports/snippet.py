"""Reads again the stretch of a file around a finding and marks the place. Never reads a whole long line.

What cannot be read again (standard input, rows from Python, tables, a file that has gone) simply has no snippet.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import BinaryIO, Final, TypeAlias

import msgspec

from audit.model import Finding, SourceSummary
from audit.reports.redaction import hidden, in_three
from audit.reports.visible import visible, width

BEFORE: Final = 40
SPAN: Final = 60
ALL: Final = 100
"""Code points shown before the place, marked at most, and in all: about one terminal line."""

_MARGIN: Final = 8_192
"""Bytes read before a place and after what is shown: what identifies somebody must be whole to be recognised.
A PEM block of 4,096 bits has 3 kB."""
_REACH: Final = 4 * ALL + _MARGIN
"""Bytes from a place: those that so many code points take at most in UTF-8, and the margin."""
_DEEPEST: Final = 256 << 20
"""Compressed files are unpacked again no further than this (bytes), so that a report costs seconds at most."""

_PRIVATE: Final = ("PII", "SEC911")
"""Rules whose findings cover what must not be shown, recognised in the line as it is cut or not."""

Key: TypeAlias = tuple[str, int]


class Window(msgspec.Struct, frozen=True):
    """The bytes of one line before and from a place; ``head`` and ``tail`` tell whether the line went on there."""

    before: bytes
    rest: bytes
    head: bool
    tail: bool


class Snippet(msgspec.Struct, frozen=True):
    """A visible line and the carets under it."""

    line: str
    carets: str


def windows(sources: Iterable[SourceSummary], findings: Iterable[Finding]) -> dict[Key, Window]:
    """The windows of the findings that have a place in a file that can be read again, by (file, offset)."""
    readable = {source.path: source for source in sources if _can_read(source)}
    wanted: dict[str, set[int]] = {}
    for finding in findings:
        place = finding.place
        if place.file in readable and place.offset is not None and place.line is not None:
            wanted.setdefault(place.file, set()).add(place.offset)
    found: dict[Key, Window] = {}
    for path, offsets in wanted.items():
        found.update(_of_file(readable[path], sorted(offsets)))
    return found


def _can_read(source: SourceSummary) -> bool:
    return (
        source.path not in ("-", "<rows>")
        and source.container in ("jsonl", "json")
        and source.encoding.lower().startswith("utf-8")
        and source.compression in (None, "gzip")
    )


def _of_file(source: SourceSummary, offsets: Sequence[int]) -> Mapping[Key, Window]:
    found: dict[Key, Window] = {}
    try:
        if source.compression is None:
            with open(source.path, "rb") as stream:
                for offset in offsets:
                    found[source.path, offset] = _seek(stream, offset)
        else:
            import gzip

            with gzip.open(source.path, "rb") as packed:
                found.update(_forward(packed.read, source.path, offsets))
    except (OSError, EOFError, zlib.error):  # gone, cut or damaged: what could be read is shown
        pass
    return found


def _seek(stream: BinaryIO, offset: int) -> Window:
    start = max(0, offset - _MARGIN)
    stream.seek(start)
    return _window(stream.read(offset - start + _REACH), offset - start, at_start=start == 0)


def _forward(read: Callable[[int], bytes], path: str, offsets: Sequence[int]) -> Mapping[Key, Window]:
    """Windows from a stream that cannot go back, in one pass: keeps only the end of what was read."""
    found: dict[Key, Window] = {}
    kept, start = b"", 0
    blocks = iter(lambda: read(1 << 20), b"")
    for offset in offsets:
        if offset > _DEEPEST:
            break
        while start + len(kept) < offset + _REACH:
            block = next(blocks, b"")
            if not block:
                break
            drop = max(0, min(len(kept), offset - _MARGIN - start))
            kept, start = kept[drop:] + block, start + drop
        begin = max(0, offset - _MARGIN - start)
        piece = kept[begin : offset - start + _REACH]
        found[path, offset] = _window(piece, offset - start - begin, at_start=start + begin == 0)
    return found


def _window(piece: bytes, at: int, *, at_start: bool) -> Window:
    before, rest = piece[:at], piece[at:]
    cut = max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
    ends = [end for end in (rest.find(b"\n"), rest.find(b"\r")) if end >= 0]
    return Window(
        before=before[cut:],
        rest=rest[: min(ends)] if ends else rest,
        head=not (cut or at_start),
        tail=not ends and len(rest) >= _REACH,
    )


def snippet(window: Window, finding: Finding, *, redact: bool) -> Snippet:
    """The line around a finding with carets under what it is about. ``redact`` puts ``[EMAIL]`` and the like in place
    of what identifies somebody."""
    before = _decode(window.before, cut_start=window.head)
    rest = _decode(window.rest, cut_start=False)
    length = min(_length(finding), SPAN)
    if redact and finding.code.startswith(_PRIVATE):
        marked, after = hidden(finding), rest[_length(finding) :]
        before, _, after = in_three(before, "", after)
    else:
        marked, after = rest[:length], rest[length:]
        if redact:
            before, marked, after = in_three(before, marked, after)
    head = "…" if window.head or len(before) > BEFORE else ""
    lead, under = visible(before[-BEFORE:]), visible(marked)
    room = max(0, ALL - min(len(before), BEFORE) - len(marked))
    tail = "…" if window.tail or len(after) > room else ""
    carets = " " * (len(head) + width(lead)) + "^" * max(1, width(under))
    # Once more as a whole: a command to a build service could be put together from the pieces.
    return Snippet(visible(f"{head}{lead}{under}{visible(after[:room])}{tail}"), carets)


def _length(finding: Finding) -> int:
    """Code points that a finding covers, at least one."""
    place = finding.place
    if place.column is None or place.end_column is None:
        return 1
    return max(1, place.end_column - place.column)


def _decode(raw: bytes, *, cut_start: bool) -> str:
    """Text in which every undecodable byte is one surrogate escape; halves of characters at a cut are left out."""
    if cut_start:
        while raw and raw[0] & 0xC0 == 0x80:
            raw = raw[1:]
    return raw.decode("utf-8", "surrogateescape")

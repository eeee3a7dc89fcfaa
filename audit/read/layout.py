"""Tells from the first bytes of a text how rows lie in it: lines, an array, printed JSON, a table. Reads no rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from enum import Enum
from typing import Final

import msgspec

from audit.read.streams import Blocks

HEAD_BYTES: Final = 64 << 10
"""Bytes looked at. Fixed, so that the answer does not depend on how the file is cut."""
MAX_HEAD_BYTES: Final = 4 << 20
"""Bytes looked at when there is no line end before."""
CSV_ROWS: Final = 50
"""Rows that must agree on a number of columns, one in ten excepted."""

_WHITE: Final = b" \t\r\n"
_OLD_MAC: Final = re.compile(rb"[}\]][ \t]*\r")
_ENTERS: Final = (b"{", b"[", b",", b":")
_PAST_FIRST: Final = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"[^"{}\[\]]*+)*+([{}\[\]])')


class Layout(Enum):
    """How rows lie in a text."""

    LINES = "JSON Lines"
    OLD_MAC = "JSON Lines with carriage returns as line ends"
    ARRAY = "a JSON array"
    PRINTED = "JSON objects over several lines"
    CSV = "comma separated values"
    PARQUET = "Parquet"


def read_head(blocks: Blocks) -> tuple[bytes, bool]:
    """(first bytes, whether they are all) of a text: 64 KiB, and where its first line is longer, 64 KiB beyond that."""
    size = HEAD_BYTES
    head = blocks.head(size)[:size]
    if b"\n" not in head.lstrip(_WHITE):
        longer = blocks.head(MAX_HEAD_BYTES)
        first = longer.find(b"\n", len(longer) - len(longer.lstrip(_WHITE)), MAX_HEAD_BYTES)
        size = first + HEAD_BYTES if first >= 0 else MAX_HEAD_BYTES
    ahead = blocks.head(size + 1)
    return ahead[:size], len(ahead) <= size


def layout_of(head: bytes, whole: bool) -> Layout:
    """How rows lie in a text that starts like this. ``whole`` is True when ``head`` is all of it.

    What is like nothing known is taken for JSON Lines, so that every line of it is a finding.
    """
    if head.startswith(b"PAR1"):
        return Layout.PARQUET
    text = head.strip(_WHITE)
    if not text:
        return Layout.LINES
    old_mac = b"\n" not in head and _OLD_MAC.search(head) is not None
    head = head.replace(b"\r", b"\n") if old_mac else head
    lines = [line for line in head.split(b"\n") if line.strip(_WHITE)]
    if not whole and len(lines) > 1:
        lines.pop()
    if text[:1] == b"[":
        layout = _array_or_lines(lines, whole)
    elif text[:1] == b"{":
        layout = _printed_or_lines(head, lines)
    else:
        layout = Layout.CSV if not _has_row(lines) and delimiter_of(head, whole) else Layout.LINES
    return Layout.OLD_MAC if old_mac and layout is Layout.LINES else layout


def _array_or_lines(lines: Sequence[bytes], whole: bool) -> Layout:
    first = lines[0].strip(_WHITE)
    if _is_json(first):
        return Layout.ARRAY if len(lines) == 1 and whole else Layout.LINES
    if len(lines) == 1 or first == b"[" or first.endswith(_ENTERS) or _is_json(first[1:]):
        return Layout.ARRAY
    return Layout.LINES if _has_row(lines[1:]) else Layout.ARRAY


def _printed_or_lines(head: bytes, lines: Sequence[bytes]) -> Layout:
    first = lines[0].strip(_WHITE)
    if len(lines) == 1 or _is_json(first):
        return Layout.LINES
    end = _first_value_end(head)
    if end is not None and head.find(b"\n", head.find(b"{"), end) >= 0 and _is_json(head[:end].strip(_WHITE)):
        return Layout.PRINTED
    if _has_row(lines[1:]):
        return Layout.LINES
    return Layout.PRINTED if end is None and first.endswith(_ENTERS) else Layout.LINES


def _first_value_end(head: bytes) -> int | None:
    """Where the brackets of the first value close, or None when they do not."""
    depth = at = 0
    while found := _PAST_FIRST.match(head, at):
        at = found.end()
        depth += 1 if head[at - 1] in b"{[" else -1
        if depth <= 0:
            return at
    return None


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _has_row(lines: Sequence[bytes]) -> bool:
    """Whether a line, not indented, is a whole JSON object: no printed or broken JSON looks like that."""
    return any(line.startswith(b'{"') and line.rstrip(_WHITE).endswith(b"}") and _is_json(line) for line in lines)


def delimiter_of(head: bytes, whole: bool) -> str | None:
    """The delimiter of a table (comma, tab or semicolon), or None when the text is not one.

    A table has a header of at least two different, non-empty names and rows that agree on that number of columns.
    """
    text = head.decode("utf-8", "surrogateescape")
    for delimiter in (",", "\t", ";"):
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
        except csv.Error:
            continue
        if not whole and len(rows) > 2:
            rows.pop()
        if _is_table(rows[: CSV_ROWS + 1]):
            return delimiter
    return None


def _is_table(rows: Sequence[Sequence[str]]) -> bool:
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    agreeing = sum(len(row) == len(rows[0]) for row in rows[1:])
    return agreeing >= 1 and agreeing * 10 >= (len(rows) - 1) * 9

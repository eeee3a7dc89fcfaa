"""Turns what a rule saw (a Hit) into a Finding: file, line, column, byte offset and fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from sys import intern
from typing import Final

from audit.model import Finding, Fix, Json, Line, Place, PointerEdit, Record, Source
from audit.read.characters import inside
from audit.read.identity import content_id, raw_id
from audit.read.spans import column, locate
from audit.rule import Hit, Rule

_TABLES: Final = ("csv", "parquet")

MOST_KEPT: Final = 1_024
"""Findings remembered for what later ones share with them."""

DOCS_URL = "docs/rules/{code}.md"
"""The page of a rule, within the repository and the documentation."""


def on_record(rule: Rule, hit: Hit, record: Record, identity: str | None = None) -> Finding:
    """The finding of a row. ``identity`` is the row's content id where it is known already."""
    where = record if hit.scope == "row" else None
    identity = "" if where is None else identity or content_id(record)
    return _finding(rule, hit, record.source, record.line, record.offset, record.raw, identity)


def on_line(rule: Rule, hit: Hit, line: Line) -> Finding:
    """The finding of a line that may not be a row at all."""
    identity = raw_id(line.raw) if hit.scope == "row" else ""
    return _finding(rule, hit, line.source, line.number, line.offset, line.raw, identity)


def on_dataset(rule: Rule, hit: Hit) -> Finding:
    """The finding of a rule that judged the whole; a row-scope hit names its source and line itself."""
    path = hit.source.path if hit.source is not None else None
    line = hit.line if hit.scope == "row" else None
    place = Place(file=path, line=line, column=1 if line else None, pointer=intern(hit.at))
    return _build(rule, hit, place, "")


def on_row(rule: Rule, hit: Hit, source: Source, line: int, offset: int) -> Finding:
    """The finding of a rule that judged the whole and means one row; ``hit.key`` must tell rows apart by content."""
    table = source.container in _TABLES
    place = Place(
        file=source.path,
        line=line,
        column=None if table else 1,
        offset=offset or None if table else offset,
        pointer=intern(hit.at),
    )
    return _build(rule, hit, place, "")


def _finding(rule: Rule, hit: Hit, source: Source, number: int, offset: int, raw: bytes, identity: str) -> Finding:
    path = source.path
    if hit.scope != "row":
        at = offset + hit.byte_span[0] if hit.byte_span else None
        return _build(rule, hit, Place(file=path, offset=at, pointer=intern(hit.at)), identity)
    if source.container in _TABLES:
        # The row was made from a record of the table: places in its JSON are no places in the file.
        place = Place(file=path, line=number, offset=offset or None, pointer=intern(hit.at))
        return _build(rule, hit, place, identity)
    start, end = _span(hit, raw)
    place = Place(
        file=path,
        line=number,
        column=column(raw, start),
        end_column=column(raw, end) if end > start else None,
        offset=offset + start,
        pointer=intern(hit.at),
    )
    return _build(rule, hit, place, identity)


def _span(hit: Hit, raw: bytes) -> tuple[int, int]:
    """The bytes of the line that a hit is about; the start of the line where they cannot be told."""
    if hit.byte_span is not None:
        return hit.byte_span
    if not hit.at:
        return 0, 0
    span = locate(raw, hit.at)
    if span is None:
        # The value is missing: its parent is the nearest thing that is there.
        parent = hit.at.rpartition("/")[0]
        return locate(raw, parent) or (0, 0) if parent else (0, 0)
    if hit.start is not None and hit.end is not None:
        return inside(raw, span, hit.start, hit.end)
    return span


def _build(rule: Rule, hit: Hit, place: Place, identity: str) -> Finding:
    parts = "\x1f".join((rule.code, identity, hit.at, hit.key))
    fingerprint = blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    evidence, fix = _shared(rule.code, hit)
    return Finding(
        code=rule.code,
        severity=hit.severity or rule.severity,
        scope=hit.scope,
        message=intern(hit.message),
        place=place,
        related=hit.related,
        evidence=evidence,
        fix=fix,
        fingerprint=fingerprint,
        url=_url(rule.code),
    )


@cache
def _url(code: str) -> str:
    """One string for all findings of a code."""
    return DOCS_URL.format(code=code)


# ----------------------------------------------------------------------------- sharing

# A file with one mistake in every row has as many findings as rows, all alike: sharing halves their memory.

_kept: dict[tuple[str, str], tuple[Mapping[str, Json], Fix | None]] = {}


_PLAIN: Final = (str, int, bool)


def _shared(code: str, hit: Hit) -> tuple[Mapping[str, Json], Fix | None]:
    """The evidence and the fix of a hit, or those of an earlier finding where nobody can tell them apart."""
    name = (code, hit.message)
    kept = _kept.get(name)
    if kept is not None and _alike(kept[0], hit.evidence) and _alike_fixes(kept[1], hit.fix):
        return kept
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    found = _kept[name] = (hit.evidence, hit.fix)
    return found


def _alike(first: Mapping[str, Json], second: Mapping[str, Json]) -> bool:
    """Equal in everything that JSON shows: the order of keys too, and 1, 1.0 and true are not the same."""
    if first != second:
        return False
    for (name, value), (other_name, other) in zip(first.items(), second.items(), strict=True):
        kind = type(value)
        if name != other_name or kind is not type(other) or kind not in _PLAIN:
            return False
    return True


def _alike_fixes(first: Fix | None, second: Fix | None) -> bool:
    if first is second:
        return True
    if first is None or first != second:
        return False
    # The value of an edit is any JSON: only texts are known to be the same when they are equal.
    for edit in first.edits:
        if isinstance(edit, PointerEdit) and edit.value is not None and type(edit.value) is not str:
            return False
    return True

"""Turns what a rule saw (a Hit) into a Finding: file, line, column, byte offset and fingerprint."""

from __future__ import annotations

import hashlib

from audit.model import Finding, Line, Place, Record
from audit.read.identity import content_id, raw_id
from audit.read.spans import column, inside, locate
from audit.rule import Hit, Rule

DOCS_URL = "https://finetune-audit.readthedocs.io/rules/{code}"


def on_record(rule: Rule, hit: Hit, record: Record, identity: str | None = None) -> Finding:
    """The finding of a row. ``identity`` is the row's content id where it is known already."""
    where = record if hit.scope == "row" else None
    identity = "" if where is None else identity or content_id(record)
    return _finding(rule, hit, record.source.path, record.line, record.offset, record.raw, identity)


def on_line(rule: Rule, hit: Hit, line: Line) -> Finding:
    """The finding of a line that may not be a row at all."""
    identity = raw_id(line.raw) if hit.scope == "row" else ""
    return _finding(rule, hit, line.source.path, line.number, line.offset, line.raw, identity)


def on_dataset(rule: Rule, hit: Hit) -> Finding:
    """The finding of a rule that judged the whole; a row-scope hit names its source and line itself."""
    path = hit.source.path if hit.source is not None else None
    line = hit.line if hit.scope == "row" else None
    place = Place(file=path, line=line, column=1 if line else None, pointer=hit.at)
    return _build(rule, hit, place, "")


def _finding(rule: Rule, hit: Hit, path: str, number: int, offset: int, raw: bytes, identity: str) -> Finding:
    if hit.scope != "row":
        at = offset + hit.byte_span[0] if hit.byte_span else None
        return _build(rule, hit, Place(file=path, offset=at, pointer=hit.at), identity)
    start, end = _span(hit, raw)
    place = Place(
        file=path,
        line=number,
        column=column(raw, start),
        end_column=column(raw, end) if end > start else None,
        offset=offset + start,
        pointer=hit.at,
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
    fingerprint = hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return Finding(
        code=rule.code,
        severity=hit.severity or rule.severity,
        scope=hit.scope,
        message=hit.message,
        place=place,
        related=hit.related,
        evidence=hit.evidence,
        fix=hit.fix,
        fingerprint=fingerprint,
        url=DOCS_URL.format(code=rule.code),
    )

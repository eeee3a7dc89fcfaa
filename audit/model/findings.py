"""What is found: findings with their places and fixes, and measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from audit.model.values import Applicability, Json, Scope, Severity


class ByteEdit(msgspec.Struct, frozen=True, tag="bytes", tag_field="kind"):
    """Replace bytes ``start`` to ``end`` of the line (or of the file, for a file-scope finding)."""

    start: int
    end: int
    replacement: bytes = b""


class PointerEdit(msgspec.Struct, frozen=True, tag="pointer", tag_field="kind"):
    """Change one place in the row: ``replace`` or ``add`` a value, ``remove`` it, or ``rename`` its key."""

    op: Literal["replace", "add", "remove", "rename"]
    pointer: str
    value: Json = None


class DropRow(msgspec.Struct, frozen=True, tag="drop", tag_field="kind", omit_defaults=True):
    """Move the row to the rejected file. ``quarantine``: it may be right, a person has to say."""

    quarantine: bool = False


class Transcode(msgspec.Struct, frozen=True, tag="transcode", tag_field="kind"):
    """Rewrite the whole file: to ``utf-8`` without a byte order mark, to JSON Lines (``jsonl``), to ``\\n`` line ends
    (``lf``); of a finding that is of one row, write that row in the shape ``to``, such as ``openai-sft``."""

    to: str


Edit: TypeAlias = ByteEdit | PointerEdit | DropRow | Transcode


class Fix(msgspec.Struct, frozen=True):
    """A remedy: how far it may be trusted, what it does in a few words, and the edits that do it (none when shown)."""

    applicability: Applicability
    title: str
    edits: tuple[Edit, ...] = ()


DROP_ROW: Final = Fix(Applicability.DROP, "move the row to the rejected file", (DropRow(),))
QUARANTINE_ROW: Final = Fix(
    Applicability.DROP, "move the row to the rejected file until a person has decided", (DropRow(quarantine=True),)
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a finding lies. ``line`` (1-based) and ``column`` (1-based, code points) are None for file and
    dataset scope.

    ``offset`` is the byte offset in the (unpacked) file, ``pointer`` the JSON Pointer in the row, "" for the whole row.
    ``end_column`` is exclusive.
    """

    file: str | None = None
    line: int | None = None
    column: int | None = None
    end_column: int | None = None
    offset: int | None = None
    pointer: str = ""


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """Another place that explains a finding."""

    file: str | None = None
    line: int | None = None
    pointer: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, where, and what would mend it. ``fingerprint`` survives reordering of the rows."""

    code: str
    severity: Severity
    scope: Scope
    message: str
    place: Place
    related: tuple[Related, ...] = ()
    evidence: Mapping[str, Json] = {}
    fix: Fix | None = None
    fingerprint: str = ""
    url: str = ""

    def sort_key(self) -> tuple[object, ...]:
        """Whole-dataset findings first, then by file, line, column, pointer and code."""
        place = self.place
        return (
            place.file or "",
            place.line or 0,
            place.column or 0,
            place.pointer,
            self.code,
            self.message,
            self.fingerprint,
        )


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A named number or table, always with the ``n`` it rests on, and with an interval where it is an estimate."""

    code: str
    name: str
    value: float | int | str | None = None
    table: Json = None
    n: int = 0
    interval: tuple[float, float] | None = None
    level: float | None = None
    attribute: str | None = None
    group: str | None = None
    split: str | None = None
    arm: str | None = None
    unit: str | None = None
    by_construction: bool = False

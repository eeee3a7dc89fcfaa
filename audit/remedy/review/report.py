"""What an export for review and an import of what people filled in came to. Holds figures and options only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from audit.statistics.agreement import Agreement

SCHEMA: Final = "audit.review/1"
CODES: Final = ("LBL601", "LBL603", "DEM111", "PII", "SEC", "ANS803", "DUP403", "DUP402")
"""Rules of which a person should see the rows, those first of which a look tells most. Codes name rules in preview too,
prefixes those that are stable."""
MOST: Final = 500
OVERLAP: Final = 0.2
"""The share of rows that all annotators get: of 500 rows 100, which puts kappa within about 0.15."""

Merge: TypeAlias = Literal["majority", "unanimous", "first"]
"""How several decisions on a row become one: that of more than half, that of all, or that of the file named first."""


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows are handed out, and to whom. ``codes`` are rules or prefixes of them, most important first. At most
    ``most`` rows. ``overlap`` is the share of them that every annotator gets; each of the others goes to ``per_row`` of
    them. ``mask`` hides what findings cover. ``force`` overwrites what an earlier export wrote."""

    codes: tuple[str, ...] = CODES
    most: int = MOST
    annotators: tuple[str, ...] = ()
    overlap: float = OVERLAP
    per_row: int = 1
    mask: bool = False
    force: bool = False


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its path, whom it is for ("" for whoever), and its rows."""

    path: str
    annotator: str
    rows: int


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """``rows`` are those handed out of ``found`` rows with a finding; ``by_code`` counts found and handed-out rows by
    rule. ``shared`` rows are in every file. ``notes`` are sentences without a full stop. ``partial``: interrupted,
    nothing was written."""

    schema: str = SCHEMA
    action: Literal["export"] = "export"
    files: tuple[Handed, ...] = ()
    rows_checked: int
    found: int
    rows: int
    shared: int = 0
    by_code: Mapping[str, Mapping[str, int]] = {}
    notes: tuple[str, ...] = ()
    partial: bool = False


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``merge`` says how several decisions on a row become one (``Merge``). ``adjudicated`` files hold
    the last word on their rows and are no part of the agreement. ``disagreements`` is where rows go on which people
    disagree. ``force`` overwrites what is there."""

    merge: Merge = "majority"
    adjudicated: tuple[str, ...] = ()
    disagreements: str | None = None
    force: bool = False


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that does not count: its file, the line (1-based) on which it begins, its row and why."""

    file: str
    line: int
    row_id: str
    why: str


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """The lines that people had: ``read`` = filled + empty + repeated + refused. ``repeated``: one person said the same
    of a row twice."""

    read: int
    filled: int
    empty: int
    repeated: int
    refused: int


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that the lines name: ``seen`` = decided + undecided + refused. Of ``disputed`` ones, which are among the
    undecided, people said different things; of ``overruled`` ones, which are decided, too, and an adjudicated sheet
    decided the ``settled`` of them; of ``refused`` ones no line counts."""

    seen: int
    decided: int
    undecided: int
    refused: int
    disputed: int = 0
    overruled: int = 0
    settled: int = 0


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """``actions`` counts decided rows by what becomes of them; ``confirmed`` are the ``relabel`` to the label that the
    row has already, which count as ``keep``. ``on_decisions`` and ``on_labels`` are how far people agree, None
    where only one person judged. ``partial``: interrupted, nothing was written."""

    schema: str = SCHEMA
    action: Literal["import"] = "import"
    output: str
    disagreements: str | None = None
    merge: Merge
    entries: Entries
    rows: Rows
    actions: Mapping[str, int] = {}
    confirmed: int = 0
    reviewers: Mapping[str, int] = {}
    refusals: tuple[Refused, ...] = ()
    on_decisions: Agreement | None = None
    on_labels: Agreement | None = None
    partial: bool = False

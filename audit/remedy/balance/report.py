"""What a balance did, or would do: the account of every row, weights and counts by cell, and their price.

Holds figures only.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from audit.model import Json, Measure
from audit.remedy.ledger import Account

BY_CONSTRUCTION = "weighted rates are fixed by construction and say nothing about the model"
SPLIT_FIRST = (
    "no split is named, so that all rows were balanced: split first and balance the training rows only, "
    "or what is tested on no longer looks like what is to come"
)


class FileBalanced(msgspec.Struct, frozen=True, kw_only=True):
    """One input. ``output``, ``rejected`` and ``ledger`` are paths as written, None where nothing was."""

    path: str
    output: str | None
    rejected: str | None
    ledger: str | None
    rows: Account
    input_sha256: str
    output_sha256: str | None


class CellLine(msgspec.Struct, frozen=True, kw_only=True):
    """The rows with one combination of label and groups. ``weight`` is the mean weight of a row. ``after`` is the sum
    of the weights, or the rows in the output, copies and made-up rows counted; ``unique`` those that are neither.
    ``wanted`` are the rows that the weights ask for, None where weights were written."""

    levels: Mapping[str, str]
    before: float
    weight: float
    after: float
    unique: int
    wanted: int | None = None


class ShareLine(msgspec.Struct, frozen=True, kw_only=True):
    """The rows with one label, or of one group, as shares of the balanced rows. ``ess`` is their effective sample size
    after (Kish): so many rows of equal weight are worth as much. ``left`` rows are in a cell that the aim leaves as it
    was, and in no other figure."""

    factor: str
    level: str
    before: float
    share_before: float
    after: float
    share_after: float
    ess: float
    unique: int
    left: int = 0


class BalanceReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a balance did.

    ``method`` is what was asked for; ``lowered`` says why its weights were made into copies, "" where they were not.
    ``rows`` accounts for all rows, ``unique_rows`` counts those in the output that are neither copies nor made up.
    ``balanced`` rows are in a cell; ``left_out`` says how many are not, and why. ``replaced`` rows had a weight before.
    ``weights`` are their smallest and largest. ``capped`` cells are held down by the cap on their factors, ``short``
    ones have fewer rows than their weights ask for, since a row stands there ``max_copies`` times at most. ``ess`` is
    the effective sample size of the balanced rows. ``made_up`` is the account of an augmentation. ``sidecar`` is the
    file that the weights were written to. ``partial``: interrupted, nothing was written.
    """

    schema: str = "audit.balance/1"
    by: tuple[str, ...]
    method: str
    aim: str
    strength: float
    cap: float | None
    max_copies: int
    seed: int
    lowered: str = ""
    split: str | None = None
    files: tuple[FileBalanced, ...] = ()
    sidecar: str | None = None
    rows: Account
    unique_rows: int
    balanced: int
    left_out: Mapping[str, int] = {}
    replaced: int = 0
    weights: tuple[float, float] = (1.0, 1.0)
    capped: int = 0
    short: int = 0
    ess: float = 0.0
    cells: tuple[CellLine, ...] = ()
    shares: tuple[ShareLine, ...] = ()
    measures: tuple[Measure, ...] = ()
    made_up: Mapping[str, Json] = {}
    by_construction: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    partial: bool = False
    wrote: bool = False

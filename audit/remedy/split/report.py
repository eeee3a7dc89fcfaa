"""What a split is: its files, shares, units, strata and certificate. The manifest is this. Holds figures only."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from audit.model import Json
from audit.read.sources import SPLIT_SCHEMA


class SplitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. ``shares`` are by split (see ``audit.remedy.split.shares``), None for the default.

    ``stratify`` are ``label`` and names of configured attributes. ``group`` and ``template`` are paths of fields; rows
    with one value at one of them are of one split; without ``group`` that of ``[data] group`` counts. ``force``
    overwrites an earlier split.
    """

    shares: Mapping[str, Json] | None = None
    stratify: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    template: tuple[str, ...] = ()
    force: bool = False


class SplitInput(msgspec.Struct, frozen=True, kw_only=True):
    """One input as it was read."""

    path: str
    rows: int
    bytes: int
    sha256: str


class SplitOutput(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the split. ``split`` is its split, "" for the assignment and the rejected rows; of these a line is a
    row, too. Without a file (a dry run) ``bytes`` and ``sha256`` are None."""

    name: str
    split: str
    rows: int
    bytes: int | None = None
    sha256: str | None = None


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for rows to stay together: how many ``rows`` share it with another one, in how many ``groups``."""

    reason: str
    rows: int
    groups: int


class LargestUnit(msgspec.Struct, frozen=True, kw_only=True):
    """The unit with most rows: its name, its first row, what that asks (shortened) and why its rows are together."""

    unit: str
    rows: int
    split: str
    file: str
    line: int
    text: str
    reasons: tuple[str, ...]


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept together. ``rows_joined`` are the rows of units of more than one row, ``joined`` why (a row may
    have several reasons)."""

    units: int
    several: int
    rows_joined: int
    joined: tuple[Joined, ...]
    largest: LargestUnit | None


class StratumRows(msgspec.Struct, frozen=True, kw_only=True):
    """One stratum: its rows in each split, and the most rows of it that are of one unit (rows of that unit in other
    strata do not count). No further may ``by_split`` lie from share x rows; ``within`` says whether it lies so."""

    stratum: str
    rows: int
    by_split: Mapping[str, int]
    largest_unit: int
    within: bool


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked for in the files as they are written: a rule, or a key that rows of two splits may not share."""

    what: str
    findings: int


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """That no split learns from another: what was run over the bytes of the written files, and what it found (0).

    ``rows`` were compared. ``rounds`` counts how often the rows were assigned: once more whenever a near-duplicate was
    seen in the files that was not seen in the input. ``not_run`` names rules that had nothing to judge, and why.
    """

    tool: str
    version: str
    rows: int
    rounds: int
    checked: tuple[Checked, ...]
    not_run: tuple[str, ...] = ()


class SplitReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a split did. ``rows`` = those of all splits + ``rejected``, which could not be read;
    ``rejected_at`` names the first of them. ``partial``: interrupted, nothing was written. ``certificate`` is None in a
    dry run."""

    schema: str = SPLIT_SCHEMA
    tool: str = "finetune-audit"
    version: str
    seed: int
    rows: int
    rejected: int
    inputs: tuple[SplitInput, ...]
    outputs: tuple[SplitOutput, ...]
    shares: Mapping[str, float]
    units: Units
    strata: tuple[StratumRows, ...]
    certificate: Certificate | None
    rejected_at: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Json] = {}
    folder: str = ""
    wrote: bool = False
    partial: bool = False

    def by_split(self) -> Mapping[str, int]:
        """The rows of each split."""
        return {output.split: output.rows for output in self.outputs if output.split}


def printable(text: str) -> str:
    """Text of the data that UTF-8 can hold: half of a surrogate pair is spelt out. Names of files are for ``shown`` of
    ``audit.remedy.sinks``."""
    return text.encode("utf-8", "backslashreplace").decode()

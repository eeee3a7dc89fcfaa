"""What a fix did, or would do: the account of every row, by file and by rule, and what is left. Holds figures only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from audit.model import Json, Measure, Source
from audit.remedy.ledger import Account, Action

Grade: TypeAlias = Literal["safe", "unsafe", "drop", "shown"]


class FixOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which fixes are applied. Safe ones always are; ``unsafe`` adds those that may change what a row says, and all
    drops; ``drop`` adds drops alone. ``max_removal`` is the largest share (0 to 1) of the rows, and of their bytes,
    that may be removed; no source and no group may go as a whole; 1 lifts every limit. ``decisions`` is a file of what
    people decided. ``in_place`` writes over the input and keeps ``NAME.bak``. ``force`` overwrites an earlier output.
    """

    unsafe: bool = False
    drop: bool = False
    max_removal: float = 0.30
    decisions: str | None = None
    in_place: bool = False
    force: bool = False


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is not as it was. ``before`` and ``after`` are its bytes without the line end, ``after`` None where it
    was removed. ``titles`` say what each fix does, ``codes`` and ``reasons`` on whose word; all in the same order."""

    source: Source
    line: int
    row_id: str
    action: Action
    before: bytes
    after: bytes | None
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    titles: tuple[str, ...]


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Findings of one rule that are still there: how many, the worst severity, and the grade of the best fix there is
    that was not applied (None: there is none). ``before``: of the rule as it judged before the fix, since it was not
    asked again."""

    findings: int
    severity: str
    grade: Grade | None = None
    before: bool = False


class FileFixed(msgspec.Struct, frozen=True, kw_only=True):
    """One input. ``output``, ``rejected`` and ``ledger`` are paths as written, None where nothing was. ``can_undo``:
    the input can be restored from what was written."""

    path: str
    output: str | None
    rejected: str | None
    ledger: str | None
    backup: str | None = None
    rows: Account
    input_sha256: str
    output_sha256: str | None
    can_undo: bool = True


class FixReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a fix did. ``by_code`` counts rows by rule and action (a row may be under several rules).

    ``whole_file`` names what was rewritten in whole files (``utf-8``, ``jsonl``, ``lf``), by file. ``left`` are the
    findings that remain, by code; ``fails`` says whether one of them is at or above ``fail_on``. ``refused`` says why
    nothing was written, "" where it was. ``effect`` is what it did to tokens, cost, labels and groups; ``measures``
    the same as measures. ``partial``: interrupted, nothing was written. ``passes`` counts how often rows were judged.

    ``not_judged_again`` are the rules that look at the whole and were not asked again though rows have changed:
    ``left`` has what they found before. ``decisions_unused`` counts the decisions of people that could not be carried
    out: there is no such row, or it has no label to change. ``recovered`` are outputs of an earlier run that was killed
    and has been completed first. ``lost`` counts the rows by what was left behind when they were written in another
    shape (as ``audit convert`` names it).
    """

    schema: str = "audit.fix/1"
    files: tuple[FileFixed, ...] = ()
    rows: Account
    by_code: Mapping[str, Mapping[str, int]] = {}
    whole_file: Mapping[str, tuple[str, ...]] = {}
    left: Mapping[str, Left] = {}
    fails: bool = False
    refused: str = ""
    partial: bool = False
    passes: int = 1
    not_judged_again: tuple[str, ...] = ()
    decisions_unused: int = 0
    recovered: tuple[str, ...] = ()
    lost: Mapping[str, int] = {}
    wrote: bool = False
    effect: Json = None
    measures: tuple[Measure, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is, or would be, other than it was."""
        rows = self.rows
        return bool(rows.edited or rows.removed or rows.blank_removed or self.whole_file)

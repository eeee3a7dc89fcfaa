"""Which fixes may be applied, and in which order. Decides from findings alone; changes no row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from audit.model import Applicability, DropRow, Finding, Fix, Transcode
from audit.remedy.fix.report import FixOptions, Grade
from audit.rule import DatasetRule, LineRule, RecordRule, Rule, TextRule

_STAGES: Final = (
    ("ENC",),
    ("FMT", "TCL"),
    ("TOK",),
    ("TXT", "PII", "SEC", "LNG", "ANS", "SAF"),
    ("LBL",),
    ("DUP",),
    ("SPL",),
)
"""Families in the order in which their fixes are applied: bytes must be right before structure can be, that before
text is looked at, and a row must be what it will be before it is compared with others. All other families come last."""

_STAGE_OF: Final = {family: stage for stage, families in enumerate(_STAGES) for family in families}

BETTER: Final[Sequence[Grade]] = ("safe", "unsafe", "drop", "shown")
"""Grades, the fix that may be trusted most first."""


def stage_of(code: str) -> int:
    """The stage in which the fixes of a rule are applied, from 0."""
    return _STAGE_OF.get(code[:3], len(_STAGES))


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Findings of one row in the order of their fixes: by stage, code and place."""
    return sorted(findings, key=_order)


def _order(finding: Finding) -> tuple[int, str, int, str]:
    return stage_of(finding.code), finding.code, finding.place.offset or 0, finding.place.pointer


def grade_of(fix: Fix | None) -> Grade | None:
    """How far a fix may be trusted; ``shown`` where it is advice without edits, None where there is none."""
    if fix is None:
        return None
    if not fix.edits or fix.applicability is Applicability.SHOWN:
        return "shown"
    if fix.applicability is Applicability.SAFE:
        return "safe"
    return "drop" if fix.applicability is Applicability.DROP else "unsafe"


def grades(options: FixOptions) -> frozenset[Grade]:
    """The grades of fixes that are applied."""
    if options.unsafe:
        return frozenset({"safe", "unsafe", "drop"})
    return frozenset({"safe", "drop"}) if options.drop else frozenset({"safe"})


def is_drop(fix: Fix) -> bool:
    """Whether the fix removes the row."""
    return any(isinstance(edit, DropRow) for edit in fix.edits)


def is_quarantine(fix: Fix) -> bool:
    """Whether it removes the row for a person to decide."""
    return any(isinstance(edit, DropRow) and edit.quarantine for edit in fix.edits)


def rewrite_of(fix: Fix) -> str | None:
    """What the fix rewrites the row, or of a file-scope finding the file, to; None where it does not."""
    return next((edit.to for edit in fix.edits if isinstance(edit, Transcode)), None)


def across_rows(rules: Iterable[Rule], found: Iterable[Finding], options: FixOptions) -> tuple[Rule, ...]:
    """The rules that judge rows by other rows and whose fixes may be applied: those of an allowed grade, and those of
    which a finding has such a fix."""
    allowed = grades(options)
    fixing = {finding.code for finding in found if grade_of(finding.fix) in allowed}
    return tuple(
        rule
        for rule in rules
        if isinstance(rule, DatasetRule)
        and not is_of_rows(rule)
        and rule.fix is not None
        and (rule.code in fixing or (rule.fix is not Applicability.SHOWN and rule.fix.value in allowed))
    )


def is_of_rows(rule: Rule) -> bool:
    """Whether a rule judges a row by itself, so that a changed row can be judged again alone."""
    return isinstance(rule, LineRule | RecordRule | TextRule)

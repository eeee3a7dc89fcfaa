"""One step on one row: applies what the findings of this version of it allow. Knows no other row and no file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from audit.model import Finding, Fix
from audit.read.chunks import is_blank
from audit.read.shapes import writer
from audit.remedy.convert import convert_row
from audit.remedy.edits import apply_fixes
from audit.remedy.fix.plan import in_order, is_drop, is_quarantine, rewrite_of


class Step(NamedTuple):
    """What became of a row: its new bytes, None when it is removed, and the findings on whose word.

    ``lost`` is what was left behind when it was written in another shape.
    """

    raw: bytes | None
    by: tuple[Finding, ...]
    quarantined: bool = False
    lost: tuple[str, ...] = ()


def mend(raw: bytes, findings: Sequence[Finding], *, unsafe: bool) -> Step | None:
    """The row with the fixes of its findings applied; None where none of them can be.

    The findings must be those of these bytes. A row is written in another shape only where nothing else can be done,
    and removed only where that cannot be done either: what was mended is judged again before it is given up.
    ``unsafe`` allows a new shape to lose something.
    """
    ordered = [finding for finding in in_order(findings) if finding.fix is not None]
    edits = [item for item in ordered if item.fix is not None and not is_drop(item.fix) and not rewrite_of(item.fix)]
    if edits and (mended := _edited(raw, edits)) is not None:
        return mended
    for finding in ordered:
        to = rewrite_of(finding.fix) if finding.fix is not None else None
        if to is not None and (rewritten := _rewritten(raw, to, unsafe=unsafe)) is not None:
            made, lost = rewritten
            return Step(made, (finding,), lost=lost)
    drops = tuple(finding for finding in ordered if finding.fix is not None and is_drop(finding.fix))
    if not drops:
        return None
    return Step(None, drops, all(finding.fix is not None and is_quarantine(finding.fix) for finding in drops))


def _edited(raw: bytes, findings: Sequence[Finding]) -> Step | None:
    fixes = [finding.fix for finding in findings if finding.fix is not None]
    done = apply_fixes(raw, fixes)
    made = done.raw.rstrip(b"\r") if done.raw is not None else b""  # before a line feed it would be a line end
    if not done.applied or made == raw.rstrip(b"\r") or is_blank(made) or b"\n" in made:
        return None
    return Step(made, _whose(findings, done.applied))


def _whose(findings: Sequence[Finding], applied: Sequence[Fix]) -> tuple[Finding, ...]:
    """The findings whose fixes were applied; both are in the same order."""
    left = list(applied)
    whose: list[Finding] = []
    for finding in findings:
        if left and finding.fix is left[0]:
            whose.append(finding)
            left.pop(0)
    return tuple(whose)


def _rewritten(raw: bytes, to: str, *, unsafe: bool) -> tuple[bytes, tuple[str, ...]] | None:
    row = convert_row(raw, True, (), to, writer(to))
    made = row.output.rstrip(b"\n")
    return None if not made or made == raw or (row.lost and not unsafe) else (made, row.lost)

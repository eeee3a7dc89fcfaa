"""What is still found when all fixes are done: findings counted by rule, and whether they fail. Judges nothing anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from audit.model import Finding, Severity
from audit.remedy.fix.layout import JSONL, LF, Laid
from audit.remedy.fix.passes import Passes
from audit.remedy.fix.plan import BETTER, grade_of, is_drop, rewrite_of
from audit.remedy.fix.report import Left

_CONTAINER: Final = "ENC004"
"""The rule that a file which is no JSON Lines breaks: its result is."""


def left_of(findings: Iterable[Finding], before: Collection[str] = ()) -> dict[str, Left]:
    """Findings counted by code, sorted; with the worst severity and the best grade of the fixes there are. ``before``
    are the codes of rules that were not asked again."""
    left: dict[str, Left] = {}
    for finding in findings:
        known = left.get(finding.code, Left(findings=0, severity=finding.severity.value))
        worst = min(known.severity, finding.severity.value, key=lambda name: Severity(name).rank)
        grades = [grade for grade in (known.grade, grade_of(finding.fix)) if grade is not None]
        left[finding.code] = Left(
            findings=known.findings + 1,
            severity=worst,
            grade=min(grades, key=BETTER.index) if grades else None,
            before=finding.code in before,
        )
    return dict(sorted(left.items()))


def remaining(
    passes: Passes,
    first: Iterable[tuple[Finding, int]],
    again: Iterable[tuple[Finding, int]],
    judged_again: frozenset[str],
    of_rows: frozenset[str],
    inputs: Sequence[Laid],
) -> Iterator[tuple[Finding, int]]:
    """The findings that are still there, each with its row (-1 for none).

    ``first`` are those of the first pass over everything, ``again`` those of the last one, by the rules
    ``judged_again``; rows that were changed have been judged again by the rules ``of_rows``. A rule may be both: then
    the last pass tells of files and of the data.
    """
    by_path = {laid.source.path: laid for laid in inputs}
    for finding, row in first:
        if finding.code in judged_again and (finding.code not in of_rows or finding.scope != "row"):
            continue
        if row < 0:
            if not _is_done(finding, by_path):
                yield finding, row
        elif row not in passes.touched or (finding.code not in of_rows and passes.touched[row].raw is not None):
            yield finding, row
    yield from again
    for row in sorted(passes.touched):
        if passes.touched[row].raw is not None:
            yield from ((finding, row) for finding in passes.touched[row].found)


def _is_done(finding: Finding, inputs: Mapping[str, Laid]) -> bool:
    """Whether a finding on a file, or on a blank line, no longer holds of the output."""
    laid = inputs.get(finding.place.file or "")
    if laid is None or finding.fix is None:
        return False
    if finding.scope == "row":
        return finding.place.offset is not None and is_drop(finding.fix)
    to = rewrite_of(finding.fix)
    if to is None:
        return JSONL in laid.whole and finding.code == _CONTAINER
    return to in laid.whole and not (to == LF and finding.evidence.get("cr") and not laid.old_mac)

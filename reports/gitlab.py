"""GitLab's Code Quality report: one JSON list of issues, capped per rule. Line numbers only; GitLab knows no columns.

Format: GitLab documentation, "Code Quality", section "Implement a custom tool" (CodeClimate's, reduced).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from audit.model import Finding, Json, Result, Severity
from audit.reports.aggregate import Listed, listed
from audit.reports.encode import encode
from audit.reports.paths import first_file, portable
from audit.reports.summary import plural
from audit.reports.view import View
from audit.reports.visible import shortened

MOST: Final = 1_000
"""Findings listed one by one. GitLab states no limit; its merge request widget is read by people."""
LONGEST: Final = 500
"""Characters of a description."""

_SEVERITIES: Final = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}
_CLAUSES: Final = {"FAIL": "blocker", "INCONCLUSIVE": "critical", "NOT_ASSESSED": "critical"}


def render(result: Result, view: View) -> Iterator[str]:
    """The report with a newline at the end: clauses of the gate that are not met, then findings, then what was cut."""
    issues = [*_gate(result)]
    entries = listed(result, MOST)
    issues += [_issue(finding, result) for entry in entries for finding in entry.findings]
    issues += [_rest(entry, result) for entry in entries if entry.rest]
    yield encode(_unique(issues), indent=2) + "\n"


def _issue(finding: Finding, result: Result) -> dict[str, Json]:
    place = finding.place
    path = portable(place.file) if place.file is not None else first_file(result)
    parts = (finding.code, path, str(place.line), place.pointer, finding.message)
    return _entry(
        finding.message, finding.code, finding.fingerprint or _digest(*parts), _SEVERITIES[finding.severity], path,
        place.line,
    )  # fmt: skip


def _rest(entry: Listed, result: Result) -> dict[str, Json]:
    place = entry.rest_first.place if entry.rest_first is not None else None
    path = portable(place.file) if place is not None and place.file is not None else first_file(result)
    text = f"{plural(entry.rest, 'more finding')} of {entry.code}, not listed here"
    severity = _SEVERITIES[entry.rest_severity]
    return _entry(text, entry.code, _digest(entry.code, "rest"), severity, path, place.line if place else None)


def _gate(result: Result) -> Iterator[dict[str, Json]]:
    gate = result.gate
    if gate is None or gate.exit_code == 0:
        return
    for clause in gate.clauses:
        if clause.verdict in _CLAUSES:
            parts = ("gate", clause.name, clause.attribute or "", clause.group or "")
            text = f"{clause.verdict}: {clause.sentence}"
            yield _entry(text, "gate", _digest(*parts), _CLAUSES[clause.verdict], first_file(result), None)


def _entry(text: str, code: str, fingerprint: str, severity: str, path: str, line: int | None) -> dict[str, Json]:
    return {
        "description": shortened(text, LONGEST),
        "check_name": shortened(code, LONGEST),
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": path, "lines": {"begin": line or 1}},
    }


def _digest(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _unique(issues: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Rows that repeat have one fingerprint; GitLab takes issues with one fingerprint for one issue."""
    seen: dict[str, int] = {}
    for issue in issues:
        fingerprint = issue["fingerprint"]
        seen[fingerprint] = number = seen.get(fingerprint, 0) + 1
        if number > 1:
            issue["fingerprint"] = _digest(fingerprint, str(number))
    return issues

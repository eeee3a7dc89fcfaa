"""The findings as a table for a spreadsheet, one row each (RFC 4180, UTF-8, lines ended by ``\\n``).

Cells that a spreadsheet would take for a formula begin with an apostrophe. Measures are in the JSON form only.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from audit.model import Finding, Result
from audit.reports.view import View
from audit.reports.visible import visible

COLUMNS: Final = (
    "code", "severity", "scope", "file", "line", "column", "pointer", "message", "help", "fix", "fingerprint",
)  # fmt: skip
_FORMULA: Final = re.compile("(?:^|;)[\\s\"']*(?=[=+@\uff0b\uff1d\uff20\uff0d-])")
"""How a formula begins (OWASP, "CSV Injection"), full-width forms included, at the start of a cell or after a
semicolon: where that separates cells, the quotes around a cell written for commas hold nothing together."""


def render(result: Result, view: View) -> Iterator[str]:
    """A heading line and one line per finding, in order."""
    yield _line(COLUMNS)
    for finding in result.findings:
        yield _line([inert(cell) for cell in _cells(finding)])


def inert(text: str) -> str:
    """One line in which every character can be seen and that no spreadsheet computes."""
    return _FORMULA.sub(lambda match: match[0] + "'", visible(text))


def _cells(finding: Finding) -> tuple[str, ...]:
    place, fix = finding.place, finding.fix
    return (
        finding.code,
        finding.severity.value,
        finding.scope,
        place.file or "",
        "" if place.line is None else str(place.line),
        "" if place.column is None else str(place.column),
        place.pointer,
        finding.message,
        fix.title if fix else "",
        fix.applicability.value if fix else "",
        finding.fingerprint,
    )


def _line(cells: list[str] | tuple[str, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(cells)
    return buffer.getvalue()

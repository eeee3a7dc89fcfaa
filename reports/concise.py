"""One line per finding, ``file:line:column: CODE severity: message``, for editors and grep. Nothing else is printed."""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Result
from audit.reports.view import View
from audit.reports.visible import visible


def render(result: Result, view: View) -> Iterator[str]:
    """Every finding of the result, in order; a whole file has no line, the whole data no file."""
    for finding in result.findings:
        place = finding.place
        where = place.file or "(all data)"
        if place.line is not None:
            where += f":{place.line}:{place.column or 1}"
        yield f"{visible(where)}: {finding.code} {finding.severity.value}: {visible(finding.message)}\n"

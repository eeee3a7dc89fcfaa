"""One finding per line as JSON, for tools that read line by line. Measures and evidence are in the JSON form only."""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Result
from audit.reports.encode import encode
from audit.reports.view import View


def render(result: Result, view: View) -> Iterator[str]:
    """Every finding of the result, in order, each a line."""
    for finding in result.findings:
        yield encode(finding) + "\n"

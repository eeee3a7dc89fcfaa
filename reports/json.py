"""The whole result as one JSON document, schema ``audit.result/1``: sorted, indented, always the same bytes."""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Result
from audit.reports.encode import encode
from audit.reports.view import View


def render(result: Result, view: View) -> Iterator[str]:
    """One piece: the document with a newline at the end."""
    yield encode(result, indent=2) + "\n"

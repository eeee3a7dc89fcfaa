"""Every rendering of a result, by name. Renderers are imported when they are called; they judge nothing.

A renderer is a function ``(result, view) -> Iterator[str]`` that yields the text piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from audit.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from audit.model import Result
    from audit.reports.view import View

FORMATS: Final[Mapping[str, str]] = {
    "text": "audit.reports.text:render",
    "concise": "audit.reports.concise:render",
    "json": "audit.reports.json:render",
    "jsonl": "audit.reports.jsonl:render",
    "markdown": "audit.reports.markdown:render",
    "html": "audit.reports.html.page:render",
    "sarif": "audit.reports.sarif:render",
    "junit": "audit.reports.junit:render",
    "github": "audit.reports.github:render",
    "gitlab": "audit.reports.gitlab:render",
    "csv": "audit.reports.csv:render",
}
"""Format name -> the function that renders it."""

EXTENSIONS: Final[Mapping[str, str]] = {
    ".txt": "text",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".html": "html",
    ".sarif": "sarif",
    ".xml": "junit",
    ".csv": "csv",
}
"""Extension of an output file -> format."""


def format_of_file(name: str) -> str:
    """The format that a file name asks for. Raises UsageError naming the known extensions."""
    extension = PurePath(name).suffix.lower()
    if extension in EXTENSIONS:
        return EXTENSIONS[extension]
    known = ", ".join(EXTENSIONS)
    raise UsageError(f"{name}: the extension says no known format", hint=f"known extensions: {known}")


def render(result: Result, format: str, view: View | None = None) -> Iterator[str]:
    """The result as text, piece by piece. Raises UsageError for an unknown format."""
    if format not in FORMATS:
        raise UsageError(f"there is no format {format!r}", hint=did_you_mean(format, FORMATS))
    from audit.reports.view import View

    view = view or View()
    module, _, function = FORMATS[format].partition(":")
    pieces: Iterator[str] = getattr(import_module(module), function)(shown(result, view), _shown_view(view))
    return pieces


def _shown_view(view: View) -> View:
    """The view with its dossier as it shows one."""
    if view.dossier is None or not view.redact:
        return view
    import msgspec

    from audit.reports.redaction import redacted_dossier

    return msgspec.structs.replace(view, dossier=redacted_dossier(view.dossier))


def shown(result: Result, view: View) -> Result:
    """The result as a view shows it: without what identifies somebody, unless the view wants it."""
    if not view.redact or not (result.findings or result.measures or result.gate):
        return result
    from audit.reports.redaction import redacted

    return redacted(result)

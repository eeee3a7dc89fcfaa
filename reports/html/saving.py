"""Writes the report of a result to a file, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from audit.model import Result
from audit.reports import render
from audit.reports.view import View
from audit.writing import write_whole


def save(result: Result, path: str | os.PathLike[str], *, mask: bool = True, redact: bool = True) -> None:
    """Write the report as one HTML file. Raises OutputError where it cannot be written."""
    pieces = (piece.encode("utf-8") for piece in render(result, "html", View(mask=mask, redact=redact)))
    write_whole(Path(path), pieces)

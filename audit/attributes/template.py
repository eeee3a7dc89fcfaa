"""The sidecar that ``audit attributes template`` writes to be filled in: its cells and lines. Opens no file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

PREVIEW: Final = 60
"""Characters of a prompt by which a person recognises its row."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe before it.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return "'" + text if text.startswith(_FORMULA) else text


def unguarded(text: str) -> str:
    """The text of a guarded cell."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def header(attributes: Sequence[str]) -> tuple[str, ...]:
    """The columns of a template."""
    return ("file", "line", "row_id", *attributes, "preview")


def lines(rows: Iterable[Sequence[str]]) -> Iterable[bytes]:
    """Rows of cells as lines of CSV (RFC 4180 with bare line feeds), every cell guarded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])
        yield out.getvalue().encode("utf-8", "replace")
        out.seek(0)
        out.truncate()

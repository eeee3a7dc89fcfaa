"""The cells of a table that goes through a spreadsheet and back: defused on the way out, restored on the way in.

Knows characters and lines of CSV only; which columns there are is the sheet's.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff".encode()
"""Without it Excel takes CSV for the code page of the country."""

_FORMULA: Final = "[=+@\uff0b\uff1d\uff20\uff0d-]"
_BEGINS: Final = re.compile(rf"(?:^|;)[\s\"']*(?={_FORMULA})")
_DEFUSED: Final = re.compile(rf"((?:^|;)[\s\"']*)'(?={_FORMULA})")


def defused(text: str) -> str:
    """The text with an apostrophe before every character that would begin a formula, full-width ones included: at the
    start of the cell, or after a semicolon, where that separates cells. ``restored`` takes exactly these away again.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return _BEGINS.sub(lambda found: found[0] + "'", text)


def restored(cell: str) -> str:
    """The text of a defused cell. A cell that a person typed without an apostrophe is as it is."""
    return _DEFUSED.sub(lambda found: found[1], cell)


def sheet(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Rows of texts as CSV that Excel and LibreOffice open with a double click: UTF-8 with a byte order mark, commas,
    CR LF (RFC 4180), every cell defused. Half surrogate pairs become question marks."""
    yield BYTE_ORDER_MARK
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([defused(cell) for cell in row])
        yield out.getvalue().encode("utf-8", "replace")
        out.seek(0)
        out.truncate()

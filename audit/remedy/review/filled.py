"""Reads the sheets that people filled in, as they or their spreadsheet saved them. Says what stands there, no more.

CSV with commas, semicolons or tabs; UTF-8, UTF-16 (Excel's "Unicode Text", also without its mark) or the code page
1252 of Windows; CR LF or LF; JSON Lines.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audit.errors import InputError, did_you_mean
from audit.model import Json
from audit.read.fields import text_of
from audit.read.tables import FIELD_LIMIT
from audit.remedy.review.cells import restored

_MARKS: Final = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DELIMITERS: Final = ",;\t"
_NEEDED: Final = ("row_id", "decision")
_SAVE_AS: Final = "save the sheet as CSV UTF-8, or name a JSON Lines file"


class Entry(NamedTuple):
    """One line of a sheet as it stands there, without white space around the cells. ``file`` and ``line`` (1-based,
    that on which it begins) name the sheet; ``data_file``, ``data_line`` and ``label`` are what the row had when the
    sheet was written.

    ``typed_label`` is ``new_label`` as it was typed, where that could be a defused cell or not. ``broken`` says why the
    line cannot be read, "" where it can.
    """

    file: str
    line: int
    row_id: str = ""
    data_file: str = ""
    data_line: str = ""
    label: str = ""
    decision: str = ""
    new_label: str = ""
    typed_label: str = ""
    note: str = ""
    reviewer: str = ""
    broken: str = ""


def read_filled(path: str) -> list[Entry]:
    """The entries of a sheet. Raises InputError for a file that cannot be read or is no sheet."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    if raw.startswith(b"PK\x03\x04"):
        raise InputError(f"{path} is a workbook or an archive", hint=_SAVE_AS)
    text = _decoded(raw)
    if text.lstrip().startswith("{"):
        return list(_from_lines(path, text))
    return list(_from_csv(path, text))


def _decoded(raw: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None) or _utf_16(raw)
    if encoding is not None:
        return raw.decode(encoding, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")  # what Excel writes as "CSV" in Western Europe and America


def _utf_16(raw: bytes) -> str | None:
    """Which UTF-16 it is without a mark: a sheet begins with an ASCII character, of which one byte is zero there."""
    if raw[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if raw[:1] == b"\0" else None


# ----------------------------------------------------------------------------- CSV


def _from_csv(path: str, text: str) -> Iterator[Entry]:
    csv.field_size_limit(FIELD_LIMIT)
    lines = io.StringIO(text, newline="")
    head = lines.readline()
    skipped = head.strip().lower().startswith("sep=")  # a line by which Excel is told the separator
    if skipped:
        head = lines.readline()
    delimiter = _delimiter(path, head)
    lines.seek(0)
    records = csv.reader(islice(lines, int(skipped), None), delimiter=delimiter)
    header: list[str] | None = None
    while True:
        line = records.line_num + 1 + skipped
        try:
            record = next(records, None)
        except csv.Error as error:
            yield Entry(path, line, broken=f"not readable as CSV: {error}")
            continue
        if record is None:
            return
        if not any(cell.strip() for cell in record):
            continue
        if header is None:
            header = [name.strip().lower() for name in record]
            continue
        cells = {name: cell for name, cell in zip(header, record, strict=False) if name}
        yield _entry(path, line, {name: restored(cell) for name, cell in cells.items()}, cells.get("new_label", ""))


def _delimiter(path: str, line: str) -> str:
    """What separates the columns: that by which the first line names those that are needed. Raises InputError."""
    best: list[str] = []
    for delimiter in _DELIMITERS:
        names = [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
        if set(_NEEDED) <= set(names):
            return delimiter
        best = max(best, names, key=len)
    missing = next(name for name in _NEEDED if name not in best)
    raise InputError(f'{path} has no column "{missing}"', hint=did_you_mean(missing, best) or _SAVE_AS)


# ----------------------------------------------------------------------------- JSON Lines


def _from_lines(path: str, text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            yield Entry(path, number, broken=f"no JSON: {error}")
            continue
        if not isinstance(value, dict):
            yield Entry(path, number, broken="no object")
            continue
        cells = {name: _text(cell) for name, cell in value.items()}
        yield _entry(path, number, cells, cells.get("new_label", ""))


def _text(value: Json) -> str:
    return text_of(value) or ""


def _entry(path: str, line: int, cells: Mapping[str, str], typed: str) -> Entry:
    def cell(name: str) -> str:
        return cells.get(name, "").strip()

    return Entry(
        file=path,
        line=line,
        row_id=cell("row_id"),
        data_file=cell("file"),
        data_line=cell("line"),
        label=cell("label"),
        decision=cell("decision"),
        new_label=cell("new_label"),
        typed_label=typed.strip(),
        note=cell("note"),
        reviewer=cell("reviewer"),
    )

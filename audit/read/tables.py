"""Rows of CSV (or tab separated) text and of Parquet as lines of JSON. Judges nothing but the number of columns."""

from __future__ import annotations

import base64
import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from audit.errors import InputError
from audit.model import Json, Problem
from audit.read.chunks import Row, blank_line

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET_ROWS: Final = 1_024
"""Rows taken out of a Parquet file at once."""
FIELD_LIMIT: Final = 2**31 - 1
"""Characters a CSV field may have; the csv module's default of 131,072 is too short for a conversation."""


class CsvSplitter:
    """Iterating yields one JSON object line per record, every value a string; ``lines`` counts lines of text.

    The first record is the header. Numbers and offsets are those of the line where a record starts. A repeated column
    name becomes a repeated key, bytes that are not UTF-8 stay as they are: both are found like in any other row. A
    record with too many or too few columns carries a ``csv-row`` problem; its surplus stands under ``extra_columns``.
    """

    def __init__(self, blocks: Iterable[bytes], delimiter: str, *, offset: int = 0) -> None:
        self.lines = 0
        self._blocks = blocks
        self._delimiter = delimiter
        self._offset = offset

    def problems(self) -> list[Problem]:
        """Nothing: line ends of a table are its own affair."""
        return []

    def __iter__(self) -> Iterator[Row]:
        csv.field_size_limit(FIELD_LIMIT)
        records = csv.reader(self._texts(), delimiter=self._delimiter)
        header: list[str] | None = None
        while True:
            number, offset = self.lines + 1, self._offset
            try:
                record = next(records, None)
            except csv.Error as error:
                yield Row(b"{}", number, offset, (_bad_row(f"not readable as CSV: {error}", {}),))
                continue
            if record is None:
                return
            if header is not None:
                yield _csv_row(header, record, number, offset)
            elif record:
                header = record

    def _texts(self) -> Iterator[str]:
        for line in _physical_lines(self._blocks):
            self.lines += 1
            self._offset += len(line)
            yield line.decode("utf-8", "surrogateescape")


def _physical_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends: LF, CR LF or CR."""
    pending: list[bytes] = []
    for block in blocks:
        cut = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, len(block) - 1) + 1
        pending.append(block[:cut] if cut else block)
        if cut:
            yield from b"".join(pending).splitlines(keepends=True)
            pending = [block[cut:]]
    yield from b"".join(pending).splitlines(keepends=True)


def _csv_row(header: list[str], record: list[str], number: int, offset: int) -> Row:
    if not record:
        return Row(b"", number, offset, (blank_line(b""),))
    members = [_text(name) + b":" + _text(value) for name, value in zip(header, record, strict=False)]
    problems: tuple[Problem, ...] = ()
    if len(record) != len(header):
        counts = {"columns": len(record), "header": len(header)}
        problems = (_bad_row(f"{_columns(len(record))} where the header has {len(header)}", counts),)
        if surplus := record[len(header) :]:
            members.append(b'"extra_columns":[' + b",".join(map(_text, surplus)) + b"]")
    return Row(b"{" + b",".join(members) + b"}", number, offset, problems)


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"


def _bad_row(message: str, detail: Mapping[str, Json]) -> Problem:
    return Problem(kind="csv-row", message=message, detail=detail)


def _text(value: str) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")


# ----------------------------------------------------------------------------- Arrow


class ParquetRows:
    """Iterating yields one JSON object line per row of a Parquet file; ``problems`` says afterwards where it broke off.

    Nulls of whole columns are left out, since a column that a row lacks cannot be told from a null, and so is NaN:
    it stands for a missing value where tables are made (pandas). Inside nested values both stay. Dates and times
    become ISO 8601 text, decimals text, bytes base64 text. Closes the file.
    """

    def __init__(self, file: BinaryIO, path: str) -> None:
        self.lines = 0
        self._file = file
        self._path = path
        self._fault: str | None = None

    def problems(self) -> list[Problem]:
        """Where reading broke off, if it did."""
        if self._fault is None:
            return []
        message = f"the Parquet file is damaged after row {self.lines:,}: {self._fault}"
        return [Problem(kind="truncated-file", message=message, file=True, detail={"reason": self._fault})]

    def __iter__(self) -> Iterator[Row]:
        """Raises InputError when the file cannot be opened as Parquet at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self._file) as table:
                for batch in table.iter_batches(batch_size=PARQUET_ROWS):
                    for values in arrow_rows(batch):
                        self.lines += 1
                        yield Row(json_line(values, typed=True).raw, self.lines, 0)
        except (pa.ArrowException, OSError) as error:
            if not self.lines:
                raise InputError(f"cannot read {self._path} as Parquet: {error}") from error
            self._fault = str(error)
        finally:
            self._file.close()


def arrow_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Json]]:
    """The rows of an Arrow batch as dictionaries without the columns that are null, or NaN, as tables write it."""
    for values in batch.to_pylist():
        yield {name: value for name, value in values.items() if value is not None and not _is_nan(value)}


def _is_nan(value: Json) -> bool:
    return isinstance(value, float) and math.isnan(value)


class JsonLine(msgspec.Struct, frozen=True):
    """A Python object as a line of JSON, and why JSON cannot hold it as it was (None when it can)."""

    raw: bytes
    fault: str | None = None


def json_line(row: object, *, typed: bool = False) -> JsonLine:
    """One line of JSON for a Python object.

    Numbers that are not finite are written as ``NaN`` and ``Infinity``, and half surrogate pairs as escapes, so that
    they are found like in a file. Numpy values become plain ones. With ``typed`` (the row comes from typed columns)
    times and decimals become text and bytes base64 text. What JSON cannot hold is written as text and named in
    ``fault``.
    """
    strangers: list[str] = []

    def plain(value: object) -> Json:
        if typed and (text := _typed_text(value)) is not None:
            return text
        if callable(to_list := getattr(value, "tolist", None)):
            return to_list()
        strangers.append(type(value).__name__)
        return str(value)

    try:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=plain)
    except (TypeError, ValueError, RecursionError) as error:
        text, strangers = json.dumps(_name(row)), [str(error).split("\n")[0]]
    fault = f"JSON has no {strangers[0]}" if strangers else None
    try:
        return JsonLine(text.encode("utf-8"), fault)
    except UnicodeEncodeError:
        return JsonLine(json.dumps(json.loads(text), separators=(",", ":")).encode("ascii"), fault)


def _typed_text(value: object) -> str | None:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes | bytearray) else None


def _name(row: object) -> str:
    try:
        return repr(row)[:1_000]
    except RecursionError:
        return type(row).__name__

"""Rows given from Python (dictionaries, a DataFrame, an Arrow table) read like the lines of a file. Judges nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from audit.model import Json, Problem, Source, SourceSummary
from audit.read.chunks import CHUNK_BYTES, Chunk, Row, chunked
from audit.read.tables import arrow_rows, json_line

FRAME_ROWS: Final = 4_096
"""Rows of a DataFrame or table turned into Python objects at once."""


class RowsReader:
    """Iterating yields chunks of one JSON line per row, as ``SourceReader`` does for a file.

    ``rows`` is any iterable of objects that JSON can hold, a pandas DataFrame, or an Arrow table or record batch.
    Missing values of a DataFrame or table (None, NaN, NaT, NA) are left out of their row, and its times, decimals and
    bytes become text as from Parquet. A row that JSON cannot hold carries a ``not-json`` problem. Line numbers count
    rows from 1; offsets are those of the lines written one after the other, and so is the hash.
    """

    def __init__(self, rows: object, *, role: str = "data", chunk_bytes: int = CHUNK_BYTES) -> None:
        self._rows = rows
        self._chunk_bytes = chunk_bytes
        self.source = Source(path="<rows>", role=role, container="rows")
        self._start()

    def _start(self) -> None:
        self._hash = hashlib.sha256()
        self._bytes = self._lines = 0

    def close(self) -> None:
        """Nothing is open."""

    @property
    def can_be_read_again(self) -> bool:
        """Whether iterating gives the same rows once more."""
        return isinstance(self._rows, list | tuple | Mapping) or _is_table(self._rows)

    @property
    def summary(self) -> SourceSummary:
        """What has been read; complete after the last chunk. ``rows`` is for the engine to fill in."""
        return SourceSummary(
            path=self.source.path,
            role=self.source.role,
            container=self.source.container,
            bytes=self._bytes,
            lines=self._lines,
            sha256=self._hash.hexdigest(),
        )

    def __iter__(self) -> Iterator[Chunk]:
        self._start()
        return chunked(self.source, self._numbered(), self._chunk_bytes)

    def _numbered(self) -> Iterator[Row]:
        typed = _is_table(self._rows)
        for values in objects(self._rows):
            line = json_line(values, typed=typed)
            self._lines += 1
            problems = (Problem(kind="not-json", message=line.fault, end=len(line.raw)),) if line.fault else ()
            yield Row(line.raw, self._lines, self._bytes, problems)
            self._hash.update(line.raw + b"\n")
            self._bytes += len(line.raw) + 1


def objects(rows: object) -> Iterator[object]:
    """The rows of a DataFrame, of an Arrow table or batch, or of any iterable. Raises TypeError for anything else."""
    if hasattr(rows, "to_batches"):
        for batch in rows.to_batches(max_chunksize=FRAME_ROWS):
            yield from map(_present, arrow_rows(batch))
    elif hasattr(rows, "to_pylist") and hasattr(rows, "schema"):
        yield from map(_present, arrow_rows(rows))
    elif hasattr(rows, "to_dict") and hasattr(rows, "iloc"):
        for start in range(0, len(rows), FRAME_ROWS):  # type: ignore[arg-type]
            yield from map(_present, rows.iloc[start : start + FRAME_ROWS].to_dict("records"))
    elif isinstance(rows, Mapping):
        yield rows
    elif isinstance(rows, Iterable):
        yield from rows
    else:
        raise TypeError(f"rows must be an iterable, a DataFrame or an Arrow table, not {type(rows).__name__}")


def _is_table(rows: object) -> bool:
    return hasattr(rows, "to_batches") or hasattr(rows, "to_pylist") or hasattr(rows, "iloc")


def _present(values: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in values.items() if not _is_missing(value)}


def _is_missing(value: Json) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)

"""Writes weights to a file beside the data: one entry for every row, with its name and its weight. Weighs nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from audit.errors import UsageError
from audit.remedy.balance.scan import Scanned
from audit.remedy.delivery import Delivery, Stream

Entry: TypeAlias = tuple[str, float]
COLUMNS: Final = ("row_id", "weight")
_BLOCK: Final = 65_536
"""Entries that are made ready at once."""


class _File(io.RawIOBase):
    """A stream of a delivery as libraries expect a file to be."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self._stream.write(data)


def check_sidecar(path: Path) -> None:
    """Raise UsageError for a name whose ending is none of those that are written."""
    _writer(path)


def write_sidecar(delivery: Delivery, path: Path, scanned: Scanned, weights: Sequence[float]) -> None:
    """Write a file with ``row_id`` and ``weight`` of every row, in the order of the rows: Parquet, CSV or JSON Lines,
    as its name ends. Weights are written so that they are read as the same double again. Raises OutputError."""
    entries = ((scanned.row_id(row), float(weight)) for row, weight in enumerate(weights))
    _writer(path)(entries, _File(delivery.file(path)))


def _writer(path: Path) -> Callable[[Iterable[Entry], _File], None]:
    found = _WRITERS.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"--weights-to {path}: the name must end in {', '.join(_WRITERS)}")
    return found


def _parquet(entries: Iterable[Entry], file: _File) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(COLUMNS[0], pa.string()), (COLUMNS[1], pa.float64())])
    with pq.ParquetWriter(file, schema) as writer:
        for block in _blocks(entries):
            ids, weights = zip(*block, strict=True)
            writer.write_table(pa.table([pa.array(ids), pa.array(weights, pa.float64())], schema=schema))


def _csv(entries: Iterable[Entry], file: _File) -> None:
    file.write((",".join(COLUMNS) + "\n").encode())
    for block in _blocks(entries):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows((row_id, repr(weight)) for row_id, weight in block)
        file.write(text.getvalue().encode())


def _jsonl(entries: Iterable[Entry], file: _File) -> None:
    for block in _blocks(entries):
        file.write("".join(json.dumps(dict(zip(COLUMNS, entry, strict=True))) + "\n" for entry in block).encode())


_WRITERS: Final[Mapping[str, Callable[[Iterable[Entry], _File], None]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _jsonl,
}


def _blocks(entries: Iterable[Entry]) -> Iterator[Sequence[Entry]]:
    waiting = iter(entries)
    while block := tuple(islice(waiting, _BLOCK)):
        yield block

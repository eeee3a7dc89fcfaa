"""Vectors that the user has computed for the rows of the data. Reads them; compares nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from audit.errors import ConfigError
from audit.model import Json
from audit.read.tables import ParquetRows
from audit.rule import Context

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SETTING: Final = '"embeddings" of DUP406'
ENDINGS: Final = (".npy", ".parquet", ".jsonl")
VECTORS: Final = ("embedding", "vector")
"""Names under which a vector may stand in a row of a .jsonl or .parquet file."""


def check_path(path: str) -> None:
    """Raises ConfigError for a file that is not there or whose name does not say what it is."""
    if not path.endswith(ENDINGS):
        raise ConfigError(f"{SETTING}: {path} ends with none of {', '.join(ENDINGS)}")
    if not os.path.isfile(path):
        raise ConfigError(f"{SETTING}: there is no file {path}")


def vectors_of(path: str, rows: Sequence[int], context: Context) -> NDArray[np.float32]:
    """The vectors of some rows as (rows, dimensions), float32, finite.

    A .npy file holds one row for every row of the data, in reading order. In .jsonl and .parquet files each row has the
    vector under ``embedding`` or ``vector`` and says under ``line`` (from 1, where there is one source) or ``row_id``
    (from 0, in reading order over all sources) for which row it is. Raises ConfigError for anything else.
    """
    check_path(path)
    if path.endswith(".npy"):
        return _of_array(path, rows, context.rows)
    by_row = {row: at for at, row in enumerate(rows)}
    by_line = {context.place(row).line: at for row, at in by_row.items()} if len(context.sources) == 1 else None
    return _of_objects(path, rows, by_row, by_line, context)


# ----------------------------------------------------------------------------- .npy


def _of_array(path: str, rows: Sequence[int], wanted: int) -> NDArray[np.float32]:
    import numpy as np

    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(f"{SETTING}: {path} cannot be read as a numpy array: {error}") from error
    if getattr(stored, "ndim", 0) != 2 or stored.dtype.kind not in "fiu":
        shape = getattr(stored, "shape", None)
        raise ConfigError(f"{SETTING}: {path} must hold numbers in two dimensions, (rows, dimensions), not {shape}")
    if stored.shape[0] != wanted or not stored.shape[1]:
        raise ConfigError(
            f"{SETTING}: {path} has the shape {stored.shape}, and the data has {wanted:,} rows",
            hint="one vector for every row that is not blank, in the order of the files",
        )
    vectors = np.asarray(stored[list(rows)], dtype=np.float32)
    return _finite(vectors, path, [f"row {row}" for row in rows])


# ----------------------------------------------------------------------------- .jsonl and .parquet


def _of_objects(
    path: str,
    rows: Sequence[int],
    by_row: Mapping[int, int],
    by_line: Mapping[int | None, int] | None,
    context: Context,
) -> NDArray[np.float32]:
    import numpy as np

    found: dict[int, Any] = {}
    names: dict[int, str] = {}
    size: int | None = None
    for number, raw in enumerate(_lines(path), 1):
        where = f"row {number:,} of {path}"
        entry = _entry(raw, where)
        at = _place(entry, by_row, by_line, where)
        vector = _vector(entry, where)
        size = len(vector) if size is None else size
        if len(vector) != size:
            raise ConfigError(f"{SETTING}: {where} has {len(vector):,} dimensions, the rows before have {size:,}")
        if at is not None:
            found[at] = np.asarray(vector, dtype=np.float32)
            names[at] = where
    missing = [row for row, at in by_row.items() if at not in found]
    if missing:
        place = context.place(min(missing))
        raise ConfigError(
            f"{SETTING}: {path} has no vector for {len(missing):,} of {len(rows):,} rows, the first of them line "
            f"{place.line} of {place.file}"
        )
    return _finite(np.stack([found[at] for at in range(len(rows))]), path, [names[at] for at in range(len(rows))])


def _lines(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            if path.endswith(".jsonl"):
                yield from (line for line in file if not line.isspace())
                return
            table = ParquetRows(file, path)
            yield from (row.raw for row in table)
    except OSError as error:
        raise ConfigError(f"{SETTING}: cannot read {path}: {error.strerror or error}") from error
    for problem in table.problems():
        raise ConfigError(f"{SETTING}: {path}: {problem.message}")


def _entry(raw: bytes, where: str) -> Mapping[str, Json]:
    try:
        entry = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{SETTING}: {where} is not JSON: {error}") from error
    if not isinstance(entry, dict):
        raise ConfigError(f"{SETTING}: {where} is not an object")
    return entry


def _place(
    entry: Mapping[str, Json], by_row: Mapping[int, int], by_line: Mapping[int | None, int] | None, where: str
) -> int | None:
    """Which of the wanted rows an entry is for; None for one that is not asked for."""
    row, line = entry.get("row_id"), entry.get("line")
    if isinstance(row, int) and not isinstance(row, bool):
        return by_row.get(row)
    if not isinstance(line, int) or isinstance(line, bool):
        raise ConfigError(f'{SETTING}: {where} has neither a number "line" nor a number "row_id"')
    if by_line is None:
        raise ConfigError(
            f'{SETTING}: {where} has no "row_id", and a "line" could be one of several files',
            hint='number the rows of all files together, from 0, and call that "row_id"',
        )
    return by_line.get(line)


def _vector(entry: Mapping[str, Json], where: str) -> Sequence[float]:
    vector = next((entry[name] for name in VECTORS if name in entry), None)
    if not isinstance(vector, list) or not vector or not all(type(value) in (int, float) for value in vector):
        raise ConfigError(f'{SETTING}: {where} has no list of numbers "embedding"')
    return vector


def _finite(vectors: NDArray[np.float32], path: str, names: Iterable[str]) -> NDArray[np.float32]:
    import numpy as np

    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        name = list(names)[int(bad[0])]
        raise ConfigError(f"{SETTING}: the vector of {name} has a number that is not finite ({path})")
    return vectors

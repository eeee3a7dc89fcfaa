"""The lines of ``rows.jsonl`` of a run: what became of every row that it read. Writes no file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from audit.errors import InputError
from audit.train.data.building import RowOutcome
from audit.train.runs.chain import canonical
from audit.train.runs.folder import ROWS


class RowOfRun(msgspec.Struct):
    """What a run says of a row: its name, its file (as in the record) and line, the split that it was in, and how many
    sequences were made of it."""

    row_id: str
    split: str
    file: str = ""
    line: int = 0
    examples: int = 0


def row_line(outcome: RowOutcome, *, counted: bool = True) -> bytes:
    """The line of a row; of its file only the base name, and no tokens where they were not ``counted``."""
    told = msgspec.to_builtins(outcome)
    for name in ("ordinal", *(() if counted else ("tokens", "trained"))):
        del told[name]
    return canonical({**told, "file": os.path.basename(outcome.file)})


def rows_of(folder: Path | None) -> Iterator[RowOfRun]:
    """The rows of a run; none where there is no such file. Raises InputError for one that cannot be read."""
    file = None if folder is None else folder / ROWS
    if file is None or not file.is_file():
        return
    try:
        with file.open("rb") as lines:
            yield from map(msgspec.json.Decoder(RowOfRun).decode, lines)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from None

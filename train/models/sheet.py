"""``audit-model.json``: what is known of a model that we wrote, beside its weights. Holds no text of a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import InputError
from audit.train.models.base import Base
from audit.train.models.prepared import Parameters
from audit.train.options import Method, Task
from audit.writing import write_whole

SHEET: Final = "audit-model.json"
SCHEMA: Final = "audit.model/1"


class ModelSheet(msgspec.Struct, frozen=True, kw_only=True):
    """``classes`` are those of the head, in the order of its outputs. ``template`` is the sha256 of the chat template,
    ``merged`` says that an adapter's weights are in those of the model, and ``merge_difference`` how far the logits of
    a probe moved thereby, relative to the largest. ``max_length`` is what rows were limited to, in tokens."""

    schema: str = SCHEMA
    task: Task
    classes: tuple[str, ...] = ()
    method: Method
    base: Base
    parameters: Parameters
    max_length: int | None = None
    template: str | None = None
    merged: bool = False
    merge_difference: float | None = None


def write_sheet(folder: Path, sheet: ModelSheet) -> None:
    """Write ``audit-model.json``; a lone surrogate in a class is escaped, as in the data. Raises OutputError."""
    text = json.dumps(msgspec.to_builtins(sheet), indent=2, sort_keys=True)
    write_whole(folder / SHEET, [text.encode(), b"\n"])


def read_sheet(folder: Path) -> ModelSheet | None:
    """What ``audit-model.json`` says, None where there is none. Raises InputError for one that is broken."""
    file = folder / SHEET
    if not file.is_file():
        return None
    try:
        return msgspec.convert(json.loads(file.read_bytes()), ModelSheet)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file} cannot be read: {error}") from None

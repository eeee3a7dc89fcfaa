"""The chain of a record: lines of canonical JSON, each with the hash of the one before. Reads it and writes nothing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audit.errors import InputError
from audit.model import Json
from audit.train.runs.identity import ResumeRefused

RECORD: Final = "record.jsonl"
SEAL: Final = "record.sha256"
FIRST: Final = "0" * 64
"""What the first entry names as the hash of the line before it."""
FILES: Final = "files"
MEASURED: Final = "measured"
"""The kind of the last entry, which lists what was measured with a clock; the one before it is of kind ``files``."""
_ANEW: Final = "train anew into another output folder"


class Entry(msgspec.Struct, frozen=True):
    """One line: its number from 0, what it is about, what it says, and the hex sha256 of the line before."""

    n: int
    kind: str
    data: dict[str, Json]
    previous: str


class Fault(NamedTuple):
    """A line of the record, counted from 1, that is not as it was written, and why."""

    line: int
    kind: str
    why: str


class Chain(NamedTuple):
    """What a record file holds: entries that can be read, lines at fault, and the bytes of a torn last line."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    torn: bytes
    last: str


# ----------------------------------------------------------------------------- canonical JSON


def canonical(value: Json) -> bytes:
    """One line of JSON: sorted keys, no spaces, ASCII only (a lone surrogate stays its escape), a line feed.

    Numbers that are not finite, which JSON has not, are null.
    """
    plain = msgspec.to_builtins(value)
    try:
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(plain), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def _finite(value: Json) -> Json:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


# ----------------------------------------------------------------------------- reading


def read_chain(content: bytes) -> Chain:
    """The entries of a record file and what is wrong with its lines; a last line without its end is torn, not wrong."""
    *lines, torn = content.split(b"\n")
    entries: list[Entry] = []
    faults: list[Fault] = []
    expected = FIRST
    for number, text in enumerate(lines):
        entry = _entry(text + b"\n")
        kind = entry.kind if entry else "unreadable"
        if entry is None:
            faults.append(Fault(number + 1, kind, "is not canonical JSON with n, kind, data and previous"))
        elif entry.n != number:
            faults.append(Fault(number + 1, kind, f"has number {entry.n} where {number} belongs"))
        elif entry.previous != expected:
            faults.append(Fault(number + 1, kind, "does not follow from the line before it, which was changed"))
        if entry is not None:
            entries.append(entry)
        expected = hash_of(text + b"\n")
    return Chain(tuple(entries), tuple(faults), torn, expected)


def chain_of(folder: Path) -> Chain:
    """The record of a run as it stands, whatever is wrong with it. Raises InputError without one."""
    try:
        return read_chain((folder / RECORD).read_bytes())
    except OSError as error:
        raise InputError(f"{folder} holds no {RECORD} that can be read: {error.strerror}") from None


def read_entries(folder: Path) -> tuple[Entry, ...]:
    """The entries of a run's record, which follow from each other; a torn last one is passed over.

    Raises InputError without a record, ResumeRefused naming the first line that is not as it was written.
    """
    chain = chain_of(folder)
    refuse_faults(chain)
    return chain.entries


def read_entry(folder: Path, kind: str) -> dict[str, Json]:
    """What the last entry of a kind says. Raises as ``read_entries``, and ResumeRefused where there is none."""
    found = [entry.data for entry in read_entries(folder) if entry.kind == kind]
    if not found:
        raise ResumeRefused(f"{RECORD} has no line of kind {kind!r}: lines were taken off its end", hint=_ANEW)
    return found[-1]


def line_hash(folder: Path, kind: str) -> str:
    """Hex sha256 of the first line of a kind in a run's record, "" where there is none: it stands for all before it."""
    if not (folder / RECORD).is_file():
        return ""
    return next((hash_of(canonical(entry)) for entry in read_entries(folder) if entry.kind == kind), "")


def listed_files(entries: Sequence[Entry]) -> dict[str, Json]:
    """The files as the last two entries of a finished record list them."""
    listed: dict[str, Json] = {}
    for entry in entries[-2:]:
        told = entry.data.get("files")
        if entry.kind in (FILES, MEASURED) and isinstance(told, dict):
            listed |= told
    return listed


def refuse_faults(chain: Chain) -> None:
    """Raise ResumeRefused naming the first line that is not as it was written."""
    if chain.faults:
        first = chain.faults[0]
        raise ResumeRefused(
            f"{RECORD} line {first.line} ({first.kind}) {first.why}", hint=f"`audit verify` names every one; {_ANEW}"
        )


def hash_of(content: bytes) -> str:
    """Hex sha256."""
    return hashlib.sha256(content).hexdigest()


def _entry(line: bytes) -> Entry | None:
    try:
        told = json.loads(line)
        entry = msgspec.convert(told, Entry, strict=True)
        return entry if canonical(told) == line and len(told) == len(Entry.__struct_fields__) else None
    except (ValueError, RecursionError, msgspec.ValidationError):
        return None

"""Says whether a run folder is as its record was sealed: every line, every file. Changes nothing, needs no torch.

What a record cannot show is that somebody rewrote it whole, with a new seal: for that a seal is kept elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from audit.errors import InputError, OutputError, UsageError
from audit.model import Json
from audit.train.runs.chain import FILES, MEASURED, RECORD, SEAL, Chain, listed_files, read_chain
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.record import files_of, fingerprint

SCHEMA: Final = "audit.verification/1"
_NO_RECORD: Final = (
    "name the folder that `audit train -o` wrote; a search or a curve has a record when it has ended, and each of its "
    "runs has one"
)


class Mismatch(msgspec.Struct, frozen=True):
    """A file (or a line of the record) that is not as it was recorded, and in which way."""

    name: str
    what: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """``intact``: all is as it was sealed. ``unfinished``: the run was not sealed, its lines follow from each other and
    its files were not recorded yet. ``seal`` is the hex sha256 of the record as it is now, ``files`` counts the files
    that were compared. ``mismatches`` are all of them, lines of the record first.
    """

    schema: str = SCHEMA
    state: Literal["intact", "mismatch", "unfinished"]
    seal: str
    entries: int
    files: int
    mismatches: tuple[Mismatch, ...] = ()

    @property
    def first(self) -> Mismatch | None:
        """The first mismatch."""
        return self.mismatches[0] if self.mismatches else None


def verify(folder: str | os.PathLike[str], expect: str | None = None) -> Verification:
    """Compare a run folder with its record, and the record with its seal and with ``expect``, a seal kept elsewhere.

    Raises InputError where there is no record, UsageError where ``expect`` is no sha256 in hex.
    """
    root = Path(folder)
    wanted = _digest(expect) if expect is not None else None
    content = _read(root / RECORD)
    sealed = _read(root / SEAL)
    if content is None:
        if sealed is None:
            raise InputError(f"{folder} holds no record of a run", hint=_NO_RECORD)
        missing = Mismatch(RECORD, "is missing, though its seal is there")
        return Verification(state="mismatch", seal="", entries=0, files=0, mismatches=(missing,))
    chain = read_chain(content)
    seal = hashlib.sha256(content).hexdigest()
    kinds = [entry.kind for entry in chain.entries]
    ended = kinds[-2:] == [FILES, MEASURED]
    found = [*_of_lines(chain, sealed is not None), *_of_seal(seal, sealed, wanted, ended)]
    listed = listed_files(chain.entries) if ended or sealed is not None else {}
    if ended or sealed is not None:
        found += _of_files(root, listed)
    state: Literal["intact", "mismatch", "unfinished"] = "intact" if sealed is not None else "unfinished"
    return Verification(
        state="mismatch" if found else state,
        seal=seal,
        entries=len(chain.entries),
        files=len(listed),
        mismatches=tuple(found),
    )


def check_intact(folder: Path) -> None:
    """Raise ResumeRefused naming the first mismatch where a finished run is not as it was sealed."""
    if (first := verify(folder).first) is not None:
        raise ResumeRefused(
            f"the finished run in {folder} is not as it was sealed: {first.name} {first.what}",
            hint="`audit verify` names every mismatch; restore the folder from a copy, or --force trains anew",
        )


def _of_lines(chain: Chain, sealed: bool) -> Iterator[Mismatch]:
    for fault in chain.faults:
        yield Mismatch(f"{RECORD} line {fault.line} ({fault.kind})", fault.why)
    if sealed and chain.torn:
        yield Mismatch(RECORD, f"ends in {len(chain.torn)} bytes that are no whole line")
    if sealed and [entry.kind for entry in chain.entries[-2:]] != [FILES, MEASURED]:
        yield Mismatch(RECORD, "is sealed and does not end with the list of files")


def _of_seal(seal: str, sealed: bytes | None, wanted: str | None, ended: bool) -> Iterator[Mismatch]:
    if sealed is None and ended:
        yield Mismatch(SEAL, "is missing, though the record is finished")
    if sealed is not None and sealed != f"{seal}\n".encode():
        yield Mismatch(SEAL, f"does not seal {RECORD}, whose sha256 is {seal}")
    if wanted is not None and wanted != seal:
        yield Mismatch(RECORD, f"has sha256 {seal}, and {wanted} was expected")


def _of_files(root: Path, listed: Mapping[str, Json]) -> Iterator[Mismatch]:
    there = set(files_of(root))
    for name in sorted({*listed, *there}):
        if name not in there:
            yield Mismatch(name, "is missing")
        elif name not in listed:
            yield Mismatch(name, "is not in the record")
        elif what := _changed(root / name, listed[name]):
            yield Mismatch(name, what)


def _changed(path: Path, recorded: Json) -> str:
    """In which way a file is not as it was recorded; empty where it is."""
    try:
        now = fingerprint(path)
    except OutputError as error:
        return f"cannot be compared: {error.what.removeprefix(f'{path} ')}"
    if now == recorded:
        return ""
    if isinstance(recorded, dict) and now["bytes"] != recorded.get("bytes"):
        return f"was changed: {now['bytes']:,} bytes, and {recorded.get('bytes')} were recorded"
    return "was changed: the same number of bytes, another sha256"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


def _digest(text: str) -> str:
    told = text.strip().lower()
    if len(told) != 64 or not set(told) <= set(string.hexdigits):
        raise UsageError(f"--expect {text!r} is no sha256 of 64 hexadecimal digits", hint="it stands in record.sha256")
    return told

"""The ledger of a remedy: one line for every row that is not as it was, and last a line that accounts for all rows.

A row that is not listed came out byte for byte. Knows the format only; what happened to a row is the caller's to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from audit.errors import InputError
from audit.model import Json

SCHEMA: Final = "audit.ledger/1"
SUMMARY: Final = "summary"

Action: TypeAlias = Literal["edited", "dropped", "quarantined", "copied", "added"]
"""``edited``: in the output with other bytes. ``dropped`` and ``quarantined``: in the rejected file; of quarantined
rows a person has to say which is right. ``copied``: a further copy in the output. ``added``: a made-up row there."""


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one row. ``line`` is 1-based in the input, ``out_line`` in the output (of a rejected row None).

    ``codes`` are the rules on whose word it was done, ``reasons`` what they saw, in the same order. ``edits`` are the
    edits as findings spell them. ``kept`` is the row that survives a duplicate: its ``row_id`` and ``line``.
    ``source`` is the row that a copy or a made-up row was made of. ``undo`` is what the command needs to take it back.
    """

    row_id: str
    line: int | None
    action: Action
    codes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    edits: Json = ()
    before_sha256: str | None = None
    after_sha256: str | None = None
    out_line: int | None = None
    kept: Mapping[str, Json] | None = None
    source: str | None = None
    undo: Json = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows became what: ``rows_in`` = untouched + edited + dropped + quarantined, and ``rows_out`` =
    untouched + edited + copied + added. ``blank`` lines are no rows: those of the input, and of them removed."""

    rows_in: int
    untouched: int
    edited: int = 0
    dropped: int = 0
    quarantined: int = 0
    copied: int = 0
    added: int = 0
    blank: int = 0
    blank_removed: int = 0

    @property
    def rows_out(self) -> int:
        return self.untouched + self.edited + self.copied + self.added

    @property
    def removed(self) -> int:
        return self.dropped + self.quarantined


def total(accounts: Iterable[Account]) -> Account:
    """The account of all of several inputs."""
    sums = dict.fromkeys(Account.__struct_fields__, 0)
    for account in accounts:
        for name in sums:
            sums[name] += getattr(account, name)
    return Account(**sums)


class LedgerEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The last line. ``input``, ``output`` and ``rejected`` hold ``path`` (as named), ``bytes`` and ``sha256``."""

    action: Literal["summary"] = "summary"
    schema: str = SCHEMA
    command: str
    rows: Account
    input: Mapping[str, Json]
    output: Mapping[str, Json]
    rejected: Mapping[str, Json] | None = None
    settings: Mapping[str, Json] = {}
    effect: Json = None
    undo: Json = None


def written(line: LedgerLine | LedgerEnd) -> bytes:
    """One line of a ledger. Edits that are nested too deeply to be written are left out."""
    try:
        return msgspec.json.encode(line, order="sorted") + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can hold
        return json.dumps(msgspec.to_builtins(line), sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"
    except RecursionError:
        if isinstance(line, LedgerEnd) or not line.edits:
            raise
        return written(msgspec.structs.replace(line, edits=()))


class Ledger(msgspec.Struct, frozen=True):
    """A whole ledger. ``lines`` can be iterated again and again; each time the file is read."""

    path: Path
    end: LedgerEnd

    def lines(self) -> Iterator[LedgerLine]:
        """What became of the rows that are not as they were, in the order of the ledger. Raises InputError."""
        with open(self.path, "rb") as file:
            for raw in file:
                found = _read(raw, self.path)
                if isinstance(found, LedgerLine):
                    yield found

    def input_named(self) -> tuple[str, str]:
        """The path of the input and its SHA-256. Raises InputError where the ledger does not tell them."""
        path, sha256 = self.end.input.get("path"), self.end.input.get("sha256")
        if not isinstance(path, str) or not path or not isinstance(sha256, str):
            raise InputError(f"{self.path} does not say what its input was: it was changed since")
        return path, sha256


def read_ledger(path: Path) -> Ledger:
    """A ledger that is whole. Raises InputError for a file that is none, or whose last line is missing."""
    try:
        with open(path, "rb") as file:
            last = _last_line(file)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    end = _read(last, path) if last else None
    if not isinstance(end, LedgerEnd):
        raise InputError(f"{path} is no ledger, or it was cut: its last line does not account for the rows")
    return Ledger(path, end)


def _last_line(lines: Iterable[bytes]) -> bytes:
    last = b""
    for line in lines:
        last = line
    return last


def _read(raw: bytes, path: Path) -> LedgerLine | LedgerEnd:
    try:
        value = _decoded(raw)
        is_end = isinstance(value, dict) and value.get("action") == SUMMARY
        return msgspec.convert(value, LedgerEnd) if is_end else msgspec.convert(value, LedgerLine)
    except (ValueError, RecursionError, msgspec.ValidationError):
        raise InputError(f"{path} is no ledger, or it was changed since: a line of it is none of a ledger") from None


def _decoded(raw: bytes) -> Json:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return json.loads(raw)  # it knows halves of surrogate pairs

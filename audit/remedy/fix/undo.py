"""Takes a fix back: the input byte for byte, from the output, its ledger and the rejected rows. Judges nothing."""

from __future__ import annotations

import contextlib
import heapq
import os
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from audit.errors import InputError, OutputError
from audit.model import Json
from audit.remedy.delivery import Delivery, delivering
from audit.remedy.fix.line_ends import with_ends
from audit.remedy.fix.writing import COMMAND, COPY, NEVER, SPLICES
from audit.remedy.journal import recover
from audit.remedy.ledger import Ledger, LedgerLine, read_ledger
from audit.remedy.names import ledger_of, rejected_of
from audit.remedy.sinks import Sink, sha256_of, shown
from audit.remedy.splices import BLOCK, Splice, spliced


class UndoReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored: ``restored`` has the bytes of the input again, ``rows`` of them rows."""

    schema: str = "audit.undo/1"
    output: str
    ledger: str
    restored: str
    rows: int
    bytes: int
    sha256: str


class _Back(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a ledger line holds to put one row back."""

    at: int
    end: str | None = None
    length: int = 0
    old: str = ""


class _Whole(msgspec.Struct, frozen=True):
    """What the last line holds: how the input is restored and what was removed that is no row."""

    how: str
    removed: tuple[tuple[int, int, str], ...] = ()
    line_ends: tuple[tuple[str, int], ...] | None = None
    name: str = ""


def undo_fix(output: Path, restored: Path | None = None, *, force: bool = False) -> UndoReport:
    """Restore the input of a fix, as ``restored``; without it where the input lay, which a fix in place has written
    over.

    An output that a killed run had not yet put in place is completed first; of a link it is the file that it leads to.
    Raises InputError where output, ledger and rejected rows are not those of one fix, and OutputError where the place
    is taken by another file, unless ``force``, or by what is no regular file.
    """
    output = Path(os.path.realpath(output))
    recover(output)
    ledger = read_ledger(ledger_of(output))
    whole = _checked(output, ledger)
    named, sha256 = ledger.input_named()
    target = restored or _place_of_input(output, Path(named))
    in_place = _is_same(target, output)
    target = output if in_place else target
    overwrite = force or os.path.lexists(target)  # what is there now is looked at, what comes later is not
    _check_place(target, None if in_place or force else sha256)
    with delivering(target, mode_of=[output], overwrite=overwrite) as delivery:
        sink = Sink(delivery, target)
        for piece in _pieces(output, ledger, whole):
            sink.put(piece)
        done = sink.finish()
        if done["sha256"] != sha256:
            raise InputError(f"{ledger.path} does not give back the input: its SHA-256 would be another one")
        if in_place:
            _clear(delivery, output, ledger)
    return UndoReport(
        output=str(output),
        ledger=str(ledger.path),
        restored=str(target),
        rows=ledger.end.rows.rows_in,
        bytes=sink.bytes,
        sha256=sink.sha256,
    )


def _check_place(target: Path, sha256: str | None) -> None:
    """Raise OutputError where a file is in the way: any but one with this SHA-256, if that is asked for."""
    if os.path.lexists(target) and (target.is_symlink() or not target.is_file()):
        raise OutputError(f"{target} is no regular file", hint="name a file, not a folder, a link or a device")
    if sha256 is not None and target.exists() and sha256_of(target) != sha256:
        raise OutputError(f"{target} exists and is another file", hint="name a new file, or `--force` overwrites it")


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and os.path.samefile(one, other)


def _place_of_input(output: Path, path: Path) -> Path:
    """Where the input lay, as it was named; beside the output where it was mended in place under another path."""
    path = _named(path)
    return output if path.name == shown(output.name) and not path.exists() else path


def _named(path: Path) -> Path:
    """The file that a ledger names so: there, bytes of its name that are no UTF-8 are escapes (``shown``)."""
    if path.exists() or not path.parent.is_dir():
        return path
    return next((item for item in sorted(path.parent.iterdir()) if shown(item.name) == path.name), path)


def _clear(delivery: Delivery, output: Path, ledger: Ledger) -> None:
    """Take away what tells of a fix that is no more."""
    delivery.remove(ledger.path)
    if ledger.end.rejected is not None:
        delivery.remove(rejected_of(output))


def _checked(output: Path, ledger: Ledger) -> _Whole:
    """What the ledger says of the whole. Raises InputError where it is not that of these files."""
    if ledger.end.command != COMMAND:
        raise InputError(f"{ledger.path} is the ledger of `audit {ledger.end.command}`, which is not taken back so")
    try:
        whole = msgspec.convert(ledger.end.undo, _Whole)
    except msgspec.ValidationError:
        raise InputError(f"{ledger.path} does not say how to take it back: it was changed since") from None
    if whole.how == NEVER or whole.how not in (SPLICES, COPY):
        raise InputError("the input was no file and was not kept: it cannot be restored")
    _same(output, ledger, ledger.end.output)
    if ledger.end.rejected is not None:
        _same(rejected_of(output), ledger, ledger.end.rejected)
    return whole


def _same(path: Path, ledger: Ledger, told: Json) -> None:
    if sha256_of(path) != told.get("sha256"):
        raise InputError(
            f"{shown(str(path))} is not the file of which {shown(ledger.path.name)} tells: it was changed since",
            hint="what was changed after a fix cannot be taken back with it",
        )


def _pieces(output: Path, ledger: Ledger, whole: _Whole) -> Iterator[bytes]:
    """The bytes of the input. Raises InputError where the ledger does not hold together."""
    try:
        if whole.how == COPY:
            yield from _blocks(_named(output.with_name(whole.name)))
            return
        with contextlib.ExitStack() as stack:
            file: BinaryIO = stack.enter_context(open(output, "rb"))
            if whole.line_ends is not None:
                made = stack.enter_context(tempfile.TemporaryFile(prefix="audit-undo-"))
                made.writelines(with_ends(file, whole.line_ends))
                made.seek(0)
                file = cast(BinaryIO, made)
            rejected = None
            if ledger.end.rejected is not None:
                rejected = stack.enter_context(open(rejected_of(output), "rb"))
            yield from spliced(file, _splices(ledger, whole, rejected))
    except OSError as error:
        raise InputError(f"cannot read what the fix wrote: {error.strerror or error}") from None
    except (ValueError, OverflowError, msgspec.ValidationError):
        raise InputError(f"{ledger.path} does not fit its output: it was changed since") from None


def _blocks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            yield block


def _splices(ledger: Ledger, whole: _Whole, rejected: BinaryIO | None) -> Iterator[Splice]:
    """What puts the rows and everything else back, in the order of the input."""
    rows = (_of_row(line, rejected) for line in ledger.lines())
    others = ((at, line, Splice(at, at, text.encode("utf-8"))) for at, line, text in whole.removed)
    return (splice for _, _, splice in heapq.merge(rows, others, key=lambda item: item[:2]))


def _of_row(line: LedgerLine, rejected: BinaryIO | None) -> tuple[int, int, Splice]:
    back = msgspec.convert(line.undo, _Back)
    number = line.line or 0
    if line.action == "edited":
        return back.at, number, Splice(back.at, back.at + back.length, b64decode(back.old))
    raw = rejected.readline() if rejected is not None else b""
    return back.at, number, Splice(back.at, back.at, raw.removesuffix(b"\n") + (back.end or "").encode("ascii"))

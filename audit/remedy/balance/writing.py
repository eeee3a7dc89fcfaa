"""Writes balanced rows: what changes at its place, all other bytes as they were, and a ledger line for every change.

Decides nothing: which row gets what is told by ``Change``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Final, Literal, NamedTuple

import msgspec

from audit.engine.finish import Finished
from audit.engine.rows import lies_in_file
from audit.errors import InputError
from audit.model import Json, PointerEdit, SourceSummary
from audit.read.chunks import one_line
from audit.remedy.balance.report import FileBalanced
from audit.remedy.balance.scan import Scanned
from audit.remedy.delivery import Delivery
from audit.remedy.ledger import Account, Action, LedgerEnd, LedgerLine, written
from audit.remedy.names import Outputs
from audit.remedy.sinks import Hashed, Sink, shown
from audit.remedy.splices import Splice, spliced
from audit.rule import RowRange

COMMAND: Final = "balance"
_LINE_ENDS: Final = (b"\r\n", b"\n", b"\r")


class Extra(NamedTuple):
    """A row that is written after the one it was made of."""

    raw: bytes
    action: Literal["copied", "added"]
    reason: str


class Change(NamedTuple):
    """What becomes of a row: its bytes before and after (None: it is left out), why, and what is written after it."""

    row: int
    before: bytes
    after: bytes | None
    reason: str = ""
    edit: PointerEdit | None = None
    extras: tuple[Extra, ...] = ()


def account_of(entry: RowRange, summary: SourceSummary, changes: Iterable[Change]) -> FileBalanced:
    """What ``write_file`` would come to: the changes are gone through, and nothing is written."""
    counts: Counter[str] = Counter()
    for change in changes:
        counts.update(_actions(change))
    return _balanced(entry, summary, counts, None, {})


def write_file(
    context: Finished,
    entry: RowRange,
    summary: SourceSummary,
    changes: Iterable[Change],
    scanned: Scanned,
    outputs: Outputs,
    delivery: Delivery,
    settings: Mapping[str, Json],
) -> FileBalanced:
    """Write the rows of one source with their changes (ascending by row), and the ledger.

    A plain JSON Lines file keeps all other bytes, blank lines and line ends included; of any other source the rows are
    written one after the other. Raises InputError where the source is no longer what it was.
    """
    output = Sink(delivery, outputs.output, packed=outputs.packed)
    job = _Job(context, entry, scanned, outputs, delivery)
    for piece in job.spliced(changes, summary.sha256) if lies_in_file(entry.source) else job.one_by_one(changes):
        output.put(piece)
    files = {"output": output.finish(), **job.finish_rejected()}
    balanced = _balanced(entry, summary, job.counts, outputs, files)
    end = LedgerEnd(
        command=COMMAND,
        rows=balanced.rows,
        input={"path": shown(summary.path), "bytes": summary.bytes, "sha256": summary.sha256},
        output=files["output"],
        rejected=files.get("rejected"),
        settings=settings,
    )
    job.ledger.put(written(end))
    job.ledger.finish()
    return balanced


def _actions(change: Change) -> Iterator[Action]:
    """What is done to a row, and to those made of it."""
    if change.after != change.before:
        yield "dropped" if change.after is None else "edited"
    yield from (extra.action for extra in change.extras)


def _balanced(
    entry: RowRange,
    summary: SourceSummary,
    counts: Mapping[str, int],
    outputs: Outputs | None,
    files: Mapping[str, Mapping[str, Json]],
) -> FileBalanced:
    rows = entry.end - entry.first
    blank = summary.lines - rows if entry.source.container == "jsonl" else 0
    gone = counts.get("edited", 0) + counts.get("dropped", 0)
    removed = 0 if lies_in_file(entry.source) else blank
    return FileBalanced(
        path=shown(summary.path),
        output=files["output"]["path"] if files else None,
        rejected=files["rejected"]["path"] if "rejected" in files else None,
        ledger=shown(str(outputs.ledger)) if outputs is not None else None,
        rows=Account(rows_in=rows, untouched=rows - gone, blank=blank, blank_removed=removed, **counts),
        input_sha256=summary.sha256,
        output_sha256=files["output"]["sha256"] if files else None,
    )


class _Job:
    """One source on its way out: counts what happens to its rows and writes it down."""

    def __init__(
        self, context: Finished, entry: RowRange, scanned: Scanned, outputs: Outputs, delivery: Delivery
    ) -> None:
        self._context, self._entry, self._scanned = context, entry, scanned
        self._outputs, self._delivery = outputs, delivery
        self._rejected: Sink | None = None
        self.ledger = Sink(delivery, outputs.ledger)
        self.counts: Counter[str] = Counter()

    def finish_rejected(self) -> dict[str, Mapping[str, Json]]:
        """The file of the rows left out, under its name in the ledger; one that an earlier run left must not be taken
        for it."""
        if self._rejected is None:
            self._delivery.remove(self._outputs.rejected)
            return {}
        return {"rejected": self._rejected.finish()}

    def spliced(self, changes: Iterable[Change], sha256: str) -> Iterator[bytes]:
        """The file with the changes put in at their places. Raises InputError where its hash is another one now."""
        path = self._entry.source.path
        with open(path, "rb") as file, open(path, "rb") as ends:
            hashed = Hashed(file)
            yield from spliced(hashed, self._splices(changes, ends))
            if hashed.sha256() != sha256:
                raise InputError(f"{path} was changed while it was being balanced", hint="run it again")

    def _splices(self, changes: Iterable[Change], file: BinaryIO) -> Iterator[Splice]:
        columns = self._context.stored.columns
        shift = 0
        for change in changes:
            start = columns.stored[change.row]
            end = start + columns.sizes[change.row]
            line_end = _line_end(file, end)
            self._note(change, columns.lines[change.row] + shift)
            shift += len(change.extras) - (change.after is None)
            if change.after is None:
                yield Splice(start, end + len(line_end), b"")
            else:
                rows = [change.after, *(extra.raw for extra in change.extras)]
                yield Splice(start, end, (line_end or b"\n").join(rows))

    def one_by_one(self, changes: Iterable[Change]) -> Iterator[bytes]:
        """All rows as lines, with the changes."""
        waiting = iter(changes)
        change = next(waiting, None)
        line = 1
        for row, record in enumerate(self._context.records(range(*self._entry[1:])), self._entry.first):
            rows = [record.raw]
            if change is not None and change.row == row:
                self._note(change, line)
                rows = [] if change.after is None else [change.after, *(extra.raw for extra in change.extras)]
                change = next(waiting, None)
            line += len(rows)
            yield b"".join(one_line(raw) + b"\n" for raw in rows)

    def _note(self, change: Change, line: int) -> None:
        """Write down what becomes of a row. ``line`` is where it stands in the output."""
        self.counts.update(_actions(change))
        name, number = self._scanned.row_id(change.row), self._context.stored.columns.lines[change.row]
        if change.after is None:
            self._reject(change.before)
            self._put(_said(change, LedgerLine(row_id=name, line=number, action="dropped")))
        elif change.after != change.before:
            self._put(_said(change, LedgerLine(row_id=name, line=number, action="edited", out_line=line)))
        for place, extra in enumerate(change.extras, line + 1):
            said = LedgerLine(row_id=name, line=number, action=extra.action, out_line=place, source=name)
            made = {"codes": (COMMAND,), "reasons": (extra.reason,), "after_sha256": _sha256(one_line(extra.raw))}
            self._put(msgspec.structs.replace(said, **made))

    def _put(self, line: LedgerLine) -> None:
        self.ledger.put(written(line))

    def _reject(self, raw: bytes) -> None:
        if self._rejected is None:
            self._rejected = Sink(self._delivery, self._outputs.rejected)
        self._rejected.put(one_line(raw) + b"\n")


def _said(change: Change, line: LedgerLine) -> LedgerLine:
    return msgspec.structs.replace(
        line,
        codes=(COMMAND,),
        reasons=(change.reason,),
        edits=() if change.edit is None else (msgspec.to_builtins(change.edit),),
        before_sha256=_sha256(change.before),
        after_sha256=None if change.after is None else _sha256(one_line(change.after)),
    )


def _line_end(file: BinaryIO, at: int) -> bytes:
    file.seek(at)
    found = file.read(2)
    return next((end for end in _LINE_ENDS if found.startswith(end)), b"")


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()

"""Writes what came of one input: the output, the rejected rows and the ledger. Decides nothing about any row."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from audit.errors import InputError
from audit.model import Json
from audit.remedy.delivery import Delivery
from audit.remedy.fix.changes import Change, changes_of, output_of
from audit.remedy.fix.layout import LF, Laid
from audit.remedy.fix.line_ends import LineFeeds
from audit.remedy.fix.passes import Touched
from audit.remedy.fix.report import FileFixed
from audit.remedy.fix.stored import Rows
from audit.remedy.ledger import Account, Action, LedgerEnd, LedgerLine, written
from audit.remedy.names import Outputs
from audit.remedy.sinks import Hashed, Sink, shown
from audit.remedy.splices import BLOCK, common_ends

COMMAND: Final = "fix"
SPLICES, COPY, NEVER = "splices", "copy", "never"
"""How an output is taken back: by the splices in its ledger, from a copy of the input, or not at all."""


def action_of(touched: Touched) -> Action:
    """What became of a row that was touched."""
    if touched.raw is not None:
        return "edited"
    return "quarantined" if touched.quarantined else "dropped"


def account_of(laid: Laid, touched: Mapping[int, Touched]) -> Account:
    """How many rows of an input became what."""
    own = (now for row, now in touched.items() if laid.first <= row < laid.end)
    counts: Counter[str] = Counter(action_of(now) for now in own if now.raw is None or now.raw != now.before)
    changed = sum(counts.values())
    return Account(
        rows_in=laid.rows,
        untouched=laid.rows - changed,
        blank=laid.blank,
        blank_removed=laid.blank_removed,
        **counts,
    )


class Writer:
    """Writes one input after the other into a delivery.

    ``row_ids`` are the names of all rows that were touched and of those that were kept in their place; ``settings``
    and ``effect`` go into the ledger's last line.
    """

    def __init__(
        self,
        delivery: Delivery,
        rows: Rows,
        touched: Mapping[int, Touched],
        row_ids: Mapping[int, str],
        settings: Mapping[str, Json],
        effect: Json,
    ) -> None:
        self._delivery = delivery
        self._rows = rows
        self._touched = touched
        self._row_ids = row_ids
        self._settings = settings
        self._effect = effect

    def write(self, laid: Laid, outputs: Outputs) -> FileFixed:
        """Write one input. Raises OutputError, and InputError where it is no longer what was judged."""
        account = account_of(laid, self._touched)
        output = Sink(self._delivery, outputs.output, packed=outputs.packed)
        rejected = Sink(self._delivery, outputs.rejected) if account.removed else None
        ledger = Sink(self._delivery, outputs.ledger)
        told = _Told(laid, self._rows, self._touched, self._row_ids, ledger, rejected)
        runs = self._copy(laid, outputs, output, told)
        undo: dict[str, Json] = {"how": SPLICES, "removed": told.others, "line_ends": runs}
        if not laid.plain:
            undo = self._kept_whole(laid, outputs)
        end = LedgerEnd(
            command=COMMAND,
            rows=account,
            input={"path": shown(laid.source.path), "bytes": laid.summary.bytes, "sha256": laid.summary.sha256},
            output=output.finish(),
            rejected=rejected.finish() if rejected is not None else None,
            settings=self._settings,
            effect=self._effect,
            undo=undo,
        )
        ledger.put(written(end))
        ledger.finish()
        self._clear(laid, outputs, rejected)
        return FileFixed(
            path=laid.source.path,
            output=str(outputs.output),
            rejected=str(outputs.rejected) if rejected is not None else None,
            ledger=str(outputs.ledger),
            backup=str(outputs.backup) if outputs.backup is not None else None,
            rows=account,
            input_sha256=laid.summary.sha256,
            output_sha256=output.sha256,
            can_undo=undo["how"] != NEVER,
        )

    def _copy(self, laid: Laid, outputs: Outputs, output: Sink, told: _Told) -> list[tuple[str, int]] | None:
        """Write the output; the line ends that were changed, None where none was."""
        try:
            with open(laid.file or os.devnull, "rb") as file:
                source = Hashed(file) if laid.plain else file
                changes = changes_of(laid, self._rows, self._touched)
                pieces = output_of(laid, source, changes, told)
                feeds = LineFeeds(pieces, old_mac=laid.old_mac) if laid.plain and LF in laid.whole else None
                for piece in pieces if feeds is None else feeds:
                    output.put(piece)
                if isinstance(source, Hashed) and source.sha256() != laid.summary.sha256:
                    raise _changed(laid)
        except OSError as error:
            raise InputError(f"cannot read {laid.source.path} again: {error.strerror or error}") from error
        return feeds.runs if feeds is not None and feeds.is_changed else None

    def _kept_whole(self, laid: Laid, outputs: Outputs) -> dict[str, Json]:
        """How an input that was not written splice by splice is restored: from a copy of it."""
        if outputs.backup is not None:
            return {"how": COPY, "name": shown(outputs.backup.name)}
        if outputs.original is None:
            return {"how": NEVER}
        copy = Sink(self._delivery, outputs.original)
        try:
            with open(laid.source.path, "rb") as file:
                while block := file.read(BLOCK):
                    copy.put(block)
        except OSError as error:
            raise InputError(f"cannot read {laid.source.path} again: {error.strerror or error}") from error
        copy.finish()
        if copy.sha256 != laid.summary.sha256:
            raise _changed(laid)
        return {"how": COPY, "name": shown(outputs.original.name)}

    def _clear(self, laid: Laid, outputs: Outputs, rejected: Sink | None) -> None:
        """Keep the input where the output takes its place; take away what an earlier run left beside it."""
        if outputs.backup is not None:
            self._delivery.keep(outputs.output, outputs.backup)
        if rejected is None:
            self._delivery.remove(outputs.rejected)


def _changed(laid: Laid) -> InputError:
    return InputError(
        f"{laid.source.path} was changed while it was being mended", hint="nothing was written; start again"
    )


class _Told:
    """Writes the ledger and the rejected rows while the changes of one input pass by."""

    def __init__(
        self,
        laid: Laid,
        rows: Rows,
        touched: Mapping[int, Touched],
        row_ids: Mapping[int, str],
        ledger: Sink,
        rejected: Sink | None,
    ) -> None:
        self.others: list[tuple[int, int, str]] = []
        """Place in the output, line, and bytes of what was removed and is no row."""
        self._laid = laid
        self._rows = rows
        self._touched = touched
        self._row_ids = row_ids
        self._ledger = ledger
        self._rejected = rejected
        self._shift = 0
        self._lines_gone = 0

    def __call__(self, change: Change) -> None:
        """Take account of the next change."""
        start, end, new = change.splice
        if change.row is not None:
            self._row(change.row, start + self._shift, end)
        elif self._laid.plain:
            gone = self._rows.between(self._laid.file, start, end)
            self.others.append((start + self._shift, change.line, gone.decode("utf-8")))
            self._lines_gone += change.line > 0
        self._shift += len(new) - (end - start)

    def _row(self, row: int, at: int, end: int) -> None:
        now = self._touched[row]
        before = self._rows.raw(row)
        line = LedgerLine(
            row_id=self._row_ids[row],
            line=self._rows.lines[row],
            action=action_of(now),
            codes=tuple(said.code for said in now.said),
            reasons=tuple(said.reason for said in now.said),
            edits=msgspec.to_builtins(now.edits) if now.raw is not None else (),
            before_sha256=hashlib.sha256(before).hexdigest(),
            after_sha256=None if now.raw is None else hashlib.sha256(now.raw).hexdigest(),
            out_line=None if now.raw is None else self._line(row) - self._lines_gone,
            kept=self._survivor(now.kept),
            undo=self._undo(now, before, row, at, end) if self._laid.plain else None,
        )
        self._ledger.put(written(line))
        if now.raw is None and self._rejected is not None:
            self._rejected.put(before + b"\n")
            self._lines_gone += 1

    def _line(self, row: int) -> int:
        """The line of a row in the output if none before it were gone."""
        return self._rows.lines[row] if self._laid.plain else row - self._laid.first + 1

    def _survivor(self, row: int | None) -> Mapping[str, Json] | None:
        if row is None:
            return None
        kept: dict[str, Json] = {"row_id": self._row_ids[row], "line": self._rows.lines[row]}
        path = self._rows.range_of(row).source.path
        return kept if path == self._laid.source.path else {**kept, "file": shown(path)}

    def _undo(self, now: Touched, before: bytes, row: int, at: int, end: int) -> Json:
        """What puts the row back: its line end, or the bytes that were replaced, with their place in the output
        (before its line ends were changed)."""
        if now.raw is None:
            ending = self._rows.between(self._laid.file, self._rows.at[row] + self._rows.sizes[row], end)
            return {"at": at, "end": ending.decode("ascii")}
        first, same = common_ends(before, now.raw)
        old = before[first : len(before) - same]
        return {
            "at": at + first,
            "length": len(now.raw) - same - first,
            "old": b64encode(old).decode("ascii"),
        }

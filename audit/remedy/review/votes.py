"""What the entries of filled-in sheets come to: a vote on a row, nothing, or a refusal with its reason.

Nothing is lost on the way: every entry is counted once. How votes become decisions is for ``merging``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from audit.engine.finish import Finished
from audit.engine.row_ids import row_ids
from audit.errors import did_you_mean
from audit.labels.recognise import Labels
from audit.model import Record
from audit.read.fields import label_of
from audit.remedy.review.candidates import Places
from audit.remedy.review.cells import restored
from audit.remedy.review.decisions import ACTIONS, Action, relabelled
from audit.remedy.review.filled import Entry
from audit.remedy.review.report import Entries, Refused
from audit.rule import Fields

_WORDS: Final[Mapping[str, Action]] = {
    **{action: action for action in ACTIONS},
    "k": "keep",
    "d": "drop",
    "q": "quarantine",
    "l": "relabel",
}
_ROW_ID: Final = re.compile(r"[0-9a-f]{32}#[1-9][0-9]*")
_LINE: Final = re.compile(r"([0-9]{1,15})(?:\.0+)?")


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """What one person says of one row. ``current`` is the label that the row has, None without one. ``confirmed``: they
    wrote down the label that it has already, which is to keep it."""

    row_id: str
    reviewer: str
    action: Action
    label: str | None
    note: str
    current: str | None
    confirmed: bool = False

    @property
    def verdict(self) -> tuple[Action, str]:
        """What two people must share to agree."""
        return self.action, self.label or ""


class Votes(msgspec.Struct, frozen=True, kw_only=True):
    """The votes of every row, in the order of the data and then of the sheets; the ordinals of these rows; what was
    refused; the count of all entries; and every row id that a sheet names."""

    by_row: Mapping[str, Sequence[Vote]]
    rows: Mapping[str, int]
    refusals: tuple[Refused, ...]
    entries: Entries
    seen: frozenset[str]


Found: TypeAlias = Vote | str | None
"""A vote, why there is none, or None where nothing was filled in."""


def votes_of(entries: Sequence[Entry], finished: Finished, fields: Fields, labels: Labels) -> Votes:
    """The votes in ``signed`` entries on rows of the data. Needs the product ``conversation`` and those of
    ``recognise``."""
    rows, reasons = _rows_of(entries, finished)
    found = _found([entry for entry in entries if entry not in reasons], rows, finished, fields, labels)
    repeated = _settle_repeats(found)
    by_row: dict[str, list[Vote]] = {}
    refusals: list[Refused] = []
    for entry in entries:
        what = reasons[entry] if entry in reasons else found[entry]
        if isinstance(what, str):
            refusals.append(Refused(file=entry.file, line=entry.line, row_id=entry.row_id, why=what))
        elif what is not None and entry not in repeated:
            by_row.setdefault(entry.row_id, []).append(what)
    filled = sum(map(len, by_row.values()))
    empty = len(entries) - filled - len(repeated) - len(refusals)
    return Votes(
        by_row={row_id: by_row[row_id] for row_id in sorted(by_row, key=rows.__getitem__)},
        rows=rows,
        refusals=tuple(refusals),
        entries=Entries(read=len(entries), filled=filled, empty=empty, repeated=len(repeated), refused=len(refusals)),
        seen=frozenset(entry.row_id for entry in entries if entry.row_id),
    )


def _found(
    entries: Sequence[Entry], rows: Mapping[str, int], finished: Finished, fields: Fields, labels: Labels
) -> dict[Entry, Found]:
    """What every entry on a row of the data comes to. Rows are read again in their order."""
    known = {label.text for label in labels.labels}
    by_row: dict[int, list[Entry]] = {}
    for entry in entries:
        by_row.setdefault(rows[entry.row_id], []).append(entry)
    ordered = sorted(by_row)
    return {
        entry: _vote(entry, record, fields, known)
        for row, record in zip(ordered, finished.records(ordered), strict=True)
        for entry in by_row[row]
    }


# ----------------------------------------------------------------------------- rows


def _rows_of(entries: Iterable[Entry], finished: Finished) -> tuple[dict[str, int], dict[Entry, str]]:
    """The ordinals of the rows that entries name, and why the other entries name none.

    The lines that the sheet remembers are looked at first; all other rows are read again only when that is not enough.
    """
    places = Places(finished.ranges, finished.stored.columns.lines)
    remembered = {entry: _remembered(entry, places) for entry in entries}
    wanted = {entry.row_id for entry in remembered if _ROW_ID.fullmatch(entry.row_id)}
    near = {row for row in remembered.values() if row is not None}
    rows = {name: row for row, name in row_ids(finished, near).items() if name in wanted}
    if len(rows) < len(wanted):
        rows = {name: row for row, name in row_ids(finished, range(finished.rows)).items() if name in wanted}
    reasons = {
        entry: entry.broken or _why_unknown(entry, row)
        for entry, row in remembered.items()
        if entry.broken or entry.row_id not in rows
    }
    return rows, reasons


def _remembered(entry: Entry, places: Places) -> int | None:
    line = _LINE.fullmatch(entry.data_line)
    return places.row_at(entry.data_file, int(line[1])) if line else None


def _why_unknown(entry: Entry, row: int | None) -> str:
    if not _ROW_ID.fullmatch(entry.row_id):
        return f"{entry.row_id!r} is no row id" if entry.row_id else "it has no row id"
    if row is not None:
        return f"{entry.data_file}:{entry.data_line} says something else than when the sheet was written"
    return "no row of the data has this id"


def signed(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, each with the name of its reviewer: that in its sheet, else that of the sheet. Names that differ in
    case, white space or width alone are one person's, and are spelt as they come first."""
    reviewers = _reviewers(dict.fromkeys(entry.file for entry in entries))
    spelt: dict[str, str] = {}
    found = []
    for entry in entries:
        name = entry.reviewer or reviewers[entry.file]
        found.append(entry._replace(reviewer=spelt.setdefault(_folded(name), name)))
    return found


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _reviewers(files: Iterable[str]) -> dict[str, str]:
    """Who filled in a sheet that does not say so: the name of the file, or its path where two have that name."""
    names = {path: Path(path).stem for path in files}
    counts = Counter(map(_folded, names.values()))
    return {path: name if counts[_folded(name)] == 1 else path for path, name in names.items()}


# ----------------------------------------------------------------------------- entries


def _vote(entry: Entry, record: Record, fields: Fields, known: set[str]) -> Found:
    if not entry.decision:
        return "it has a new_label and no decision" if entry.new_label else None
    action = _WORDS.get(entry.decision.casefold())
    if action is None:
        hint = did_you_mean(entry.decision, ACTIONS)
        return f"{entry.decision!r} is not keep, drop, quarantine or relabel" + (f" ({hint})" if hint else "")
    current = label_of(record, fields) if known else None
    if current is not None and entry.label != current and entry.label in known:
        # What a spreadsheet makes of a label ("007", "1-2") is no label of the data, and no reason to refuse.
        return f"its label is {entry.label!r} and that of the row {current!r}: another is given in new_label"
    label = None
    if action == "relabel" or entry.new_label:
        label = _label(entry, known)
        if label is None:
            return _why_no_label(entry, known)
        if action != "relabel" and label != current:
            return f"it says {action} and gives another label"
    confirmed = action == "relabel" and label == current
    if action == "relabel" and label is not None and not confirmed and relabelled(record, fields, label) is None:
        return "the row has no label that could be changed"
    return Vote(
        row_id=entry.row_id,
        reviewer=entry.reviewer,
        action="keep" if confirmed else action,
        label=label if action == "relabel" and not confirmed else None,
        note=entry.note,
        current=current,
        confirmed=confirmed,
    )


def _label(entry: Entry, known: set[str]) -> str | None:
    """The label that was typed or copied, as the data spells it."""
    return next(
        (text for text in (entry.typed_label, entry.new_label, restored(entry.new_label)) if text in known), None
    )


def _why_no_label(entry: Entry, known: set[str]) -> str:
    if not entry.new_label:
        return "it says relabel and gives no new_label"
    if not known:
        return "the data has no labels that could be told ([data] label in audit.toml says where they are)"
    hint = did_you_mean(entry.new_label, known)
    return f"{entry.new_label!r} is no label of the data" + (f" ({hint})" if hint else "")


def _settle_repeats(found: dict[Entry, Found]) -> set[Entry]:
    """The entries that say again what their reviewer has said of the row. Where they say something else, all that the
    reviewer said of it is refused, in ``found``."""
    first: dict[tuple[str, str], list[Entry]] = {}
    for entry, vote in found.items():
        if isinstance(vote, Vote):
            first.setdefault((vote.row_id, vote.reviewer), []).append(entry)
    repeated: set[Entry] = set()
    for (_, reviewer), entries in first.items():
        verdicts = {vote.verdict for entry in entries if isinstance(vote := found[entry], Vote)}
        if len(verdicts) == 1:
            repeated.update(entries[1:])
            continue
        lines = ", ".join(f"{entry.file}:{entry.line}" for entry in entries)
        for entry in entries:
            found[entry] = f"{reviewer} says different things of this row ({lines})"
    return repeated

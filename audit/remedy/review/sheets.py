"""The sheets that people fill in: one line for each row, with what a person needs to decide. Opens no file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from audit.engine.finish import Finished
from audit.engine.row_ids import row_ids
from audit.labels.recognise import Labels
from audit.model import Finding, Json, Message, Record
from audit.read.dialogue import answer_text, exchange, said
from audit.read.fields import label_of
from audit.read.spans import resolve
from audit.remedy.review.candidates import Candidate
from audit.remedy.review.cells import sheet
from audit.rule import Fields

LONGEST: Final = 30_000
"""Characters of a text that are shown: a cell of Excel holds 32,767, and what is longer runs into other cells."""
MASK: Final = "[masked]"
MOST_RELATED: Final = 20
"""Rows named beside one; of a large cluster of near-duplicates the first."""
_ELLIPSIS: Final = "…"
DISPUTED: Final = "disagreement"
"""Stands for a code where not a rule but people disagree."""


class RelatedRow(msgspec.Struct, frozen=True):
    """A row that a finding names."""

    row_id: str
    file: str
    line: int


class SheetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a sheet. ``why`` is what the rules of ``codes`` saw, in the same order; ``suggestion`` the label that
    a rule suggests, "" for none. ``decision``, ``new_label``, ``note`` and ``reviewer`` are for people to fill in."""

    row_id: str
    file: str
    line: int
    codes: tuple[str, ...]
    why: tuple[str, ...]
    prompt: str
    answer: str
    label: str = ""
    suggestion: str = ""
    related: tuple[RelatedRow, ...] = ()
    decision: str = ""
    new_label: str = ""
    note: str = ""
    reviewer: str = ""

    def for_reviewer(self, name: str) -> SheetRow:
        """The same line with the name of whoever is to fill it in."""
        return msgspec.structs.replace(self, reviewer=name)


COLUMNS: Final = SheetRow.__struct_fields__


def sheet_rows(
    groups: Iterable[Sequence[Candidate]], finished: Finished, fields: Fields, labels: Labels, *, mask: bool
) -> list[SheetRow]:
    """A line for every candidate, in order. Needs the product ``conversation`` and those of ``recognise``."""
    found = [one for group in groups for one in group]
    ids = row_ids(finished, {row for one in found for row in (one.row, *one.related[:MOST_RELATED])})
    ordered = sorted(found, key=lambda one: one.row)
    records = finished.records([one.row for one in ordered])
    made = {
        one.row: _sheet_row(one, record, ids, finished, fields, labels, mask=mask)
        for one, record in zip(ordered, records, strict=True)
    }
    return [made[one.row] for one in found]


def _sheet_row(
    one: Candidate,
    record: Record,
    ids: Mapping[int, str],
    finished: Finished,
    fields: Fields,
    labels: Labels,
    *,
    mask: bool,
) -> SheetRow:
    hidden = _covered(one.findings, record) if mask else ()
    found = tuple(dict.fromkeys((finding.code, shown(finding.message, hidden)) for finding in one.findings))
    return msgspec.structs.replace(
        bare_row(record, ids[one.row], fields, labels, hidden),
        codes=tuple(code for code, _ in found),
        why=tuple(message for _, message in found),
        suggestion=shown(_suggestion(one.findings, labels), hidden),
        related=tuple(_related(row, ids, finished) for row in one.related[:MOST_RELATED]),
    )


def disputed_rows(
    disputed: Mapping[int, tuple[str, Sequence[str]]], finished: Finished, fields: Fields, labels: Labels
) -> list[SheetRow]:
    """A line for every row, by ordinal, on which people disagree: its id and what they said."""
    ordered = sorted(disputed)
    return [
        msgspec.structs.replace(
            bare_row(record, disputed[row][0], fields, labels),
            codes=(DISPUTED,) * len(disputed[row][1]),
            why=tuple(disputed[row][1]),
        )
        for row, record in zip(ordered, finished.records(ordered), strict=True)
    ]


def bare_row(record: Record, row_id: str, fields: Fields, labels: Labels, hidden: Sequence[str] = ()) -> SheetRow:
    """What a sheet says of a row itself. Texts in ``hidden`` are masked."""
    prompt, answer = texts_of(record)
    return SheetRow(
        row_id=row_id,
        file=record.source.path,
        line=record.line,
        codes=(),
        why=(),
        prompt=shown(prompt, hidden),
        answer=shown(answer, hidden),
        label=shown((labels and label_of(record, fields)) or "", hidden),
    )


def _related(row: int, ids: Mapping[int, str], finished: Finished) -> RelatedRow:
    place = finished.place(row)
    return RelatedRow(ids[row], place.file or "", place.line or 0)


def _suggestion(findings: Iterable[Finding], labels: Labels) -> str:
    """The label that a rule suggests, as the data spells it: evidence holds the beginning of it, on one line."""
    for finding in findings:
        given = finding.evidence.get("suggested")
        if not isinstance(given, str):
            continue
        begun = given.removesuffix(_ELLIPSIS)
        fit = [label.text for label in labels.labels if " ".join(label.text.split()).startswith(begun)]
        exact = [text for text in fit if " ".join(text.split()) == given]
        return exact[0] if exact else fit[0] if len(fit) == 1 else given
    return ""


# ----------------------------------------------------------------------------- texts


def texts_of(record: Record) -> tuple[str, str]:
    """(prompt, answer) as a person reads them. Of a prompt with one turn beside system prompts, which rows share, it is
    that turn; of any other every turn with its role. Of a row that is no conversation the prompt is its bytes."""
    if not record.turns:
        return record.raw.decode("utf-8", "replace"), ""
    prompt = exchange(record).prompt
    spoken = [message for message in prompt if message.role not in ("system", "developer")]
    return said(spoken) if len(spoken) == 1 else "\n".join(map(_with_role, prompt)), answer_text(record)


def _with_role(message: Message) -> str:
    return f"{message.role if isinstance(message.role, str) else '?'}: {said([message])}"


def shown(text: str, hidden: Iterable[str] = ()) -> str:
    """A text that fits into a cell of a spreadsheet, with what is to be hidden masked."""
    if parts := sorted(filter(None, hidden), key=len, reverse=True):
        text = re.sub("|".join(map(re.escape, parts)), MASK, text)  # at once: no part may hit a mask
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}{_ELLIPSIS} ({len(text) - LONGEST:,} more characters)"


def _covered(findings: Iterable[Finding], record: Record) -> list[str]:
    """The texts that findings cover, the longest first: what they point at, or the part of it that they name."""
    found = {text for finding in findings for text in _texts_in(_value_covered(finding, record)) if text.strip()}
    return sorted(found, key=lambda text: (-len(text), text))


def _value_covered(finding: Finding, record: Record) -> Json:
    place = finding.place
    if place.column is not None and place.end_column is not None:
        line = record.raw.decode("utf-8", "surrogateescape")  # every byte that cannot be decoded counts as a column
        part = line[place.column - 1 : place.end_column - 1]
        for written in (part, f'"{part}"'):
            try:
                return json.loads(written, strict=False)
            except (ValueError, RecursionError):
                continue
        return part
    return resolve(record.data, place.pointer) if place.pointer else None


def _texts_in(value: Json) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


# ----------------------------------------------------------------------------- files


def as_csv(rows: Iterable[SheetRow]) -> Iterator[bytes]:
    """The sheet as a table for a spreadsheet (see ``cells``)."""
    return sheet([COLUMNS, *map(_cells, rows)])


def as_lines(rows: Iterable[SheetRow]) -> Iterator[bytes]:
    """The sheet as JSON Lines, for labelling tools."""
    for row in rows:
        yield json.dumps(msgspec.to_builtins(row), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


FORMS: Final[Mapping[str, Callable[[Iterable[SheetRow]], Iterator[bytes]]]] = {".csv": as_csv, ".jsonl": as_lines}
"""How a sheet is written, by the end of the file's name."""


def _cells(row: SheetRow) -> tuple[str, ...]:
    related = "\n".join(f"{other.file}:{other.line} {other.row_id}" for other in row.related)
    return (
        row.row_id,
        row.file,
        str(row.line),
        " ".join(dict.fromkeys(row.codes)),
        shown("\n".join(row.why)),
        row.prompt,
        row.answer,
        row.label,
        row.suggestion,
        related,
        row.decision,
        row.new_label,
        row.note,
        row.reviewer,
    )

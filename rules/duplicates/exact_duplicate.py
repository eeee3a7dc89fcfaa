"""DUP401: rows that hold the same conversation. Rows that differ in wording are DUP402's and DUP403's business."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import ClassVar, Final

from audit.model import Applicability, Json, Measure, Record, Severity
from audit.read.groups import read_groups
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.duplicates.reporting import DROP_FIRST_KEPT, Keys, excerpt, shown_place
from audit.rules.made_rows import NEEDS, Made

NAMES_SHOWN: Final = 10
"""Keys that are named in the evidence of one finding."""
NAME_LENGTH: Final = 60
"""Characters of such a key."""


class ExactDuplicate(DatasetRule, frozen=True):
    """The same conversation stands in several rows.

    Each copy is trained on again: the model learns it by heart, it counts twice in every statistic, and a copy on the
    other side of a split makes the evaluation lie. Two rows are the same when their messages, answers and the names of
    their tools are; call ids, weights, metadata and the wording of tool descriptions hide nothing. Rows without any
    message hold no conversation. Every row but the first of a group is reported. Copies that `audit balance` made and
    marked (``metadata.audit.copy_of`` with the id of a row) are meant and not reported, as long as a row without that
    mark says the same. Rows of which none does are judged by every rule as if they had no mark, and one finding says
    how many they are. Made-up rows (``metadata.audit.synthetic``) are judged as any row. Measures:
    ``duplicates.exact.redundant_rows``, the rows that repeat an earlier conversation;
    ``duplicates.exact.identical_rows``, those of them whose whole JSON, metadata included, equals that of an earlier
    row; ``duplicates.exact.groups``; ``duplicates.exact.marked_copies``, with the number of other rows that were made
    up; ``duplicates.exact.false_marks``, the rows that say that they are copies and are none.

    Bad:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}], "metadata": {"id": 1}}
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}], "metadata": {"id": 2}}
    Good:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}], "metadata": {"id": 1}}
        {"messages": [{"role": "user", "content": "Is ice cold?"}, {"role": "assistant", "content": "Yes."}], "metadata": {"id": 2}}
    Do: keep the first row of each group. Where a conversation is meant to count more, give it a weight
        (`audit balance`) instead.
    """  # noqa: E501

    code: ClassVar[str] = "DUP401"
    name: ClassVar[str] = "exact-duplicate"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = NEEDS

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every row that repeats an earlier one, one for marks that do not hold; five measures."""
        groups = redundant = identical = 0
        keys = Keys(context)
        made = Made(context)
        for group, records in read_groups(context, made.groups(context.groups("conversation"))):
            earliest = next(records)
            if not earliest.turns:
                continue
            groups += 1
            redundant += len(group) - 1
            for hit in self._copies(group, earliest, records, keys, context):
                identical += bool(hit.evidence["identical"])
                yield hit
        no_copies = made.no_copies()
        if no_copies:
            yield self._false_marks(no_copies, context)
        copies, table = made.counts()
        rows = context.rows - copies
        yield self.measure("duplicates.exact.redundant_rows", redundant, n=rows)
        yield self.measure("duplicates.exact.identical_rows", identical, n=rows)
        yield self.measure("duplicates.exact.groups", groups, n=rows)
        yield self.measure("duplicates.exact.marked_copies", copies, table=table, n=context.rows)
        yield self.measure("duplicates.exact.false_marks", len(no_copies), n=context.rows)

    def _false_marks(self, rows: Sequence[int], context: Context) -> Hit:
        many = f"{len(rows):,} rows say that they are copies" if len(rows) > 1 else "one row says that it is a copy"
        return self.hit(
            f"{many} (metadata.audit.copy_of), and no row without that mark says the same, or what is named is no id "
            "of a row: judged as any row",
            scope="dataset",
            key="false marks",
            related=(context.place(rows[0]),),
            evidence={"false_marks": len(rows)},
        )

    def _copies(
        self, group: Sequence[int], earliest: Record, later: Iterator[Record], keys: Keys, context: Context
    ) -> Iterator[Hit]:
        first = group[0]
        seen: set[bytes] = set()
        place = context.place(first)
        for row, record in zip(group[1:], later, strict=True):
            same = record.raw == earliest.raw
            if not same:
                seen = seen or {row_key(earliest)}
                whole = row_key(record)
                same = whole in seen
                seen.add(whole)
            differs = [] if same else differing_names(earliest, record)
            yield self.hit(
                f"the same conversation as {shown_place(context, row, first)}{_difference(same, differs)}; asked for "
                "each conversation once",
                row=row,
                key=keys.of(row),
                related=(place,),
                evidence={
                    "rows_in_group": len(group),
                    "first_line": place.line,
                    "identical": same,
                    "differs": differs,
                },
                fix=DROP_FIRST_KEPT,
            )


def _difference(same: bool, differs: Sequence[str]) -> str:
    if same:
        return ", in a row that equals an earlier one as a whole"
    if not differs:
        return ""
    return f", in a row that differs in {', '.join(differs)}"


def row_key(record: Record) -> bytes:
    """16 bytes that rows with equal JSON share, whatever the order of their keys and the white space between them."""
    text = _written(record.data)
    return blake2b(record.raw if text is None else text.encode("ascii"), digest_size=16).digest()


def _written(value: Json) -> str | None:
    """Canonical JSON in ASCII; None for what Python's encoder refuses, such as nesting a thousand deep."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (RecursionError, ValueError):
        return None


def differing_names(first: Record, other: Record) -> list[str]:
    """The keys of two rows whose values differ, those within ``metadata`` by their own names; sorted, ten at most."""
    if not (isinstance(first.data, dict) and isinstance(other.data, dict)):
        return []
    names: set[str] = set()
    for key in _differing(first.data, other.data):
        one, two = first.data.get(key), other.data.get(key)
        if key == "metadata" and isinstance(one, dict) and isinstance(two, dict):
            names.update(_differing(one, two))
        else:
            names.add(key)
    return [excerpt(name, NAME_LENGTH) for name in sorted(names)[:NAMES_SHOWN]]


def _differing(first: dict[str, Json], other: dict[str, Json]) -> Iterator[str]:
    for key in first.keys() | other.keys():
        if key not in first or key not in other or _written(first[key]) != _written(other[key]):
            yield key

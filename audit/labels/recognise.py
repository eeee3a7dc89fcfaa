"""Recognises files of labelled rows: which labels there are and which row has which. Judges none of them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from itertools import repeat
from operator import or_
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from audit.labels.spelling import spelling_key
from audit.model import Record
from audit.read.fields import is_short, label_of
from audit.rule import Context, Fields, Product, Run

NEEDS: Final[frozenset[Product]] = frozenset({"rows", "conversation", "answer", "label"})
"""What ``recognise`` reads."""

LEAST_SHARE: Final = 0.8
"""Of the rows with an answer, how many must have one that could be a label."""
MOST_LABELS: Final = 200
MOST_CONFIGURED: Final = 1000
"""Where the configuration names the label. More values than that are no classes."""
SMALL: Final = 50
"""Rows below which every third row, and from which on every tenth row, may bring a new label."""
LEAST_REPEATED: Final = 0.95
"""The share of labelled rows whose label stands in another row too."""

NO_LABEL: Final = -1


class Label(NamedTuple):
    """A label as it is written, in how many rows, and the first of them."""

    text: str
    rows: int
    first: int


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """The labels of a file, the most frequent first, and the index of each row's label (``NO_LABEL`` for none).

    ``labels`` is empty for a file that is not labelled; ``reason`` then says why. ``answered`` counts the rows that
    have an answer or a label, ``labelled`` those with a label. ``in_answer`` says that a label is the whole answer.
    """

    labels: tuple[Label, ...]
    codes: Sequence[int]
    answered: int
    in_answer: bool
    configured: bool
    reason: str = ""

    @property
    def labelled(self) -> int:
        return sum(label.rows for label in self.labels)

    def __bool__(self) -> bool:
        return bool(self.labels)


def is_configured(fields: Fields) -> bool:
    """Whether the configuration says where the label stands."""
    return fields.label is not None or fields.label_pattern is not None


_RECOGNISED: Final[WeakKeyDictionary[Context, tuple[Fields, Labels]]] = WeakKeyDictionary()
"""The labels of the file that is being concluded on: a dozen rules ask for them."""


def recognise(context: Context, run: Run) -> Labels:
    """The labels of a file: those of the configured field, or short answers that come from a closed set.

    A set is closed when at least 80 % of the rows with an answer have a short one, there are 2 to 200 different ones
    (spelling aside), at most as many as a third of the rows, or a tenth where there are 50 rows or more, and 95 % of
    those rows share theirs with another row. Short last answers of dialogues ("You're welcome!") are no labels. A
    configured label needs two rows for each of at most 1,000 values.
    """
    fields, labels = _RECOGNISED.get(context, (None, None))
    if labels is None or fields != run.fields:
        labels = _recognise(context, run)
        _RECOGNISED[context] = (run.fields, labels)
    return labels


def _recognise(context: Context, run: Run) -> Labels:
    column, answers = context.column("label"), context.column("answer")
    configured = is_configured(run.fields)
    answered = sum(map(bool, map(or_, column, answers)))
    labelled = len(column) - column.count(0)
    none = Labels(labels=(), codes=(), answered=answered, in_answer=False, configured=configured)
    if not configured and labelled < LEAST_SHARE * answered:
        why = f"{labelled:,} of {answered:,} rows with an answer have one short enough for a label; asked for 80 %"
        return msgspec.structs.replace(none, reason=why)
    counts = _counts(column, MOST_CONFIGURED)
    if counts is None:
        return msgspec.structs.replace(none, reason=f"more than {MOST_CONFIGURED:,} different labels")
    labels, keys, talkative = _read(counts, column, context, run)
    reason = _why_open(labels, configured)
    if not configured and 2 * talkative > labelled:
        reason = "the short answers end dialogues with longer answers"
    if reason or not labels:
        return msgspec.structs.replace(none, reason=reason or "no row has a label")
    index = {key: code for code, key in enumerate(keys)}
    return Labels(
        labels=labels,
        codes=array("h", map(index.get, column, repeat(NO_LABEL))),
        answered=answered,
        in_answer=run.fields.label in (None, "answer") and run.fields.label_pattern is None,
        configured=configured,
    )


def _counts(column: Sequence[int], most: int) -> Counter[int] | None:
    """Rows of each identity; None when there are more than ``most``, without counting them all."""
    counts: Counter[int] = Counter()
    for start in range(0, len(column), 4096):
        counts.update(column[start : start + 4096])
        if len(counts) > most + 1:
            return None
    counts.pop(0, None)
    return counts


def _read(
    counts: Counter[int], column: Sequence[int], context: Context, run: Run
) -> tuple[tuple[Label, ...], tuple[int, ...], int]:
    """The labels and their identities, the most frequent first, each read from its first row; and how many rows have
    a label that, where it was read, ends a dialogue."""
    first: dict[int, int] = {}
    for row, key in enumerate(column):
        if key and key not in first:
            first[key] = row
            if len(first) == len(counts):
                break
    found: list[tuple[Label, int]] = []
    talkative = 0
    for (key, row), record in zip(first.items(), context.records(list(first.values())), strict=True):
        found.append((Label(label_of(record, run.fields) or "", counts[key], row), key))
        talkative += counts[key] * _ends_a_dialogue(record)
    found.sort(key=lambda pair: (-pair[0].rows, pair[0].text))
    return tuple(label for label, _ in found), tuple(key for _, key in found), talkative


def _ends_a_dialogue(record: Record) -> bool:
    """Whether the assistant has said something longer before its answer."""
    said = [message.text.strip() for message in record.messages if message.role == "assistant"]
    return any(not is_short(text) for text in said[:-1])


def _why_open(labels: Iterable[Label], configured: bool) -> str:
    """Why the labels are no closed set; "" when they are one."""
    rows: Counter[str] = Counter()
    for label in labels:
        rows[spelling_key(label.text)] += label.rows
    n, distinct = rows.total(), len(rows)
    if configured:
        most = max(3, n // 2)
        return f"{distinct:,} different labels in {n:,} rows" if distinct > most else ""
    most = min(MOST_LABELS, n // 3 if n < SMALL else max(SMALL // 3, n // 10))
    if distinct < 2 or distinct > most:
        return f"{distinct:,} different short answers in {n:,} rows; asked for 2 to {most:,}"
    single = sum(1 for count in rows.values() if count == 1)
    if n - single < LEAST_REPEATED * n:
        return f"{single:,} of {n:,} short answers stand in one row only; asked for at most 5 %"
    return ""


def sample(context: Context, rows: Iterable[int], most: int) -> list[int]:
    """At most ``most`` of some rows in the order of their identities, and of their labels where these are equal: what a
    row says decides whether it is taken and when, not where it stands."""
    identities, labels = context.column("conversation"), context.column("label")
    return nsmallest(most, rows, key=lambda row: (identities[row], labels[row], row))

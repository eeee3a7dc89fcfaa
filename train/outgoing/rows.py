"""Rows on their way out: each is judged, lowered to copies and written in the form of another trainer. Opens no file.

Nothing travels but what is learnt from: metadata, ids, weights of rows and every key that the receiver does not take
stay behind and are counted. A row that cannot be said there stops the run or is left out by name.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np

from audit.engine.finish import TRAIN
from audit.engine.row_ids import SEPARATOR
from audit.errors import InputError
from audit.model import ABSENT, Json, Record
from audit.policy.words import plural
from audit.read.shapes import by_name, writer
from audit.read.shapes.base import Unwritable, Written
from audit.remedy.convert import carried, general
from audit.train.data.accounting import unused_weights_note
from audit.train.data.building import (
    DROP,
    TRUNCATED,
    USED,
    WEIGHTLESS,
    RowOutcome,
    no_weight,
    nothing_left,
    refusal,
    stops,
    way_out,
)
from audit.train.data.encode import MOST_WEIGHT, Encoder, RowIn, Unusable
from audit.train.data.rows import Rows
from audit.train.data.weighting import Factors, row_factors
from audit.train.options import TrainOptions
from audit.train.outgoing.capabilities import Capabilities, How, Kind
from audit.train.outgoing.lowering import Lowered, content_key, lowered, ordered
from audit.train.outgoing.settling import Cannot, Problem, is_readable, marked, settle

NOT_DRAWN: Final = "not_drawn"
"""What becomes of a row with a weight above 0 that is so small that it got no copy."""
_WAYS_OUT: Final = {
    "message_weight": f"say 0 or 1 there, or weigh the whole row ([data] weight); {DROP}",
    "bad_weight": f"correct the weight; {DROP}",
}

Write: TypeAlias = Callable[[Record], Sequence[Written]]
"""Makes the lines of a row, which stand together; the same row gives the same lines. Raises Unwritable."""


class Outgoing(NamedTuple):
    """A line: the row that it was made of, which of its copies it is and which of the lines of that copy (from 1)."""

    ordinal: int
    copy: int
    record: Record
    row: dict[str, Json]
    part: int = 1


class SplitOut(msgspec.Struct, frozen=True, kw_only=True):
    """A split that was sent out as ``lines``. ``outcomes`` has every row of it, in order: ``examples`` are its lines,
    ``weight`` what it counts for. ``lowering`` is None where all rows that count have the same weight. ``lost`` counts
    the rows that were written by what was left behind, ``"POINTER: what"`` with list indices as ``*``. ``notes`` are
    sentences on what a user may not expect; they quote no row."""

    split: str
    kind: Kind
    outcomes: tuple[RowOutcome, ...]
    lines: int
    lowering: Lowered | None = None
    lost: Mapping[str, int] = {}
    notes: tuple[str, ...] = ()


def kind_of(rows: Rows, splits: Iterable[str], way_out: str = "") -> Kind:
    """``preference`` where all rows of these splits that can be read have a preferred and a rejected answer, ``chat``
    where none has. Raises InputError, naming one row of each, where they are mixed; ``way_out`` is what the caller can
    be told beside putting them into files of their own."""
    first: dict[Kind, int] = {}
    for split in splits:
        ordinals = rows.splits[split]
        for ordinal, record in zip(ordinals, rows.records(ordinals), strict=True):
            if not is_readable(record):
                continue
            kind: Kind = "preference" if record.chat.chosen and record.chat.rejected else "chat"
            if first.setdefault(kind, ordinal) == ordinal and len(first) == 2:
                raise _mixed(rows, first, way_out)
    return next(iter(first), "chat")


def _mixed(rows: Rows, first: Mapping[Kind, int], way_out: str) -> InputError:
    chat, pair = (rows.place(first[kind]) for kind in ("chat", "preference"))
    return InputError(
        f"{pair.file} line {pair.line} has a preferred and a rejected answer, and {chat.file} line {chat.line} has "
        "not: a trainer learns from one kind of rows",
        hint="; ".join(filter(None, ("put them into files of their own", way_out))),
    )


def send_out(
    rows: Rows,
    split: str,
    kind: Kind,
    to: Capabilities,
    *,
    options: TrainOptions,
    lowering: How,
    sink: Callable[[Outgoing], None],
    write: Write | None = None,
    apart: Write | None = None,
    encoder: Encoder | None = None,
) -> SplitOut:
    """Hand the lines of a split to ``sink``: the first copies of all rows in their order, then the second ones, ...

    All rows are judged before the first line is handed on. Of a pair of answers a ``chat`` has the preferred one as its
    last turn; what is no pair is no ``preference``. ``write`` makes the lines of a row (None: one line, by the
    writer that ``to`` names for ``kind``); its record has no metadata, and what its messages
    say of training is settled (``audit.render.is_trained``). Weights of rows, classes and groups count in the split
    ``train`` alone. The same rows in another order give the same copies.

    An ``encoder`` renders and counts every row as a run on this machine does, and the same ones are refused; rows that
    the run would cut are ``truncated``, as the receiver cuts them. ``apart`` then makes the lines of rows of which the
    run makes several sequences.

    What is held grows by about half a kilobyte a row (its outcome and its id), not by what the row says.

    Raises InputError, naming the first such row, for rows that cannot be sent out where ``options.unusable`` is
    ``error``, and where no row is left; ConfigError where no training row has the field that is to weigh it; UsageError
    for weights that cannot be lowered (``audit.train.outgoing.lowering``).
    """
    work = _Work(rows, split, kind, to, options, write or plain_writer(to.shapes[kind]), apart, encoder)
    work.judge()
    work.refuse()
    lowering_done = work.lowered(lowering)
    lines = work.send(sink)
    outcomes = tuple(work.outcomes())
    if not lines:
        raise nothing_left(split, len(outcomes), Counter(one.outcome for one in outcomes))
    notes = work.notes() if lowering_done is None else (*work.notes(), *lowering_done.notes())
    return SplitOut(
        split=split,
        kind=kind,
        outcomes=outcomes,
        lines=lines,
        lowering=lowering_done,
        lost=dict(sorted(work.lost.items())),
        notes=notes,
    )


def plain_writer(shape: str) -> Write:
    """One line for every row, by a writer of ``audit.read.shapes``, with the columns that both shapes know."""
    written = writer(shape)

    def write(record: Record) -> Sequence[Written]:
        data = record.data if isinstance(record.data, dict) else {}
        return (carried(data, by_name(record.shape), record.chat, shape, written),)

    return write


class _Work:
    """The rows of a split while they are gone through. ``parts`` and ``copies`` go by the place of a row in it."""

    def __init__(
        self,
        rows: Rows,
        split: str,
        kind: Kind,
        to: Capabilities,
        options: TrainOptions,
        write: Write,
        apart: Write | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        self.rows, self.split, self.kind, self.to, self.options = rows, split, kind, to, options
        self._write, self._apart, self._encoder = write, apart, encoder
        self._rewritten: set[int] = set()
        self._cut: set[int] = set()
        self.ordinals = rows.splits[split]
        self.ids = rows.row_ids(self.ordinals)
        self.weighs = split == TRAIN
        self.weights: Factors = np.ones(len(self.ordinals))
        if self.weighs:
            self.weights = row_factors(rows, options)[np.asarray(self.ordinals, np.int64)]
        self.parts = array("I", [0]) * len(self.ordinals)
        self.copies = array("I", [0]) * len(self.ordinals)
        self.lost: Counter[str] = Counter()
        self._problems: dict[int, Problem] = {}
        self._unused_weights = 0

    # ------------------------------------------------------------------ judging

    def judge(self) -> None:
        """Find out of every row how many lines it gives, or why none."""
        weighed, last = 0, None
        for place, record in enumerate(self.rows.records(self.ordinals)):
            if self.weighs:
                weighed += self.rows.says_weight(record)
                self._unused_weights += self.rows.has_unused_weight(record)
                last = record
            try:
                self._check_weight(place, record)
                if self.weights[place] != 0:
                    self.parts[place] = len(self._lines(place, record, judge=True)[0])
            except Cannot as refused:
                self._problems[place] = refused.problem
        if last is not None and not weighed and self.rows.weight_at is not None:
            raise no_weight(self.rows.weight_at, last)

    def _check_weight(self, place: int, record: Record) -> None:
        if self.rows.has_bad_weight(record) or not 0 <= self.weights[place] <= MOST_WEIGHT:
            self.weights[place] = 0.0
            raise Cannot("bad_weight", f"its weight is no number from 0 to {MOST_WEIGHT:g}")

    def refuse(self) -> None:
        """Raise InputError for the rows that stop the run."""
        refused = [
            (self.ordinals[place], one.reason, one.detail)
            for place, one in self._problems.items()
            if stops(one.reason, self.options)
        ]
        if refused:
            reason = refused[0][1]
            raise refusal(self.rows, self.split, refused, _WAYS_OUT.get(reason) or way_out(reason, self.options))

    def _lines(self, place: int, record: Record, *, judge: bool = False) -> tuple[Sequence[Written], frozenset[str]]:
        """The lines of a row, and what is left behind. Raises Cannot."""
        settled, lost = settle(record, self.kind, self.to, self.options.mask)
        if judge and self._encoder is not None:
            self._encode(self._encoder, place, settled)
        write = self._apart if self._apart is not None and place in self._rewritten else self._write
        try:
            made = write(settled)
        except Unwritable as problem:
            raise Cannot("unwritable", problem.reason) from None
        except RecursionError:
            raise Cannot("unwritable", "it is nested too deeply") from None
        return made, frozenset(lost).union(general(phrase) for one in made for phrase in one.lost)

    def _encode(self, encoder: Encoder, place: int, record: Record) -> None:
        """Find out whether a run on this machine can use the row: of a pair with either answer. Raises Cannot."""
        sides = [record]
        if self.kind == "preference":
            other = tuple(marked(turn, weight=ABSENT, trained=None) for turn in record.chat.rejected)
            sides.append(msgspec.structs.replace(record, chat=msgspec.structs.replace(record.chat, chosen=other)))
        for found in encoder.encode_all([RowIn(one, self.ordinals[place]) for one in sides]):
            if isinstance(found, Unusable):
                raise Cannot(found.reason, found.detail)
            if found.truncated:
                self._cut.add(place)
            if len(found.examples) > 1:
                self._rewritten.add(place)

    # ------------------------------------------------------------------ sending

    def lowered(self, how: How) -> Lowered | None:
        """Settle the copies of all rows; None where all that count have the same weight."""
        usable = np.flatnonzero([place not in self._problems for place in range(len(self.ordinals))])
        weights = self.weights[usable]
        positive = weights[weights > 0]
        if not positive.size or positive.min() == positive.max():
            for place in usable[weights > 0].tolist():
                self.copies[place] = 1
            return None
        found = lowered(weights, self._order(usable.tolist(), weights), how=how, seed=self.options.seed)
        for place, copies in zip(usable.tolist(), found.copies, strict=True):
            self.copies[place] = copies
        return msgspec.structs.replace(found, copies=self.copies)

    def _order(self, usable: Sequence[int], weights: Factors) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The usable rows by label, groups and content. Attributes in their declared order, the first of which is met
        best; of labels and groups names are compared, never the place where they appear."""
        rows = [self.ordinals[place] for place in usable]
        labels = [self.rows.labels[row] or "" for row in rows]
        keys = [_ranks(labels)]
        for attribute, members in self.rows.members.items():
            codes = self.rows.groups[attribute]
            keys.append(_ranks([members[codes[row]] if codes[row] >= 0 else "" for row in rows]))
        seed = self.options.seed
        content = [content_key(self.ids[place].partition(SEPARATOR)[0], seed) for place in usable]
        return ordered(keys, content, weights)

    def send(self, sink: Callable[[Outgoing], None]) -> int:
        """Hand on all lines; their number."""
        lines = 0
        for copy in range(1, max(self.copies, default=0) + 1):
            places = np.flatnonzero(np.asarray(self.copies) >= copy)
            rows = [self.ordinals[place] for place in places.tolist()]
            for place, row, record in zip(places.tolist(), rows, self.rows.records(rows), strict=True):
                made, lost = self._lines(place, record)
                if copy == 1:
                    self.lost.update(lost)
                for part, one in enumerate(made, 1):
                    sink(Outgoing(row, copy, record, one.row, part))
                lines += len(made)
        return lines

    # ------------------------------------------------------------------ telling

    def outcomes(self) -> Iterator[RowOutcome]:
        """What became of every row, in order."""
        for place, row in enumerate(self.ordinals):
            at = self.rows.place(row)
            examples = self.parts[place] * self.copies[place]
            weight = float(self.weights[place])
            yield RowOutcome(
                row, self.ids[place], at.file or "", at.line or 0, self.split, self._said(place), examples, 0, 0, weight
            )

    def _said(self, place: int) -> str:
        if place in self._problems:
            return self._problems[place].reason
        if self.copies[place]:
            return TRUNCATED if place in self._cut else USED
        return WEIGHTLESS if self.weights[place] == 0 else NOT_DRAWN

    def notes(self) -> tuple[str, ...]:
        """Sentences on what a user may not expect."""
        told = [unused_weights_note(self._unused_weights)] if self._unused_weights else []
        if self._cut:
            told.append(
                f"{self.split}: {plural(len(self._cut), 'row')} of more than {self.options.max_length:,} tokens: "
                f"{self.to.title} cuts them in its own way"
            )
        return tuple(told)


def _ranks(names: Sequence[str]) -> list[int]:
    """The place of each name among the sorted names."""
    table = {name: rank for rank, name in enumerate(sorted(set(names)))}
    return [table[name] for name in names]

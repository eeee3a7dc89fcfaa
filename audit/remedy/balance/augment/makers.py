"""The three ways of making a row of another behind one door: which rows serve a cell, and what becomes of them.

Chooses no rows and judges none; ``making`` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from audit.attributes.levels import RESERVED
from audit.errors import UsageError
from audit.lexicons import Lexicon, axes, load
from audit.model import Record
from audit.remedy.balance.augment.groups import Exchange, exchange_of
from audit.remedy.balance.augment.noise import noisy
from audit.remedy.balance.augment.paraphrase import Paraphraser, said_otherwise, turn_to_say
from audit.remedy.balance.augment.pieces import Piece
from audit.remedy.balance.augment.result import Changes, Kind, Reason, Refused
from audit.remedy.balance.augment.twins import twin
from audit.remedy.balance.cells import LABEL, Cells
from audit.rule import Context, Run


class Job(NamedTuple):
    """A row to be made: of which record (its row and ``CONTENT_ID#N``), for which cell, and which one of that row."""

    row: int
    row_id: str
    record: Record
    cell: int
    copy: int


class Maker(Protocol):
    """Makes rows of one kind."""

    per_row: int
    """Rows made of one row, at most."""
    costly: bool
    """Whether no more are to be made than are wanted."""

    def source_cells(self, cell: int) -> tuple[Sequence[int], Mapping[Reason, int]]:
        """The cells whose rows may serve a cell, and rows of cells that cannot, by the reason."""

    def make(self, jobs: Sequence[Job]) -> Iterator[Changes | Reason]:
        """What becomes of every job, in order."""


def maker_of(
    kind: Kind, context: Context, run: Run, cells: Cells, *, seed: int, paraphraser: Paraphraser | None
) -> Maker:
    """The maker of a kind. Raises UsageError for an unknown one, for twins where only the label is balanced, and for
    paraphrases without a paraphraser."""
    if kind == "counterfactual":
        if not cells.attributes:
            raise UsageError("a twin has another group: nothing but the label is balanced", hint="--by label,ATTRIBUTE")
        return Twins(context, run, cells)
    if kind == "noise":
        return Noise(run, seed)
    if kind != "paraphrase":
        raise UsageError(f"rows are made up by counterfactual, noise or paraphrase, not by {kind}")
    if paraphraser is None:
        raise UsageError("paraphrases need somebody who makes them", hint="--endpoint URL --paraphrase-model NAME")
    return Paraphrases(run, paraphraser)


class Twins:
    """Counterfactual twins: of rows with the same label whose group, and no more, is another one."""

    per_row = 1
    costly = False

    def __init__(self, context: Context, run: Run, cells: Cells) -> None:
        self._fields = run.fields
        self._cells = cells
        self._declared = [one for one in run.attributes if one.source == "field" and not one.bands]
        self._context = context
        self._attributes = {one.name: one for one in run.attributes}
        self._exchanges: dict[tuple[int, int], Exchange] = {}
        self._of = cells.of

    def source_cells(self, cell: int) -> tuple[Sequence[int], Mapping[Reason, int]]:
        """Those from which one exchange leads to the cell."""
        found: list[int] = []
        refused: Counter[Reason] = Counter()
        for other, rows in enumerate(self._cells.counts):
            if other == cell or not rows:
                continue
            try:
                exchange = self._exchange(other, cell)
            except Refused as why:
                refused[why.reason] += rows
                continue
            if exchange is not None:
                self._exchanges[other, cell] = exchange
                found.append(other)
        return found, refused

    def make(self, jobs: Sequence[Job]) -> Iterator[Changes | Reason]:
        """The twins."""
        for job in jobs:
            exchange = self._exchanges[self._of[job.row], job.cell]
            try:
                yield twin(job.record, exchange, self._fields, self._declared, self._names(job.cell))
            except Refused as why:
                yield why.reason

    def _names(self, cell: int) -> Mapping[str, Sequence[str]]:
        """The groups that the data has of every attribute in a field; of those that the cell is of, the cell's."""
        names = [factor.name for factor in self._cells.factors]
        return {**self._levels, **{name: (level,) for name, level in zip(names, self._cells.levels(cell), strict=True)}}

    @cached_property
    def _levels(self) -> Mapping[str, Sequence[str]]:
        return {one.name: tuple(self._context.attribute(one.name).groups) for one in self._declared}

    def _exchange(self, source: int, target: int) -> Exchange | None:
        """The one exchange that leads from a cell to another; None where the label differs, a source has no group, or
        more than one group differs.
        Raises Refused where a single attribute differs and cannot be exchanged."""
        ways: set[Exchange] = set()
        factors = zip(self._cells.factors, self._cells.levels(source), self._cells.levels(target), strict=True)
        differing = [(factor, one, other) for factor, one, other in factors if one != other]
        if any(factor.kind == LABEL or one in RESERVED for factor, one, _ in differing):
            return None
        for factor, one, other in differing:
            try:
                ways.add(exchange_of(self._attributes[factor.name], one, other))
            except Refused:
                if len(differing) == 1:
                    raise
                return None
        return ways.pop() if len(ways) == 1 else None


class Noise:
    """Misspelt variants of rows of the same cell."""

    per_row = 2
    costly = False

    def __init__(self, run: Run, seed: int) -> None:
        self._seed = seed
        self._lexicons = lexicons_of(run)

    def source_cells(self, cell: int) -> tuple[Sequence[int], Mapping[Reason, int]]:
        """The cell itself."""
        return [cell], {}

    def make(self, jobs: Sequence[Job]) -> Iterator[Changes | Reason]:
        """The variants, each drawn by the seed, the row and its number among those of the row."""
        for job in jobs:
            try:
                yield noisy(job.record, self._lexicons, f"{self._seed}:noise:{job.row_id}:{job.copy}")
            except Refused as why:
                yield why.reason


class Paraphrases:
    """Rows of the same cell whose last question is put in other words."""

    per_row = 2
    costly = True

    def __init__(self, run: Run, paraphraser: Paraphraser) -> None:
        self._paraphraser = paraphraser
        self._lexicons = lexicons_of(run)

    def source_cells(self, cell: int) -> tuple[Sequence[int], Mapping[Reason, int]]:
        """The cell itself."""
        return [cell], {}

    def make(self, jobs: Sequence[Job]) -> Iterator[Changes | Reason]:
        """The paraphrases; all that can be asked for is asked for at once."""
        turns = [_turn(job.record) for job in jobs]
        asked = [turn for turn in turns if isinstance(turn, Piece)]
        answers = iter(self._paraphraser.paraphrase([turn.text for turn in asked]) if asked else ())
        for turn in turns:
            if not isinstance(turn, Piece):
                yield turn
                continue
            try:
                yield said_otherwise(turn, next(answers, None), self._lexicons)
            except Refused as why:
                yield why.reason


def _turn(record: Record) -> Piece | Reason:
    try:
        return turn_to_say(record)
    except Refused as why:
        return why.reason


def lexicons_of(run: Run) -> Sequence[Lexicon]:
    """The lexicons of all axes, the user's files laid over them."""
    own: Iterable[str] = (one.where for one in run.attributes if one.source == "lexicon")
    return [load(axis, run.lexicons) for axis in sorted({*axes(), *own})]

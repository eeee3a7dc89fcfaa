"""Makes up the rows that cells lack: drafts in an order that content and seed decide, each judged before it counts.

Writes no file. How a row is made is the ``makers``' business.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Final, NamedTuple

from audit.clusters import NearSettings
from audit.engine.row_ids import row_ids
from audit.remedy.balance.augment.judging import COMPARED, Draft, Judge, Judged
from audit.remedy.balance.augment.makers import Job, Maker, maker_of
from audit.remedy.balance.augment.near import NearCopies, nearly_the_same
from audit.remedy.balance.augment.paraphrase import Paraphraser
from audit.remedy.balance.augment.result import CellCount, Kind, MadeUp, Reason, Refused
from audit.remedy.balance.augment.writing import made_up
from audit.remedy.balance.cells import Cells
from audit.rule import COPY, SYNTHETIC, Context, Product, Run

NEEDS: Final[frozenset[Product]] = COMPARED | {"marks"}
"""What ``augment`` reads of a run, beside what its cells were made of."""
BATCH: Final = 1024
"""Rows read, made and judged together, at most."""
LEAST: Final = 16
"""At least so many, where making one costs nothing."""


def augment(
    context: Context,
    run: Run,
    wanted: Mapping[int, int],
    cells: Cells,
    *,
    kind: Kind,
    seed: int,
    paraphraser: Paraphraser | None = None,
) -> Augmentation:
    """Rows made up for cells: iterate over the result, and read its ``counts`` afterwards.

    ``wanted`` is how many rows each cell lacks, by its number in ``cells``; only rows that are in a cell, and that no
    remedy made, serve. ``context`` has the products ``NEEDS`` and those of the cells. Of one row 1 twin is made at
    most, or 2 rows of the other kinds. Raises UsageError for an unknown kind, for twins where
    only the label is balanced, and for ``paraphrase`` without a ``paraphraser``.
    """
    maker = maker_of(kind, context, run, cells, seed=seed, paraphraser=paraphraser)
    return Augmentation(context, run, wanted, cells, maker, kind=kind, seed=seed)


class _Good(NamedTuple):
    """A draft that is what it was made to be, and what is said in it."""

    draft: Draft
    text: str


class Augmentation:
    """Made-up rows, made while they are taken; ``counts`` is complete when there are no more. Iterate it once.

    The same rows come for the same content and seed, wherever they stand.
    """

    def __init__(
        self,
        context: Context,
        run: Run,
        wanted: Mapping[int, int],
        cells: Cells,
        maker: Maker,
        *,
        kind: Kind,
        seed: int,
    ) -> None:
        self._context = context
        self._run = run
        self._cells = cells
        self._kind = kind
        self._maker = maker
        self._per_row = maker.per_row
        self._settings = NearSettings(seed=run.seed)
        self._near = NearCopies(context, self._settings)
        self._judge = Judge(context, run, cells)
        self._used: Counter[int] = Counter()
        self._turns: dict[int, list[str]] = {}
        self._queues = _queues(context, wanted, cells, maker, seed, maker.per_row)

    @property
    def counts(self) -> tuple[CellCount, ...]:
        """The account of every wanted cell, by its number."""
        return tuple(queue.count() for queue in self._queues)

    def __iter__(self) -> Iterator[MadeUp]:
        while drafts := [(queue, good) for queue in self._queues for good in self._drafts(queue)]:
            near = self._near.refuse([good.text for _, good in drafts], [good.draft.row for _, good in drafts])
            for (queue, (draft, _)), refused in zip(drafts, near, strict=True):
                if refused:
                    self._refuse(queue, draft.row, "near_copy")
                else:
                    queue.made += 1
                    yield MadeUp(draft.row, draft.cell, draft.raw, self._kind)

    def _drafts(self, queue: _Queue) -> Iterator[_Good]:
        """As many drafts as the cell lacks rows; fewer only where no rows are left to make them of."""
        lacking = queue.wanted - queue.made
        while lacking > 0:
            asked = min(lacking if self._maker.costly else max(lacking, LEAST), BATCH)
            taken = queue.take(asked, self._used, self._per_row)
            if not taken:
                return
            for good in self._judged(queue, list(self._made(queue, taken)), lacking):
                lacking -= 1
                yield good

    def _made(self, queue: _Queue, taken: Sequence[_Turn]) -> Iterator[Draft]:
        """The rows that become something else, read and made."""
        names = row_ids(self._context, (turn.row for turn in taken))
        rows = sorted(names)
        records = dict(zip(rows, self._context.records(rows), strict=True))
        jobs = [Job(row, names[row], records[row], queue.cell, copy) for row, copy in taken]
        for job, changes in zip(jobs, self._maker.make(jobs), strict=True):
            try:
                if isinstance(changes, str):
                    raise Refused(changes)
                raw = made_up(job.record, changes, self._kind, job.row_id, self._run.fields)
            except Refused as why:
                self._refuse(queue, job.row, why.reason)
            else:
                yield Draft(job.row, queue.cell, job.copy, raw, changes.before, changes.after)

    def _judged(self, queue: _Queue, drafts: Sequence[Draft], most: int) -> Iterator[_Good]:
        """The drafts that hold what they were made for and say something new; those beyond ``most`` are given back."""
        good = 0
        for draft, judged in zip(drafts, self._judge.judge(drafts) if drafts else (), strict=True):
            reason = self._problem(draft, judged)
            if reason is not None:
                self._refuse(queue, draft.row, reason)
            elif good == most:
                queue.give_back(_Turn(draft.row, draft.copy))
                self._used[draft.row] -= 1
            else:
                good += 1
                self._judge.take(judged)
                if draft.after:
                    self._turns.setdefault(draft.row, []).append(draft.after)
                yield _Good(draft, judged.text)

    def _problem(self, draft: Draft, judged: Judged) -> Reason | None:
        if judged.reason is not None:
            return judged.reason
        if self._judge.is_taken(judged):
            return "exists"
        others = [draft.before, *self._turns.get(draft.row, ())] if draft.after else []
        near = any(nearly_the_same(other, draft.after, self._settings) for other in others)
        return "near_source" if near else None

    def _refuse(self, queue: _Queue, row: int, reason: Reason) -> None:
        queue.refused[reason] += 1
        self._used[row] -= 1


# ----------------------------------------------------------------------------- whose turn it is


class _Turn(NamedTuple):
    """A row of which one is to be made, and how many were asked of it before."""

    row: int
    copy: int


class _Queue:
    """The rows that may serve a cell, in their order, each as often as it may be used, and the cell's account."""

    def __init__(
        self, cell: int, wanted: int, rows: Sequence[int], per_row: int, refused: Mapping[Reason, int]
    ) -> None:
        self.cell = cell
        self.wanted = wanted
        self.made = 0
        self.refused: Counter[Reason] = Counter(refused)
        self._sources = len(rows)
        self._left: Iterator[_Turn] = (_Turn(row, copy) for copy in range(per_row) for row in rows)
        self._returned: deque[_Turn] = deque()
        self._waiting: deque[_Turn] = deque()

    def take(self, most: int, used: Counter[int], per_row: int) -> Sequence[_Turn]:
        """The next turns, at most so many, of rows that are not used up; they are used then."""
        taken: list[_Turn] = []
        for turn in chain(_drained(self._returned), self._left, self._once_more()):
            if used[turn.row] >= per_row:
                self._waiting.append(turn)
                continue
            used[turn.row] += 1
            taken.append(turn)
            if len(taken) == most:
                break
        return taken

    def _once_more(self) -> Iterator[_Turn]:
        """The turns of rows that were used up; a row may have been refused for another cell since."""
        for _ in range(len(self._waiting)):
            yield self._waiting.popleft()

    def give_back(self, turn: _Turn) -> None:
        """A turn that was not needed yet."""
        self._returned.append(turn)

    def count(self) -> CellCount:
        """The account of the cell."""
        return CellCount(
            cell=self.cell,
            wanted=self.wanted,
            made=self.made,
            sources=self._sources,
            refused={reason: self.refused[reason] for reason in sorted(self.refused) if self.refused[reason]},
        )


def _drained(turns: deque[_Turn]) -> Iterator[_Turn]:
    while turns:
        yield turns.popleft()


def _queues(
    context: Context, wanted: Mapping[int, int], cells: Cells, maker: Maker, seed: int, per_row: int
) -> Sequence[_Queue]:
    """The queue of every cell that lacks rows. A row's place in it is a hash of the seed and of what the row says."""
    lacking = {cell: rows for cell, rows in sorted(wanted.items()) if rows > 0}
    sources = {cell: maker.source_cells(cell) for cell in lacking}
    needed = frozenset(chain.from_iterable(found for found, _ in sources.values()))
    rows_of = _rows_of(context, cells, needed)
    conversations = context.column("conversation")

    def order(row: int) -> tuple[bytes, int]:
        said = f"{seed}:augment:{conversations[row]:016x}"
        return blake2b(said.encode(), digest_size=8).digest(), row

    return [
        _Queue(
            cell,
            lacking[cell],
            sorted(chain.from_iterable(rows_of[source] for source in found), key=order),
            per_row,
            refused,
        )
        for cell, (found, refused) in sources.items()
    ]


def _rows_of(context: Context, cells: Cells, needed: frozenset[int]) -> Mapping[int, Sequence[int]]:
    """The rows of some cells that no remedy made."""
    found: dict[int, list[int]] = {cell: [] for cell in needed}
    for row, (cell, mark) in enumerate(zip(cells.of, context.marks, strict=True)):
        if cell in needed and not mark & (COPY | SYNTHETIC):
            found[cell].append(row)
    return found

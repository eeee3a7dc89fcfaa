"""Judges changed rows again, by the rules that judge a row by itself. Reads no file and applies nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from audit.engine.batch import ParsedBatch
from audit.engine.drive import Means
from audit.engine.executors import Executor, Inline
from audit.engine.fold import DEFAULT_STORAGE
from audit.engine.found import Found
from audit.engine.rows import UNREADABLE
from audit.engine.work import Job, Work
from audit.model import Chat, Finding, Record
from audit.read.chunks import CHUNK_BYTES, Chunk, Row, chunk_of
from audit.remedy.fix.plan import is_of_rows
from audit.remedy.fix.stored import Rows
from audit.rule import Rule, Run

MANY: Final = 4_000
"""Changed rows from which it pays to judge them in several processes."""


class Again:
    """The rules of rows over versions of rows that lie in no file."""

    def __init__(self, rules: Sequence[Rule], run: Run, means: Means, rows: Rows) -> None:
        self._work = Work([rule for rule in rules if is_of_rows(rule)], run, DEFAULT_STORAGE, means.with_counter)
        self._means = means
        self._rows = rows

    def __call__(self, changed: Mapping[int, bytes]) -> Iterator[tuple[int, list[Finding]]]:
        """What is found in each of the rows, given by ordinal in ascending order; in that order, rows without any
        finding too. Findings of a file as a whole are not among them."""
        lots = list(lots_of(changed.items(), self._rows))
        jobs = (_job(chunk_of_rows(lot, changed, self._rows)) for lot in lots)
        answers = self._executor(len(changed)).map(self._work, jobs)
        for lot, found in zip(lots, answers, strict=True):
            yield from _by_row(lot, found)

    def _executor(self, rows: int) -> Executor:
        if rows < MANY or self._means.processes == 1:
            return Inline()
        from audit.engine.processes import Processes

        return Processes(self._means.processes)


def _job(chunk: Chunk) -> Job:
    return Job(chunk.source, chunks=(chunk,))


def chunk_of_rows(lot: Sequence[int], changed: Mapping[int, bytes], rows: Rows) -> Chunk:
    """Rows of one source with their new bytes, each at its place in the input."""
    placed = [Row(changed[row], rows.lines[row], rows.at[row]) for row in lot]
    return chunk_of(rows.range_of(lot[0]).source, placed)


def lots_of(changed: Iterable[tuple[int, bytes]], rows: Rows) -> Iterator[list[int]]:
    """The rows cut into lots of one source and about a chunk each."""
    lot: list[int] = []
    size = end = 0
    for row, raw in changed:
        if lot and (size >= CHUNK_BYTES or row >= end):
            yield lot
            lot, size = [], 0
        end = rows.range_of(row).end if not lot else end
        lot.append(row)
        size += len(raw)
    if lot:
        yield lot


def _by_row(lot: Sequence[int], found: Found) -> Iterator[tuple[int, list[Finding]]]:
    by_row: dict[int, list[Finding]] = {}
    for finding, place in zip(found.findings, found.ordinals, strict=True):
        if place >= 0:
            by_row.setdefault(place, []).append(finding)
    for place, row in enumerate(lot):
        yield row, by_row.get(place, [])


class Afterwards(Mapping[int, Record]):
    """The records of edited rows as they are now, parsed when they are asked for; with token counts if the run has a
    counter."""

    def __init__(self, edited: Mapping[int, bytes], run: Run, rows: Rows) -> None:
        self._edited = edited
        self._run = run
        self._rows = rows

    def __getitem__(self, row: int) -> Record:
        raw = self._edited[row]
        chunk = chunk_of_rows([row], self._edited, self._rows)
        batch = ParsedBatch(chunk, self._run.tokens, texts=True)
        if not batch.parsed:
            line, at = self._rows.lines[row], self._rows.at[row]
            return Record(source=chunk.source, line=line, offset=at, raw=raw, data=None, shape=UNREADABLE, chat=Chat())
        return batch.record(0)

    def __iter__(self) -> Iterator[int]:
        return iter(self._edited)

    def __len__(self) -> int:
        return len(self._edited)

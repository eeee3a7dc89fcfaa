"""Drives a run: cuts the sources into jobs, has them folded by an executor, merges in order. Judges nothing itself."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

from audit.engine.executors import Executor, Inline
from audit.engine.finish import Finished, Outcome
from audit.engine.fold import NONE, OF_ROWS, Storage, near_settings, needs_of
from audit.engine.found import Found
from audit.engine.rows import Spool, lies_in_file
from audit.engine.sample import LEAST_BYTES, SAMPLE_BYTES, spread, texts_of
from audit.engine.work import Job, Work
from audit.errors import InputError, WorkerDied
from audit.model import Source, SourceSummary
from audit.read.lines import Chunk, SourceReader
from audit.read.shards import SHARD_BYTES, shards_of
from audit.rule import Product, Rule, Run

LEAST_ROWS: Final = 100
"""Rows below which a shared template cannot be told from rows that repeat each other."""


class Progress(msgspec.Struct, frozen=True):
    """How far a check has come. ``bytes`` are as read from the source, ``total`` its size where it is known."""

    source: str
    bytes: int
    total: int | None
    rows: int
    errors: int
    warnings: int


class Reader(Protocol):
    """What is read from: an iterable of chunks that can say afterwards what it has read."""

    @property
    def source(self) -> Source: ...
    @property
    def summary(self) -> SourceSummary: ...
    def __iter__(self) -> Iterator[Chunk]: ...
    def close(self) -> None: ...


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may use: the executor (None chooses: processes where there is more than one job), how many processes,
    and the bytes of memory that whole-dataset rules may fill before they write to disk."""

    executor: Executor | None = None
    processes: int = 1
    memory: int = 512 << 20
    with_counter: Callable[[Run], Run] | None = None
    """Adds the token counter to a run in a process that could not inherit it."""


class Driven(msgspec.Struct, frozen=True):
    """What a run over all sources gives: ``partial`` when it was interrupted before the end."""

    outcome: Outcome
    summaries: tuple[SourceSummary, ...]
    partial: bool


def drive(
    readers: Sequence[Reader],
    rules: Sequence[Rule],
    run: Run,
    means: Means,
    progress: Callable[[Progress], None] | None = None,
) -> Driven:
    """Judge everything that the readers read; otherwise as ``driving``."""
    with driving(readers, rules, run, means, progress) as (driven, _):
        return driven


@contextlib.contextmanager
def driving(
    readers: Sequence[Reader],
    rules: Sequence[Rule],
    run: Run,
    means: Means,
    progress: Callable[[Progress], None] | None = None,
    *,
    wanted: frozenset[Product] = NONE,
) -> Iterator[tuple[Driven, Finished]]:
    """Judge everything that the readers read, and hand over the whole with the products that are ``wanted``, whose rows
    can be read again until the block ends.

    The same comes out for every executor and number of processes. Ctrl-C ends the reading: what was merged by then is
    a part of the input without gaps, and the rules conclude over it.
    Raises InputError when a source cannot be read on, WorkerDied when a part of one kills every process that reads it.
    """
    feed = Feed(readers, rules, wanted)
    with contextlib.ExitStack() as stack:
        for reader in readers:
            stack.callback(reader.close)
        storage = feed.storage(run, means.memory, stack)
        work = Work(rules, run, storage, means.with_counter, wanted)
        work.prepare()
        total = work.fold()
        partial = False
        executor = _executor(means, feed)
        parts = executor.map(work, feed)
        try:
            for part in parts:
                total.add(part)
                feed.done(total.found, progress)
        except KeyboardInterrupt:
            partial = True
        except WorkerDied as error:
            raise feed.blamed(error) from error
        finally:
            parts.close()
        yield Driven(total.finish(executor.processes), feed.summaries(), partial), total.finished()


def _executor(means: Means, feed: Feed) -> Executor:
    if means.executor is not None:
        return means.executor
    if means.processes == 1 or not feed.has_many():
        return Inline()
    from audit.engine.processes import Processes

    return Processes(means.processes)


# ----------------------------------------------------------------------------- jobs


class Feed:
    """The jobs of a run, in order. Iterate it once."""

    def __init__(self, readers: Sequence[Reader], rules: Sequence[Rule], wanted: frozenset[Product] = NONE) -> None:
        self._readers = readers
        needs = needs_of(rules, wanted)
        self._rules = rules
        self._near = "near_clusters" in needs
        self._rows = bool(needs & OF_ROWS)
        self._begun: list[Reader] = []
        self._heads: dict[int, tuple[list[Chunk], Iterator[Chunk]]] = {}
        self._spool: Spool | None = None
        self._issued: deque[Job] = deque()
        self._jobs = self._all()
        self._ahead: list[Job] = []
        self._read = 0
        self._interrupted = False

    def __iter__(self) -> Iterator[Job]:
        for job in itertools.chain(self._ahead, self._jobs):
            self._issued.append(job)
            yield job
        if self._interrupted:
            raise KeyboardInterrupt

    def has_many(self) -> bool:
        """Whether there is more than one job."""
        while len(self._ahead) < 2:
            job = next(self._jobs, None)
            if job is None:
                return False
            self._ahead.append(job)
        return True

    def summaries(self) -> tuple[SourceSummary, ...]:
        """What was read of every source that was begun."""
        return tuple(reader.summary for reader in self._begun)

    # ------------------------------------------------------------------ storage

    def storage(self, run: Run, memory: int, stack: contextlib.ExitStack) -> Storage:
        """Where the folds keep what outgrows memory; what is on disk goes away with ``stack``."""
        sizes = [reader.source.size for reader in self._readers]
        large = self._near and (None in sizes or sum(size or 0 for size in sizes) > memory // 2)
        spooled = self._rows and any(not lies_in_file(reader.source) for reader in self._readers)
        folder = _temporary(stack) if large or spooled else None
        if spooled and folder is not None:
            self._spool = Spool(os.path.join(folder, "rows.jsonl"))
            stack.callback(self._spool.close)
        return Storage(
            folder=folder if large else None,
            template=self._template(run) if self._near else (),
            spool=self._spool.path if self._spool is not None else None,
        )

    def _template(self, run: Run) -> tuple[int, ...]:
        """The shingles that a sample of all sources shares too often."""
        texts: list[str] = []
        size = max(SAMPLE_BYTES // max(len(self._readers), 1), LEAST_BYTES)
        for index, reader in enumerate(self._readers):
            source = reader.source
            texts += texts_of(spread(source, size) if lies_in_file(source) else self._head(index, reader, size))
        if len(texts) < LEAST_ROWS:
            return ()
        from audit.clusters.template import find_template

        return find_template(texts, near_settings(self._rules, run))

    def _head(self, index: int, reader: Reader, size: int) -> list[Chunk]:
        """The first chunks of a source that can be read only once; they are judged with the rest later."""
        chunks = self._until_interrupted(reader)
        head: list[Chunk] = []
        while size > 0 and (chunk := next(chunks, None)) is not None:
            head.append(chunk)
            size -= sum(map(len, chunk.lines))
        self._heads[index] = (head, chunks)
        return head

    def _until_interrupted(self, reader: Reader) -> Iterator[Chunk]:
        """The chunks of a source; after Ctrl-C no more come, so that what was read is judged before it ends the run."""
        try:
            yield from reader
        except KeyboardInterrupt:
            self._interrupted = True

    # ------------------------------------------------------------------ jobs

    def _all(self) -> Iterator[Job]:
        for index, reader in enumerate(self._readers):
            if self._interrupted:
                return
            self._begun.append(reader)
            shards = shards_of(reader) if isinstance(reader, SourceReader) and index not in self._heads else None
            if shards is not None:
                yield from (Job(shard.source, shard) for shard in shards)
            else:
                head, rest = self._heads.pop(index, ([], self._until_interrupted(reader)))
                yield from self._of_chunks(reader, itertools.chain(head, rest))

    def _of_chunks(self, reader: Reader, chunks: Iterator[Chunk]) -> Iterator[Job]:
        """A source that is read here: its chunks, a few megabytes at a time, spooled where rows are needed again."""
        waiting: list[Chunk] = []
        size = 0
        for chunk in chunks:
            waiting.append(self._spool.put(chunk) if self._spool and not lies_in_file(chunk.source) else chunk)
            size += sum(map(len, chunk.lines))
            if size >= SHARD_BYTES:
                yield Job(reader.source, chunks=tuple(waiting))
                waiting, size = [], 0
        if waiting:
            yield Job(reader.source, chunks=tuple(waiting))

    # ------------------------------------------------------------------ results

    def done(self, found: Found, progress: Callable[[Progress], None] | None) -> None:
        """The oldest job that was handed out is merged."""
        job = self._issued.popleft()
        if self._issued and self._issued[0].source.path != job.source.path:
            self._read = 0
        self._read += job.bytes
        if progress is not None:
            source = job.source
            progress(Progress(source.path, self._read, source.size, found.rows, found.errors, found.warnings))

    def blamed(self, error: WorkerDied) -> WorkerDied:
        """The error with the part of the file that killed its process."""
        job = error.job
        if not isinstance(job, Job) or job.shard is None:
            return error
        part = f"bytes {job.shard.start:,} to {job.shard.end:,} of {job.source.path}"
        return WorkerDied(job, error.exit_code, doing=part)


def _temporary(stack: contextlib.ExitStack) -> str:
    try:
        return stack.enter_context(tempfile.TemporaryDirectory(prefix="audit-", ignore_cleanup_errors=True))
    except OSError as error:
        raise InputError(
            f"there is no folder for temporary files: {error.strerror or error}", hint="set TMPDIR to a writable folder"
        ) from error

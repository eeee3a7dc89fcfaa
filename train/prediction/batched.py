"""Asks a provider in batches: the requests that ``RemoteModel`` makes, handed in as files and joined when they end.

A batch that is there is taken up and not made again; what was made of which questions is kept in ``BatchNotes``.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from audit.errors import InputError, UsageError
from audit.model import Json
from audit.policy.words import plural
from audit.train.endpoints import Failed, Failure
from audit.train.prediction import batch_lines
from audit.train.prediction.answers import Answer
from audit.train.prediction.batch_jobs import COMPLETED, FAILED, BatchState, handed_in, mark_of, state_of
from audit.train.prediction.batch_joining import Found, Joined
from audit.train.prediction.batch_lines import (
    RequestFile,
    are_results,
    body_of,
    line_of,
    name_of,
    outcomes,
    request_files,
)
from audit.train.prediction.batch_notes import LOST, BatchNotes, Ended, Handed, Open, Planned, scratch
from audit.train.prediction.options import PredictOptions
from audit.train.prediction.questions import QuestionSet
from audit.train.prediction.remote import (
    NEWER,
    USUAL,
    Key,
    Learnt,
    Limit,
    answer_of,
    questions_of,
    request_of,
    unanswered,
)
from audit.train.protocol.connection import Connection
from audit.train.protocol.failures import ProviderError
from audit.train.protocol.files import fetched
from audit.train.protocol.waiting import Waiting

AT_ONCE: Final = 256
"""Answers that are handed on at a time."""
MOST_SHOWN: Final = 5
"""Lines of a file that failed that are shown with what is wrong with them."""
RESULTS: Final = "results.jsonl"
FETCHED: Final = 2
"""How often results are fetched that are not there or are none, before they are given up."""


class Job(NamedTuple):
    """A file of requests and the batch that was made of it."""

    planned: Planned
    batch: str


class _Work(NamedTuple):
    """What is being asked: where files may lie for a while, batches that are waited for, batches that were turned away
    because others were waiting, and requests to be made again with the newer name of the limit."""

    questions: QuestionSet
    notes: BatchNotes
    folder: Path
    jobs: list[Job]
    full: list[tuple[Job, BatchState]]
    again: list[Key]


class BatchedModel:
    """Implements ``Answerer`` with batches. ``note_in`` is called before ``answers``.

    Answers have no ``seconds``. What a batch did not come to has the error ``expired``, which a resume asks again. A
    batch whose requests the provider cannot read raises ProviderError, which names the rows.
    """

    def __init__(
        self,
        connection: Connection,
        options: PredictOptions,
        seed: int,
        learnt: Learnt | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._options = options
        self._model = options.model or ""
        self._seed = seed
        self._learnt = learnt or Learnt()
        self._sleep = sleep
        self._notes: BatchNotes | None = None

    def note_in(self, notes: BatchNotes) -> None:
        """Keep in ``notes`` what is handed in, and go on with what they say."""
        self._notes = notes

    def identity(self, questions: QuestionSet) -> Mapping[str, Json]:
        """The same as that of the model when it is asked live: its answers do not depend on the way."""
        return {"endpoint": self._connection.shown, "model": self._model}

    def answers(self, questions: QuestionSet, done: frozenset[Key]) -> Iterator[list[Answer]]:
        """Replies, batch by batch as they end; an empty list now and then while nothing has."""
        if self._notes is None:
            raise UsageError("batches are asked only where it is noted what was handed in")
        if self._notes.limit == NEWER:
            self._learnt.limit = NEWER
        with scratch(self._notes.output) as folder:
            work = _Work(questions, self._notes, folder, [], [], [])
            work.jobs.extend(self._taken_up(work))
            covered = {key for job in work.jobs for key in job.planned.requests}
            yield from self._handed_in(work, unanswered(questions, self._options.samples, done | covered))
            yield from self._come_in(work)

    # ------------------------------------------------------------------ handing in

    def _taken_up(self, work: _Work) -> Iterator[Job]:
        """The batches that the notes say are open; what was about to be handed in is handed in now."""
        known = frozenset(work.questions.rows) if work.notes.open else frozenset()
        for one in work.notes.open:
            if not all(row in known and sample < self._options.samples for row, sample in one.planned.requests):
                raise InputError(
                    f"{work.notes.path} is of other questions", hint="--force begins anew, and pays again for them"
                )
            yield Job(one.planned, one.batch) if one.batch else self._made_up_for(work, one)

    def _made_up_for(self, work: _Work, one: Open) -> Job:
        """A batch of what was to be handed in when the process was killed: it may be there, or not."""
        lines = self._lines(work.questions, one.planned.requests, [], one.planned.limit)
        file = next(iter(request_files(lines, work.folder)))
        return self._made(work, one.planned, file, doubtful=True)

    def _handed_in(self, work: _Work, wanted: Iterable[Key]) -> Iterator[list[Answer]]:
        """Hand in what is wanted. Gives the answers to questions that cannot be asked."""
        refused: list[Answer] = []
        limit = self._learnt.limit
        for file in request_files(self._lines(work.questions, wanted, refused, limit), work.folder):
            planned = Planned(n=work.notes.next, sha256=file.sha256, requests=file.keys, limit=limit)
            doubtful = file.sha256 in work.notes.doubted
            work.notes.add(planned)
            work.jobs.append(self._made(work, planned, file, doubtful=doubtful))
            yield [*refused]
            refused.clear()
        yield refused

    def _made(self, work: _Work, planned: Planned, file: RequestFile, *, doubtful: bool) -> Job:
        mark, before = (mark_of(sha256, self._connection, self._model) for sha256 in (file.sha256, planned.sha256))
        stored, batch = handed_in(
            self._connection,
            file.path,
            {mark, before},
            mark,
            work.notes.spent,
            doubtful=doubtful,
            sleep=self._sleep,
        )
        work.notes.add(Handed(n=planned.n, file=stored.id, batch=batch))
        file.path.unlink()
        return Job(planned, batch)

    def _lines(
        self, questions: QuestionSet, wanted: Iterable[Key], refused: list[Answer], limit: Limit
    ) -> Iterator[tuple[Key, bytes]]:
        """The lines of requests; what cannot be asked is ``refused``."""
        for key, question in questions_of(questions, wanted):
            if question.problem:
                refused.append(Answer(row=key[0], sample=key[1], error=question.problem))
                continue
            row_id = questions.row_id(question.row)
            request = request_of(question, row_id, key[1], self._options, self._seed, limit)
            try:
                line = line_of(name_of(questions, key), body_of(self._model, request))
            except (ValueError, RecursionError) as error:
                refused.append(self._answer(key, Failed("garbled", str(error))))
                continue
            if len(line) > batch_lines.MOST_BYTES:
                size = f"the request has {len(line):,} bytes, and a batch takes {batch_lines.MOST_BYTES:,}"
                refused.append(self._answer(key, Failed("refused", size)))
                continue
            yield key, line

    def _answer(self, key: Key, found: object | Failed) -> Answer:
        return answer_of(key, found, None, logprobs=self._options.logprobs)

    # ------------------------------------------------------------------ taking in

    def _come_in(self, work: _Work) -> Iterator[list[Answer]]:
        """What the batches give, until all have ended. That the provider cannot be asked for a while ends nothing."""
        waiting = Waiting(self._options.batch_poll_seconds, self._sleep, work.notes.note_outage)
        while work.jobs or work.full:
            ended = 0
            for job in tuple(work.jobs):
                state = waiting.look(partial(state_of, self._connection, job.batch))
                if state is None:
                    break
                if state.has_ended:
                    work.jobs.remove(job)
                    ended += not state.is_full
                    yield from self._ended(work, job, state)
            yield from self._once_more(work, room=ended > 0)
            if work.jobs and not ended:
                yield []
                waiting.wait()

    def _ended(self, work: _Work, job: Job, state: BatchState) -> Iterator[list[Answer]]:
        if state.status != FAILED:
            yield from self._collected(work, job, state)
            return
        work.notes.add(Ended(n=job.planned.n, status=FAILED))
        if not state.is_full:
            raise self._failure(work.questions, job, state)
        work.full.append((job, state))

    def _once_more(self, work: _Work, *, room: bool) -> Iterator[list[Answer]]:
        """Hand in what the model wants put otherwise, and what was turned away, where there is room again."""
        if work.again:
            again = sorted(work.again)
            work.again.clear()
            yield from self._handed_in(work, again)
        if work.full and not room and not work.jobs:
            raise self._failure(work.questions, *work.full[0])
        if work.full and room:
            job, _ = work.full.pop(0)
            yield from self._handed_in(work, job.planned.requests)

    def _collected(self, work: _Work, job: Job, state: BatchState) -> Iterator[list[Answer]]:
        """What a batch gave, and an error for each of its requests of which nothing came."""
        if state.lacks_results:
            self._sleep(self._options.batch_poll_seconds)
            state = state_of(self._connection, job.batch)
        if state.lacks_results:
            raise self._lost(work, job, "no file")
        names = {name_of(work.questions, key): key for key in job.planned.requests}
        joined = Joined(names, job.planned.limit)
        for file in filter(None, (state.output, state.errors)):
            with self._fetched(work, job, file).open("rb") as lines:
                found = map(joined.take, outcomes(lines, lambda text: str(self._connection.clean(text))))
                yield from self._in_lots(one for one in found if one is not None)
        why = _why_nothing(state)
        yield from self._in_lots(Found(key, why) for key in joined.missing())
        again = joined.again
        if again:
            self._learnt.limit = NEWER
            work.again.extend(again)
        work.notes.add(
            Ended(
                n=job.planned.n,
                status=state.status,
                strangers=joined.strangers,
                repeated=joined.repeated,
                garbled=joined.garbled,
                limit=NEWER if again else USUAL,
            )
        )

    def _fetched(self, work: _Work, job: Job, file: str) -> Path:
        """A file of results. Raises ProviderError for one that is not there and for a page in place of it, whatever is
        fetched: that batch is spent then."""
        path = work.folder / RESULTS
        for attempt in range(FETCHED):
            if attempt:
                self._sleep(self._options.batch_poll_seconds)
            try:
                fetched(self._connection, file, path, f"fetching the results {file}")
            except ProviderError as error:
                if error.kind != "missing":
                    raise
                continue
            if are_results(path):
                return path
        raise self._lost(work, job, f"{file}, which is not there or holds none")

    def _lost(self, work: _Work, job: Job, where: str) -> ProviderError:
        """The error for a batch without results, which is noted: the same requests are another batch from now on."""
        work.notes.add(Ended(n=job.planned.n, status=LOST))
        count = plural(len(job.planned.requests), "request")
        return ProviderError(
            "missing",
            f"batch {job.batch} has ended, and for its results it names {where}: the answers to {count} are lost, "
            "though they may have been billed",
            hint="look whether the provider still has them; --resume hands the requests in again, and pays again",
        )

    def _in_lots(self, found: Iterator[Found]) -> Iterator[list[Answer]]:
        while lot := [self._answer(one.key, one.answer) for one in itertools.islice(found, AT_ONCE)]:
            yield lot

    def _failure(self, questions: QuestionSet, job: Job, state: BatchState) -> ProviderError:
        """What is wrong with the requests of a batch, by the rows that they were made of."""
        asked = job.planned.requests
        told = [
            f"{_place(questions, asked, one.line)}{one.message or 'no reason is given'}"
            f"{f' ({one.code})' if one.code else ''}"
            for one in state.problems[:MOST_SHOWN]
        ]
        more = len(state.problems) - len(told)
        told += [f"and {plural(more, 'further problem')}"] if more > 0 else []
        return ProviderError(
            "refused",
            f"batch {state.id} failed: {'; '.join(told) or 'no reason is given'}",
            hint="nothing of it was asked; --resume hands it in again when that is mended",
        )


def _place(questions: QuestionSet, asked: tuple[Key, ...], line: int | None) -> str:
    """``FILE:LINE (line N of the batch): `` for a line of the requests, as far as it is known."""
    if line is None:
        return ""
    if not 1 <= line <= len(asked):
        return f"line {line} of the batch: "
    _, record = next(iter(questions.read([asked[line - 1][0]])))
    return f"{record.source.path}:{record.line} (line {line} of the batch): "


def _why_nothing(state: BatchState) -> Failed:
    why: Failure = "server" if state.status == COMPLETED else "expired"
    said = (
        "ended without an answer to this" if state.status == COMPLETED else f"is {state.status} and did not come here"
    )
    return Failed(why, f"batch {state.id} {said}")

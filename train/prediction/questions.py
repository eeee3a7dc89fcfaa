"""The rows that a model is asked about: their prompts, true answers, groups and names. Asks nobody.

A row's prompt is what stands before its last turn where that is the assistant's, and else all of it; that of a row
with a label is what stands before its last answer, as in training.
"""

from __future__ import annotations

import contextlib
import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from audit.api.preparing import make_run, means, readers_of
from audit.attributes.levels import UNKNOWN
from audit.config.settings import Settings
from audit.engine.drive import Driven, Progress, driving
from audit.engine.finish import DATA, Finished
from audit.engine.row_ids import row_ids
from audit.errors import UsageError, did_you_mean
from audit.labels.recognise import NEEDS as LABELS
from audit.labels.recognise import NO_LABEL, Labels, recognise
from audit.model import ABSENT, Chat, Json, Message, Record
from audit.read.characters import well_formed
from audit.read.dialogue import answer_text, exchange
from audit.read.shapes.base import Unwritable
from audit.read.shapes.openai_write import Notes, write_messages
from audit.rule import Product, Run
from audit.train.data.encode import question_of as classified_question
from audit.train.data.rows import VALIDATION, split_name
from audit.train.runs.rows import rows_of

TEST: Final = "test"
"""The split that a model is judged by."""


class FileAsked(msgspec.Struct, frozen=True):
    """A data file: base name, SHA-256 of its bytes ("" for rows from Python), rows."""

    name: str
    sha256: str
    rows: int


class Question(NamedTuple):
    """One row to be asked about. ``chat`` is its prompt with the answer it has, ``answer`` the index of that answer
    among the messages (None where it has none). ``messages`` are those of the prompt in OpenAI's form, and ``problem``
    says why it cannot be asked ("" where it can). From the message ``lead`` on there stand examples, of which
    ``examples`` has the number of messages each; they are no part of the row."""

    row: int
    chat: Chat
    answer: int | None
    messages: tuple[dict[str, Json], ...]
    problem: str = ""
    examples: tuple[int, ...] = ()
    lead: int = 0

    @property
    def prompt(self) -> Chat:
        """The chat without its answer."""
        return (
            self.chat
            if self.answer is None
            else msgspec.structs.replace(self.chat, messages=self.chat.messages[: self.answer])
        )

    def with_examples(self, count: int) -> Question:
        """The question with the first ``count`` of its examples only."""
        start = self.lead + sum(self.examples[:count])
        end = self.lead + sum(self.examples)
        turns = self.chat.messages
        return self._replace(
            chat=msgspec.structs.replace(self.chat, messages=turns[:start] + turns[end:]),
            answer=None if self.answer is None else self.answer - (end - start),
            messages=self.messages[:start] + self.messages[end:],
            examples=self.examples[:count],
        )

    @property
    def prompt_sha256(self) -> str | None:
        """SHA-256 of the canonical JSON of messages and tools: the same for every model that is asked."""
        if self.problem:
            return None
        asked: dict[str, Json] = {"messages": self.messages}
        if self.chat.tools is not ABSENT:
            asked["tools"] = self.chat.tools
        encoded = msgspec.json.encode(writable(asked), order="sorted")
        return hashlib.sha256(encoded).hexdigest()


def writable(value: Json) -> Json:
    """The value with lone surrogates replaced, keys too: what is written is UTF-8."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        return {writable(key): writable(item) for key, item in value.items()}
    return [writable(item) for item in value] if isinstance(value, list | tuple) else value


def question_of(row: int, record: Record, *, labelled: bool = False) -> Question:
    """What a row asks. Bad rows are questions with a problem. A ``labelled`` row is asked as a classifier is trained,
    with nothing of its answer and what follows that, which may be or give away the label."""
    turns = record.chat.messages + record.chat.chosen
    if labelled and (answered_by := exchange(record).answer):
        turns = classified_question(record).messages + answered_by[:1]
    if not turns:
        return Question(row, record.chat, None, (), "no_messages: the row holds no conversation")
    answered = turns[-1].role == "assistant"
    chat = Chat(messages=turns, tools=record.chat.tools)
    before = turns[:-1] if answered else turns
    answer = len(before) if answered else None
    if not before:
        return Question(row, chat, answer, (), "no_prompt: nothing stands before the answer")
    try:
        messages = tuple(writable(message) for message in write_messages(_unweighted(before), Notes()))
        msgspec.json.encode(messages)
    except (Unwritable, RecursionError, TypeError, OverflowError, msgspec.EncodeError) as error:
        return Question(row, chat, answer, (), f"no_messages: {error}")
    return Question(row, chat, answer, messages)


def _unweighted(turns: Iterable[Message]) -> Iterator[Message]:
    return (msgspec.structs.replace(turn, weight=ABSENT) for turn in turns)


class Mark(NamedTuple):
    """Which question of its row it is: the row's own (``original``), one with another group in it (``swap``) or one
    edited within the group (``control``), with the name of their pair and the groups that were swapped."""

    variant: str = "original"
    pair_id: str | None = None
    swapped: Mapping[str, Json] | None = None


ORIGINAL: Final = Mark()


class QuestionSet(Protocol):
    """What is asked: questions by number, of rows that are read again whenever they are needed."""

    @property
    def rows(self) -> Sequence[int]:
        """The numbers of the questions, ascending."""

    @property
    def labels(self) -> Labels:
        """The labels that the data is recognised to have."""

    @property
    def files(self) -> tuple[FileAsked, ...]:
        """The files that the questions are from."""

    def __len__(self) -> int: ...

    def read(self, rows: Sequence[int]) -> Iterator[tuple[Question, Record]]:
        """Some questions, in the order given, each with its row."""

    def row_id(self, row: int) -> str:
        """``CONTENT_ID#N`` of the row of a question."""

    def cluster(self, row: int) -> str:
        """The same for questions that are no independent evidence."""

    def truth(self, row: int, question: Question, record: Record) -> str | None:
        """The label or the answer that the row has."""

    def attributes(self, row: int) -> Mapping[str, str]:
        """The group of the row for every configured attribute."""

    def mark(self, row: int) -> Mark:
        """Which question of its row it is."""

    def identity(self) -> Mapping[str, Json]:
        """What the questions depend on beside their rows, by name."""


class Questions:
    """All rows that are asked, by ordinal, ascending. They can be read again while ``asking`` lasts.

    ``split`` is the name of the split that they are of, "" for all rows.
    """

    def __init__(
        self,
        finished: Finished,
        driven: Driven,
        run: Run,
        only: str | None,
        run_folder: str | None,
        *,
        held_out: bool = False,
    ) -> None:
        self._finished = finished
        self.labels: Labels = recognise(finished, run)
        self.split = only or (_unseen(finished, run_folder) if held_out else "")
        self.rows: Sequence[int] = _chosen(finished, self.split, run_folder) if self.split else range(finished.rows)
        self.files = tuple(_files(driven))
        self._ids = row_ids(finished, self.rows)
        self._clusters = finished.clusters()
        self._first: dict[int, int] = {}
        for row in range(finished.rows):
            self._first.setdefault(self._clusters[row], row)
        self._cluster_ids = row_ids(finished, {self._first[self._clusters[row]] for row in self.rows})
        self._groups: dict[str, tuple[Sequence[str], Sequence[int]]] = {}
        for attribute in run.attributes:
            column = finished.attribute(attribute.name)
            self._groups[attribute.name] = (column.groups, column.codes) if not column.reason else ((), ())

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, rows: Sequence[int]) -> Iterator[tuple[Question, Record]]:
        """The questions of some rows, in the order given."""
        for row, record in zip(rows, self._finished.records(rows), strict=True):
            yield question_of(row, record, labelled=self._labelled(row)), record

    def _labelled(self, row: int) -> bool:
        return bool(self.labels) and self.labels.codes[row] != NO_LABEL

    def row_id(self, row: int) -> str:
        """``CONTENT_ID#N`` of a row."""
        return self._ids[row]

    def cluster(self, row: int) -> str:
        """The name of the first of the rows that are no independent evidence beside this one."""
        return self._cluster_ids[self._first[self._clusters[row]]]

    def truth(self, row: int, question: Question, record: Record) -> str | None:
        """The label of the row where the data is labelled, else the text of its answer; None where it has neither."""
        if self.labels:
            code = self.labels.codes[row]
            return None if code == NO_LABEL else self.labels.labels[code].text
        return answer_text(record) if question.answer is not None else None

    def attributes(self, row: int) -> Mapping[str, str]:
        """The group of the row for every configured attribute."""
        return {name: groups[codes[row]] if len(codes) else UNKNOWN for name, (groups, codes) in self._groups.items()}

    def mark(self, row: int) -> Mark:
        """The row's own question, always."""
        return ORIGINAL

    def identity(self) -> Mapping[str, Json]:
        """Nothing: the rows say it all."""
        return {}


@contextlib.contextmanager
def asking(
    data: Any,
    settings: Settings,
    *,
    only: str | None = None,
    run_folder: str | None = None,
    held_out: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[Questions]:
    """The questions of ``data`` (as for ``audit.check``) and of the splits that the settings name; with ``only`` those
    of one split, under any of the names that training knows it by. Where the data has none of that name, it is the
    split that the run in ``run_folder`` put rows into, such as those it held out. With ``held_out`` and no ``only`` it
    is the test split where there is one, else what the run held out, else all rows.

    Raises UsageError for a split that is none, and KeyboardInterrupt where the reading was interrupted.
    """
    run = make_run(settings)
    wanted: frozenset[Product] = LABELS | {"rows", "clusters"}
    if run.attributes:
        wanted |= {"attributes"}
    readers = readers_of(data, settings)
    with driving(readers, (), run, means(settings), progress, wanted=wanted) as (driven, finished):
        if driven.partial:
            raise KeyboardInterrupt
        yield Questions(finished, driven, run, only, run_folder, held_out=held_out)


def _unseen(finished: Finished, run_folder: str | None) -> str:
    """The split whose rows a run has not seen: ``test`` of the data, else what the run kept of them; "" for neither."""
    if any(split_name(name) == TEST for name in finished.splits):
        return TEST
    of_run = _rows_of_run(run_folder)
    if not of_run:
        return ""
    there = {of_run.get(row_id) for row_id in row_ids(finished, range(finished.rows)).values()}
    return next((name for name in (TEST, VALIDATION) if name in there), "")


def _chosen(finished: Finished, only: str, run_folder: str | None) -> Sequence[int]:
    """The rows of a split. Raises UsageError where there are none."""
    wanted = split_name(only)
    same = [name for name in finished.splits if name != DATA and split_name(name) == wanted]
    names = [only] if only in finished.splits else same
    codes = {code for code, name in enumerate(finished.splits) if name in names}
    if codes:
        return array("Q", (row for row, of in enumerate(finished.split_codes) if of in codes))
    of_run = _rows_of_run(run_folder)
    ids = row_ids(finished, range(finished.rows)) if of_run else {}
    found = array("Q", (row for row, row_id in sorted(ids.items()) if of_run.get(row_id) == wanted))
    if not found:
        known = [*finished.splits, *sorted(set(of_run.values()))]
        hint = did_you_mean(only, known) or f"splits: {', '.join(dict.fromkeys(known)) or 'none'}"
        raise UsageError(f"there is no split {only!r}", hint=hint)
    return found


def _rows_of_run(folder: str | None) -> dict[str, str]:
    """Which split each row of a run was in; nothing where the folder is none of a run."""
    return {} if folder is None else {row.row_id: row.split for row in rows_of(Path(folder))}


def _files(driven: Driven) -> Iterator[FileAsked]:
    rows = driven.outcome.rows_by_source
    for summary in driven.summaries:
        yield FileAsked(PurePath(summary.path).name or summary.path, summary.sha256, rows.get(summary.path, 0))

"""Other ways of asking the same rows: some of them, with examples before them, with another group in them. Asks nobody.

Each stands for a set of questions and reads the rows through the one that it is made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from audit.counterfactual import Variant
from audit.labels.recognise import Labels
from audit.model import Chat, Json, Message, Record
from audit.read.shapes.openai_sft import read_openai
from audit.train.prediction.questions import ORIGINAL, FileAsked, Mark, Question, QuestionSet, writable

LEADING: Final = ("system", "developer")
"""Roles that stand before everything else, examples included."""


class _Through:
    """A set of questions that says of a row what another set says of it."""

    def __init__(self, base: QuestionSet, rows: Sequence[int]) -> None:
        self._base = base
        self.rows: Sequence[int] = rows

    @property
    def labels(self) -> Labels:
        """Those of the data."""
        return self._base.labels

    @property
    def files(self) -> tuple[FileAsked, ...]:
        """The files that the questions are from."""
        return self._base.files

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, rows: Sequence[int]) -> Iterator[tuple[Question, Record]]:
        """Some questions, in the order given, each with its row."""
        return self._base.read(rows)

    def row_id(self, row: int) -> str:
        """``CONTENT_ID#N`` of the row of a question."""
        return self._base.row_id(row)

    def cluster(self, row: int) -> str:
        """The same for questions that are no independent evidence."""
        return self._base.cluster(row)

    def truth(self, row: int, question: Question, record: Record) -> str | None:
        """The label or the answer that the row has."""
        return self._base.truth(row, question, record)

    def attributes(self, row: int) -> Mapping[str, str]:
        """The group of the row for every configured attribute."""
        return self._base.attributes(row)

    def mark(self, row: int) -> Mark:
        """Which question of its row it is."""
        return self._base.mark(row)

    def identity(self) -> Mapping[str, Json]:
        """What the questions depend on beside their rows, by name."""
        return self._base.identity()


class Selected(_Through):
    """Some of the questions of another set, ``rows`` ascending."""


# ----------------------------------------------------------------------------- examples before the prompt


class Example(NamedTuple):
    """A row that is shown in the prompt: its turns with the answer, without a system prompt, as a chat has them and in
    OpenAI's form. ``place`` is ``FILE:LINE``."""

    turns: tuple[Message, ...]
    messages: tuple[dict[str, Json], ...]
    place: str


class Prompted(_Through):
    """The questions of another set with examples before each, behind the system prompt and in a fixed order."""

    def __init__(self, base: QuestionSet, examples: Sequence[Example]) -> None:
        super().__init__(base, base.rows)
        self._examples = tuple(examples)

    def read(self, rows: Sequence[int]) -> Iterator[tuple[Question, Record]]:
        """The questions, with all examples; what does not fit is left out where it is asked."""
        for question, record in self._base.read(rows):
            yield (question if question.problem else self._shown(question)), record

    def _shown(self, question: Question) -> Question:
        turns = question.chat.messages
        lead = next((at for at, turn in enumerate(turns) if turn.role not in LEADING), len(turns))
        told = tuple(turn for one in self._examples for turn in one.turns)
        before = tuple(message for one in self._examples for message in one.messages)
        return question._replace(
            chat=msgspec.structs.replace(question.chat, messages=turns[:lead] + told + turns[lead:]),
            answer=None if question.answer is None else question.answer + len(told),
            messages=question.messages[:lead] + before + question.messages[lead:],
            examples=tuple(len(one.turns) for one in self._examples),
            lead=lead,
        )

    def identity(self) -> Mapping[str, Json]:
        """The examples, as one hash."""
        told = writable([message for one in self._examples for message in one.messages])
        encoded = msgspec.json.encode(told, order="sorted")
        return {**self._base.identity(), "examples": hashlib.sha256(encoded).hexdigest()}


def example_of(question: Question, place: str) -> Example | None:
    """A row as an example: None where it cannot be asked or has no answer."""
    if question.problem or question.answer is None:
        return None
    turns = question.chat.messages[: question.answer + 1]
    lead = next((at for at, turn in enumerate(turns) if turn.role not in LEADING), len(turns))
    answer = {"role": "assistant", "content": writable(turns[-1].content)}
    if not isinstance(answer["content"], str) or not answer["content"].strip() or lead >= question.answer:
        return None
    return Example(turns[lead:], (*question.messages[lead:], answer), place)


# ----------------------------------------------------------------------------- another group in the prompt


class Varied(_Through):
    """The variants of some rows, in the order given, behind the rows of ``originals``; numbered from 0."""

    def __init__(self, base: QuestionSet, variants: Sequence[Variant], originals: Sequence[int] = ()) -> None:
        super().__init__(base, range(len(originals) + len(variants)))
        self._originals = tuple(originals)
        self._variants = tuple(variants)

    def _at(self, row: int) -> tuple[int, Variant | None]:
        """The row that a question is of, and the variant that it is."""
        if row < len(self._originals):
            return self._originals[row], None
        variant = self._variants[row - len(self._originals)]
        return variant.row, variant

    def read(self, rows: Sequence[int]) -> Iterator[tuple[Question, Record]]:
        """The questions as they are asked, each with the row that it was made of."""
        places = [self._at(row) for row in rows]
        read = self._base.read([of for of, _ in places])
        for row, (_, variant), (question, record) in zip(rows, places, read, strict=True):
            asked = question if variant is None or question.problem else _varied(question, variant)
            yield asked._replace(row=row), record

    def row_id(self, row: int) -> str:
        """That of the row which the question was made of."""
        return self._base.row_id(self._at(row)[0])

    def cluster(self, row: int) -> str:
        """That of the row which the question was made of."""
        return self._base.cluster(self._at(row)[0])

    def truth(self, row: int, question: Question, record: Record) -> str | None:
        """That of the row which the question was made of."""
        of = self._at(row)[0]
        return self._base.truth(of, question._replace(row=of), record)

    def attributes(self, row: int) -> Mapping[str, str]:
        """Those of the row as it was, of a swap, too."""
        return self._base.attributes(self._at(row)[0])

    def mark(self, row: int) -> Mark:
        """Which question of its row it is."""
        variant = self._at(row)[1]
        if variant is None:
            return ORIGINAL
        swapped = {"attribute": variant.attribute, "from": variant.from_group, "to": variant.to_group}
        return Mark(variant.kind, variant.pair_id, swapped)

    def identity(self) -> Mapping[str, Json]:
        """What was edited, as one hash."""
        told = [(one.kind, one.pair_id, self.row_id(at), one.messages) for at, one in self._numbered()]
        encoded = msgspec.json.encode(writable(told), order="sorted")
        return {**self._base.identity(), "variants": hashlib.sha256(encoded).hexdigest()}

    def _numbered(self) -> Iterator[tuple[int, Variant]]:
        return enumerate(self._variants, len(self._originals))


def _varied(question: Question, variant: Variant) -> Question:
    """The question with the messages of a variant and its own answer."""
    read = read_openai({"messages": list(variant.messages)})
    answer = () if question.answer is None else question.chat.messages[question.answer :]
    chat = Chat(messages=read.messages + answer, tools=question.chat.tools)
    return question._replace(
        chat=chat,
        answer=None if question.answer is None else len(read.messages),
        messages=tuple(dict(one) for one in variant.messages),
    )

"""Asks an OpenAI-compatible endpoint, many requests at a time. What fails is the error of its row.

What is asked for a question, and what an answer is, holds for batches, too (``audit.train.prediction.batched``).

Only the messages and the tools of a row's prompt are sent: no answers, labels, metadata or groups.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

import msgspec

from audit.model import Json
from audit.train.endpoints import Endpoint, Failed, Request, first_choice, text_of
from audit.train.prediction.answers import Answer
from audit.train.prediction.options import PredictOptions
from audit.train.prediction.questions import Question, QuestionSet, writable

AT_ONCE: Final = 256
"""Rows that are read at a time."""
MOST_COUNTED: Final = (1 << 53) - 1
"""The largest whole number that every reader of JSON reads exactly (RFC 8259, section 6)."""

Key: TypeAlias = tuple[int, int]
"""Which answer: the number of the question, and that of the sample."""
Limit: TypeAlias = Literal["max_tokens", "max_completion_tokens"]
"""What the longest reply is called. OpenAI's reasoning models refuse the first (code ``unsupported_parameter``), other
servers may not know the second."""
USUAL: Final[Limit] = "max_tokens"
NEWER: Final[Limit] = "max_completion_tokens"


class Learnt:
    """What a server taught us about its model: what it calls the longest reply."""

    def __init__(self) -> None:
        self.limit: Limit = USUAL


class RemoteModel:
    """Implements ``Answerer`` with an endpoint. ``learnt`` may be shared by several that ask the same model."""

    def __init__(self, endpoint: Endpoint, options: PredictOptions, seed: int, learnt: Learnt | None = None) -> None:
        self._endpoint = endpoint
        self._options = options
        self._seed = seed
        self._learnt = learnt or Learnt()

    def identity(self, questions: QuestionSet) -> Mapping[str, Json]:
        """The address without user, password and query, and the model's name there."""
        return {"endpoint": self._endpoint.shown, "model": self._endpoint.model}

    def answers(self, questions: QuestionSet, done: frozenset[Key]) -> Iterator[list[Answer]]:
        """Replies, as they come in; what was refused for the name of the limit is asked once more with the other."""
        again: list[Key] = []
        wanted = unanswered(questions, self._options.samples, done)
        yield from self._asked(questions, wanted, again if self._learnt.limit == USUAL else None)
        if again:
            yield from self._asked(questions, sorted(again), None)

    def _asked(self, questions: QuestionSet, wanted: Iterable[Key], again: list[Key] | None) -> Iterator[list[Answer]]:
        refused: list[Answer] = []
        for key, completion, seconds in self._endpoint.ask(self._requests(questions, wanted, refused)):
            if again is not None and wants_newer_limit(completion):
                self._learnt.limit = NEWER
                again.append(key)
                continue
            yield [*refused, answer_of(key, completion, seconds, logprobs=self._options.logprobs)]
            refused.clear()
        yield refused

    def _requests(
        self, questions: QuestionSet, wanted: Iterable[Key], refused: list[Answer]
    ) -> Iterator[tuple[Key, Request]]:
        for key, question in questions_of(questions, wanted):
            if question.problem:
                refused.append(Answer(row=key[0], sample=key[1], error=question.problem))
            else:
                row_id = questions.row_id(question.row)
                yield key, request_of(question, row_id, key[1], self._options, self._seed, self._learnt.limit)


# ----------------------------------------------------------------------------- what is asked


def unanswered(questions: QuestionSet, samples: int, done: Container[Key]) -> Iterator[Key]:
    """What is still to be asked, by rows and samples."""
    return ((row, sample) for row in questions.rows for sample in range(samples) if (row, sample) not in done)


def questions_of(questions: QuestionSet, wanted: Iterable[Key]) -> Iterator[tuple[Key, Question]]:
    """The question to each of some answers, which are taken as they are needed. Samples of a row stand together."""
    by_row = itertools.groupby(wanted, key=lambda key: key[0])
    while lot := [(row, list(keys)) for row, keys in itertools.islice(by_row, AT_ONCE)]:
        read = questions.read([row for row, _ in lot])
        for (_, keys), (question, _) in zip(lot, read, strict=True):
            for key in keys:
                yield key, question


def request_of(
    question: Question, row_id: str, sample: int, options: PredictOptions, seed: int, limit: Limit = USUAL
) -> Request:
    """What is asked for a question beside the model: its prompt and tools, and how it is to be answered."""
    request: dict[str, Json] = {
        "messages": list(question.messages),
        limit: options.max_new_tokens,
        "temperature": options.temperature,
        "seed": _seed(seed, row_id, sample),
    }
    if isinstance(question.chat.tools, list) and question.chat.tools:
        request["tools"] = writable(question.chat.tools)
    if options.logprobs:
        request["logprobs"] = True
    return request


def wants_newer_limit(completion: object) -> bool:
    """Whether a model refused the usual name of the limit and wants the newer one."""
    if not isinstance(completion, Failed) or completion.why != "refused":
        return False
    named = completion.code == "unsupported_parameter" and completion.param == USUAL
    return named or ("'max_tokens'" in completion.what and "max_completion_tokens" in completion.what)


def _seed(seed: int, row_id: str, sample: int) -> int:
    """31 bits of a hash of seed, row and sample."""
    digest = blake2b(f"{seed}:predict:{row_id}:{sample}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") >> 1


# ----------------------------------------------------------------------------- what came back


def answer_of(key: Key, completion: object | Failed, seconds: float | None, *, logprobs: bool) -> Answer:
    """The answer that a completion (as ``openai`` reads it) or a failure is, with the seconds that it took."""
    row, sample = key
    took = None if seconds is None else round(seconds, 3)
    said = completion if isinstance(completion, Failed) else _said(completion)
    if isinstance(said, Failed):
        return Answer(row=row, sample=sample, error=f"{said.why}: {said.what}", seconds=took)
    choice, usage = first_choice(completion), getattr(completion, "usage", None)
    finish = getattr(choice, "finish_reason", None)
    return Answer(
        row=row,
        sample=sample,
        output=said,
        finish_reason=finish if isinstance(finish, str) else None,
        token_logprobs=_logprobs(choice) if logprobs else None,
        seconds=took,
        prompt_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
    )


def _said(completion: object) -> str | Failed:
    """The text of a completion; calls of tools as JSON where it has no text."""
    text = text_of(completion)
    calls: Any = getattr(getattr(first_choice(completion), "message", None), "tool_calls", None)
    if not isinstance(text, Failed) or not isinstance(calls, list) or not calls:
        return text
    functions = [getattr(call, "function", None) for call in calls]
    plain = [
        {"name": str(getattr(one, "name", "")), "arguments": str(getattr(one, "arguments", ""))} for one in functions
    ]
    return msgspec.json.encode(writable({"tool_calls": plain})).decode()


def _logprobs(choice: object) -> tuple[float | None, ...] | None:
    """The logarithms that the server gave, None for one that cannot be; None where it gave none."""
    given = getattr(getattr(choice, "logprobs", None), "content", None)
    if not isinstance(given, list):
        return None
    return tuple(_logarithm(getattr(token, "logprob", None)) for token in given)


def _logarithm(value: object) -> float | None:
    """What can be the logarithm of a probability, None for anything else (of a ``true`` openai makes 1.0)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -sys.float_info.max <= value <= 0:
        return None
    return float(value)


def _count(usage: object, name: str) -> int | None:
    """A number of tokens, None for what cannot be one."""
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNTED else None

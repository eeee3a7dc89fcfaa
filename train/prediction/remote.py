"""Asks an OpenAI-compatible endpoint, many requests at a time. What fails is the error of its row.

Only the messages and the tools of a row's prompt are sent: no answers, labels, metadata or groups.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

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


class RemoteModel:
    """Implements ``Answerer`` with an endpoint."""

    def __init__(self, endpoint: Endpoint, options: PredictOptions, seed: int) -> None:
        self._endpoint = endpoint
        self._options = options
        self._seed = seed

    def identity(self, questions: QuestionSet) -> Mapping[str, Json]:
        """The address without user, password and query, and the model's name there."""
        return {"endpoint": self._endpoint.shown, "model": self._endpoint.model}

    def answers(self, questions: QuestionSet, done: frozenset[tuple[int, int]]) -> Iterator[list[Answer]]:
        """Replies, as they come in."""
        refused: list[Answer] = []
        for (row, sample), completion, seconds in self._endpoint.ask(self._requests(questions, done, refused)):
            yield [*refused, _answer(row, sample, completion, seconds, logprobs=self._options.logprobs)]
            refused.clear()
        yield refused

    def _requests(
        self, questions: QuestionSet, done: frozenset[tuple[int, int]], refused: list[Answer]
    ) -> Iterator[tuple[tuple[int, int], Request]]:
        samples = range(self._options.samples)
        rows = [row for row in questions.rows if any((row, sample) not in done for sample in samples)]
        for start in range(0, len(rows), AT_ONCE):
            for question, _ in questions.read(rows[start : start + AT_ONCE]):
                for sample in samples:
                    if (question.row, sample) in done:
                        continue
                    if question.problem:
                        refused.append(Answer(row=question.row, sample=sample, error=question.problem))
                    else:
                        yield (question.row, sample), self._request(question, questions.row_id(question.row), sample)

    def _request(self, question: Question, row_id: str, sample: int) -> Request:
        request: dict[str, Json] = {
            "messages": list(question.messages),
            "max_tokens": self._options.max_new_tokens,
            "temperature": self._options.temperature,
            "seed": _seed(self._seed, row_id, sample),
        }
        if isinstance(question.chat.tools, list) and question.chat.tools:
            request["tools"] = writable(question.chat.tools)
        if self._options.logprobs:
            request["logprobs"] = True
        return request


def _seed(seed: int, row_id: str, sample: int) -> int:
    """31 bits of a hash of seed, row and sample."""
    digest = blake2b(f"{seed}:predict:{row_id}:{sample}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") >> 1


def _answer(row: int, sample: int, completion: object | Failed, seconds: float, *, logprobs: bool) -> Answer:
    took = round(seconds, 3)
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

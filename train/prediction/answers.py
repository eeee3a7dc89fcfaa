"""One answer of a model to one row: what is kept of it while the others are asked. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import msgspec

from audit.model import Json
from audit.train.prediction.questions import QuestionSet

PASSING: Final = ("rate_limit", "server", "timeout", "connection", "expired")
"""Errors after which asking again may help."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came back for a row (its ordinal) and a sample, as ``audit predict`` writes it. ``error`` is a fixed word, a
    colon and what was found; ``output`` is then None. ``finish_reason`` is that of the model, ``label`` where labels
    were scored and ``answer`` where that of the row was. Logarithms are natural, ``seconds`` None in this process.
    ``examples`` is how many of the examples before the prompt were asked with, None where there were none."""

    row: int
    sample: int = 0
    output: str | None = None
    finish_reason: str | None = None
    error: str | None = None
    label_scores: Mapping[str, float] | None = None
    label_mass: float | None = None
    token_logprobs: tuple[float | None, ...] | None = None
    seconds: float | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    examples: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Which of the answers it is."""
        return self.row, self.sample

    @property
    def is_settled(self) -> bool:
        """Whether asking again would give the same."""
        return self.error is None or self.error.partition(":")[0] not in PASSING


class Answerer(Protocol):
    """Who is asked: a model in this process, or an endpoint."""

    def identity(self, questions: QuestionSet) -> Mapping[str, Json]:
        """All that the answers depend on beside rows and settings, by name."""

    def answers(self, questions: QuestionSet, done: frozenset[tuple[int, int]]) -> Iterator[list[Answer]]:
        """The answers to all questions but those that are ``done``, some at a time."""

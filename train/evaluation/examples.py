"""Examples for prompts: training rows that a seed draws, never one that is asked about. Asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from audit.config.settings import Settings
from audit.errors import InputError, UsageError
from audit.train.prediction.question_sets import Example, example_of
from audit.train.prediction.questions import Questions, QuestionSet, asking

AT_ONCE: Final = 512
"""Rows that are read at a time."""


def draw_examples(
    files: Sequence[str], questions: QuestionSet, settings: Settings, wanted: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], tuple[Example, ...]]:
    """Examples by seed and number: rows of the training files in an order that follows from the seed and from what the
    rows say, not from where they stand. Rows whose prompt or whose whole content is asked about are left out, and of
    rows with one prompt all but the first.

    Raises UsageError without training files, InputError where there are too few rows.
    """
    if not wanted:
        return {}
    if not files:
        raise UsageError("examples are drawn from the training data, and none is known", hint="--train train.jsonl")
    asked = _known(questions)
    plain = msgspec.structs.replace(settings, files=(), splits=())
    with asking(list(files), plain) as training:
        return {(seed, count): _drawn(training, asked, seed, count) for seed, count in sorted(set(wanted))}


def _known(questions: QuestionSet) -> frozenset[str]:
    """The hashes of all prompts that are asked, and the contents of their rows."""
    prompts = {question.prompt_sha256 or "" for question, _ in questions.read(questions.rows)}
    return frozenset({*prompts, *(_content(questions, row) for row in questions.rows)})


def _content(questions: QuestionSet, row: int) -> str:
    return questions.row_id(row).rpartition("#")[0]


def _drawn(training: Questions, asked: frozenset[str], seed: int, count: int) -> tuple[Example, ...]:
    order = sorted(training.rows, key=lambda row: (_key(seed, training.row_id(row)), row))
    found: list[Example] = []
    used: set[str] = set()
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        for question, record in training.read(rows):
            prompt = question.prompt_sha256 or ""
            example = example_of(question, f"{record.source.path.rpartition('/')[2]}:{record.line}")
            if example is None or prompt in asked | used or _content(training, question.row) in asked:
                continue
            used.add(prompt)
            found.append(example)
            if len(found) == count:
                return tuple(found)
    raise InputError(
        f"{count} examples were asked for, and {len(found)} training rows can be shown: others are asked about"
    )


def _key(seed: int, row_id: str) -> bytes:
    return blake2b(f"{seed}:examples:{row_id}".encode(), digest_size=8).digest()

"""Every text of the data scored by a model that somebody handed in. Judges no score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from audit.errors import AuditError
from audit.read.identity import content_id
from audit.rule import Context
from audit.rule.run import Scorer

BATCH: Final = 64
"""Texts that a scorer is given at a time."""
_MOST_KEPT: Final = 4096
"""Texts of which the scores are kept, for those that many rows share, such as a system prompt."""


class Scored(NamedTuple):
    """The scores of the text at the JSON Pointer ``at`` of a row. ``key`` tells it from every other by content."""

    row: int
    at: str
    key: str
    scores: Mapping[str, float]


class _Text(NamedTuple):
    row: int
    at: str
    key: str
    text: str


def scored(scorer: Scorer, context: Context, most_rows: int = 0) -> Iterator[Scored]:
    """Every text that somebody says, with its scores, in the order of the data; of at most ``most_rows`` rows, evenly
    spread (0 for all). The same text is scored once where it comes again soon. Raises AuditError where the scorer
    fails or answers with something else than a number from 0 to 1 for each category of each text."""
    known: dict[str, Mapping[str, float]] = {}
    texts = _texts(context, _chosen(context.rows, most_rows))
    while batch := list(islice(texts, BATCH)):
        if len(known) > _MOST_KEPT:
            known.clear()
        new = list(dict.fromkeys(one.text for one in batch if one.text not in known))
        if new:
            known.update(zip(new, _asked(scorer, new), strict=True))
        for one in batch:
            yield Scored(one.row, one.at, one.key, known[one.text])


def _chosen(rows: int, most: int) -> Sequence[int]:
    return range(rows) if not 0 < most < rows else [at * rows // most for at in range(most)]


def _texts(context: Context, rows: Sequence[int]) -> Iterator[_Text]:
    for row, record in zip(rows, context.records(rows), strict=True):
        identity = ""
        for message in record.turns:
            for at, text in message.texts():
                if text and not text.isspace():
                    identity = identity or content_id(record)
                    yield _Text(row, at, f"{identity} {at}", text)


def _asked(scorer: Scorer, texts: Sequence[str]) -> Iterable[Mapping[str, float]]:
    answers = list(scorer.score(texts))
    if len(answers) != len(texts):
        raise AuditError(f"{scorer.name} gave {len(answers)} answers to {len(texts)} texts")
    for answer in answers:
        for category, score in answer.items():
            if not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= score <= 1:
                raise AuditError(f"{scorer.name} gave {score!r} as the score of {category!r}; scores are from 0 to 1")
    return answers

"""Every text of the data scored by a model that somebody handed in. Judges no score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from audit.errors import AuditError
from audit.read.identity import content_id
from audit.rule import Context
from audit.rule.run import Scorer

BATCH: Final = 64
"""Texts that a scorer is given at a time."""
_LONGEST_NAME: Final = 60
"""Characters of the name of a scorer or of a category."""
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
    """The scores of some texts. Whatever a scorer of the user's own does is one error, without its words: they may
    hold the data."""
    name = name_of(scorer)
    try:
        answers = [_checked(name, answer) for answer in scorer.score(texts)]
    except AuditError:
        raise
    except (Exception, SystemExit) as error:
        raise AuditError(f"the scorer {name} failed: {type(error).__name__}") from error
    if len(answers) != len(texts):
        raise AuditError(f"{name} gave {len(answers)} answers to {len(texts)} texts")
    return answers


def name_of(scorer: Scorer) -> str:
    """What a scorer is called, cut; its type where it has no name."""
    try:
        given: object = scorer.name
    except Exception:  # noqa: BLE001 - of the user's own, which may do anything
        given = None
    return given[:_LONGEST_NAME] if isinstance(given, str) and given else type(scorer).__name__


def _checked(name: str, answer: Mapping[str, float]) -> Mapping[str, float]:
    """The scores of a text with categories that are cut. Raises AuditError for what is no number from 0 to 1."""
    scores: dict[str, float] = {}
    for category, score in answer.items():
        if not isinstance(category, str):
            raise AuditError(f"{name} gave a category that is no string but of type {type(category).__name__}")
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise AuditError(
                f"{name} gave a {type(score).__name__} as the score of {category[:_LONGEST_NAME]!r}"
                " that is no number from 0 to 1"
            )
        cut = category[:_LONGEST_NAME]
        scores[cut] = max(scores.get(cut, 0.0), float(score))
    return scores

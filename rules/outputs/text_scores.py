"""Scores of free-text answers by every metric, and how two arms compare on the same questions. Judges nothing.

Imports numpy.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import add
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audit.model import ABSENT
from audit.outputs.table import NO_ANSWER, Outputs
from audit.quality import machine_translation
from audit.quality.answer_types import AnswerType, answer_type
from audit.quality.numeric import same_number
from audit.quality.overlap import exact_match, is_cut, rouge_l, token_f1
from audit.quality.structured import json_answer, same_json
from audit.quality.tool_calls import Call, calls_in, due_calls, tool_names
from audit.rule import Context
from audit.rules.outputs.answer_texts import AnswerText, answer_texts
from audit.rules.outputs.changes import on_same_questions
from audit.rules.outputs.figures import rounded
from audit.statistics.paired import mean_over_clusters

Values = NDArray[np.float64]
Metric: TypeAlias = Literal["exact_match", "token_f1", "rouge_l", "chrf", "bleu", "numeric"]
Kind: TypeAlias = AnswerType | Literal["call"]
Verdict: TypeAlias = Literal["better", "worse", "unchanged", "undecided", "not estimable"]

METRICS: Final[tuple[Metric, ...]] = ("exact_match", "token_f1", "rouge_l", "chrf", "bleu", "numeric")
TITLES: Final[dict[Metric, str]] = {
    "exact_match": "exact match",
    "token_f1": "token F1",
    "rouge_l": "ROUGE-L",
    "chrf": "chrF",
    "bleu": "BLEU",
    "numeric": "right numbers",
}
CHOSEN: Final[dict[Kind, Metric]] = {
    "call": "exact_match",
    "json": "exact_match",
    "number": "numeric",
    "short": "token_f1",
    "long": "rouge_l",
}
"""The metric that decides, by the kind of answer that is due most often. For long answers one that needs no further
library, so that the same data is judged by the same metric everywhere."""
MOST_COUNTED: Final = 2_000
"""Questions of which chrF and BLEU are taken, at even distances: they take 4 ms an answer, all others 1 ms."""
LEAST_ALIKE: Final = 6
"""Questions with one and the same difference from which on it is no chance: 2 * 0.5**6 < 0.05, the exact sign test."""


class Scores(NamedTuple):
    """The answers of one arm: its outputs with a text and a true answer, and for each (n, metrics) the score from 0 to
    1, NaN where a metric is not for the kind of answer that is due. ``kinds`` has the kind of each, ``corpus`` the
    scores of all answers together, and ``cut`` counts those of which only a beginning was compared."""

    part: Outputs
    values: Values
    kinds: tuple[Kind, ...]
    corpus: Mapping[Metric, float]
    cut: int

    def of(self, metric: Metric) -> Values:
        return self.values[:, METRICS.index(metric)]


def scores_of(context: Context, outputs: Outputs, arm: str) -> Scores:
    """The scores of what an arm answered; no entries where nothing can be compared. Texts are read one by one."""
    part = outputs.of(arm)
    part = part.where(part.decided != NO_ANSWER)
    places, kinds, cut, ngrams = [], [], 0, _NGrams()
    step = -(-len(outputs.items) // MOST_COUNTED)
    table = array("d")
    for text in answer_texts(context, part):
        if text.output and text.truth:
            kind = _kind(text)
            places.append(text.at)
            kinds.append(kind)
            cut += is_cut(text.output, text.truth)
            counted = part.item[text.at] % step == 0
            table.extend(_score(metric, text, kind, ngrams if counted else None) for metric in METRICS)
    values = np.array(table, dtype=np.float64).reshape(len(places), len(METRICS))
    return Scores(part.where(np.array(places, dtype=np.int64)), values, tuple(kinds), ngrams.scores(), cut)


class _NGrams:
    """chrF and BLEU: of each answer while it is read, and of all of them."""

    def __init__(self) -> None:
        self._sums: dict[machine_translation.Score, list[int]] = {}

    def score(self, metric: machine_translation.Score, text: AnswerText) -> float:
        if machine_translation.why_not():
            return float("nan")
        counts = machine_translation.counts_of(metric, text.output, text.truth)
        self._sums[metric] = [*map(add, self._sums.get(metric, [0] * len(counts)), counts)]
        return machine_translation.sentence_score(metric, counts)

    def scores(self) -> dict[Metric, float]:
        return {metric: rounded(machine_translation.corpus_score(metric, sums)) for metric, sums in self._sums.items()}


def usual_kind(all_scores: Sequence[Scores]) -> Kind:
    """The kind of answer that is due most often over all arms, of two as frequent the first by name."""
    counts = Counter(kind for scores in all_scores for kind in scores.kinds)
    return min(counts, key=lambda kind: (-counts[kind], kind))


def _kind(text: AnswerText) -> Kind:
    return "call" if _calls_due(text) else answer_type(text.truth)


def _calls_due(text: AnswerText) -> tuple[Call, ...]:
    tools = tool_names(text.data.get("tools"))
    return due_calls(text.truth, tools) if tools else ()


def _score(metric: Metric, text: AnswerText, kind: Kind, ngrams: _NGrams | None) -> float:
    if metric == "exact_match":
        return _exact(text, kind)
    if metric == "numeric":
        return same_number(text.output, text.truth) if kind == "number" else float("nan")
    if metric == "chrf" or metric == "bleu":
        return float("nan") if ngrams is None else ngrams.score(metric, text)
    compare: Callable[[str, str], float] = token_f1 if metric == "token_f1" else rouge_l
    return compare(text.output, text.truth)


def _exact(text: AnswerText, kind: Kind) -> float:
    """Of JSON and of calls their meaning is compared, of other answers the words."""
    if kind == "call":
        ours = calls_in(text.output) or ()
        return float(same_json([*map(list, ours)], [*map(list, _calls_due(text))]))
    if kind == "json":
        value = json_answer(text.output)
        return float(value is not ABSENT and same_json(value, json_answer(text.truth)))
    return exact_match(text.output, text.truth)


# ----------------------------------------------------------------------------- two arms


class Paired(NamedTuple):
    """The mean difference of two arms over the questions that both answered, first less second, and what it says."""

    items: int
    first: float | None
    second: float | None
    difference: float | None
    interval: tuple[float, float] | None
    verdict: Verdict


def paired(first: Scores, second: Scores, metric: Metric) -> Paired:
    """How two arms compare by a metric. The answers of all seeds and samples of a question are averaged first."""
    same = on_same_questions(_known(first, metric), _known(second, metric))
    if same is None:
        return Paired(0, None, None, None, None, "not estimable")
    found = mean_over_clusters(same.differences, same.clusters)
    assert found is not None
    interval = None if found.interval is None else (rounded(found.interval[0]), rounded(found.interval[1]))
    verdict = verdict_of(found.value, found.interval, found.clusters)
    ours, theirs = (rounded(same.by_cluster(side).mean()) for side in (same.first, same.second))
    return Paired(same.n, ours, theirs, rounded(found.value), interval, verdict)


def verdict_of(difference: float, interval: tuple[float, float] | None, clusters: int) -> Verdict:
    """What a difference with its interval says. Where nothing varies, the interval is a point and says nothing: then
    ``LEAST_ALIKE`` questions must agree."""
    if interval is None:
        return "undecided"
    low, high = interval
    if high - low < 1e-12:
        if abs(difference) < 1e-12:
            return "unchanged"
        if clusters < LEAST_ALIKE:
            return "undecided"
    return "worse" if high < 0 else "better" if low > 0 else "undecided"


def _known(scores: Scores, metric: Metric) -> tuple[Outputs, Values]:
    """The outputs that the metric is for, with their scores."""
    values = scores.of(metric)
    known = ~np.isnan(values)
    return scores.part.where(known), values[known]

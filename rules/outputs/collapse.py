"""OUT205: the same answer to different prompts, far more often than is right. Judges no single answer."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from audit.labels.spelling import spelling_key
from audit.model import Json, Measure, Severity
from audit.outputs.arms import roles
from audit.outputs.table import OUT_OF_SET, Outputs
from audit.policy.words import percent, plural
from audit.quality.overlap import MOST_CHARACTERS
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.reporting import plain, quoted
from audit.rules.outputs.answer_texts import answer_texts
from audit.rules.outputs.figures import NEEDS, NOT_ESTIMABLE, Figure, arm_measure, rounded, share

if TYPE_CHECKING:
    from audit.clusters.settings import NearSettings

FREE, CLOSED = "free text", "closed set"
SIMILAR: Final = 0.8
SHINGLE: Final = 3
LEAST_WORDS: Final = 8
"""Answers are near-identical from this Jaccard similarity of their runs of ``SHINGLE`` words on, from so many words on;
shorter ones are compared whole."""


class Collapse(DatasetRule, frozen=True):
    """A model gives the same answer, or nearly the same, to different prompts.

    Training that went wrong often ends so: one sentence for every question, or one label for every case, which may
    still look good by accuracy where that label is frequent. Free text: the share of the questions that get the most
    frequent answer, near-identical ones taken together (Jaccard similarity of at least 0.8), is reported from `most`
    on. Labels: the share of the most frequent one is reported from `one_label` on. Either only where the
    lower end of the share's interval is above the share of the most frequent true answer, and on at least
    `least` questions: many right answers may be the same. Seeds of an arm are judged one by one, and an arm by
    its worst. Measures for each arm: ``outputs.collapse``, and of free text ``outputs.distinct``, the share of
    different words and pairs of words among all (distinct-1 and -2, Li et al. 2016, "A diversity-promoting objective
    function for neural conversation models", NAACL), beside that of the true answers.

    Bad:
        20 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "What is case {n}?"}], "output": "It is what it is.", "truth": "It is number {n}."}
    Good:
        20 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "What is case {n}?"}], "output": "It is number {n}.", "truth": "It is number {n}."}
    Do: look at the loss curve for divergence, lower the learning rate or train for fewer epochs, and weigh or resample
        the answers of training rows that are nearly all the same (`audit balance`).
    """  # noqa: E501

    code: ClassVar[str] = "OUT205"
    name: ClassVar[str] = "same-answer-to-everything"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {"select": ["OUT205"]}

    most: float = 0.5
    one_label: float = 0.98
    least: int = 20

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """How alike the answers of every arm are, and a hit for each arm but the base where they are too alike."""
        outputs = context.outputs()
        closed = bool(outputs.classes)
        base = roles(outputs, run).base
        found = {arm: _alike(outputs.of(arm), context, closed=closed) for arm in outputs.asked_arms}
        shares = {arm: one.worst.figure.value for arm, one in found.items() if one.worst is not None}
        for arm, one in found.items():
            collapsed = one.worst is not None and self._is_collapsed(one.worst, closed=closed)
            yield self._measure(arm, one, shares.get(base) if arm != base else None, closed=closed)
            if one.distinct is not None:
                yield self._distinct(arm, one)
            if collapsed and arm != base and one.worst is not None:
                yield self._hit(arm, one.worst, len(one.by_seed), closed=closed)

    def _is_collapsed(self, one: _Alike, *, closed: bool) -> bool:
        value, interval = one.figure.value, one.figure.interval
        if value is None or interval is None or one.questions < max(2, self.least):
            return False
        return value >= (self.one_label if closed else self.most) and interval[0] > (one.truth_share or 0.0)

    def _measure(self, arm: str, one: _Arm, base: float | None, *, closed: bool) -> Measure:
        worst = one.worst
        if worst is None:
            figure = Figure(value=None, n=0, reason=f"{NOT_ESTIMABLE}it gave no answer")
            return arm_measure(self, "outputs.collapse", arm, figure, f"{arm}: {figure.words}.", {"by_seed": []})
        table: dict[str, Json] = {
            "kind": CLOSED if closed else FREE,
            "answer": plain(worst.answer),
            "prompts": worst.figure.hits,
            "share": worst.figure.value,
            "truth_share": worst.truth_share,
            "seed": worst.seed,
            "wordings": worst.wordings,
            "base_share": base,
            "by_seed": [
                {"seed": seed, "n": each.figure.n, "hits": each.figure.hits, "value": each.figure.value}
                for seed, each in sorted(one.by_seed.items())
            ],
        }
        return arm_measure(
            self, "outputs.collapse", arm, worst.figure, f"{_sentence(arm, worst, len(one.by_seed))}.", table
        )

    def _distinct(self, arm: str, one: _Arm) -> Measure:
        assert one.distinct is not None
        return self.measure(
            "outputs.distinct", one.distinct["distinct_2"], arm=arm, n=one.distinct["outputs"], table=one.distinct
        )

    def _hit(self, arm: str, one: _Alike, seeds: int, *, closed: bool) -> Hit:
        evidence: dict[str, Json] = {
            "arm": arm,
            "seed": one.seed,
            "kind": CLOSED if closed else FREE,
            "questions": one.questions,
            "alike": one.figure.hits,
            "share": one.figure.value,
            "truth_share": one.truth_share,
            "wordings": one.wordings,
        }
        return self.hit(_sentence(arm, one, seeds), scope="dataset", key=f"{arm}\x1fcollapse", evidence=evidence)


class _Alike(NamedTuple):
    """The most frequent answer of one replicate: how many of its ``questions`` get it, in how many wordings, and the
    share of the most frequent true answer to them (None where no truth is known)."""

    seed: int
    answer: str
    figure: Figure
    questions: int
    wordings: int
    truth_share: float | None


class _Arm(NamedTuple):
    """The replicates of an arm, the one whose answers are most alike, and how varied the words of all are."""

    by_seed: Mapping[int, _Alike]
    worst: _Alike | None
    distinct: dict[str, Json] | None


class _Given(NamedTuple):
    """Answers to different questions with their true answers ("" for none); by the index of the output."""

    at: Sequence[int]
    answers: Sequence[str]
    truths: Sequence[str]

    def taken(self, places: Sequence[int]) -> _Given:
        """Those at some places."""
        answers, truths = ([column[at] for at in places] for column in (self.answers, self.truths))
        return _Given([self.at[at] for at in places], answers, truths)


def _alike(part: Outputs, context: Context, *, closed: bool) -> _Arm:
    import numpy as np

    part = part.where(part.answered)
    given = _labels(part, context) if closed else _texts(part, context)
    seeds = part.seed[np.array(given.at, dtype=np.int64)]
    by_seed = {}
    for seed in np.unique(seeds).tolist():
        own = np.flatnonzero(seeds == seed).tolist()
        by_seed[seed] = _replicate(part, given.taken(own), seed, closed=closed)
    worst = max(by_seed.values(), key=lambda one: (one.figure.value or 0.0, one.questions), default=None)
    return _Arm(by_seed, worst, None if closed or not by_seed else _distinct_words(part, given))


def _labels(part: Outputs, context: Context) -> _Given:
    """Labels by their name, answers out of the set by their text, spelling aside."""
    import numpy as np

    decided = [part.classes[code] if code >= 0 else "" for code in part.decided.tolist()]
    outside = np.flatnonzero(part.decided == OUT_OF_SET)
    spelt: dict[str, str] = {}
    for one in answer_texts(context, part.where(outside)):
        answer = one.output[:MOST_CHARACTERS]
        decided[int(outside[one.at])] = spelt.setdefault(spelling_key(answer), answer)
    truths = [part.classes[code] if code >= 0 else "" for code in part.truth.tolist()]
    return _Given(list(range(len(part))), decided, truths)


def _texts(part: Outputs, context: Context) -> _Given:
    at, answers, truths = array("q"), list[str](), list[str]()
    for one in answer_texts(context, part):
        at.append(one.at)
        answers.append(one.output[:MOST_CHARACTERS])
        truths.append(one.truth[:MOST_CHARACTERS])
    return _Given(at, answers, truths)


def _replicate(part: Outputs, given: _Given, seed: int, *, closed: bool) -> _Alike:
    import numpy as np

    groups = _grouped(given.answers, closed=closed)
    ((largest, _),) = Counter(groups).most_common(1)
    marks = np.array([group == largest for group in groups], dtype=bool)
    at = np.array(given.at, dtype=np.int64)
    alike = [answer for answer, group in zip(given.answers, groups, strict=True) if group == largest]
    truths = [truth for truth in given.truths if truth]
    known = Counter(_grouped(truths, closed=closed)).most_common(1)
    return _Alike(
        seed=seed,
        answer=Counter(alike).most_common(1)[0][0],
        figure=share(marks, part.cluster[at]),
        questions=len(np.unique(part.item[at])),
        wordings=len(set(alike)),
        truth_share=rounded(known[0][1] / len(truths)) if known else None,
    )


def _grouped(answers: Sequence[str], *, closed: bool) -> list[int]:
    """A number for each answer, the same for those that say the same; of free text for near-identical ones, too."""
    if closed:
        known = {answer: at for at, answer in reversed(list(enumerate(answers)))}
        return [known[answer] for answer in answers]
    from audit.clusters.builder import NearBuilder
    from audit.clusters.units import units

    keys = [b" ".join(units(answer)) or answer.encode("utf-8", "surrogatepass") for answer in answers]
    numbers: dict[bytes, int] = {}
    for key in keys:
        numbers.setdefault(key, len(numbers))
    distinct = [key.decode("utf-8", "surrogatepass") for key in numbers]
    builder = NearBuilder(_settings())
    builder.add(distinct)
    near = builder.finish(lambda rows: (distinct[row] for row in rows))
    leaders = {member: cluster.survivor for cluster in near.clusters for member in cluster.members}
    return [leaders.get(numbers[key], numbers[key]) for key in keys]


def _settings() -> NearSettings:
    from audit.clusters.settings import NearSettings

    return NearSettings(threshold=SIMILAR, shingle=SHINGLE, min_units=LEAST_WORDS)


def _distinct_words(part: Outputs, given: _Given) -> dict[str, Json]:
    """distinct-1 and -2 of all replicates: the mean of theirs, since one alone has fewer words to repeat."""
    import numpy as np

    seeds = part.seed[np.array(given.at, dtype=np.int64)]
    found = []
    for seed in np.unique(seeds).tolist():
        own = [answer for answer, of in zip(given.answers, seeds.tolist(), strict=True) if of == seed]
        words, one, two = _distinct_of(own)
        found.append({"seed": seed, "n": len(own), "value": two, "distinct_1": one, "words": words})
    truths = list(
        {int(part.item[at]): truth for at, truth in zip(given.at, given.truths, strict=True) if truth}.values()
    )
    return {
        "distinct_1": rounded(sum(one["distinct_1"] for one in found) / len(found)),
        "distinct_2": rounded(sum(one["value"] for one in found) / len(found)),
        "words": sum(one["words"] for one in found),
        "outputs": len(given.answers),
        "truth": dict(zip(("words", "distinct_1", "distinct_2"), _distinct_of(truths), strict=True))
        if truths
        else None,
        "by_seed": found,
    }


def _distinct_of(texts: Iterable[str]) -> tuple[int, float, float]:
    """How many words there are, and the shares of different words and of different pairs among all (0 of none)."""
    from audit.clusters.units import units

    words, pairs, total, joined = set(), set(), 0, 0
    for text in texts:
        row = units(text)
        total += len(row)
        words.update(row)
        behind = list(_pairs(row))
        joined += len(behind)
        pairs.update(behind)
    return total, rounded(len(words) / total) if total else 0.0, rounded(len(pairs) / joined) if joined else 0.0


def _pairs(row: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return pairwise(row)


def _sentence(arm: str, one: _Alike, seeds: int) -> str:
    wordings = f", in {one.wordings:,} wordings" if one.wordings > 1 else ""
    if one.figure.hits == 1 < one.figure.n:
        return f"{arm} gives no two of {one.figure.n:,} outputs the same answer"
    which = f" (seed {one.seed}, the worst of {seeds})" if seeds > 1 else ""
    said = (
        f"{arm}{which} gives the same answer, {quoted(one.answer)}, to {one.figure.hits:,} of "
        f"{plural(one.figure.n, 'output')} ({percent(one.figure.value or 0.0)}){wordings}"
    )
    if one.truth_share is None:
        return f"{said}; no true answers are known"
    return f"{said}; the most frequent true answer is right for {percent(one.truth_share)} of them"

"""OUT209: entities or lists that were to be extracted: how many of them were found, and how many are wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from audit.model import ABSENT, Json, Measure, Severity
from audit.outputs.arms import roles
from audit.outputs.table import NO_ANSWER, Outputs
from audit.policy.words import percent, plural
from audit.quality.structured import SetScore, json_answer, set_score
from audit.quality.tool_calls import due_calls, tool_names
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.reporting import plain
from audit.rules.outputs.answer_texts import AnswerText, answer_texts
from audit.rules.outputs.figures import (
    NEEDS,
    NOT_ESTIMABLE,
    Figure,
    arm_measure,
    by_seed_at,
    linearised,
    mean,
    or_none,
    rounded,
    why_not_judged,
)

if TYPE_CHECKING:
    from audit.rules.outputs.figures import Codes


class FewExtracted(DatasetRule, frozen=True):
    """Lists or records that a model extracts hold too few of the entries that are due, or too many others.

    Of every answer whose true answer is a list or an object of JSON, the entries are compared as sets (an entry that is
    due twice counts twice): of an object each key with each of its values, texts without case and outer spaces. An
    answer that is no JSON has none. Reported is a judged arm with a micro F1 below `min_f1`; without it there is no
    finding. Measure for each arm: ``outputs.set_f1``, with precision and recall over all entries and by answer.

    Bad:
        5 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Who met Ada and Alan in room {n}?"}], "output": "[\\"Bob {n}\\"]", "truth": "[\\"Ada {n}\\", \\"Alan\\"]"}
    Good:
        5 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Who met Ada and Alan in room {n}?"}], "output": "[\\"Alan\\", \\"Ada {n}\\"]", "truth": "[\\"Ada {n}\\", \\"Alan\\"]"}
    Do: look at which entries are missed; train on rows that hold all of them, and name the form in the prompt.
    """  # noqa: E501

    code: ClassVar[str] = "OUT209"
    name: ClassVar[str] = "few-extracted"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {"rules": {"OUT209": {"min_f1": 0.9}}}

    min_f1: float = 0.0

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Precision, recall and F1 of every arm; nothing where no list is due."""
        outputs = context.outputs()
        if outputs.classes:
            return
        extracted = {arm: _extracted(context, outputs, arm) for arm in outputs.asked_arms}
        if not any(one.scores for one in extracted.values()):
            return
        for arm, own in extracted.items():
            reason = why_not_judged(outputs, arm)
            figure = Figure(value=None, n=0, reason=reason) if reason else own.micro_f1()
            measure = arm_measure(self, "outputs.set_f1", arm, figure, own.sentence(arm, figure), own.table())
            yield measure
            if arm == roles(outputs, run).judged and figure.value is not None and figure.value < self.min_f1:
                yield self.hit(
                    f"{plain(arm)}: the F1 of extracted entries is {figure.words}, below the {percent(self.min_f1)} "
                    f"asked for",
                    scope="dataset",
                    key=arm,
                    evidence={"arm": arm, "f1": figure.value, "min_f1": self.min_f1, "n": figure.n},
                )


class _Extracted(NamedTuple):
    """The answers of one arm to which a list or an object is due, their scores, and how many of them are no JSON."""

    part: Outputs
    scores: Sequence[SetScore]
    unreadable: int

    @property
    def together(self) -> SetScore:
        """All entries of all answers."""
        return SetScore(*(sum(one[at] for one in self.scores) for at in range(3)))

    def micro_f1(self, at: Codes | None = None) -> Figure:
        """Over the entries of some answers (all of them where none are named), with the interval of a ratio."""
        import numpy as np

        places = np.arange(len(self.scores)) if at is None else at
        cells = np.array([self.scores[place] for place in places.tolist()], dtype=np.float64).reshape(-1, 3)
        hits, both = 2 * cells[:, 0], cells[:, 1] + cells[:, 2]
        if not both.sum():
            why = "no entry is due, and none was given" if len(cells) else "no list is due"
            return Figure(value=None, n=len(cells), reason=f"{NOT_ESTIMABLE}{why}")
        value = float(hits.sum() / both.sum())
        return linearised(value, (hits - value * both) / both.sum(), self.part.cluster[places])

    def by_answer(self) -> Figure:
        """The mean F1 of the answers."""
        import numpy as np

        return mean(np.array([one.f1 for one in self.scores], dtype=np.float64), self.part.cluster)

    def table(self) -> dict[str, Json]:
        from statistics import fmean

        hits, given, due = self.together
        found = self.by_answer()
        answers: dict[str, Json] = {"precision": None, "recall": None, "f1": None, "interval": None}
        if self.scores:
            answers = {
                "precision": rounded(fmean(one.precision for one in self.scores)),
                "recall": rounded(fmean(one.recall for one in self.scores)),
                "f1": found.value,
                "interval": None if found.interval is None else list(found.interval),
            }
        return {
            "precision": or_none(hits / given) if given else None,
            "recall": or_none(hits / due) if due else None,
            "entries": {"hits": hits, "given": given, "due": due},
            "item_mean": answers,
            "unreadable": self.unreadable,
            "by_seed": by_seed_at(self.part, self.micro_f1),
        }

    def sentence(self, arm: str, figure: Figure) -> str:
        if figure.value is None:
            return f"{arm}: {figure.reason}."
        hits, given, due = self.together
        unreadable = f"; {plural(self.unreadable, 'answer')} cannot be read as JSON" if self.unreadable else ""
        return (
            f"{arm} found {hits:,} of {due:,} entries that are due and gave {given - hits:,} others: "
            f"an F1 of {figure.words} over {plural(figure.n, 'answer')}{unreadable}."
        )


def _extracted(context: Context, outputs: Outputs, arm: str) -> _Extracted:
    import numpy as np

    part = outputs.of(arm)
    part = part.where(part.decided != NO_ANSWER)
    places, scores, unreadable = list[int](), list[SetScore](), 0
    for text in answer_texts(context, part):
        if (truth := _due(text)) is not ABSENT:
            answer = json_answer(text.output, fenced=True)
            places.append(text.at)
            scores.append(set_score(answer, truth))
            unreadable += answer is ABSENT
    return _Extracted(part.where(np.array(places, dtype=np.int64)), scores, unreadable)


def _due(text: AnswerText) -> Json:
    """The list or object that is due, ``ABSENT`` where none is; calls of tools are OUT203's and OUT208's."""
    tools = tool_names(text.data.get("tools"))
    return ABSENT if tools and due_calls(text.truth, tools) else json_answer(text.truth)

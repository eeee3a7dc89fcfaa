"""OUT208: how near free-text answers come to the true ones, and whether an arm got worse. Judges no labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from audit.model import Json, Measure, Severity
from audit.outputs.arms import roles
from audit.policy.words import percent, plural
from audit.quality import machine_translation
from audit.quality.overlap import MOST_CHARACTERS
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.reporting import plain
from audit.rules.outputs.figures import (
    NEEDS,
    NOT_ESTIMABLE,
    Figure,
    arm_measure,
    by_seed_at,
    mean,
    of_figure,
    why_not_judged,
)

if TYPE_CHECKING:
    from audit.rules.outputs.figures import Codes
    from audit.rules.outputs.text_scores import Kind, Metric, Paired, Scores


class WorseText(DatasetRule, frozen=True):
    """The free-text answers of the judged model are further from the true ones than those of the model before.

    Six metrics are shown and one decides, by the kind of answer that is due most often: right numbers where answers are
    calculated (the last number, or that behind `####`), exact match for JSON and calls of tools, token F1 (as SQuAD
    counts it) for a few words, ROUGE-L for longer answers. chrF and BLEU come from sacrebleu where it is installed, for
    up to 2,000 questions.
    Reported is a judged arm that is worse than the base or than the arm without remediation: on the questions that both
    answered, with the whole 95 % interval of the mean difference. No metric of words knows whether an answer is true.
    Measure for each arm: ``outputs.quality``, a table by metric.

    Bad:
        7 x {"row_id": "a{n}", "arm": "base", "messages": [{"role": "user", "content": "What is {n} times 100?"}], "output": "{n}00", "truth": "{n}00"}
        8 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "What is {n} times 100?"}], "output": "{n}07", "truth": "{n}00"}
    Good:
        7 x {"row_id": "a{n}", "arm": "base", "messages": [{"role": "user", "content": "What is {n} times 100?"}], "output": "{n}07", "truth": "{n}00"}
        8 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "What is {n} times 100?"}], "output": "{n}00", "truth": "{n}00"}
    Do: read the answers that got worse; train fewer steps, at a lower rate, or on answers as good as those of the base.
    """  # noqa: E501

    code: ClassVar[str] = "OUT208"
    name: ClassVar[str] = "worse-text"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS
    judges: ClassVar = "outputs"

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The metrics of every arm, and a hit where the judged one got worse; nothing where answers are labels or no
        true answer is known."""
        outputs = context.outputs()
        if outputs.classes:
            return
        from audit.rules.outputs.text_scores import CHOSEN, scores_of, usual_kind

        scores = {arm: scores_of(context, outputs, arm) for arm in outputs.asked_arms}
        if not any(len(one.part) for one in scores.values()):
            return
        kind = usual_kind(list(scores.values()))
        judged, compared, base = roles(outputs, run)
        for arm, own in scores.items():
            others = [other for other in (base, compared) if other] if arm == judged else []
            told = _Arm(self, arm, own, kind, why_not_judged(outputs, arm))
            against = {other: told.against(scores[other]) for other in others}
            yield told.measure(against)
            yield from told.hits({other: found[CHOSEN[kind]] for other, found in against.items()})


class _Arm:
    """The scores of one arm, and the metric that decides by the ``kind`` of answer that is due."""

    def __init__(self, rule: WorseText, arm: str, scores: Scores, kind: Kind, reason: str) -> None:
        from audit.rules.outputs.text_scores import CHOSEN

        self.rule, self.arm, self.scores, self.kind = rule, arm, scores, kind
        self.chosen: Metric = CHOSEN[kind]
        self.reason = reason or ("" if len(scores.part) else f"{NOT_ESTIMABLE}no true answer is known")

    def figure(self, metric: Metric) -> Figure:
        import numpy as np

        if self.reason:
            return Figure(value=None, n=0, reason=self.reason)
        values = self.scores.of(metric)
        known = ~np.isnan(values)
        if known.any():
            return mean(values[known], self.scores.part.cluster[known])
        missing = machine_translation.why_not() if metric in ("chrf", "bleu") else ""
        return Figure(value=None, n=0, reason=missing or f"{NOT_ESTIMABLE}no true answer is a number")

    def against(self, other: Scores) -> Mapping[Metric, Paired]:
        from audit.rules.outputs.text_scores import METRICS, paired

        return {metric: paired(self.scores, other, metric) for metric in METRICS}

    def measure(self, against: Mapping[str, Mapping[Metric, Paired]]) -> Measure:
        from audit.rules.outputs.text_scores import METRICS, MOST_COUNTED

        figure = self.figure(self.chosen)
        kinds = Counter(self.scores.kinds)
        metrics: list[Json] = []
        for metric in METRICS:
            found = self.figure(metric)
            entry: dict[str, Json] = {"metric": metric, **of_figure(found), "reason": found.reason}
            if metric in self.scores.corpus:
                entry |= {"corpus": self.scores.corpus[metric], "source": machine_translation.signature()}
            metrics.append(entry)
        table: dict[str, Json] = {
            "items": len(set(self.scores.part.item.tolist())),
            "chosen": self.chosen,
            "answer_type": self.kind,
            "cut": self.scores.cut,
            "most_characters": MOST_CHARACTERS,
            "most_counted": MOST_COUNTED,
            "types": {kind: kinds[kind] for kind in sorted(kinds)},
            "metrics": metrics,
            "against": list(self._compared(against)),
            "by_seed": [] if self.reason else by_seed_at(self.scores.part, self._of_seed),
        }
        return arm_measure(self.rule, "outputs.quality", self.arm, figure, self._sentence(figure), table)

    def _of_seed(self, at: Codes) -> Figure:
        import numpy as np

        values = self.scores.of(self.chosen)[at]
        known = ~np.isnan(values)
        return mean(values[known], self.scores.part.cluster[at][known])

    def _sentence(self, figure: Figure) -> str:
        from audit.rules.outputs.text_scores import TITLES

        if self.reason:
            return f"{self.arm}: {self.reason}."
        cut = f"; of {self.scores.cut:,} only the beginning was compared" if self.scores.cut else ""
        return f"{self.arm}: {TITLES[self.chosen]} {figure.words} over {plural(figure.n, 'answer')}{cut}."

    def _compared(self, against: Mapping[str, Mapping[Metric, Paired]]) -> Iterator[Json]:
        for other, by_metric in against.items():
            for metric, found in by_metric.items():
                yield {
                    "arm": other,
                    "metric": metric,
                    "items": found.items,
                    "difference": found.difference,
                    "interval": None if found.interval is None else list(found.interval),
                    "verdict": found.verdict,
                    "sentence": self._told(other, metric, found),
                }

    def _told(self, other: str, metric: Metric, found: Paired) -> str:
        from audit.rules.outputs.text_scores import TITLES

        if found.difference is None or found.first is None or found.second is None:
            return f"{TITLES[metric]}: {NOT_ESTIMABLE}{self.arm} and {other} have no question in common."
        start = f"{TITLES[metric]} {percent(found.first)}, {other} {percent(found.second)} on the same {found.items:,}"
        points = f"{abs(100 * found.difference):.1f}"
        ends = "" if found.interval is None else f" ({' to '.join(map(_points, found.interval))})"
        said = {
            "better": f"{points} points better{ends}",
            "worse": f"{points} points worse{ends}",
            "unchanged": "unchanged in every one",
            "undecided": f"{points} points apart{ends}, which decides nothing",
            "not estimable": "not estimable",
        }[found.verdict]
        return f"{start}: {said}."

    def hits(self, against: Mapping[str, Paired]) -> Iterator[Hit]:
        """The arms that did better, by the metric that decides."""
        for other, found in against.items():
            if found.verdict == "worse":
                yield self.rule.hit(
                    f"{plain(self.arm)}: {self._told(plain(other), self.chosen, found).removesuffix('.')}",
                    scope="dataset",
                    key=f"{self.arm}\x1f{other}",
                    evidence={
                        "arm": self.arm,
                        "against": other,
                        "metric": self.chosen,
                        "difference": found.difference,
                        "interval": None if found.interval is None else list(found.interval),
                        "items": found.items,
                    },
                )


def _points(difference: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * difference:+.1f}".replace("-0.0", "0").replace("+0.0", "0")

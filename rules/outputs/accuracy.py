"""OUT201: how often the answers of an arm are right, where they are labels. Compares no groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import Json, Measure, Severity
from audit.outputs.arms import roles
from audit.outputs.table import NO_ANSWER, OUT_OF_SET, Outputs
from audit.outputs.threshold import favourable_codes
from audit.policy.words import percent, plural
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.reporting import plain, quoted
from audit.rules.outputs.figures import (
    NEEDS,
    NOT_ESTIMABLE,
    Figure,
    arm_measure,
    arms_to_report,
    by_seed,
    mean,
    of_figure,
    or_none,
    share,
    why_not_judged,
)

if TYPE_CHECKING:
    from audit.rules.outputs.class_metrics import ByClass
    from audit.rules.outputs.decision_rule import Decision

MOST_OUTSIDE: Final = 0.05
"""Of the true answers, the share that may be none of the labels."""


class LowAccuracy(DatasetRule, frozen=True):
    """The answers of a model are wrong more often than is asked for, or no better than always giving one label.

    What counts is the label that the text of the output says. An answer that is none of the labels is wrong; one that
    is missing is left out here and reported by OUT212. Bounds are `min_accuracy`, `min_f1` for the macro F1 and
    `min_class_f1` for the F1 of every class, from 0 to 1. Without them a finding says that an arm is, with its whole
    interval, not better than always giving the most frequent label or worse than chance; that the text of outputs whose
    labels were scored is not the likeliest label; or that more than 5 % of the true answers are none of the labels.
    Seeds of an arm are taken together, and a question counts as one whatever the number of its answers. Accuracy is
    agreement with the labels of the test data, which may carry the bias of whoever gave them. Measures for each arm:
    ``outputs.accuracy``, ``outputs.balanced_accuracy``, ``outputs.f1`` (macro, with every class and the confusion
    table), ``outputs.auc`` (of two classes) and ``outputs.decision``.

    Bad:
        15 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "deny", "truth": "grant"}
        10 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "grant", "truth": "grant"}
        15 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "deny"}
    Good:
        25 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant"}
        15 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny"}
    Do: look at the confusion table and at the wrong answers; train longer, on more or on cleaner rows, and check that
        the prompts of training and test are built alike.
    """  # noqa: E501

    code: ClassVar[str] = "OUT201"
    name: ClassVar[str] = "low-accuracy"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS
    judges: ClassVar = "outputs"

    min_accuracy: float = 0.0
    min_f1: float = 0.0
    min_class_f1: float = 0.0
    min_n: int = 30

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The figures of every arm, and what lies below a bound; nothing where answers are free text."""
        from audit.rules.outputs.decision_rule import decision_of

        outputs = context.outputs()
        if not outputs.classes:
            return
        reported = arms_to_report(outputs, run)
        for arm in outputs.arms:
            told = _Arm(self, outputs, arm, run)
            yield from told.measures()
            if arm in reported:
                yield from told.no_better()
            if arm == roles(outputs, run).judged:
                yield from told.below()
                yield from told.truths_outside(context)
            if not why_not_judged(outputs, arm) and arm not in outputs.derived:
                decision = decision_of(outputs, arm)
                yield arm_measure(self, "outputs.decision", arm, decision.out_of_set, decision.sentence, decision.table)
                if decision.disagreeing:
                    yield told.other_text(decision)


class _Arm:
    """The figures of one arm. ``part`` are its outputs with an answer to a question of which the truth is known."""

    def __init__(self, rule: LowAccuracy, outputs: Outputs, arm: str, run: Run) -> None:
        self.rule, self.outputs, self.arm = rule, outputs, arm
        self.asked = outputs.of(arm)
        self.part = self.asked.where((self.asked.truth >= 0) & (self.asked.decided != NO_ANSWER))
        self.reason = why_not_judged(outputs, arm) or ("" if len(self.part) else f"{NOT_ESTIMABLE}no truth is known")
        self.accuracy = Figure(value=None, n=0, reason=self.reason) if self.reason else _accuracy(self.part)
        wanted = favourable_codes(outputs, run.fields.favourable)
        self.positive = int(wanted[0]) if len(wanted) == 1 else len(outputs.classes) - 1

    def measures(self) -> Iterator[Measure]:
        yield arm_measure(self.rule, "outputs.accuracy", self.arm, self.accuracy, self._told(), self._table)
        if self.reason:
            return
        balanced = _balanced(self.part)
        sentence = f"{self.arm}: the mean recall of the classes is {balanced.words}."
        table: dict[str, Json] = {"by_seed": by_seed(self.part, _balanced)}
        yield arm_measure(self.rule, "outputs.balanced_accuracy", self.arm, balanced, sentence, table)
        yield self._f1()
        yield from self._auc()

    @cached_property
    def _table(self) -> dict[str, Json]:
        import numpy as np

        part, asked = self.part, self.asked
        table: dict[str, Json] = {
            "items": len(np.unique(part.item)),
            "missing": int((asked.decided == NO_ANSWER).sum()),
            "out_of_set": int((part.decided == OUT_OF_SET).sum()),
            "without_truth": int((asked.truth < 0).sum()),
            "by_seed": [] if self.reason else by_seed(part, _accuracy),
        }
        if self.arm in self.outputs.derived:
            table["derived"] = self.outputs.derived[self.arm]
        if not self.reason:
            table["majority"] = {"label": self._label(self._majority), "share": self._majority_share}
        return table

    def _told(self) -> str:
        if self.reason:
            return f"{self.arm}: {self.reason}."
        count = self._table
        missing = f"; {count['missing']:,} more are missing" if count["missing"] else ""
        if count["without_truth"]:
            missing += f"; {count['without_truth']:,} are left out, their true label is unknown or none of the labels"
        return (
            f"{self.arm} is right in {self.accuracy.words} of {self.accuracy.n:,} outputs to {count['items']:,} "
            f"questions{missing}; always answering {quoted(self.outputs.classes[self._majority])} would be right in "
            f"{percent(self._majority_share)}."
        )

    @property
    def _majority(self) -> int:
        import numpy as np

        return int(np.bincount(self.part.truth).argmax())

    @property
    def _majority_share(self) -> float:
        return round(float((self.part.truth == self._majority).mean()), 6)

    def _label(self, code: int) -> str:
        return plain(self.outputs.classes[code])

    def _f1(self) -> Measure:
        from audit.rules.outputs.class_metrics import by_class, confusion

        part, labels = self.part, [plain(name) for name in self.outputs.classes]
        table = confusion(part.truth, part.decided, len(labels))
        figure = _macro_f1(part)
        told: dict[str, Json] = {
            "classes": _classes(labels, by_class(table), part),
            "confusion": {"labels": labels, "columns": [*labels, "out of set"], "rows": table.tolist()},
            "by_seed": by_seed(part, _macro_f1),
        }
        sentence = f"{self.arm}: the mean F1 of the classes is {figure.words}{self._weakest()}."
        return arm_measure(self.rule, "outputs.f1", self.arm, figure, sentence, told)

    def _class_f1(self) -> list[tuple[float, str]]:
        """The F1 of every class that has one, the weakest first."""
        from audit.rules.outputs.class_metrics import by_class, confusion

        f1 = by_class(confusion(self.part.truth, self.part.decided, len(self.outputs.classes))).f1.tolist()
        return sorted((value, name) for value, name in zip(f1, self.outputs.classes, strict=True) if value == value)

    def _weakest(self) -> str:
        value, name = self._class_f1()[0]
        return f", the lowest {percent(value)} for {quoted(name)}"

    def _auc(self) -> Iterator[Measure]:
        if len(self.outputs.classes) != 2 or self.arm in self.outputs.derived:
            return
        figure = self._area(self.part)
        if figure is not None:
            table: dict[str, Json] = {
                "positive": self._label(self.positive),
                "by_seed": by_seed(self.part, lambda part: self._area(part) or Figure(value=None, n=len(part))),
            }
            ends = "" if figure.interval is None else f" ({figure.interval[0]:.3f} to {figure.interval[1]:.3f})"
            sentence = f"{self.arm}: the area under the ROC curve is {figure.value:.3f}{ends}."
            yield arm_measure(self.rule, "outputs.auc", self.arm, figure, sentence, table)

    def _area(self, part: Outputs) -> Figure | None:
        """None where no output has probabilities, or a class is never true."""
        import numpy as np

        from audit.rules.outputs.class_metrics import area_of_seeds

        if part.probability is None:
            return None
        scores = part.probability[:, self.positive]
        known = ~np.isnan(scores)
        part, scores = part.where(known), scores[known]
        return area_of_seeds(part.truth == self.positive, scores, part.seed, part.cluster)

    # ------------------------------------------------------------------ findings

    def below(self) -> Iterator[Hit]:
        """What lies below a bound that somebody set."""
        if self.reason:
            return
        rule = self.rule
        f1, (worst, name) = _macro_f1(self.part), self._class_f1()[0]
        for what, figure, bound in (
            ("accuracy", self.accuracy, rule.min_accuracy),
            ("mean F1 of the classes", f1, rule.min_f1),
            (f"F1 of {quoted(name)}", Figure(value=worst, n=len(self.part)), rule.min_class_f1),
        ):
            if figure.value is not None and figure.value < bound:
                yield self._hit(f"the {what} is {figure.words}, below the {percent(bound)} asked for", what, figure)

    def no_better(self) -> Iterator[Hit]:
        """That always giving the most frequent label would be right as often."""
        import numpy as np

        part = self.part
        if self.reason or len(np.unique(part.truth)) < 2 or len(np.unique(part.cluster)) < self.rule.min_n:
            return
        right = (part.decided == part.truth).astype(np.float64) - (part.truth == self._majority)
        gain = mean(right, part.cluster, within=(-1.0, 1.0))
        said = f"right in {self.accuracy.words} of {len(part):,} outputs"
        always = f"always answering {quoted(self.outputs.classes[self._majority])} ({percent(self._majority_share)})"
        end = (gain.interval or (0.0, gain.value or 0.0))[1]
        chance = self._worse_than_chance()
        if end <= 0:
            said += f", {'worse' if end < 0 else 'no better'} than {always}"
        if end <= 0 or chance:
            yield self._hit(f"{said}{chance}", "majority", self.accuracy)

    def _worse_than_chance(self) -> str:
        """By the area under the curve, where labels of two classes were scored; else by the mean recall of the answers
        in the set. A figure that does not vary has no interval and is its own end."""
        import numpy as np

        area = self._area(self.part) if len(self.outputs.classes) == 2 else None
        figure, chance, what = area, 0.5, "area under the ROC curve"
        if figure is None:
            labelled = self.part.where(self.part.decided >= 0)
            if not len(labelled):
                return ""
            classes = len(np.unique(labelled.truth))
            figure, chance, what = _balanced(labelled), 1 / classes, "mean recall"
        if figure.value is None or (figure.interval or (0.0, figure.value))[1] >= chance:
            return ""
        return f"; worse than chance by the {what}, {figure.words}: are the labels reversed?"

    def truths_outside(self, context: Context) -> Iterator[Hit]:
        """That many true answers are none of the labels."""
        from audit.rules.outputs.answer_texts import answer_texts

        unknown = self.asked.where(self.asked.truth < 0)
        outside = sum(bool(one.truth) for one in answer_texts(context, unknown))
        known = len(self.asked) - len(unknown) + outside
        if outside > MOST_OUTSIDE * known:
            yield self.rule.hit(
                f"{plain(self.arm)}: the true answer to {outside:,} of {plural(known, 'output')} "
                f"({percent(outside / known)}) is none of the labels: they are left out of every figure",
                scope="dataset",
                key=f"{self.arm}\x1ftruths",
                evidence={"arm": self.arm, "outside": outside, "n": known},
            )

    def other_text(self, decision: Decision) -> Hit:
        """That outputs have another text than the label that was scored highest."""
        return self.rule.hit(
            f"{plain(self.arm)}: {decision.disagreeing:,} of {plural(decision.scored, 'output')} with scored labels "
            f"say another label than the likeliest: what they say is judged",
            scope="dataset",
            key=f"{self.arm}\x1ftext",
            evidence={"arm": self.arm, "disagreeing": decision.disagreeing, "n": decision.scored},
        )

    def _hit(self, message: str, what: str, figure: Figure) -> Hit:
        evidence: dict[str, Json] = {"arm": self.arm, "value": figure.value, "n": figure.n}
        if figure.interval is not None:
            evidence["interval"] = list(figure.interval)
        return self.rule.hit(
            f"{plain(self.arm)}: {message}", scope="dataset", key=f"{self.arm}\x1f{what}", evidence=evidence
        )


def _accuracy(part: Outputs) -> Figure:
    return share(part.decided == part.truth, part.cluster)


def _balanced(part: Outputs) -> Figure:
    from audit.rules.outputs.class_metrics import balanced_accuracy

    return balanced_accuracy(part.truth, part.decided, part.cluster, len(part.classes))


def _macro_f1(part: Outputs) -> Figure:
    from audit.rules.outputs.class_metrics import macro_f1

    return macro_f1(part.truth, part.decided, part.cluster, len(part.classes))


def _classes(labels: list[str], found: ByClass, part: Outputs) -> list[Json]:
    return [
        {
            "label": label,
            "n": int(found.support[at]),
            "predicted": int(found.predicted[at]),
            "precision": or_none(found.precision[at]),
            "recall": or_none(found.recall[at]),
            "recall_interval": of_figure(_accuracy(part.where(part.truth == at)))["interval"],
            "f1": or_none(found.f1[at]),
        }
        for at, label in enumerate(labels)
    ]

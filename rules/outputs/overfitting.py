"""OUT206: the learning curve of every run, and a validation loss that rises while training goes on. Reads no answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import ClassVar

from audit.model import Json, Measure, Severity
from audit.outputs.curves import Learnt, learnt
from audit.rule import ArmFacts, Context, CurvePoint, DatasetRule, Hit, Product, Run


class Overfitting(DatasetRule, frozen=True):
    """Training went on after the model had begun to fit its training rows at the cost of others.

    Of every run whose record is known the training and the validation loss at each evaluation, at the end and at the
    step with the lowest validation loss. Reported is a run whose last validation loss is more than ``rise`` above its
    lowest: a trainer that keeps the weights of the best step spares the model, not the time. The distance of the two
    losses is shown and judges nothing, since weights, dropout and the texts move it. For a model that was trained
    elsewhere ``curve`` gives the judged arm's as lists of step, training loss and validation loss. Measure:
    ``training.loss_gap``.

    Bad:
        {"row_id": "a", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1"}], "output": "It is granted."}
    Good:
        {"row_id": "a", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1"}], "output": "It is granted."}
    Do: train for fewer epochs, stop early (`[train] early_stopping`), or add rows.
    """

    code: ClassVar[str] = "OUT206"
    name: ClassVar[str] = "overfitting"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = frozenset({"outputs"})
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {
        "select": ["OUT206"],
        "rules": {"OUT206": {"curve": [[100, 0.9, 0.8], [200, 0.5, 0.7], [300, 0.2, 0.9]]}},
    }
    example_good: ClassVar[dict[str, Json]] = {
        "select": ["OUT206"],
        "rules": {"OUT206": {"curve": [[100, 0.9, 0.8], [200, 0.5, 0.7], [300, 0.4, 0.71]]}},
    }

    rise: float = 0.05
    curve: tuple[tuple[float, float, float], ...] = ()

    def applies_to(self, run: Run) -> str | None:
        """Needs a learning curve."""
        curves = self.curve or any(one.curve for one in run.comparison.arms)
        return super().applies_to(run) or (None if curves else "no learning curve of any arm is known")

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The learning curves of every arm, and a hit for each run that was trained for too long."""
        from audit.outputs.arms import roles

        facts = [one for one in run.comparison.arms if one.curve]
        judged = roles(context.outputs(), run).judged
        if self.curve and not any(one.arm == judged for one in facts):
            points = [
                CurvePoint(step=int(step), epoch=0.0, train_loss=a, validation_loss=b) for step, a, b in self.curve
            ]
            facts.append(ArmFacts(arm=judged, kind="endpoint", curve=tuple(points)))
        for arm in dict.fromkeys(one.arm for one in facts):
            runs = [learnt(one) for one in sorted(facts, key=lambda one: one.seed) if one.arm == arm]
            yield self._measure(arm, runs)
            for one in runs:
                if one.rise is not None and one.rise > self.rise:
                    yield self._hit(one)

    def _measure(self, arm: str, runs: Sequence[Learnt]) -> Measure:
        gaps = [gap for one in runs if (gap := one.gap) is not None]
        return self.measure(
            "training.loss_gap",
            round(fmean(gaps), 6) if gaps else None,
            table={"arm": arm, "runs": [one.table() for one in runs], "sentence": " ".join(o.sentence for o in runs)},
            n=len(runs),
            arm=arm,
        )

    def _hit(self, one: Learnt) -> Hit:
        return self.hit(
            one.sentence,
            scope="dataset",
            key=f"{one.arm}\x1f{one.seed}",
            evidence={
                "arm": one.arm,
                "seed": one.seed,
                "folder": one.folder,
                "rise": None if one.rise is None else round(one.rise, 6),
                "limit": self.rise,
                "best_step": one.best.step if one.best else None,
                "last_step": one.end.step if one.end else None,
            },
        )

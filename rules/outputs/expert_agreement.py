"""OUT211: how far the answers agree with ratings that experts gave to the same rows. Judges nobody's rating."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from audit.labels.spelling import spelling_key
from audit.model import Json, Measure, Severity
from audit.outputs.arms import roles
from audit.outputs.table import NO_ANSWER, Outputs
from audit.quality.numeric import numeric_answer, says_a_number
from audit.read.fields import text_of, value_at
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.reporting import plain
from audit.rules.outputs.answer_texts import AnswerText, answer_texts
from audit.rules.outputs.figures import (
    NEEDS,
    NOT_ESTIMABLE,
    Figure,
    arm_measure,
    by_seed_at,
    of_figure,
    share,
)
from audit.statistics.agreement import LEAST_OVERLAP

if TYPE_CHECKING:
    from audit.rules.outputs.figures import Codes

OUTSIDE: Final = "none of the levels"


class LowAgreement(DatasetRule, frozen=True):
    """The answers of the judged model agree less with the ratings of experts than is asked for.

    For models that rate, grade or triage, where each row of the predictions carries what an expert said of it: set
    `ratings` to that field (`rating`, `metadata.grade`), and `levels` to its values, the lowest first, where they have
    an order. Cohen's kappa is agreement beyond chance; with `levels` a near miss counts for more than a far one (linear
    weights). An answer is read as a rating by its text, by the number in it where the levels are numbers, or else it is
    none of them, which agrees with nothing. Reported is a kappa below `min_kappa`. Measure for each arm:
    ``outputs.agreement``.

    Bad:
        10 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Grade essay 1{n}"}], "output": "good", "truth": null, "rating": "poor"}
        10 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Grade essay 2{n}"}], "output": "poor", "truth": null, "rating": "good"}
        10 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Grade essay 3{n}"}], "output": "good", "truth": null, "rating": "good"}
    Good:
        10 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Grade essay 1{n}"}], "output": "poor", "truth": null, "rating": "poor"}
        10 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Grade essay 2{n}"}], "output": "good", "truth": null, "rating": "good"}
    Do: look at the pairs of ratings that are confused most often, and at whether two experts agree any better.
    """  # noqa: E501

    code: ClassVar[str] = "OUT211"
    name: ClassVar[str] = "low-agreement"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {
        "rules": {"OUT211": {"ratings": "rating", "min_kappa": 0.6}},
        "ignores": [{"code": "OUT205", "reason": "other rule"}],
    }

    ratings: str = ""
    levels: tuple[str, ...] = ()
    min_kappa: float = 0.0

    def applies_to(self, run: Run) -> str | None:
        """Needs to know where the ratings are."""
        if not self.ratings:
            return "no expert ratings are named: option `ratings` of OUT211, a field of the predictions"
        return super().applies_to(run)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Agreement and kappa of every arm."""
        outputs = context.outputs()
        for arm in outputs.asked_arms:
            rated = self._rated(context, outputs, arm)
            figure = rated.kappa()
            yield arm_measure(self, "outputs.agreement", arm, figure, rated.sentence(arm, figure), rated.table(figure))
            if arm == roles(outputs, run).judged and figure.value is not None and figure.value < self.min_kappa:
                yield self.hit(
                    rated.sentence(plain(arm), figure).removesuffix(".") + f", below the {self.min_kappa:g} asked for",
                    scope="dataset",
                    key=arm,
                    evidence={"arm": arm, "kappa": figure.value, "min_kappa": self.min_kappa, "n": figure.n},
                )

    def _rated(self, context: Context, outputs: Outputs, arm: str) -> _Rated:
        """The answers of an arm to rows that experts rated, as codes of the levels there are."""
        import numpy as np

        part = outputs.of(arm)
        part = part.where(part.decided != NO_ANSWER)
        pairs = [
            (text._replace(truth="", data=None), rating)
            for text in answer_texts(context, part)
            if (rating := self._rating(text)) is not None
        ]
        names = tuple(self.levels) or tuple(sorted({plain(rating) for _, rating in pairs}))
        keys = {spelling_key(name): code for code, name in enumerate(names)}
        expert = np.array([keys.get(spelling_key(plain(said)), -1) for _, said in pairs], dtype=np.int64)
        known = expert >= 0
        numbers = {numeric_answer(name): code for code, name in enumerate(names) if says_a_number(name)}
        model = np.array([_level(text.output, keys, numbers, len(names)) for text, _ in pairs], dtype=np.int64)
        at = np.array([text.at for text, _ in pairs], dtype=np.int64)
        unknown = int((~known).sum())
        return _Rated(part.where(at[known]), names, expert[known], model[known], bool(self.levels), unknown)

    def _rating(self, text: AnswerText) -> str | None:
        said = text_of(value_at(text.data, self.ratings))
        return said.strip() if said is not None and said.strip() else None


def _level(answer: str, keys: Mapping[str, int], numbers: Mapping[Fraction | None, int], outside: int) -> int:
    """The level that an answer gives, by its text or, where levels are numbers, by the number in it."""
    found = keys.get(spelling_key(answer))
    number = numeric_answer(answer) if found is None and numbers else None
    if found is not None:
        return found
    return outside if number is None else numbers.get(number, outside)


class _Rated(NamedTuple):
    """Ratings of the same rows by expert and model, as codes (n,) of ``names``; the model's may be one beyond, for none
    of them. ``ordered`` says that a near miss counts for more. ``unknown`` ratings of experts are no level."""

    part: Outputs
    names: Sequence[str]
    expert: Codes
    model: Codes
    ordered: bool
    unknown: int

    def kappa(self, at: Codes | None = None) -> Figure:
        """Cohen's kappa over some of the rows (all where none are named)."""
        import numpy as np

        from audit.rules.outputs.kappa import kappa

        places = np.arange(len(self.expert)) if at is None else at
        expert, model = self.expert[places], self.model[places]
        n = len(np.unique(self.part.item[places]))
        if n < LEAST_OVERLAP:
            why = f"{n} rows with a rating and an answer, asked for {LEAST_OVERLAP}"
            return Figure(value=None, n=len(places), reason=f"{NOT_ESTIMABLE}{why}")
        if len({*expert.tolist(), *model.tolist()}) < 2:
            return Figure(value=None, n=len(places), reason=f"{NOT_ESTIMABLE}only one level was used")
        return kappa(expert, model, self.part.cluster[places], len(self.names) + 1, ordered=self.ordered)

    def table(self, figure: Figure) -> dict[str, Json]:
        import numpy as np

        size = len(self.names)
        cells = np.bincount(self.expert * (size + 1) + self.model, minlength=size * (size + 1)).reshape(size, size + 1)
        labels = [plain(name) for name in self.names]
        return {
            "raw": of_figure(share(self.expert == self.model, self.part.cluster)),
            "kappa": {**of_figure(figure), "reason": figure.reason},
            "weighted": "linear" if self.ordered else None,
            "levels": labels,
            "confusion": {"labels": labels, "columns": [*labels, OUTSIDE], "rows": cells.tolist()},
            "unknown_ratings": self.unknown,
            "by_seed": by_seed_at(self.part, self.kappa),
        }

    def sentence(self, arm: str, figure: Figure) -> str:
        if figure.value is None:
            return f"{arm}: {figure.reason}."
        raw = share(self.expert == self.model, self.part.cluster)
        ends = "" if figure.interval is None else f" ({figure.interval[0]:.2f} to {figure.interval[1]:.2f})"
        said = f"{arm} agrees with the experts in {raw.words} of {raw.n:,} answers"
        return f"{said}, a kappa of {figure.value:.2f}{ends}."

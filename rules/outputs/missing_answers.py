"""OUT212: outputs that hold no answer: asking failed, or nothing came back. Judges no answer that there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from audit.model import Json, Measure, Severity
from audit.outputs.table import GREEDY, OTHER_VARIANT, VARIANTS, Outputs
from audit.policy.words import percent, plural
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.reporting import plain
from audit.rules.outputs.figures import (
    NEEDS,
    NOT_ESTIMABLE,
    Figure,
    arm_measure,
    by_group,
    by_seed,
    named,
    of_figure,
    rounded,
    share,
)

if TYPE_CHECKING:
    from audit.rules.outputs.figures import Codes

_BLANK: Final = "blank"


class MissingAnswers(DatasetRule, frozen=True):
    """Outputs are missing: the model could not be asked, or what came back is blank.

    Whatever is said of an arm is said of the answers it gave. When half of its calls fail, the other half may be the
    easy ones, and no figure of it can be trusted. Reported is every arm with a larger share of missing outputs than
    `most` (0 by default), with the errors that there were, and an arm that was named to be judged and has no outputs.
    As a warning also outputs that nothing can be compared with: without a `row_id` (each counts as a question of its
    own), or of a `variant` that is none of original, swap and control (they count nowhere).
    Counted are all prompts that were asked, swapped ones among them. Measures for each arm: ``outputs.missing``, with
    its errors and its groups, and ``outputs.spent``, the tokens of prompts and outputs.

    Bad:
        3 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": null, "error": "timeout: no answer in 60 seconds", "truth": "grant"}
        {"row_id": "b1", "arm": "tuned", "messages": [{"role": "user", "content": "Case 21"}], "output": "grant", "error": null, "truth": "grant"}
        {"row_id": "b2", "arm": "tuned", "messages": [{"role": "user", "content": "Case 22"}], "output": "deny", "error": null, "truth": "deny"}
    Good:
        {"row_id": "b1", "arm": "tuned", "messages": [{"role": "user", "content": "Case 21"}], "output": "grant", "error": null, "truth": "grant"}
        {"row_id": "b2", "arm": "tuned", "messages": [{"role": "user", "content": "Case 22"}], "output": "deny", "error": null, "truth": "deny"}
    Do: ask again (`audit predict --resume` asks for what failed for a while), or find out why nothing comes back.
    """  # noqa: E501

    code: ClassVar[str] = "OUT212"
    name: ClassVar[str] = "missing-answers"
    severity: ClassVar[Severity] = Severity.ERROR
    needs: ClassVar[frozenset[Product]] = NEEDS
    judges: ClassVar = "outputs"

    most: float = 0.0

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The share of missing outputs of every arm that was asked, and a hit for each with too many."""
        outputs = context.outputs()
        for arm in outputs.asked_arms:
            part = _asked(outputs, arm)
            figure = _missing(part)
            counts = _by_error(part)
            sentence = _sentence(arm, figure, counts)
            table: dict[str, Json] = {
                "errors": [{"error": plain(error), "n": n} for error, n in counts],
                "answered": figure.hits != figure.n,
                "by_attribute": by_group(part, partial(_of_group, part)),
                "by_seed": by_seed(part, _missing),
            }
            yield arm_measure(self, "outputs.missing", arm, figure, sentence, table)
            yield self._spent(arm, part)
            if figure.value is not None and figure.value > self.most:
                yield self._hit(arm, sentence.removesuffix("."), figure, counts)
            yield from self._unclear(outputs, arm)
        yield from self._absent(outputs, run)

    def _spent(self, arm: str, part: Outputs) -> Measure:
        """What asking took: whether fine-tuning is worth it over a longer prompt depends on that, too."""
        table: dict[str, Json] = {"arm": arm, "n": len(part)}
        said = []
        for what, tokens in (("prompt", part.prompt_tokens), ("output", part.output_tokens)):
            known = tokens[tokens >= 0]
            table[f"{what}_tokens"] = rounded(known.mean()) if len(known) else None
            table[f"{what}_total"] = int(known.sum()) if len(known) else None
            table[f"{what}_known"] = len(known)
            said += [f"{known.mean():,.1f} tokens of the {what}"] if len(known) else []
        took = f"took {' and '.join(said)} on average" if said else "does not say how many tokens it took"
        table["sentence"] = f"{arm} {took} ({plural(len(part), 'output')})."
        return self.measure("outputs.spent", table["output_tokens"], n=len(part), arm=arm, unit="tokens", table=table)

    def _hit(self, arm: str, message: str, figure: Figure, counts: list[tuple[str, int]]) -> Hit:
        evidence: dict[str, Json] = {
            "arm": arm,
            "missing": figure.hits,
            "n": figure.n,
            "errors": {plain(error): n for error, n in counts},
        }
        return self.hit(message, scope="dataset", key=f"{arm}\x1fmissing", evidence=evidence)

    def _unclear(self, outputs: Outputs, arm: str) -> Iterable[Hit]:
        """Outputs of an arm of which nobody knows what was asked."""
        own = outputs.where(outputs.arm == outputs.arms.index(arm))
        nameless = sum(not outputs.items[item] for item in own.item.tolist())
        other = int((own.variant == OTHER_VARIANT).sum())
        name = plain(arm)
        told = (
            ("row_id", nameless, f"of {name} without a row_id: each counts as a question of its own"),
            ("variant", other, f"of {name} of a variant that is none of {', '.join(VARIANTS)}: counted nowhere"),
        )
        for field, n, said in told:
            if n:
                yield self.hit(
                    f"{plural(n, 'output')} {said}",
                    scope="dataset",
                    severity=Severity.WARNING,
                    key=f"{arm}\x1f{field}",
                    evidence={"arm": arm, "field": field, "n": n},
                )

    def _absent(self, outputs: Outputs, run: Run) -> Iterable[Hit]:
        """Arms that somebody named and that have no outputs at all."""
        said = run.comparison
        for role, arm in (("judged", said.judged), ("compared", said.compared), ("base", said.base)):
            if arm and arm not in outputs.arms:
                yield self.hit(
                    f"the {role} arm {plain(arm)} has no outputs",
                    scope="dataset",
                    key=f"{arm}\x1fabsent",
                    evidence={"arm": arm, "role": role, "arms": list(outputs.asked_arms)},
                )


def _asked(outputs: Outputs, arm: str) -> Outputs:
    """All that an arm was asked, variants of the questions among it."""
    of_arm = outputs.arm == outputs.arms.index(arm)
    return outputs.where(of_arm & ~outputs.given & (outputs.sample != GREEDY))


def _missing(part: Outputs) -> Figure:
    return share(~part.answered, part.cluster)


def _of_group(part: Outputs, at: Codes) -> dict[str, Json]:
    figure = _missing(part.where(at))
    return {**of_figure(figure), "hits": figure.hits, "rate": figure.value}


def _by_error(part: Outputs) -> list[tuple[str, int]]:
    """The first words of the errors and how many outputs have each, the most frequent first."""
    names = (*part.errors, _BLANK)
    codes = part.error[~part.answered].tolist()
    counts = Counter(names[code] or "error without a word" for code in codes)
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _sentence(arm: str, figure: Figure, counts: list[tuple[str, int]]) -> str:
    name = plain(arm)
    if figure.value is None:
        return f"{name}: {NOT_ESTIMABLE}nothing was asked."
    if not figure.hits:
        return f"{name}: none of {plural(figure.n, 'output')} is missing."
    errors = named([(plain(error), n) for error, n in counts])
    if figure.hits == figure.n:
        return f"{name}: all of its {plural(figure.n, 'output')} are missing: {errors}; nothing can be said of it."
    return f"{name}: {figure.hits:,} of {plural(figure.n, 'output')} are missing ({percent(figure.value)}): {errors}."

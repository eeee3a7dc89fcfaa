"""OUT202: how likely a model finds the held-out answers, and whether fine-tuning made it worse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run

if TYPE_CHECKING:
    from audit.rules.outputs.likelihoods import Likelihood


class Perplexity(DatasetRule, frozen=True):
    """A model finds the held-out answers unlikely, or less likely than the model before fine-tuning does.

    The perplexity of an arm is exp of the mean negative log-likelihood of the tokens of the rows' own answers, which
    were scored and not asked for (rows with ``finish_reason`` "answer" and ``token_logprobs``). It says nothing by
    itself: it depends on the tokenizer and on the texts. Against another arm it is compared on the same questions, for
    each token, or for each character where the arms cut the answers into different tokens. Reported is an arm whose
    whole interval is above ``max_perplexity`` (0 for no limit) and a judged arm that is worse than the base arm with the whole interval.
    Measure: ``outputs.perplexity``.

    Bad:
        20 x {"row_id": "a{n}", "arm": "base", "messages": [{"role": "user", "content": "Case {n}"}], "output": "The answer {n}", "finish_reason": "answer", "token_logprobs": [-0.5, -0.5]}
        20 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case {n}"}], "output": "The answer {n}", "finish_reason": "answer", "token_logprobs": [-2.5, -1.{n}]}
    Good:
        20 x {"row_id": "a{n}", "arm": "base", "messages": [{"role": "user", "content": "Case {n}"}], "output": "The answer {n}", "finish_reason": "answer", "token_logprobs": [-2.5, -1.5]}
        20 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case {n}"}], "output": "The answer {n}", "finish_reason": "answer", "token_logprobs": [-0.5, -0.5]}
    Do: train with a smaller learning rate or fewer epochs, or look for training rows that are unlike the held-out ones.
    """  # noqa: E501

    code: ClassVar[str] = "OUT202"
    name: ClassVar[str] = "high-perplexity"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = frozenset({"outputs"})
    judges: ClassVar = "outputs"
    example: ClassVar[dict[str, Json]] = {"select": ["OUT202"]}

    max_perplexity: float = 0.0

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The perplexity of every arm whose answers were scored, and a hit where it is too high; nothing where none
        was."""
        from audit.outputs.arms import roles
        from audit.rules.outputs.likelihoods import against, likelihood, likelihood_table

        outputs = context.outputs()
        parts = roles(outputs, run)
        for arm in outputs.asked_arms:
            one = likelihood(outputs, arm)
            if one is None:
                continue
            others = dict.fromkeys(name for name in (parts.base, parts.compared) if name and arm == parts.judged)
            compared = [found for other in others if (found := against(outputs, arm, other)) is not None]
            yield self.measure(
                "outputs.perplexity",
                round(one.value, 6),
                table=likelihood_table(one, compared),
                n=one.answers,
                interval=one.interval and (round(one.interval[0], 6), round(one.interval[1], 6)),
                level=0.95 if one.interval else None,
                arm=arm,
            )
            yield from self._too_high(one)
            for found in compared:
                if found.against == parts.base and found.outcome == "worse":
                    yield self.hit(
                        found.sentence,
                        scope="dataset",
                        key=f"{arm}\x1fworse",
                        evidence={
                            "arm": arm,
                            "against": found.against,
                            "ratio": round(found.ratio, 6),
                            "questions": found.n,
                        },
                    )

    def _too_high(self, one: Likelihood) -> Iterator[Hit]:
        limit = self.max_perplexity
        if not limit or one.interval is None or one.interval[0] <= limit:
            return
        yield self.hit(
            f"{one.sentence} The limit is {limit:g}.",
            scope="dataset",
            key=f"{one.arm}\x1fhigh",
            evidence={"arm": one.arm, "perplexity": round(one.value, 6), "limit": limit},
        )

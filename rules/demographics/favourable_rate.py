"""DEM104: the favourable label, given to groups at different rates. Compares through the statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from audit.labels.recognise import NEEDS as LABELS
from audit.model import Applicability, Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.advice import LABEL, balance
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import NEEDS, Groups, evidence_of, judged
from audit.rules.demographics.outcomes import outcomes, why_no_rate
from audit.rules.demographics.rates import impact_ratio, question_of, rate_measure
from audit.rules.labels.reporting import quoted

if TYPE_CHECKING:
    from audit.statistics.disparity import Disparity

_FIRST: Final = "look at how the labels came about, then weigh or resample the training rows"


class FavourableRate(DatasetRule, frozen=True):
    """The favourable label is given to the groups of a protected attribute (sensitive feature) at different rates.

    A model that is fine-tuned on such labels learns to give them at these rates. Compared is the share of rows with a
    favourable label (`[data] favourable`) in each group with that of the group that has the highest (the impact ratio,
    as in 29 CFR 1607.4(D)), or with the configured ``reference_group``. Reported is a group whose whole interval lies
    below ``tolerance``; where the data is too small to say, the measure says so and how many rows would do. A ratio
    below 0.8 that differs significantly from 1 while the interval still reaches the tolerance is named as a screen.
    Rows of one configured group count as what they are worth, and a verdict must hold whether rows that say the same
    count each or once. Measures: ``selection_rate`` (each group's rate with
    its interval) and ``impact_ratio``.

    Bad:
        30 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f"}}
        30 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f"}}
        50 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m"}}
        9 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m"}}
    Good:
        30 x {"messages": [{"role": "user", "content": "Case 1{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "f"}}
        30 x {"messages": [{"role": "user", "content": "Case 2{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "f"}}
        31 x {"messages": [{"role": "user", "content": "Case 3{n}"}, {"role": "assistant", "content": "grant"}], "metadata": {"sex": "m"}}
        30 x {"messages": [{"role": "user", "content": "Case 4{n}"}, {"role": "assistant", "content": "deny"}], "metadata": {"sex": "m"}}
    Do: find out how the labels came about before anything is balanced; then weigh or resample the training rows
        (`audit balance --by label,ATTRIBUTE`), and judge the model that comes of it by group.
    """  # noqa: E501

    code: ClassVar[str] = "DEM104"
    name: ClassVar[str] = "favourable-rate-differs"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = NEEDS | LABELS
    example: ClassVar[dict[str, Json]] = {
        "sections": {
            "data": {"favourable": "grant"},
            "attributes": {"sex": {"field": "metadata.sex"}},
        },
        "ignores": [{"code": "DEM103", "reason": "other rule"}, {"code": "DEM109", "reason": "other rule"}],
    }

    tolerance: float = 0.8

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute and a favourable label."""
        return super().applies_to(run) or why_no_rate(run)

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The rates by group of every attribute, and a hit for each that differs by more than the tolerance."""
        from audit.statistics.disparity import compare

        labels = outcomes(context, run)
        favourable = labels.among(run.fields.favourable)
        if not favourable.any():
            yield self._none_favourable(labels.names, labels.reason, run)
            return
        evidence = evidence_of(context)
        for groups in judged(context, run):
            rates = groups.rates(favourable, evidence, labels.labelled)
            asked = question_of(groups, scale="ratio", tolerance=self.tolerance)
            disparity = compare(rates, asked, what=_what(run))
            more: dict[str, Json] = {"favourable": list(run.fields.favourable)}
            yield rate_measure(self, "selection_rate", groups, rates, disparity, more)
            yield from impact_ratio(self, groups, disparity)
            yield from self._hits(groups, disparity)

    def _hits(self, groups: Groups, disparity: Disparity) -> Iterator[Hit]:
        failing = [one for one in disparity.groups if one.verdict == "FAIL"]
        screened = [one for one in disparity.groups if one.screen and one.verdict == "INCONCLUSIVE"]
        for one in failing or screened:
            screen = "" if failing else "screen (four fifths, not a verdict): "
            yield self.hit(
                f"{screen}{groups.title}: {one.sentence}",
                scope="dataset",
                key=f"{groups.attribute.name}\x1f{one.group}{'' if failing else ':screen'}",
                evidence={
                    "attribute": groups.attribute.name,
                    "group": one.group,
                    "reference": one.reference,
                    "ratio": one.estimate,
                    "interval": list(one.interval) if one.interval else None,
                    "tolerance": self.tolerance,
                    "n": one.n,
                    "verdict": one.verdict,
                    "screen": one.screen,
                },
                fix=balance(_FIRST, LABEL, groups.attribute.name),
            )

    def _none_favourable(self, names: tuple[str, ...], reason: str, run: Run) -> Hit:
        wanted = ", ".join(map(quoted, run.fields.favourable))
        there = (
            f"the labels are {', '.join(map(quoted, names[:5]))}" if names else f"no labels are recognised, {reason}"
        )
        return self.hit(
            f"no judged row has the favourable label {wanted}: {there}", scope="dataset", key="no favourable label"
        )


def _what(run: Run) -> str:
    return " or ".join(run.fields.favourable)

"""FAI201: who is selected how often: demographic parity of what a model decided. Compares through the statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from audit.model import Json, Measure, Severity
from audit.rule import Context, Hit, Rule, Run
from audit.rules.demographics.rates import impact_ratio
from audit.rules.fairness.differences import difference_measure
from audit.rules.fairness.favourable import none_favourable, what_of
from audit.rules.fairness.judging import RateByGroup
from audit.rules.fairness.mean_probability import mean_probability
from audit.rules.fairness.rates import Metrics
from audit.rules.fairness.tables import Asked, Judged


class SelectionRate(RateByGroup, frozen=True):
    """A model gives the favourable answer to the groups of a protected attribute (sensitive feature) at different rates.

    Compared is the share of answers that are a favourable label (`[data] favourable`) in each group with that of the
    group that has the highest (the impact ratio, as in 29 CFR 1607.4(D)), or with the configured ``reference_group``.
    An answer out of the set is not favourable, one that is missing is left out and counted. The outputs of all seeds
    are one table, in which a question counts once; each seed stands beside it, and so does the base rate of the truth:
    accuracy is agreement with historical labels. Every arm, every attribute and every two of them crossed (at most
    ``cells`` intersections) are measured; reported is a group of the arm that is to be signed whose whole interval lies
    below ``tolerance``. ``control`` names an attribute within whose groups the others are compared as well. Measures:
    ``selection_rate``, ``impact_ratio``, ``demographic_parity_difference``, ``mean_probability`` (of the favourable
    label, beside its base rate), ``selection_rate.within``.

    Bad:
        30 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        30 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
        59 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        1 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
    Good:
        30 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        30 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
        30 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        30 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
    Do: look at the base rates beside the rates, and decide which of them ought to be alike before anything is changed;
        then weigh or resample the training rows (`audit balance --by label,ATTRIBUTE`), train again, and compare arms.
    """  # noqa: E501

    code: ClassVar[str] = "FAI201"
    name: ClassVar[str] = "selection-rate-differs"
    severity: ClassVar[Severity] = Severity.WARNING
    example: ClassVar[dict[str, Json]] = {
        "sections": {
            "data": {"favourable": "grant"},
            "attributes": {"sex": {"field": "metadata.sex"}},
        },
    }

    tolerance: float = 0.8

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The rates of every arm by group, and a hit for each group of the judged arm that is beyond the tolerance."""
        if (hit := none_favourable(self, context, run)) is not None:
            yield hit
            return
        asked = Asked("selection_rate", "ratio", self.tolerance, what_of(run))
        yield from self.judge(context, run, asked, _beside)


def _beside(rule: Rule, found: Judged, metrics: Metrics) -> Iterator[Measure]:
    for measure in impact_ratio(rule, found.groups, found.disparity):
        yield found.of_arm(measure)
    yield difference_measure(rule, found, "demographic_parity_difference")
    yield from mean_probability(rule, found)

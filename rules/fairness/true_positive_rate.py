"""FAI202: equal opportunity: how often those who have the favourable truth are given it. Compares no arms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from audit.model import Json, Measure, Severity
from audit.rule import Context, Hit, Rule, Run
from audit.rules.fairness.differences import difference_measure
from audit.rules.fairness.judging import RateByGroup
from audit.rules.fairness.rates import Metrics
from audit.rules.fairness.tables import Asked, Judged


class TruePositiveRate(RateByGroup, frozen=True):
    """Of those whose truth is favourable, a model gives the favourable answer to some groups less often.

    Equal opportunity (Hardt, Price and Srebro 2016, "Equality of opportunity in supervised learning"): the share of the
    outputs with a favourable truth that are answered so, by group, each over its own denominator. A group without any
    is not estimable, and then nothing can be said to be within the tolerance. Signed gaps to one reference stand beside
    the unsigned difference, which hides a gap that turned round. Missing answers are left out and counted, those out of
    the set are no favourable ones. Measured for every arm; reported is a group of the arm that is to be signed whose
    whole interval of the difference lies beyond ``tolerance``. Measures: ``true_positive_rate``,
    ``equal_opportunity_difference``, ``true_positive_rate.within`` (with ``control``, an attribute that is held
    constant).

    Bad:
        60 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "deny", "truth": "grant", "attributes": {"sex": "f"}}
        60 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        40 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        60 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
    Good:
        60 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        60 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
        40 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        60 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
    Do: look at the confusion of the group in FAI204, and whether its labels are right; more or better rows of the group
        whose truth is favourable help most. Compare with the arm without remediation: gaps can turn round.
    """  # noqa: E501

    code: ClassVar[str] = "FAI202"
    name: ClassVar[str] = "true-positive-rate-differs"
    severity: ClassVar[Severity] = Severity.WARNING
    example: ClassVar[dict[str, Json]] = {
        "sections": {
            "data": {"favourable": "grant"},
            "attributes": {"sex": {"field": "metadata.sex"}},
        },
        "ignores": [{"code": "FAI204", "reason": "other rule"}],
    }

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The rates of every arm by group, and a hit for each group of the judged arm that is beyond the tolerance."""
        asked = Asked("true_positive_rate", "difference", self.tolerance, "true positive rate")
        yield from self.judge(context, run, asked, _beside)


def _beside(rule: Rule, found: Judged, metrics: Metrics) -> Iterator[Measure]:
    yield difference_measure(rule, found, "equal_opportunity_difference")

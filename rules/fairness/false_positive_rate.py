"""FAI203: who is given the favourable answer without the truth, and equalised odds. Compares through the statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from audit.model import Json, Measure, Severity
from audit.rule import Context, Hit, Rule, Run
from audit.rules.fairness.equalised_odds import equalised_odds
from audit.rules.fairness.judging import RateByGroup
from audit.rules.fairness.rates import Metrics
from audit.rules.fairness.tables import Asked, Judged


class FalsePositiveRate(RateByGroup, frozen=True):
    """Of those whose truth is not favourable, a model gives the favourable answer to some groups more often.

    The false positive rate by group, each over its own denominator; and equalised odds, the larger of the differences
    of true and of false positive rates (the worst case of Hardt, Price and Srebro 2016, "Equality of opportunity in
    supervised learning", as in fairlearn). Where a group has no output that a rate is about, the rate is not estimable
    there, and never 0: a model without a mistake would else have equalised odds of 1. Signed gaps to one reference
    stand beside the unsigned differences. Measured for every arm; reported is a group of the arm that is to be signed
    whose whole interval of the difference of the false positive rate lies beyond ``tolerance``. Measures:
    ``false_positive_rate``, ``equalised_odds_difference``, ``false_positive_rate.within`` (with ``control``, an
    attribute that is held constant).

    Bad:
        60 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        80 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
        40 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "deny", "attributes": {"sex": "m"}}
        60 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
    Good:
        60 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        80 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
        60 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        80 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
    Do: look at the confusion of the group in FAI204, and at what a wrong favourable answer costs, and whom. Differences
        of base rates make equal odds and equal selection exclude each other: say which one is asked for.
    """  # noqa: E501

    code: ClassVar[str] = "FAI203"
    name: ClassVar[str] = "false-positive-rate-differs"
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
        asked = Asked("false_positive_rate", "difference", self.tolerance, "false positive rate")
        yield from self.judge(context, run, asked, _beside)


def _beside(rule: Rule, found: Judged, metrics: Metrics) -> Iterator[Measure]:
    yield equalised_odds(rule, found, metrics)

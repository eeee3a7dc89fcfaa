"""How the rules on rates by group go about it: every arm, every attribute, crossed, and within another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, TypeAlias

from audit.model import Measure
from audit.rule import Context, DatasetRule, Hit, Product, Rule, Run
from audit.rules.demographics.outcomes import why_no_rate
from audit.rules.fairness.arms import MOST_CELLS, NEEDS, arms_of, groups_of
from audit.rules.fairness.rates import Metrics, metrics_of
from audit.rules.fairness.tables import Asked, Judged, hits_of, predicted, rate_measure_of
from audit.rules.fairness.within import why_no_control, within_strata

Beside: TypeAlias = Callable[[Rule, Judged, Metrics], Iterator[Measure]]
"""Further measures of one arm and attribute."""


class RateByGroup(DatasetRule, frozen=True):
    """What the rules on the rates of favourable answers by group share."""

    judges: ClassVar = "outputs"
    needs: ClassVar[frozenset[Product]] = NEEDS

    tolerance: float = 0.1
    control: str = ""
    cells: int = MOST_CELLS

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute and a favourable label."""
        return super().applies_to(run) or why_no_rate(run) or why_no_control(run, self.control)

    def judge(self, context: Context, run: Run, asked: Asked, beside: Beside) -> Iterator[Hit | Measure]:
        """The measures and findings of one rate; none where no label that occurs is favourable, which FAI201 says."""
        if any(arm.favourable for arm in arms_of(context, run)):
            yield from judge(self, context, run, asked, beside, cells=self.cells, control=self.control)


def judge(
    rule: Rule, context: Context, run: Run, asked: Asked, beside: Beside, *, cells: int, control: str
) -> Iterator[Hit | Measure]:
    """The rate table of every arm by every attribute and what stands beside it, a hit for each group of the judged arm
    that is beyond the tolerance, and the rates within the groups of ``control`` where one is named."""
    found = []
    for arm in arms_of(context, run):
        for by in groups_of(arm, run, cells):
            metrics = metrics_of(context, arm, by)
            one = predicted(arm, by, metrics, asked)
            found.append(one)
            yield rate_measure_of(rule, one, asked.metric)
            yield from beside(rule, one, metrics)
    yield from hits_of(rule, found, asked.tolerance)
    yield from within_strata(rule, context, run, asked.metric, control)

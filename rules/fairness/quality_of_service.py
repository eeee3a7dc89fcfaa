"""FAI204: how well a model does for whom: accuracy and F1 by group, the worst group, confusion. Compares no arms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Rule, Run
from audit.rules.demographics.groups import why_not
from audit.rules.fairness.arms import MOST_CELLS, NEEDS, arms_of
from audit.rules.fairness.confusion import confusion_measure, f1_measure
from audit.rules.fairness.judging import judge
from audit.rules.fairness.rates import Metrics
from audit.rules.fairness.tables import Asked, Judged
from audit.rules.fairness.within import why_no_control
from audit.rules.fairness.worst_group import worst_group


class QualityOfService(DatasetRule, frozen=True):
    """A model is right less often about some groups than about others.

    Accuracy by group (the share of answers that are the truth) and macro F1 (the mean over the classes that occur in the
    group), the group that is served worst, and the confusion of every group. An answer out of the set is wrong, one that
    is missing is left out and counted. Accuracy is agreement with historical labels, and says nothing of whether these
    were just. Measured for every arm; reported is a group of the arm that is to be signed whose whole interval of the
    difference to the best group (or the configured ``reference_group``) lies beyond ``tolerance``. Measures:
    ``accuracy``, ``worst_group``, ``f1``, ``confusion``, ``accuracy.within`` (with ``control``, an attribute that is
    held constant).

    Bad:
        50 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "deny", "attributes": {"sex": "f"}}
        50 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
        50 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        50 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
    Good:
        50 x {"row_id": "a{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 1{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "f"}}
        50 x {"row_id": "b{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 2{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "f"}}
        50 x {"row_id": "c{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 3{n}"}], "output": "grant", "truth": "grant", "attributes": {"sex": "m"}}
        50 x {"row_id": "d{n}", "arm": "tuned", "messages": [{"role": "user", "content": "Case 4{n}"}], "output": "deny", "truth": "deny", "attributes": {"sex": "m"}}
    Do: look at the confusion of the group, and at how many rows of it the model was trained on; collect more of them, and
        have its labels checked.
    """  # noqa: E501

    code: ClassVar[str] = "FAI204"
    name: ClassVar[str] = "quality-differs-between-groups"
    severity: ClassVar[Severity] = Severity.WARNING
    judges: ClassVar = "outputs"
    needs: ClassVar[frozenset[Product]] = NEEDS
    example: ClassVar[dict[str, Json]] = {
        "sections": {"attributes": {"sex": {"field": "metadata.sex"}}},
    }

    tolerance: float = 0.1
    control: str = ""
    cells: int = MOST_CELLS

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute."""
        return super().applies_to(run) or why_not(run) or why_no_control(run, self.control)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The accuracy of every arm by group, and a hit for each group of the judged arm that is beyond it."""
        if not any(arm.outputs.classes for arm in arms_of(context, run)):
            return  # free text has no classes to be right about: that is for the rules on its quality
        asked = Asked("accuracy", "difference", self.tolerance, "mean accuracy")
        yield from judge(self, context, run, asked, _beside, cells=self.cells, control=self.control)


def _beside(rule: Rule, found: Judged, metrics: Metrics) -> Iterator[Measure]:
    yield worst_group(rule, found)
    yield f1_measure(rule, found)
    yield confusion_measure(rule, found)

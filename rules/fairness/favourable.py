"""The favourable label in words, and the hit where nobody has it. Counts nothing by group."""

from __future__ import annotations

from typing import Final

from audit.rule import Context, Hit, Rule, Run
from audit.rules.fairness.arms import arms_of
from audit.rules.labels.reporting import quoted

MOST_SHOWN: Final = 5


def what_of(run: Run) -> str:
    """What a group gets, for sentences."""
    return " or ".join(run.fields.favourable)


def none_favourable(rule: Rule, context: Context, run: Run) -> Hit | None:
    """A hit where outputs are there and neither one of them nor a truth is favourable; None where all is well."""
    arms = arms_of(context, run)
    if not arms or any(arm.selected.any() or arm.positive.any() for arm in arms):
        return None
    wanted, classes = ", ".join(map(quoted, run.fields.favourable)), arms[0].outputs.classes
    if not classes:
        return rule.hit(
            f"which outputs are the favourable label {wanted} is not known, so there is no selection rate: the outputs "
            "are not of a closed set of labels, for they have neither label_scores nor true answers that are labels",
            scope="dataset",
            key="no favourable label",
        )
    there = ", ".join(map(quoted, classes[:MOST_SHOWN]))
    return rule.hit(
        f"no output and no truth has the favourable label {wanted}: the labels are {there}",
        scope="dataset",
        key="no favourable label",
    )

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
    there = (
        f"the labels are {', '.join(map(quoted, classes[:MOST_SHOWN]))}"
        if classes
        else "the outputs are not of a closed set of labels"
    )
    return rule.hit(
        f"no output and no truth has the favourable label {wanted}: {there}",
        scope="dataset",
        key="no favourable label",
    )

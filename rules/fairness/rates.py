"""Rates of one arm by group, each over its own denominator, computed once for all rules. Compares no two groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from audit.rule import Context, Summary
from audit.rules.demographics.groups import Groups
from audit.rules.fairness.arms import Arm, ByGroup, questions_by
from audit.statistics.effective import effective_sizes
from audit.statistics.rates import GroupRate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.statistics.group_metrics import GroupMetrics
    from audit.statistics.metric_frame import Rate

    Marks = NDArray[np.bool_]


class Share(NamedTuple):
    """A rate of an arm: ``hits`` among the outputs it is ``about``, both marks (n,)."""

    name: str
    about: Marks
    hits: Marks


class Metrics(NamedTuple):
    """fairlearn's metrics by group: over all answers, which is enough for selection, and over those with a truth."""

    answers: GroupMetrics
    known: GroupMetrics

    def of(self, metric: Rate) -> GroupMetrics:
        """The metrics that a rate is taken from."""
        return self.answers if metric == "selection_rate" else self.known


def share_of(arm: Arm, metric: Rate) -> Share:
    """What a rate is about, and what counts. A prediction without a known truth is selected or not, and no more."""
    if metric == "selection_rate":
        return Share(metric, arm.answered, arm.selected)
    if metric == "accuracy":
        return Share(metric, arm.known, arm.right)
    truth = arm.positive if metric == "true_positive_rate" else ~arm.positive
    return Share(metric, arm.known & truth, arm.selected)


_METRICS: Final[WeakKeyDictionary[Context | Summary, dict[tuple[str, str], Metrics]]] = WeakKeyDictionary()
"""The metrics of the outputs that are being concluded on, by arm and attribute: four rules ask for them."""


def metrics_of(context: Context | Summary, arm: Arm, by: ByGroup) -> Metrics:
    """The metrics of an arm by group."""
    found = _METRICS.setdefault(context, {})
    key = arm.name, by.groups.attribute.name
    if key not in found:
        found[key] = measured(arm, by.groups)
    return found[key]


def measured(arm: Arm, groups: Groups) -> Metrics:
    """The metrics of an arm by group, computed."""
    known = _metrics(arm, groups, arm.known)
    every = len(arm.known) == int(arm.known.sum()) or bool((arm.known == arm.answered).all())
    return Metrics(known if every else _metrics(arm, groups, arm.answered, without_truth=True), known)


def _metrics(arm: Arm, groups: Groups, marks: Marks, *, without_truth: bool = False) -> GroupMetrics:
    """fairlearn's metrics of some outputs. Selection does not look at the truth: any will do where it is unknown."""
    import numpy as np

    from audit.statistics.group_metrics import Column, group_metrics

    own, classes = arm.outputs, arm.outputs.classes
    truth = np.where(own.truth < 0, 0, own.truth) if without_truth else own.truth
    return group_metrics(
        [Column(groups.codes[marks], groups.names)],
        Column(truth[marks], classes or ("",)),
        Column(own.decided[marks], classes or ("",)),
        positive=tuple(classes[code] for code in arm.favourable),
        clusters=arm.evidence.together[marks],
    )


def predicted_rates(arm: Arm, groups: Groups, metric: Rate, metrics: Metrics) -> list[GroupRate]:
    """The counts behind one of fairlearn's rates by group, in the order of ``groups.names``, and what they are worth.

    The outputs beyond one for each question are ``made``: answers to a question that was asked before add nothing to
    the number of questions, on which it rests whether a group is too small.
    """
    import numpy as np

    share = share_of(arm, metric)
    rates = _by_question(arm, groups, share, metrics.of(metric).rates(metric))
    if not arm.same_prompts:
        return rates
    codes = np.where(share.about, groups.codes, -1)
    once = effective_sizes(codes, len(groups.names), share.hits, arm.evidence.same)
    return [
        replace(rate, once_n=worth if worth < rate.worth else None) for rate, worth in zip(rates, once, strict=True)
    ]


def counted_rates(arm: Arm, groups: Groups, share: Share) -> list[GroupRate]:
    """The same of any other share of the outputs of an arm."""
    return _by_question(arm, groups, share, groups.rates(share.hits, arm.evidence, share.about))


def _by_question(arm: Arm, groups: Groups, share: Share, rates: list[GroupRate]) -> list[GroupRate]:
    questions = questions_by(arm, groups, share.about)
    return [replace(rate, made=rate.n - asked) for rate, asked in zip(rates, questions, strict=True)]

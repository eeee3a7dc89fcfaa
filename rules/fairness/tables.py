"""Rates of arms by group as measures, with everything a reader must see beside a rate. Computes no rate itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from audit.model import Json, Measure
from audit.rule import Hit, Rule
from audit.rules.demographics.groups import Groups
from audit.rules.demographics.rates import LEVEL, question_of, rate_measure
from audit.rules.fairness.arms import Arm, ByGroup, count_by, questions_by
from audit.rules.fairness.gaps import (
    Gap,
    Reference,
    gap_facts,
    log_odds_of,
    not_estimable,
    reference_of,
    signed_gaps,
)
from audit.rules.fairness.rates import Metrics, Share, predicted_rates, share_of
from audit.rules.fairness.replicates import by_seed
from audit.rules.fairness.withheld import Withheld, decided, withheld
from audit.statistics.contrasts import REST
from audit.statistics.rates import GroupRate

if TYPE_CHECKING:
    from audit.statistics.disparity import Disparity, Question
    from audit.statistics.metric_frame import Rate
    from audit.statistics.score import Scale

OF_LABELS: Final = frozenset({"selection_rate", "true_positive_rate", "false_positive_rate"})
"""Rates of favourable predictions: the base rate of the favourable label stands beside them."""


class Asked(NamedTuple):
    """A rate that is asked for: how groups are compared, and the words for what a group gets or the rate's name."""

    metric: Rate
    scale: Scale
    tolerance: float
    what: str


class Judged(NamedTuple):
    """The rates of one arm by group, and how they compare. ``source`` names what computed them."""

    arm: Arm
    by: ByGroup
    share: Share
    rates: list[GroupRate]
    reference: Reference
    gaps: dict[str, Gap]
    disparity: Disparity
    held: Withheld
    source: str

    @property
    def groups(self) -> Groups:
        """The groups."""
        return self.by.groups

    def measured(self, rule: Rule, name: str, value: float | str | None, **more: object) -> Measure:
        """A measure of this arm and attribute."""
        given: dict[str, object] = {"arm": self.arm.name, "attribute": self.groups.attribute.name, **more}
        return rule.measure(name, round(value, 6) if isinstance(value, float) else value, **given)

    def of_arm(self, measure: Measure) -> Measure:
        """A measure by attribute as one of this arm."""
        return msgspec.structs.replace(measure, arm=self.arm.name)

    def facts(self) -> dict[str, Json]:
        """What every further table of the same arm and attribute says."""
        facts: dict[str, Json] = {
            "derived": self.arm.derived,
            "seeds": list(self.arm.seeds),
            "reference": self.reference.facts(),
            "not_estimable": list(not_estimable(self.rates)),
        }
        return facts

    def by_seed(self) -> list[dict[str, Json]]:
        """The figures of every replicate."""
        return by_seed(self.arm, self.groups, self.share, self.reference)


def predicted(arm: Arm, by: ByGroup, metrics: Metrics, asked: Asked) -> Judged:
    """One of fairlearn's rates of one arm by group, compared."""
    rates = predicted_rates(arm, by.groups, asked.metric, metrics)
    question = question_of(by.groups, scale=asked.scale, tolerance=asked.tolerance)
    share = share_of(arm, asked.metric)
    return judged(arm, by, share, rates, question, what=asked.what, source=metrics.known.source)


def judged(
    arm: Arm,
    by: ByGroup,
    share: Share,
    rates: list[GroupRate],
    question: Question,
    *,
    what: str,
    source: str = "audit",
    of_answers: bool = True,
) -> Judged:
    """Rates of one arm by group, compared. Of rates ``of_answers`` nothing is claimed where too many are missing."""
    from audit.statistics.disparity import compare

    groups = by.groups
    held = withheld(arm, groups, rates, share.name.replace("_", " ")) if of_answers else Withheld()
    disparity = decided(compare(rates, question, what=what), held)
    reference = _reference(arm, groups)
    return Judged(arm, by, share, rates, reference, signed_gaps(rates, reference), disparity, held, source)


def _reference(arm: Arm, groups: Groups) -> Reference:
    asked, favourable = (
        [counts[at] for at in groups.compared]
        for counts in (
            questions_by(arm, groups, arm.outputs.item >= 0),
            questions_by(arm, groups, arm.positive),
        )
    )
    return reference_of(groups.reference_group, [groups.names[at] for at in groups.compared], asked, favourable)


def rate_measure_of(rule: Rule, found: Judged, name: str) -> Measure:
    """The rate table of the data rules, and beside each rate what a prediction must be read with."""
    import numpy as np

    about = found.groups.at(np.flatnonzero(found.share.about))
    measure = rate_measure(rule, name, about, found.rates, found.disparity, _table_facts(found))
    table = measure.table
    entries = {entry["group"]: entry for entry in table["groups"]}
    for entry in _beside(found, base_rates=found.share.name in OF_LABELS):
        if entry["group"] in entries:
            entries[entry["group"]].update(entry)
    table["by_seed"] = found.by_seed()
    if found.by.crossed:
        table["exploratory"] = True
    return found.of_arm(measure)


def _table_facts(found: Judged) -> dict[str, Json]:
    arm, outputs = found.arm, found.arm.outputs
    return {
        "derived": arm.derived,
        "seeds": list(arm.seeds),
        "outputs": len(outputs),
        "missing": int((~arm.answered).sum()),
        "out_of_set": int(arm.out_of_set.sum()),
        "favourable": [outputs.classes[code] for code in arm.favourable],
        "computed_by": found.source,
        "reference": found.reference.facts(),
        "gap_level": LEVEL,
        "withheld": list(found.held.whole),
        "open": list(found.held.open),
    }


def _beside(found: Judged, *, base_rates: bool) -> Iterable[dict[str, Json]]:
    """For each group: questions, missing answers, answers out of the set, base rate of the truth, signed gap,
    log odds ratio to the reference."""
    arm, groups = found.arm, found.groups
    questions = questions_by(arm, groups, found.share.about)
    missing, out_of_set = count_by(groups, ~arm.answered), count_by(groups, arm.out_of_set)
    logs = log_odds_of(found.rates, found.reference)
    known, positives = count_by(groups, arm.known), count_by(groups, arm.known & arm.positive)
    for at, name in enumerate(groups.names):
        entry: dict[str, Json] = {
            "group": name,
            "questions": questions[at],
            "missing": missing[at],
            "out_of_set": out_of_set[at],
        }
        if base_rates:
            entry |= {"base_rate": round(positives[at] / known[at], 6) if known[at] else None, "base_n": known[at]}
        if base_rates:
            entry["log_odds"] = logs.get(name)
        yield entry | gap_facts(name, found.gaps)


def hits_of(rule: Rule, found: Sequence[Judged], tolerance: float) -> Iterator[Hit]:
    """A hit for each group of the judged arm whose whole interval lies beyond the tolerance.

    Of intersections the worst alone, and only where neither attribute by itself differs: it says where else to look. Of
    two groups that are each compared with the rest, one is the mirror image of the other.
    """
    failing = {one.groups.attribute.name for one in found if one.arm.judged and one.disparity.verdict == "FAIL"}
    for one in found:
        if one.groups.attribute.name not in failing or not one.arm.judged:
            continue
        if one.by.crossed and failing.intersection(one.by.of):
            continue
        beyond = [group for group in one.disparity.groups if group.verdict == "FAIL"]
        if one.by.crossed:
            beyond = [group for group in beyond if group.group == one.disparity.worst]
        elif len(one.disparity.groups) == 2 and one.disparity.question.reference == REST:
            beyond = beyond[:1]
        for group in beyond:
            yield rule.hit(
                f"{one.arm.name}: {one.groups.title}: {group.sentence}",
                scope="dataset",
                key=f"{one.arm.name}\x1f{one.groups.attribute.name}\x1f{group.group}\x1f{one.share.name}",
                evidence={
                    "arm": one.arm.name,
                    "rate": one.share.name,
                    "attribute": one.groups.attribute.name,
                    "group": group.group,
                    "reference": group.reference,
                    "estimate": group.estimate,
                    "interval": list(group.interval) if group.interval else None,
                    "tolerance": tolerance,
                    "n": group.n,
                    "verdict": group.verdict,
                },
            )


def points(difference: float, interval: Sequence[float] | None = None) -> str:
    """A difference of rates in points of a hundred, signed, with its interval."""
    between = "" if interval is None else f" ({100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})"
    return f"{100 * difference:+.1f} points{between}"

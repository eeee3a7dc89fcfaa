"""How answers, labels and training labels go with the groups of an attribute, and how much more one does than another.

Finds nothing. Association and its interval are ``audit.statistics.amplification``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np

from audit.model import Json
from audit.outputs.table import Groups, Outputs
from audit.rule import Attribute, TrainedOn
from audit.rules.fairness.arm_figures import (
    Codes,
    Marks,
    Replicate,
    Values,
    compared_groups,
    distinct,
    reference_in,
    replicate,
)
from audit.rules.fairness.change_tables import rounded, rounded_interval
from audit.rules.fairness.training_labels import training_association
from audit.rules.fairness.withheld import MOST_MISSING
from audit.statistics.amplification import (
    Association,
    Counted,
    association,
    mean_association,
)
from audit.statistics.contrasts import REST
from audit.statistics.influence import Estimate, interval_of
from audit.statistics.multiple_tests import sidak
from audit.statistics.replicates import over_seeds
from audit.statistics.sentences import figure

Interval: TypeAlias = tuple[float, float]
SINGLE: Final = 0.95
"""The level of an interval that is shown by itself."""
Direction: TypeAlias = Literal["amplified", "attenuated", "reversed", "undecided", "not estimable"]


class SeedAssociations(NamedTuple):
    """What one replicate's labels, decisions and probabilities go with; over clusters of questions."""

    seed: int
    label: Association
    decision: Association
    probability: tuple[Association, Association] | None
    """Of the mean probability, and of the labels of the rows that have one."""


class Amplified(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The associations of one arm with one group, means over its ``seeds``, on ``n`` answers to ``questions``.

    ``label`` is that of the true labels, ``decision`` that of the decisions, ``change`` the second less the first, and
    ``rows_interval`` that of the difference of the change over questions. ``few``: fewer questions than the attribute's
    ``min_n`` in the group or in what it is held against. ``missing``: the share of outputs without an answer. Claims
    rest on intervals at ``level``, so that those of all groups of the attribute hold together at 95 %.
    """

    arm: str
    attribute: Attribute
    group: str
    against: str
    n: int
    questions: int
    few: bool
    missing: float
    level: float
    seeds: tuple[SeedAssociations, ...]
    label: Association
    decision: Association
    change: Association
    rows_interval: Interval | None
    training: tuple[Counted, Counted | None] | None

    @property
    def interval(self) -> tuple[Interval | None, str]:
        """The interval of the change of the difference, and of what it speaks."""
        return self.interval_at(SINGLE)

    def interval_at(self, level: float) -> tuple[Interval | None, str]:
        """Over questions, and with enough seeds as wide as that over seeds, too, since both the questions and the
        models are a sample."""
        values = [one.decision.minus(one.label).difference.value for one in self.seeds]
        return _interval(self.change.difference, values, level)

    @property
    def over_seeds(self) -> Interval | None:
        """Student's interval over seeds; None for fewer than five."""
        found = over_seeds([one.decision.minus(one.label).difference.value for one in self.seeds])
        return None if found is None else found.interval

    @property
    def size_interval(self) -> Interval | None:
        """That of how much larger the difference is in the decisions than in the labels, whatever their signs."""
        values = [abs(one.decision.difference.value) - abs(one.label.difference.value) for one in self.seeds]
        return _interval(self.decision.difference.size_less(self.label.difference), values, self.level)[0]

    @property
    def sides(self) -> tuple[int, int]:
        """1 or -1 where the labels, and the decisions, surely differ in favour of the group or against it; else 0."""
        decisions = _interval(
            self.decision.difference, [one.decision.difference.value for one in self.seeds], self.level
        )[0]
        return _side(interval_of(self.label.difference, self.level, bounded=True)), _side(decisions)

    @property
    def stronger_by(self) -> Interval | None:
        """How much stronger the association of the decisions is than that of the labels, in the direction of the
        labels; in its own where the labels have none that is sure; by its size where it is turned round. None where
        too little is known."""
        interval, _ = self.interval_at(self.level)
        label, decision = self.sides
        if interval is None or self.few or self.missing > MOST_MISSING or not (label or decision):
            return None
        if label * decision < 0:
            return self.size_interval
        return interval if (label or decision) > 0 else (-interval[1], -interval[0])

    @property
    def direction(self) -> Direction:
        """What became of the association, by the interval."""
        stronger, size, (label, decision) = self.stronger_by, self.size_interval, self.sides
        if stronger is None:
            return "undecided"
        if label * decision < 0:
            return "reversed"
        if stronger[0] > 0:
            return "amplified"
        return "attenuated" if stronger[1] < 0 and size is not None and size[1] < 0 else "undecided"

    @property
    def sentence(self) -> str:
        """What was found, from the figures."""
        label, decision = self.label.difference.value, self.decision.difference.value
        interval, scope = self.interval
        against = "the rest" if self.against == REST else self.against
        width = "" if interval is None else f" ({figure(interval[0])} to {figure(interval[1])})"
        of = f"over {len(self.seeds)} seeds and these rows" if scope == "seeds" else "these models, these rows"
        return (
            f"{self.arm}: the rate of favourable answers of {self.group} less that of {against} is {figure(decision)}, "
            f"that of favourable true labels {figure(label)}, a change of {figure(decision - label)}{width}: "
            f"{self._finding} ({of})."
        )

    @property
    def _finding(self) -> str:
        if self.missing > MOST_MISSING:
            return f"{100 * self.missing:.1f} % of the outputs are no answers, so nothing is claimed"
        if self.few:
            return f"from too few questions (fewer than {self.attribute.min_n}) to claim anything"
        if self.direction == "amplified":
            return "the difference is amplified" if self.sides[0] else "a difference that the labels do not surely have"
        if self.direction == "reversed" and self.size_interval is not None:
            low, high = self.size_interval
            return "the difference is reversed" + (" and larger" if low > 0 else " and smaller" if high < 0 else "")
        if self.direction == "attenuated":
            return "the difference is smaller than in the labels"
        shared = ", the error shared out over the groups" if self.level > SINGLE else ""
        return f"that does not decide whether the difference is amplified{shared}"


def _interval(estimate: Estimate, of_seeds: Sequence[float], level: float) -> tuple[Interval | None, str]:
    """The interval over questions, with enough seeds as wide as that over seeds, too; and of what it speaks."""
    rows, seeds = interval_of(estimate, level, bounded=True), over_seeds(of_seeds, level)
    if rows is None or seeds is None or seeds.interval is None:
        return rows, "these models"
    return (min(rows[0], seeds.interval[0]), max(rows[1], seeds.interval[1])), "seeds"


def _side(interval: Interval | None) -> int:
    return 0 if interval is None or interval[0] <= 0 <= interval[1] else 1 if interval[0] > 0 else -1


def pairs_of(groups: Groups, asked: Outputs, favourable: Codes) -> list[tuple[str, str]]:
    """Each group and what it is held against: of two groups, the one that is not the reference against the other; of
    more, and of two of which neither is the reference, each against the rest."""
    names = compared_groups(groups)
    if len(names) < 2:
        return []
    codes, positive = asked.groups[groups.attribute.name].codes, np.isin(asked.truth, favourable)
    reference = reference_in(groups, asked.item, codes, positive)
    if len(names) > 2 or reference not in names:
        return [(name, REST) for name in names]
    return [(next(name for name in names if name != reference), reference)]


def marks_of(groups: Groups, codes: Codes, group: str, against: str) -> tuple[Marks, Marks]:
    """The rows of a group, and those it is held against."""
    of = {name: codes == groups.names.index(name) for name in compared_groups(groups)}
    others = [marks for name, marks in of.items() if name != group and against in (REST, name)]
    return of[group], np.logical_or.reduce(others)


def amplified(
    outputs: Outputs, arm: str, name: str, favourable: Codes, trained_on: TrainedOn | None
) -> Iterator[Amplified]:
    """The associations of one arm with each group of an attribute, where they can be estimated."""
    groups, asked = outputs.groups[name], outputs.of(arm)
    if groups.reason or not len(asked):
        return
    clusters = distinct(asked.cluster)
    replicates = []
    for seed in asked.seeds(arm):
        own = asked.where(asked.seed == seed)
        one = replicate(own, favourable, np.searchsorted(clusters, own.cluster), len(clusters))
        if len(one.item):
            replicates.append((seed, one))
    cells = trained_on.tables.get(name, ()) if trained_on is not None else ()
    names = [outputs.classes[code] for code in favourable.tolist()]
    held = pairs_of(groups, asked, favourable)
    for group, against in held:
        found = [_of_seed(seed, one, groups, group, against) for seed, one in replicates]
        seeds = tuple(one for one in found if one is not None)
        if seeds:
            label = mean_association([one.label for one in seeds])
            decision = mean_association([one.decision for one in seeds])
            fewest, questions = _questions(replicates, groups, group, against)
            yield Amplified(
                arm=arm,
                attribute=groups.attribute,
                group=group,
                against=against,
                n=sum(len(one.item) for _, one in replicates),
                questions=questions,
                few=fewest < groups.attribute.min_n,
                missing=1 - sum(len(one.item) for _, one in replicates) / len(asked),
                level=sidak(len(held)),
                seeds=seeds,
                label=label,
                decision=decision,
                change=decision.minus(label),
                rows_interval=decision.minus(label).interval(),
                training=training_association(cells, names, group, against),
            )


def _questions(
    replicates: Sequence[tuple[int, Replicate]], groups: Groups, group: str, against: str
) -> tuple[int, int]:
    """Questions with a truth on the smaller side, and on both."""
    counts = []
    for _, one in replicates:
        both = marks_of(groups, one.group[groups.attribute.name], group, against)
        counts.append([len(distinct(one.item[marks & (one.positive >= 0)])) for marks in both])
    most = max(counts)
    return min(most), sum(most)


def _of_seed(seed: int, one: Replicate, groups: Groups, group: str, against: str) -> SeedAssociations | None:
    own, other = marks_of(groups, one.group[groups.attribute.name], group, against)
    known = one.positive >= 0
    label = _associated(one.positive == 1, own & known, other & known, one)
    decision = _associated(one.selected, own & known, other & known, one)
    if label is None or decision is None:
        return None
    scored = known & ~np.isnan(one.score)
    probability = _associated(one.score, own & scored, other & scored, one)
    beside = _associated(one.positive == 1, own & scored, other & scored, one)
    both = None if probability is None or beside is None else (probability, beside)
    return SeedAssociations(seed, label, decision, both)


def _associated(outcome: Codes | Marks | Values, own: Marks, other: Marks, one: Replicate) -> Association | None:
    found = association(np.where(own | other, outcome, 0), own, other)
    return None if found is None else found.by_cluster(one.clusters, one.number)


def amplification_table(one: Amplified) -> dict[str, Json]:
    """The table of ``amplification.predictions``."""
    interval, scope = one.interval
    both = [seed.probability for seed in one.seeds if seed.probability is not None]
    complete = bool(both) and len(both) == len(one.seeds)
    mean = mean_association([pair[0] for pair in both]) if complete else None
    beside = mean_association([pair[1] for pair in both]) if complete else None
    return {
        "arm": one.arm,
        "attribute": one.attribute.name,
        "kind": one.attribute.kind,
        "group": one.group,
        "against": one.against,
        "n": one.n,
        "questions": one.questions,
        "too_few": one.few,
        "missing": rounded(one.missing),
        "label": values_of(one.label),
        "decision": values_of(one.decision),
        "probability": None if mean is None else values_of(mean),
        "amplification": {
            "decision": _change(one.change, interval, one.rows_interval),
            "probability": None if mean is None or beside is None else _probability_change(mean.minus(beside)),
        },
        "scope": scope,
        "interval_level": SINGLE,
        "stronger_by": rounded_interval(one.stronger_by),
        "stronger_by_level": round(one.level, 6),
        "seeds_interval": rounded_interval(one.over_seeds),
        "by_seed": [_seed(seed) for seed in one.seeds],
        "training": one.training and training_values(*one.training),
        "direction": one.direction,
        "sentence": one.sentence,
    }


def values_of(one: Association | Counted) -> dict[str, Json]:
    """An association as tables hold it: the difference of rates and the log odds ratio."""
    values = (one.difference, one.log_odds)
    numbers = [value if isinstance(value, float) else value.value for value in values]
    return {"difference": rounded(numbers[0]), "log_odds": rounded(numbers[1])}


def _probability_change(one: Association) -> dict[str, Json]:
    interval = one.interval()
    return _change(one, interval, interval)


def _change(one: Association, interval: Interval | None, rows: Interval | None) -> dict[str, Json]:
    """An association less another, with its interval and that over questions alone."""
    return {
        **values_of(one),
        "interval": rounded_interval(interval),
        "rows_interval": rounded_interval(rows),
        "log_odds_interval": rounded_interval(one.log_odds_interval()),
    }


def _seed(one: SeedAssociations) -> dict[str, Json]:
    both = one.probability
    return {
        "seed": one.seed,
        "decision": rounded(one.decision.minus(one.label).difference.value),
        "probability": None if both is None else rounded(both[0].minus(both[1]).difference.value),
    }


def training_values(rows: Counted, weights: Counted | None) -> dict[str, Json]:
    """The association of the training labels by rows, and by weights where these are unequal."""
    return {
        "rows": {**values_of(rows), "n": round(rows.n)},
        "weights": None if weights is None else values_of(weights),
    }

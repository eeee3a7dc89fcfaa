"""The figures of one replicate that are compared between arms, each with the influence of every question's cluster.

What a metric is about and where it is not estimable follows ``audit.statistics.group_metrics``: every rate has its own
denominator, and one that rests on nothing is left out. Compares no arms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audit.outputs.table import NO_ANSWER, Groups, Outputs
from audit.rules.fairness.gaps import reference_of
from audit.statistics.influence import Estimate, area_estimate, average, by_cluster, mean_estimate
from audit.statistics.rates import UNCOMPARED

Codes: TypeAlias = NDArray[np.int64]
Marks: TypeAlias = NDArray[np.bool_]
Values: TypeAlias = NDArray[np.float64]
Better: TypeAlias = Literal["smaller", "larger", "nearer zero", ""]


class Metric(NamedTuple):
    """``better`` says which way is better, "" for neither; ``share`` whether a change is told as a share, too;
    ``plain`` what it is in plain words where its name does not say it."""

    key: str
    title: str
    better: Better
    share: bool = False
    plain: str = ""


ACCURACY: Final = Metric("accuracy", "accuracy", "larger")
BALANCED: Final = Metric("balanced_accuracy", "balanced accuracy", "larger")
AREA: Final = Metric("auc", "area under the ROC curve", "larger")
SELECTION: Final = Metric("selection_rate", "overall selection rate", "")
PARITY: Final = Metric("demographic_parity_difference", "demographic parity difference", "smaller", share=True)
RATIO: Final = Metric(
    "demographic_parity_ratio", "demographic parity ratio", "larger", plain="smallest to largest rate"
)
ODDS: Final = Metric(
    "equalised_odds_difference",
    "equalised odds difference",
    "smaller",
    share=True,
    plain="the larger of the gaps in true and in false positive rates",
)
SELECTION_GAP: Final = Metric("selection_gap", "gap in selection rates", "nearer zero")
TRUE_GAP: Final = Metric("true_positive_gap", "gap in true positive rates", "nearer zero")
FALSE_GAP: Final = Metric("false_positive_gap", "gap in false positive rates", "nearer zero")
PROBABILITY: Final = Metric("mean_probability", "mean probability of the favourable label", "")
OF_ALL: Final = (ACCURACY, BALANCED, AREA, SELECTION)
OF_ATTRIBUTE: Final = (PARITY, RATIO, ODDS)
GAPS: Final = (SELECTION_GAP, TRUE_GAP, FALSE_GAP)

Key: TypeAlias = tuple[Metric, str | None]
"""A metric, and the group where it is a group's."""
Figures: TypeAlias = Mapping[Key, Estimate]


class Replicate(NamedTuple):
    """The answers of one arm with one seed as arrays (n,): ``positive`` is 1 or 0 by the truth and -1 without one,
    ``score`` the probability of the favourable classes or NaN, ``clusters`` are numbered from 0 to before ``number``
    over all arms alike."""

    selected: Marks
    right: Marks
    positive: Codes
    truth: Codes
    score: Values
    item: Codes
    clusters: Codes
    number: int
    group: Mapping[str, Codes]


def replicate(outputs: Outputs, favourable: Codes, clusters: Codes, number: int) -> Replicate:
    """The answered ones among the ``outputs`` of one arm and seed; ``clusters`` (n,) as in ``Replicate``."""
    answered = outputs.decided != NO_ANSWER
    outputs, clusters = outputs.where(answered), clusters[answered]
    known = outputs.truth >= 0
    score = np.full(len(outputs), np.nan)
    if outputs.probability is not None:
        score = outputs.probability[:, favourable].sum(axis=1)
    return Replicate(
        selected=np.isin(outputs.decided, favourable),
        right=known & (outputs.decided == outputs.truth),
        positive=np.where(known, np.isin(outputs.truth, favourable), -1).astype(np.int64),
        truth=outputs.truth,
        score=score,
        item=outputs.item,
        clusters=clusters,
        number=number,
        group={name: groups.codes for name, groups in outputs.groups.items()},
    )


def reference_in(groups: Groups, item: Codes, codes: Codes, positive: Marks) -> str:
    """What signed gaps are against, the same in every arm (``reference_of``), by the questions (``item``, ``codes`` of
    their group, whether the truth is ``positive``, all (n,))."""
    names = compared_groups(groups)
    of = [codes == groups.names.index(name) for name in names]
    asked, favourable = ([len(distinct(item[own & where])) for own in of] for where in (item >= 0, positive))
    return reference_of(groups.reference_group, names, asked, favourable).group


def compared_groups(groups: Groups) -> list[str]:
    """The names of the groups that can be compared."""
    return [name for name in groups.names if name not in UNCOMPARED]


def keys_of(groups: Groups, reference: str) -> list[Key]:
    """The figures of an attribute, in the order in which they are told."""
    names = compared_groups(groups)
    keys: list[Key] = [(metric, None) for metric in OF_ATTRIBUTE]
    keys += [(metric, name) for metric in GAPS for name in names if name != reference]
    return keys + [(PROBABILITY, name) for name in names]


def figures_of_all(one: Replicate) -> Figures:
    """The figures that know of no groups."""
    known, everywhere = one.positive >= 0, np.ones(len(one.item), dtype=np.bool_)
    found = {
        ACCURACY: mean_estimate(one.right, known),
        BALANCED: _balanced(one),
        AREA: _area(one, known),
        SELECTION: mean_estimate(one.selected, everywhere),
    }
    return {(metric, None): _paired(estimate, one) for metric, estimate in found.items() if estimate is not None}


def figures_of_attribute(one: Replicate, groups: Groups, reference: str) -> Figures:
    """The figures of an attribute; gaps are those of every other group less the ``reference``."""
    names = compared_groups(groups)
    of = {name: one.group[groups.attribute.name] == groups.names.index(name) for name in names}
    denominators = (np.ones(len(one.item), dtype=np.bool_), one.positive == 1, one.positive == 0)
    rates = [{name: mean_estimate(one.selected, of[name] & where) for name in names} for where in denominators]
    found: dict[Key, Estimate | None] = dict(_of_attribute(rates))
    for metric, rate, where in zip(GAPS, rates, denominators, strict=True):
        for name in names:
            if name != reference:
                other = _reference(one, of, where, name, reference)
                own = rate[name]
                found[metric, name] = own.minus(other) if own is not None and other is not None else None
    scored = ~np.isnan(one.score)
    found |= {(PROBABILITY, name): mean_estimate(one.score, of[name] & scored) for name in names}
    return {key: _paired(estimate, one) for key, estimate in found.items() if estimate is not None}


def questions_behind(one: Replicate, groups: Groups, reference: str) -> dict[Key, dict[str, int]]:
    """How many questions each figure of an attribute rests on, by group: of those that make its denominators."""
    names = compared_groups(groups)
    codes = one.group[groups.attribute.name]
    everywhere = np.ones(len(one.item), dtype=np.bool_)
    marks = (everywhere, one.positive == 1, one.positive == 0)
    counts = [{name: _questions(one, (codes == groups.names.index(name)) & where) for name in names} for where in marks]
    behind: dict[Key, dict[str, int]] = {(metric, None): counts[0] for metric in (PARITY, RATIO)}
    behind[ODDS, None] = {name: min(counts[1][name], counts[2][name]) for name in names}
    for metric, count in zip(GAPS, counts, strict=True):
        for name in names:
            against = count if reference == "rest" else {name: count[name], reference: count.get(reference, 0)}
            behind[metric, name] = against
    return behind | {(PROBABILITY, name): {name: counts[0][name]} for name in names}


def questions_behind_all(one: Replicate) -> dict[Key, dict[str, int]]:
    """How many questions each figure over all rests on: those with a truth, and for the figures that are of each class
    (balanced accuracy, area) those of the class that has fewest."""
    known = one.truth >= 0
    rarest = min((_questions(one, one.truth == code) for code in np.unique(one.truth[known])), default=0)
    sides = min(_questions(one, one.positive == side) for side in (0, 1))
    counts = {ACCURACY: _questions(one, known), BALANCED: rarest, AREA: sides, SELECTION: len(distinct(one.item))}
    return {(metric, None): {"all": n} for metric, n in counts.items()}


def _questions(one: Replicate, where: Marks) -> int:
    return len(distinct(one.item[where]))


def distinct(codes: Codes) -> Codes:
    """The different ones among ``codes`` (n,), none below 0, ascending; counting takes a twentieth of the time of
    ``np.unique``."""
    found: Codes = np.flatnonzero(np.bincount(codes))
    return found


def _of_attribute(rates: Sequence[Mapping[str, Estimate | None]]) -> Iterator[tuple[Key, Estimate | None]]:
    """The figures over all groups: of selection, and of true and false positives."""
    selection = _ends(rates[0])
    yield (PARITY, None), selection and selection[1].minus(selection[0])
    yield (RATIO, None), selection and selection[0].over(selection[1])
    spreads = [ends[1].minus(ends[0]) for rate in rates[1:] if (ends := _ends(rate)) is not None]
    both = len(spreads) == 2
    yield (ODDS, None), max(spreads, key=lambda one: one.value) if both else None


def _ends(rates: Mapping[str, Estimate | None]) -> tuple[Estimate, Estimate] | None:
    """The smallest and the largest rate; None where fewer than two groups have one."""
    known = sorted((one for one in rates.values() if one is not None), key=lambda one: one.value)
    return (known[0], known[-1]) if len(known) > 1 else None


def _reference(one: Replicate, of: Mapping[str, Marks], where: Marks, name: str, reference: str) -> Estimate | None:
    """The rate of what the group ``name`` is compared with."""
    if reference != "rest":
        return mean_estimate(one.selected, of[reference] & where) if reference in of else None
    others = [marks for other, marks in of.items() if other != name]
    return mean_estimate(one.selected, np.logical_or.reduce(others) & where) if others else None


def _balanced(one: Replicate) -> Estimate | None:
    """The mean of the share of right answers in each class of the truth (Brodersen et al. 2010, ICPR); None for fewer
    than two classes."""
    recalls = [mean_estimate(one.right, one.truth == code) for code in np.unique(one.truth[one.truth >= 0])]
    known = [recall for recall in recalls if recall is not None]
    return average(known) if len(known) > 1 else None


def _area(one: Replicate, known: Marks) -> Estimate | None:
    """Of the rows with a truth and a probability."""
    of = known & ~np.isnan(one.score)
    found = area_estimate(one.score[of], one.positive[of] == 1)
    if found is None:
        return None
    influence = np.zeros(len(of))
    influence[of] = found.influence
    return Estimate(found.value, influence)


def _paired(estimate: Estimate, one: Replicate) -> Estimate:
    return by_cluster(estimate, one.clusters, one.number)

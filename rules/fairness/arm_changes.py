"""How the figures of one arm differ from those of another: paired by seed, and within a pair by question.

An interval over seeds speaks of a method, one over questions of the models at hand; which of them a change has is kept
with it. Finds nothing and says nothing in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np

from audit.outputs.arms import Roles
from audit.outputs.table import NO_ANSWER, Outputs
from audit.outputs.threshold import threshold_arm_in
from audit.rules.fairness.arm_figures import (
    FALSE_GAP,
    ODDS,
    PARITY,
    SELECTION_GAP,
    TRUE_GAP,
    Codes,
    Figures,
    Key,
    Marks,
    Metric,
    Replicate,
    distinct,
    replicate,
)
from audit.rules.fairness.withheld import MOST_MISSING
from audit.statistics.influence import Estimate, average, interval_of
from audit.statistics.replicates import LEAST_SEEDS, over_seeds
from audit.statistics.sentences import figure

Kind: TypeAlias = Literal["remediation", "fine_tuning", "threshold"]
Scope: TypeAlias = Literal["seeds", "these models", ""]
Outcome: TypeAlias = Literal[
    "better", "worse", "reversed", "unchanged", "undecided", "changed", "values only", "not estimable"
]
Interval: TypeAlias = tuple[float, float]

_ALIKE: Final = 1e-12
"""A standard deviation that is a rounding error."""


class Pair(NamedTuple):
    """Two replicates on the questions that both answered."""

    seed: int
    before: Replicate
    after: Replicate


class ArmComparison(NamedTuple):
    """The pairs of ``arm`` and ``against``. ``questions`` are those that both answered, in the pair that has most;
    ``missing`` is the largest share of questions that either did not answer; ``fixed``: the other arm has a single
    replicate, which every seed is compared with."""

    kind: Kind
    arm: str
    against: str
    pairs: tuple[Pair, ...]
    questions: int = 0
    missing: float = 0.0
    fixed: bool = False


class SeedChange(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of one seed, before and after."""

    seed: int
    before: float
    after: float

    @property
    def change(self) -> float:
        """After less before."""
        return self.after - self.before

    @property
    def share(self) -> float | None:
        """The change as a share of what it was; None where that was 0 or less."""
        return self.change / self.before if self.before > 0 else None


class FigureChange(msgspec.Struct, frozen=True, kw_only=True):
    """How one figure changed, over all pairs that have it.

    ``interval`` is that of ``scope``; ``rows_interval`` is always over questions. ``share_bound`` is the one-sided 95 %
    bound nearer to 0. ``few`` are the groups that rest on too few questions, ``left_out`` those that rest on none.
    ``size_interval`` is that of how much the size of a signed gap changed. ``signs`` are those of the figure before and
    after, 0 where that is not sure; ``hides`` tells of the signed gaps that are reversed behind an unsigned figure.
    """

    metric: Metric
    group: str | None
    seeds: tuple[SeedChange, ...] = ()
    before: float | None = None
    after: float | None = None
    change: float | None = None
    sd: float | None = None
    interval: Interval | None = None
    scope: Scope = ""
    rows_interval: Interval | None = None
    size_interval: Interval | None = None
    share: float | None = None
    share_interval: Interval | None = None
    share_bound: float | None = None
    signs: tuple[int, int] = (0, 0)
    few: Mapping[str, int] = {}
    left_out: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    outcome: Outcome = "not estimable"

    @property
    def worst(self) -> SeedChange | None:
        """The seed in which the figure went furthest the wrong way; None with one seed or no wrong way."""
        if len(self.seeds) < 2 or not self.metric.better:
            return None
        return max(self.seeds, key=lambda one: (_harm(one, self.metric), -one.seed))

    def surely_worse_by(self, limit: float, same: float) -> bool:
        """Whether a figure for which smaller or larger is better got worse by more than ``limit``, with the whole
        interval, and is not one that counts as unchanged (within ``same``)."""
        worse = self.worse_by
        if worse is None or self.outcome not in ("worse", "values only"):
            return False
        return worse[0] > limit and worse[1] > same

    @property
    def worse_by(self) -> Interval | None:
        """The interval of how much worse a figure got for which smaller or larger is better, over seeds or else over
        questions; None where neither is known, or where too little is."""
        interval = self.interval or self.rows_interval
        if interval is None or self.few:
            return None
        return (-interval[1], -interval[0]) if self.metric.better == "larger" else interval


def comparisons(outputs: Outputs, roles: Roles, favourable: Codes) -> list[ArmComparison]:
    """The comparisons that can be made: judged against compared, judged against base, threshold-only against
    compared."""
    asked: list[tuple[Kind, str, str]] = [
        ("remediation", roles.judged, roles.compared),
        ("fine_tuning", roles.judged, roles.base),
        ("threshold", threshold_arm_in(outputs, roles.compared), roles.compared),
    ]
    numbering = distinct(outputs.cluster)
    made = [
        _comparison(outputs, kind, arm, against, lambda one: _replicate(one, favourable, numbering))
        for kind, arm, against in asked
        if arm in outputs.arms and against in outputs.arms
    ]
    return [one for one in made if one.pairs]


def _replicate(outputs: Outputs, favourable: Codes, numbering: Codes) -> Replicate:
    return replicate(outputs, favourable, np.searchsorted(numbering, outputs.cluster), len(numbering))


def _comparison(
    outputs: Outputs, kind: Kind, arm: str, against: str, made: Callable[[Outputs], Replicate]
) -> ArmComparison:
    seeds = outputs.seeds(arm), outputs.seeds(against)
    fixed = kind == "fine_tuning" and len(seeds[1]) == 1 and seeds[0] != seeds[1]
    pairs, questions, missing = [], 0, 0.0
    for seed in seeds[0] if fixed else sorted(set(seeds[0]) & set(seeds[1])):
        after, before = outputs.of(arm, seed), outputs.of(against, seeds[1][0] if fixed else seed)
        both = _answered(after) & _answered(before)
        asked = len(distinct(np.concatenate((after.item, before.item))))
        common = int(both.sum())
        missing = max(missing, 1 - common / asked if asked else 0.0)
        questions = max(questions, common)
        if common:
            pairs.append(Pair(seed, *(made(side.where(both[side.item])) for side in (before, after))))
    return ArmComparison(kind, arm, against, tuple(pairs), questions, missing, fixed)


def _answered(outputs: Outputs) -> Marks:
    """Of all questions there are, those that have an answer."""
    found = outputs.item[outputs.decided != NO_ANSWER]
    marks: Marks = np.bincount(found, minlength=len(outputs.items)) > 0
    return marks


def changes(
    comparison: ArmComparison,
    figures: Callable[[Replicate], Figures],
    behind: Mapping[Key, Mapping[str, int]],
    keys: Sequence[Key],
    *,
    min_n: int,
    same: float,
) -> Iterator[FigureChange]:
    """How each of the figures ``keys`` changed; ``same`` is the size of a change that counts as none."""
    of_pairs = [(pair.seed, figures(pair.before), figures(pair.after)) for pair in comparison.pairs]
    present = distinct(np.concatenate([side.clusters for pair in comparison.pairs for side in pair[1:]]))
    for key in keys:
        known = [(seed, before[key], after[key]) for seed, before, after in of_pairs if key in before and key in after]
        counts = behind.get(key, {})
        change = FigureChange(
            metric=key[0],
            group=key[1],
            few={name: n for name, n in counts.items() if 0 < n < min_n},
            left_out=tuple(name for name, n in counts.items() if not n),
        )
        if known:
            worth = min([n for n in counts.values() if n], default=len(present))
            change = _changed(change, known, present, min(worth, len(present)))
            outcome = "undecided" if comparison.missing > MOST_MISSING or change.few else outcome_of(change, same)
            change = msgspec.structs.replace(change, outcome=outcome)
        yield change


def with_reversals(found: Sequence[FigureChange]) -> list[FigureChange]:
    """The changes of one attribute, those of unsigned figures with the signed gaps behind them that are reversed."""
    behind = {PARITY: (SELECTION_GAP,), ODDS: (TRUE_GAP, FALSE_GAP)}
    return [
        msgspec.structs.replace(change, hides=tuple(_reversed(found, behind[change.metric])))
        if change.metric in behind and change.change is not None
        else change
        for change in found
    ]


def _reversed(found: Sequence[FigureChange], metrics: Sequence[Metric]) -> Iterator[str]:
    for change in found:
        if change.metric in metrics and change.signs[0] * change.signs[1] < 0 and not change.few:
            yield f"the {change.metric.title} of {change.group} goes from {figure(change.before or 0.0)} to " + figure(
                change.after or 0.0
            )


def _changed(
    change: FigureChange, known: Sequence[tuple[int, Estimate, Estimate]], present: Codes, worth: int
) -> FigureChange:
    """``worth``: the questions that the figure rests on where none of them moves it."""
    seeds = tuple(SeedChange(seed=seed, before=before.value, after=after.value) for seed, before, after in known)
    differences = over_seeds([one.change for one in seeds])
    assert differences is not None
    before = _over_questions([one for _, one, _ in known], present)
    after = _over_questions([one for _, _, one in known], present)
    rows = interval_of(after.minus(before), bounded=True, worth=worth)
    size = interval_of(after.size_less(before), bounded=True, worth=worth)
    method = differences.n >= LEAST_SEEDS and _varies(differences.sd)
    alike = differences.n == 1 or not _varies(differences.sd)
    interval = differences.interval if method else rows if alike else None
    sizes = over_seeds([abs(one.after) - abs(one.before) for one in seeds])
    if method:
        size = sizes.interval if sizes is not None and _varies(sizes.sd) else None
    change = msgspec.structs.replace(
        change,
        seeds=seeds,
        before=before.value,
        after=after.value,
        change=differences.mean,
        sd=differences.sd,
        interval=interval,
        scope="seeds" if method else "these models" if interval is not None else "",
        rows_interval=rows,
        size_interval=size if change.metric.better == "nearer zero" and interval is not None else None,
        signs=(
            _sign_of([one.before for one in seeds], before, worth),
            _sign_of([one.after for one in seeds], after, worth),
        ),
    )
    shares = [one.share for one in seeds if one.share is not None]
    if not change.metric.share or len(shares) < len(seeds):
        return change
    share = over_seeds(shares)
    assert share is not None
    bound = share.at_most if share.mean < 0 else share.at_least
    return msgspec.structs.replace(change, share=share.mean, share_interval=share.interval, share_bound=bound)


def _over_questions(estimates: Sequence[Estimate], present: Codes) -> Estimate:
    """The mean over seeds, with the influences of the clusters that there are."""
    mean = average(estimates)
    return Estimate(mean.value, mean.influence[present])


def _varies(sd: float | None) -> bool:
    """Whether seeds differ at all: of such that do not, an interval without width would say that the method is sure."""
    return sd is not None and sd > _ALIKE


def _sign_of(values: Sequence[float], mean: Estimate, worth: int) -> int:
    """1 or -1 where a figure is surely above or below 0: over seeds by its interval, else over questions; else 0."""
    seeds = over_seeds(values)
    interval = seeds.interval if seeds is not None and _varies(seeds.sd) else None
    interval = interval or interval_of(mean, bounded=True, worth=worth)
    if interval is None:
        return 0
    return 1 if interval[0] > 0 else -1 if interval[1] < 0 else 0


def outcome_of(change: FigureChange, same: float) -> Outcome:
    """What became of a figure: by its interval where it has one, never by the point alone.

    ``reversed``: a signed gap that was surely on one side of 0 and now is surely on the other, which its size hides.
    ``unchanged``: the whole interval lies within ``same`` of no change. ``values only``: fewer seeds than an interval
    takes. ``changed``: surely, where neither way is better. A signed gap is better or worse by the interval of its
    size.
    """
    if change.change is None or change.before is None or change.after is None:
        return "not estimable"
    if change.interval is None:
        return "values only" if len(change.seeds) > 1 else "undecided"
    low, high = change.interval
    if change.metric.better == "nearer zero" and change.signs[0] * change.signs[1] < 0:
        return "reversed"
    if -same <= low and high <= same:
        return "unchanged"
    if low <= 0 <= high:
        return "undecided"
    if not change.metric.better:
        return "changed"
    if change.metric.better == "nearer zero":
        size = change.size_interval
        return "undecided" if size is None or size[0] <= 0 <= size[1] else "better" if size[1] < 0 else "worse"
    return "better" if (change.change > 0) == (change.metric.better == "larger") else "worse"


def _harm(one: SeedChange, metric: Metric) -> float:
    """How far a seed went the wrong way."""
    if metric.better == "nearer zero":
        return abs(one.after) - abs(one.before)
    return one.change if metric.better == "smaller" else -one.change

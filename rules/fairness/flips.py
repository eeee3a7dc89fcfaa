"""How often an answer changes with the group, less how often it changes with an edit that leaves the group as it is.

Figures of one arm and one attribute. Tells nothing in words and judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from audit.model import Json
from audit.outputs.table import NO_ANSWER, Outputs
from audit.rules.fairness.swapped import Sides, Swapped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.statistics.means import Mean

    Codes = NDArray[np.int64]
    Marks = NDArray[np.bool_]
    Values = NDArray[np.float64]

Amounts: TypeAlias = "Callable[[Sides], Values]"
"""How much each variant differs from its original, NaN where it cannot be said: 1 or 0 for a flip."""


class Sensitivity(NamedTuple):
    """The mean over questions of both amounts, where a question has both, and their difference: ``mean`` is that over
    clusters. Where no question has a control, ``swap`` is of all, and the others are None. ``without_control`` of the
    ``questions`` have a swap alone."""

    questions: int
    without_control: int
    swap: float | None
    control: float | None
    mean: Mean | None


def label_flips(outputs: Outputs) -> Amounts:
    """Whether another class was decided; answers that are no class are alike."""
    import numpy as np

    def amounts(sides: Sides) -> Values:
        here, there = outputs.decided[sides.variant], outputs.decided[sides.original]
        known = (here != NO_ANSWER) & (there != NO_ANSWER)
        return np.where(known, (here != there).astype(np.float64), np.nan)

    return amounts


def text_flips(outputs: Outputs, keys: Mapping[int, int]) -> Amounts:
    """Whether the text is another, given the key of the text of every output by its index."""
    import numpy as np

    def amounts(sides: Sides) -> Values:
        known = outputs.answered[sides.variant] & outputs.answered[sides.original]
        pairs = zip(sides.variant.tolist(), sides.original.tolist(), strict=True)
        differ = np.array([keys.get(one) != keys.get(other) for one, other in pairs], dtype=np.float64)
        return np.where(known, differ, np.nan)

    return amounts


def probability_changes(outputs: Outputs, classes: Codes) -> Amounts:
    """By how much the probability of the classes together differs, as an absolute number; of no classes, half the sum
    of the differences of all (total variation)."""
    import numpy as np

    table = outputs.probability
    assert table is not None

    def amounts(sides: Sides) -> Values:
        difference = table[sides.variant] - table[sides.original]
        if len(classes):
            change: Values = np.abs(difference[:, classes].sum(axis=1))
            return change
        half: Values = 0.5 * np.abs(difference).sum(axis=1)
        return half

    return amounts


class Net(NamedTuple):
    """By question (k,), for those with a swap and a control: the mean amount of each, and the question's cluster."""

    swap: Values
    control: Values
    clusters: Codes
    swapped: Values
    """The amounts of all questions with a swap, those without a control among them."""

    @property
    def difference(self) -> Values:
        """What is left of the swap's amount once that of the edit is taken off."""
        return self.swap - self.control


def net(outputs: Outputs, swaps: Sides, controls: Sides, amounts: Amounts) -> Net:
    """The amounts by question; those of all seeds and samples are averaged first."""
    import numpy as np

    items, swapped, clusters = by_question(outputs, swaps, amounts)
    control_items, control, _ = by_question(outputs, controls, amounts)
    _, here, there = np.intersect1d(items, control_items, assume_unique=True, return_indices=True)
    return Net(swapped[here], control[there], clusters[here], swapped)


def sensitivity(
    outputs: Outputs, swaps: Sides, controls: Sides, amounts: Amounts, *, bounded: bool = True, level: float = 0.95
) -> Sensitivity:
    """How much more the answers differ under the swaps than under the controls, question by question; questions of one
    cluster count once. ``bounded``: no amount is above 1; ``level`` is that of the interval."""
    from audit.statistics.paired import mean_over_clusters

    found = net(outputs, swaps, controls, amounts)
    return Sensitivity(
        questions=len(found.swapped),
        without_control=len(found.swapped) - len(found.swap),
        swap=_mean(found.swap if len(found.swap) else found.swapped),
        control=_mean(found.control),
        mean=mean_over_clusters(found.difference, found.clusters, bounded=bounded, level=level),
    )


def by_question(outputs: Outputs, sides: Sides, amounts: Amounts) -> tuple[Codes, Values, Codes]:
    """The questions with a known amount, ascending, the mean amount of each, and the cluster of each."""
    import numpy as np

    values = amounts(sides)
    known = ~np.isnan(values)
    originals = sides.original[known]
    items, first, at = np.unique(outputs.item[originals], return_index=True, return_inverse=True)
    means = np.bincount(at, weights=values[known]) / np.maximum(1, np.bincount(at))
    return items, means, outputs.cluster[originals[first]]


def _mean(values: Values) -> float | None:
    return float(values.mean()) if len(values) else None


def unanswered(outputs: Outputs, one: Swapped) -> tuple[int, int]:
    """Outputs to variants that cannot be compared, since they or those to the question are no answers or are not there;
    and how many variants were asked."""
    lost = one.unmatched
    for sides in (one.swaps, one.controls):
        lost += int((~(outputs.answered[sides.variant] & outputs.answered[sides.original])).sum())
    return lost, len(one.swaps.variant) + len(one.controls.variant) + one.unmatched


class Direction(NamedTuple):
    """Favourable decisions for ``group`` less those for ``reference``, as codes, in the same prompts: the mean over
    clusters, its p value and how that was found; of independent pairs also how often only one of both was favourable
    and McNemar's p."""

    group: int
    reference: int
    mean: Mean
    p: float
    method: str
    uneven: tuple[int, int, float] | None


def direction(outputs: Outputs, one: Swapped, favourable: Codes, group: int, reference: int) -> Direction | None:
    """How much oftener a prompt gets a favourable decision with one group in it than with the other; None where no
    prompt was asked with both."""
    import numpy as np

    from audit.statistics.paired import mcnemar, mean_over_clusters, sign_flip

    signs = np.select(
        [(one.source == reference) & (one.target == group), (one.source == group) & (one.target == reference)], [1, -1]
    )

    def amounts(sides: Sides) -> Values:
        here, there = outputs.decided[sides.variant], outputs.decided[sides.original]
        known = (here != NO_ANSWER) & (there != NO_ANSWER)
        change = np.isin(here, favourable).astype(np.float64) - np.isin(there, favourable)
        return np.where(known, change * signs[signs != 0], np.nan)

    sides = one.swaps.where(signs != 0)
    items, means, clusters = by_question(outputs, sides, amounts)
    mean, test = mean_over_clusters(means, clusters, bounded=True), sign_flip(means, clusters)
    if mean is None or test is None:
        return None
    uneven = None
    if len(items) == mean.clusters and bool(np.isin(means, (-1.0, 0.0, 1.0)).all()):
        first, second = int((means == 1).sum()), int((means == -1).sum())
        uneven = first, second, mcnemar(first, second)
    return Direction(group, reference, mean, test.p, test.method, uneven)


def rounded(value: float | None) -> float | None:
    """Six decimals, as every figure of a measure; 0 has no sign."""
    return None if value is None else round(value, 6) + 0.0


def interval_of(mean: Mean | None) -> tuple[float, float] | None:
    """The interval of a mean with six decimals; None where there is none."""
    if mean is None or mean.interval is None:
        return None
    return round(mean.interval[0], 6) + 0.0, round(mean.interval[1], 6) + 0.0


def as_list(interval: tuple[float, float] | None) -> Json:
    """An interval in a table."""
    return None if interval is None else list(interval)

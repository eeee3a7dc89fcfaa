"""Measures on validation rows with what is known of their error: intervals, and differences between two models.

All measures are ratios of sums over rows (a loss a token is nats over tokens), so one linearisation serves them all: a
row's influence on a ratio N / D is (n_i - ratio d_i) / (D / n) (Cochran 1977, "Sampling techniques", 6.3). The rows
are the independent units, whatever sequences and tokens they have. Two models are compared on the same rows, in pairs.
What is told is the error of having these validation rows and not others; that of another seed is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.statistics.effective import effective_n
from audit.statistics.intervals import wilson
from audit.statistics.means import mean_of
from audit.train.options import Metric

LEVEL: Final = 0.95
INTERVALS: Final[Mapping[Metric, str]] = {
    "loss": "95 % t interval of the mean, rows as clusters of their tokens",
    "worst_group_loss": "95 % t interval of the mean in the group that came out worst, which was chosen from the same "
    "rows",
    "accuracy": "95 % Wilson interval at the effective number of rows",
    "f1": "95 % t interval of the linearised macro mean (Takahashi et al. 2022, Applied Intelligence 52)",
}
"""What the interval of each metric is."""

Column = NDArray[np.float64]


class RowScores(NamedTuple):
    """What a model makes of each validation row, in the order of the rows; all columns are (rows,).

    ``loss`` is the sum of cross-entropies in nats over ``tokens`` trained tokens (1 for a classification head), of
    which ``right`` were the most likely. ``truth`` is the class, -1 for none, and ``predicted`` what the model says,
    -1 for neither class; both empty where no classes are known. ``groups`` are codes by attribute, -1 for unknown,
    ``members`` their names.
    """

    row_ids: tuple[str, ...]
    loss: Column
    tokens: Column
    right: Column
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    classes: tuple[str, ...] = ()
    groups: Mapping[str, NDArray[np.int32]] = {}
    members: Mapping[str, tuple[str, ...]] = {}

    @property
    def same_rows(self) -> tuple[tuple[str, ...], bytes]:
        """What must be equal for two models to be compared: the rows and how many tokens each has."""
        return self.row_ids, self.tokens.tobytes()


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A measure over ``n`` validation rows with a 95 % interval (None where it cannot be told). ``of`` names the group
    that it is of, as attribute=group, "" for all rows."""

    value: float
    n: int
    interval: tuple[float, float] | None
    of: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One model's measure less another's on the same ``n`` rows, with an interval at ``level`` (None: cannot be told).

    ``told`` is whether the interval leaves out 0.
    """

    value: float
    n: int
    interval: tuple[float, float] | None
    level: float

    @property
    def told(self) -> bool:
        """Whether the two can be told apart."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


class Measured(NamedTuple):
    """A measure and the influence of every row (rows,) on it, 0 for rows that it is not of."""

    value: float
    influence: Column
    inside: NDArray[np.bool_]
    of: str = ""


def measured(scores: RowScores, metric: Metric, *, min_group: int) -> Measured | None:
    """The metric over all rows, or over the group with the highest loss of those with ``min_group`` rows or more.
    None where it is not defined: no classes for f1, no group that is large enough."""
    if metric == "worst_group_loss":
        return worst_group(scores, min_group)
    if metric == "f1":
        return _macro_f1(scores)
    return ratio(scores.right if metric == "accuracy" else scores.loss, scores.tokens)


def ratio(above: Column, below: Column, inside: NDArray[np.bool_] | None = None, of: str = "") -> Measured | None:
    """The sum of ``above`` over that of ``below``, both (rows,), over the rows ``inside``; None for nothing below."""
    inside = np.ones(len(above), bool) if inside is None else inside
    total = float(below[inside].sum())
    if total <= 0:
        return None
    value = float(above[inside].sum()) / total
    influence = np.where(inside, (above - value * below) * (int(inside.sum()) / total), 0.0)
    return Measured(value, influence, inside, of)


def by_group(scores: RowScores) -> list[tuple[str, str, Measured]]:
    """Attribute, group and loss of every group that has rows, attributes by name."""
    out = []
    for attribute, codes in sorted(scores.groups.items()):
        for code, group in enumerate(scores.members.get(attribute, ())):
            found = ratio(scores.loss, scores.tokens, codes == code, f"{attribute}={group}")
            if found is not None:
                out.append((attribute, group, found))
    return out


def worst_group(scores: RowScores, min_group: int) -> Measured | None:
    """The highest loss of a group with enough rows, the first of equal ones."""
    large = [found for _, _, found in by_group(scores) if int(found.inside.sum()) >= min_group]
    return max(large, key=lambda found: found.value, default=None)


def _macro_f1(scores: RowScores) -> Measured | None:
    """The mean over the classes that occur, in truth or as an answer, of 2 TP / (2 TP + FP + FN), as scikit-learn
    has it."""
    known = scores.truth >= 0
    parts = []
    for code in range(len(scores.classes)):
        true, said = (scores.truth == code) & known, (scores.predicted == code) & known
        found = ratio(2.0 * (true & said), 1.0 * true + 1.0 * said, known)
        if found is not None:
            parts.append(found)
    if not parts:
        return None
    influence: Column = np.mean([part.influence for part in parts], axis=0)
    return Measured(float(np.mean([part.value for part in parts])), influence, known)


def figure(scores: RowScores, metric: Metric, *, min_group: int) -> Figure | None:
    """The metric with its interval, which is what ``INTERVALS`` says."""
    found = measured(scores, metric, min_group=min_group)
    if found is None:
        return None
    if metric != "accuracy":
        return figure_of(found)
    rows = int(np.count_nonzero(scores.tokens))
    worth = effective_n(zip(scores.right.astype(int).tolist(), scores.tokens.astype(int).tolist(), strict=True))
    return Figure(value=found.value, n=rows, interval=wilson(found.value * worth, worth))


def figure_of(found: Measured) -> Figure:
    """A measure with its t interval over the rows that it is of."""
    told = mean_of(found.value + found.influence[found.inside])
    n = int(found.inside.sum())
    return Figure(value=found.value, n=n, interval=None if told is None else told.interval, of=found.of)


def difference(ours: Measured, theirs: Measured, *, comparisons: int = 1) -> Difference:
    """Ours less theirs, of two models on the same rows; rows that neither is of are left out.

    With several ``comparisons`` the interval is that of Bonferroni, so that in all of them together one in twenty sets
    of rows at most tells apart what is equal.
    """
    value = ours.value - theirs.value
    inside = ours.inside | theirs.inside
    # An influence is scaled for its own number of rows; here both are means over the rows of either.
    parts = [one.influence[inside] * (int(inside.sum()) / max(1, int(one.inside.sum()))) for one in (ours, theirs)]
    told = mean_of(value + (parts[0] - parts[1]))
    level = 1 - (1 - LEVEL) / comparisons
    interval = None if told is None or told.interval is None else _at_level(value, told.interval, told.n, level)
    return Difference(value=value, n=int(inside.sum()), interval=interval, level=round(level, 6))


def _at_level(value: float, interval: tuple[float, float], n: int, level: float) -> tuple[float, float]:
    """A 95 % t interval of a mean of ``n`` values at another level."""
    from scipy.special import stdtrit

    quantiles = stdtrit(n - 1, [0.5 + level / 2, 0.5 + LEVEL / 2])
    half = (interval[1] - interval[0]) / 2 * float(quantiles[0] / quantiles[1])
    return value - half, value + half

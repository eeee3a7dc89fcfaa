"""How well one thing known of each row alone tells its class: cross-validated balanced accuracy, and whether by chance.

The things known are of any kind, compared for equality. Says nothing about causes. Only ``chance_of`` imports numpy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

PERMUTATIONS: Final = 999


class Power(NamedTuple):
    """Balanced accuracy (the mean over the classes of the share told right), the gain over chance as a share of what
    there is to gain, and which class was told for each row."""

    balanced_accuracy: float
    gain: float
    told: Sequence[int]


def predictive_power(values: Sequence[Hashable], classes: Sequence[int], folds: Sequence[int]) -> Power:
    """How well each row's value tells its class, learnt from the rows of the other folds.

    A value tells the class of which it is most typical: that with the largest share of rows with the value among all
    rows of the class; the smaller number of two equal ones. A value not seen in the other folds tells the most frequent
    class. Chance is 1 / K for K classes, a gain of 0.
    """
    joint: Counter[tuple[Hashable, int]] = Counter(zip(values, classes, strict=True))
    by_class = Counter(classes)
    told = [-1] * len(classes)
    for fold in sorted(set(folds)):
        rows = [row for row, of in enumerate(folds) if of == fold]
        here = Counter((values[row], classes[row]) for row in rows)
        here_by_class = Counter(classes[row] for row in rows)
        seen = joint - here
        best = _most_typical(seen, by_class - here_by_class)
        usual = min(by_class, key=lambda one: (here_by_class[one] - by_class[one], one))
        for row in rows:
            told[row] = best.get(values[row], usual)
    accuracy = _balanced_accuracy(told, classes, by_class)
    chance = 1 / len(by_class) if by_class else 1.0
    return Power(accuracy, (accuracy - chance) / (1 - chance) if chance < 1 else 0.0, told)


def _most_typical(seen: Counter[tuple[Hashable, int]], by_class: Counter[int]) -> dict[Hashable, int]:
    best: dict[Hashable, tuple[float, int]] = {}
    for (value, of), rows in seen.items():
        entry = (-rows / by_class[of], of)
        if value not in best or entry < best[value]:
            best[value] = entry
    return {value: of for value, (_, of) in best.items()}


def _balanced_accuracy(told: Sequence[int], classes: Sequence[int], by_class: Counter[int]) -> float:
    right = Counter(of for one, of in zip(told, classes, strict=True) if one == of)
    return sum(right[of] / rows for of, rows in by_class.items()) / len(by_class) if by_class else 0.0


def chance_of(told: Sequence[int], classes: Sequence[int], seed: int) -> float:
    """The permutation p value of the balanced accuracy: how often shuffled classes are told as well, among 999 and the
    observed ones (Ojala and Garriga 2010, "Permutation tests for studying classifier performance", Journal of Machine
    Learning Research 11). What was told is kept: it was learnt from other rows."""
    import numpy as np

    generator = np.random.default_rng(seed)
    truth, guess = np.array(classes), np.array(told)
    weights = 1.0 / np.maximum(np.bincount(truth), 1)
    observed = float(weights[truth[truth == guess]].sum())
    as_well = 1
    for _ in range(PERMUTATIONS):
        generator.shuffle(truth)
        as_well += float(weights[truth[truth == guess]].sum()) >= observed - 1e-9
    return as_well / (PERMUTATIONS + 1)

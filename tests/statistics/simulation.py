"""Samples of groups with known rates, and how often a verdict is given on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np

from audit.statistics.disparity import of_all, verdicts
from audit.statistics.rates import GroupRate
from audit.statistics.verdicts import Question

SEEDS: Final = 2_000
BASE_RATES: Final = (0.05, 0.3)
UNEQUAL: Final = {2: (1000, 60), 5: (1000, 300, 60, 60, 40), 10: (1000, 300, 300, 60, 60, 60, 40, 40, 30, 30)}
SIZES: Final = {
    f"{groups} groups of {size}": (size,) * groups if size else UNEQUAL[groups]
    for groups in (2, 5, 10)
    for size in (50, 200, 1000, 0)
}
"""Sizes of groups by name; 0 stands for unequal ones."""


class Truth(NamedTuple):
    """What the groups' rates really are, and what is asked of them."""

    rates: tuple[float, ...]
    sizes: tuple[int, ...]
    question: Question


def share_of(truth: Truth, verdict: str, seeds: int = SEEDS) -> float:
    """How often a sample of the truth gets a verdict."""
    generator = np.random.default_rng([7, *truth.sizes, *(round(1e4 * rate) for rate in truth.rates)])
    draws = generator.binomial(truth.sizes, truth.rates, size=(seeds, len(truth.sizes)))
    distinct, times = np.unique(draws, axis=0, return_counts=True)
    given = [_verdict(tuple(hits), truth.sizes, truth.question) == verdict for hits in distinct.tolist()]
    return float(np.average(given, weights=times))


@cache
def _names(groups: int) -> Sequence[str]:
    return [f"group {index}" for index in range(groups)]


def _verdict(hits: tuple[int, ...], sizes: tuple[int, ...], question: Question) -> str:
    rates = [GroupRate(*one) for one in zip(_names(len(sizes)), hits, sizes, strict=True)]
    return of_all(verdicts(rates, question))

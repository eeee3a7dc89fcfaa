"""Figures of models that were trained again with other seeds: their mean, their spread and Student's t interval.

Seeds are replicates of a method, rows are not: an interval over rows speaks of the models at hand only (research:
Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks", MLSys). Judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Final

import msgspec
import numpy as np

from audit.statistics.means import mean_of

LEAST_SEEDS: Final = 5
"""Replicates below which no interval is given: with four, t has three degrees and its interval says next to nothing."""
ONE_SIDED: Final = 0.95
"""The level of ``at_least`` and ``at_most``, each by itself."""


class OverSeeds(msgspec.Struct, frozen=True, kw_only=True):
    """The ``mean`` of one figure for each of ``n`` seeds. ``sd`` is the sample standard deviation, None for one seed.

    ``interval`` is Student's, at 95 % unless said; ``at_least`` and ``at_most`` are one-sided bounds at 95 %. All three
    are None for fewer than ``LEAST_SEEDS`` seeds.
    """

    n: int
    mean: float
    sd: float | None = None
    interval: tuple[float, float] | None = None
    at_least: float | None = None
    at_most: float | None = None


def over_seeds(values: Sequence[float], level: float = 0.95) -> OverSeeds | None:
    """What ``values``, one for each seed, say of a method; None for none. Paired figures come as their differences;
    ``level`` is that of ``interval``."""
    numbers = np.sort(np.asarray(values, dtype=np.float64))
    n = len(numbers)
    if not n:
        return None
    mean = float(numbers.mean())
    if n == 1:
        return OverSeeds(n=1, mean=mean)
    sd = float(numbers.std(ddof=1))
    whole = mean_of(numbers, level=level)
    if n < LEAST_SEEDS or whole is None:
        return OverSeeds(n=n, mean=mean, sd=sd)
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, ONE_SIDED)) * sd / sqrt(n)
    return OverSeeds(n=n, mean=mean, sd=sd, interval=whole.interval, at_least=mean - half, at_most=mean + half)

"""Cohen's kappa of two columns of ratings, with an interval that knows of clusters. Imports numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audit.rules.outputs.figures import Figure, linearised

Codes = NDArray[np.int64]


def kappa(first: Codes, second: Codes, clusters: Codes, levels: int, *, ordered: bool) -> Figure:
    """Agreement beyond chance of ratings (n,), codes below ``levels``; -1 to 1. With ``ordered`` levels the weight of a
    disagreement grows with its distance; the last of them then stands for none of the levels and is as far from each as
    the two furthest are from each other. ``first`` and ``second`` together hold two levels or more.

    Cohen (1960), "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, and
    (1968), "Weighted kappa", Psychological Bulletin 70. Without clusters the variance is that of Fleiss, Cohen and
    Everitt (1969), "Large sample standard errors of kappa and weighted kappa", Psychological Bulletin 72.
    """
    apart = _apart(levels, ordered=ordered)
    n = len(first)
    ours, theirs = np.bincount(first, minlength=levels) / n, np.bincount(second, minlength=levels) / n
    seen = apart[first, second]
    by_chance = float(ours @ apart @ theirs)
    value = 1 - float(seen.mean()) / by_chance
    expected = apart[first] @ theirs + ours @ apart[:, second]  # what each pair adds to chance
    influence = -(seen - (1 - value) * (expected - by_chance)) / (n * by_chance)
    return linearised(value, influence - influence.mean(), clusters, within=(-1.0, 1.0))


def _apart(levels: int, *, ordered: bool) -> NDArray[np.float64]:
    """How far two levels are apart, (levels, levels), 0 to the largest distance."""
    if not ordered:
        return 1.0 - np.eye(levels)
    at = np.arange(levels, dtype=np.float64)
    apart: NDArray[np.float64] = np.abs(at[:, None] - at[None, :])
    furthest = max(1.0, float(levels - 2))
    apart[-1, :-1] = apart[:-1, -1] = furthest
    return apart

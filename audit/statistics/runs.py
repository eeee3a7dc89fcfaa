"""Whether things of a few kinds come in random order: the runs test. Says nothing about what the kinds mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from math import sqrt
from operator import ne
from typing import NamedTuple


class Runs(NamedTuple):
    """Runs (stretches of one kind) that were seen and that a random order would give, and the normal score."""

    n: int
    observed: int
    expected: float
    z: float


def runs_test(kinds: Sequence[int]) -> Runs:
    """The runs test for any number of kinds, given the kind of each thing in order. A z below 0 means too few runs.

    Normal approximation with mean (n (n + 1) - sum n_i^2) / n and variance
    (sum n_i^2 (sum n_i^2 + n (n + 1)) - 2 n sum n_i^3 - n^3) / (n^2 (n - 1)), where n_i is how often kind i occurs:
    Barton and David (1957), "Multiple runs", Biometrika 44; Schuster and Gu (1997), "On the conditional and
    unconditional distributions of the number of runs in a sample from a multisymbol alphabet", Communications in
    Statistics 26. z is 0 where order cannot vary: fewer than two things, or a single kind.
    """
    n = len(kinds)
    observed = sum(map(ne, kinds, islice(kinds, 1, None))) + (n > 0)
    counts = Counter(kinds).values()
    squares = sum(count**2 for count in counts)
    if n < 2 or len(counts) < 2:
        return Runs(n, observed, float(observed), 0.0)
    cubes = sum(count**3 for count in counts)
    mean = (n * (n + 1) - squares) / n
    # In whole numbers: the terms are as large as n^4 and nearly cancel.
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1))
    return Runs(n, observed, mean, (observed - mean) / sqrt(variance) if variance > 0 else 0.0)

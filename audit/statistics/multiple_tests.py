"""P values adjusted for how many tests were made: Holm's for a family of claims, Benjamini and Hochberg's for a list;
and Sidak's level for intervals that are to hold together.

Which tests make up a family is the caller's business. Plain Python.
"""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given: those up to alpha hold together with an error of at most alpha.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6. Any
    dependence between the tests is allowed.
    """
    n = len(p_values)
    adjusted = [1.0] * n
    largest = 0.0
    for place, at in enumerate(sorted(range(n), key=lambda at: (p_values[at], at))):
        largest = max(largest, min(1.0, p_values[at] * (n - place)))
        adjusted[at] = largest
    return adjusted


def sidak(tests: int, level: float = 0.95) -> float:
    """The level that each of so many intervals needs so that all hold together at ``level``.

    Sidak (1967), "Rectangular confidence regions for the means of multivariate normal distributions", JASA 62.
    """
    return float(level ** (1 / max(1, tests)))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given: those up to q have a false discovery rate of at most q.

    Benjamini and Hochberg (1995), "Controlling the false discovery rate", JRSS B 57.
    """
    n = len(p_values)
    adjusted = [1.0] * n
    least = 1.0
    order = sorted(range(n), key=lambda at: (p_values[at], at))
    for place in range(n, 0, -1):
        at = order[place - 1]
        least = min(least, p_values[at] * n / place)
        adjusted[at] = least
    return adjusted

"""Exact quantiles and sums of counts kept as a histogram, which merges and is small. Estimates nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import floor
from typing import Final, TypeAlias

from audit.model import Json

Histogram: TypeAlias = dict[str, int]
"""How often a whole number occurs. Keys are written in decimal, so that JSON keeps them."""


def add(histogram: Histogram, values: Iterable[int]) -> None:
    """Count values into the histogram."""
    for value in values:
        key = str(value)
        histogram[key] = histogram.get(key, 0) + 1


def merged(first: Histogram, second: Histogram) -> Histogram:
    """The sum of two histograms; the first is changed and returned."""
    for key, count in second.items():
        first[key] = first.get(key, 0) + count
    return first


def less(first: Histogram, second: Histogram) -> Histogram:
    """The first histogram without the second, which is a part of it."""
    left = {key: count - second.get(key, 0) for key, count in first.items()}
    return {key: count for key, count in left.items() if count}


def ascending(histogram: Mapping[str, int]) -> list[tuple[int, int]]:
    """(value, count), sorted by value."""
    return sorted((int(value), count) for value, count in histogram.items())


def total(pairs: Iterable[tuple[int, int]]) -> int:
    """The sum of all values."""
    return sum(value * count for value, count in pairs)


def quantile(pairs: list[tuple[int, int]], q: float) -> float:
    """The quantile by linear interpolation between order statistics (Hyndman and Fan's type 7, numpy's default).

    ``pairs`` is what ``ascending`` gives and must not be empty.
    """
    n = sum(count for _, count in pairs)
    position = q * (n - 1)
    below = floor(position)
    low, high = _at(pairs, below), _at(pairs, min(below + 1, n - 1))
    return low + (high - low) * (position - below)


def _at(pairs: list[tuple[int, int]], rank: int) -> int:
    for value, count in pairs:
        if rank < count:
            return value
        rank -= count
    raise IndexError("rank beyond the histogram")


def summary(histogram: Mapping[str, int]) -> dict[str, Json]:
    """Minimum, mean, p5, p50, p95, p99 and maximum, rounded to a tenth; empty for an empty histogram."""
    pairs = ascending(histogram)
    if not pairs:
        return {}
    n = sum(count for _, count in pairs)
    quantiles = {f"p{round(q * 100)}": round(quantile(pairs, q), 1) for q in (0.05, 0.5, 0.95, 0.99)}
    return {"min": pairs[0][0], "mean": round(total(pairs) / n, 1), **quantiles, "max": pairs[-1][0]}


BINS: Final = 30
"""Bars of a histogram: enough to see its shape."""


def bins(histogram: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """(from, to before, count) of at most ``BINS`` bins of equal whole width; the last reaches beyond the maximum."""
    pairs = ascending(histogram)
    if not pairs:
        return []
    low, high = pairs[0][0], pairs[-1][0]
    width = (high - low) // BINS + 1
    counts = [0] * ((high - low) // width + 1)
    for value, count in pairs:
        counts[(value - low) // width] += count
    return [(low + width * place, low + width * (place + 1), count) for place, count in enumerate(counts)]


def expected_maximum(pairs: list[tuple[int, int]], draws: int) -> float:
    """The expected largest of ``draws`` values drawn with replacement: sum of v times (F(v)^draws - F(v-)^draws)."""
    n = sum(count for _, count in pairs)
    expected = below = 0.0
    seen = 0
    for value, count in pairs:
        seen += count
        up_to = (seen / n) ** draws
        expected += value * (up_to - below)
        below = up_to
    return expected

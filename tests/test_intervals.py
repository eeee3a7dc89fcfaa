"""Closed-form intervals against published values."""

from __future__ import annotations

import pytest

from audit.statistics.intervals import wilson


@pytest.mark.parametrize(
    ("found", "n", "low", "high"),
    [
        # Newcombe, R. G. (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_wilson_interval_is_newcombes(found: int, n: int, low: float, high: float) -> None:
    assert wilson(found, n) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_nothing_is_everything_and_of_everything_ends_at_one() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(7, 7)[1] == 1.0


def test_a_higher_level_is_wider() -> None:
    assert wilson(5, 50, 0.99)[0] < wilson(5, 50, 0.95)[0] < wilson(5, 50, 0.90)[0]

"""Closed-form intervals against published values and statsmodels."""

from __future__ import annotations

from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from audit.statistics.intervals import TWO_SIDED, katz, newcombe, wilson

COUNTS = st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
LEVELS = st.sampled_from([0.8, 0.9, 0.95, 0.99])


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
    assert newcombe(0, 0, 3, 9) == (-1.0, 1.0)


def test_a_higher_level_is_wider() -> None:
    assert wilson(5, 50, 0.99)[0] < wilson(5, 50, 0.95)[0] < wilson(5, 50, 0.90)[0]


def test_none_of_five_may_still_be_two_in_five() -> None:
    assert wilson(0, 5)[1] >= 0.4


def test_a_one_sided_bound_is_the_end_of_a_wider_interval() -> None:
    z = NormalDist().inv_cdf(0.95)
    assert wilson(12, 80, z=z) == pytest.approx(wilson(12, 80, 0.9))


@given(COUNTS, LEVELS)
def test_wilson_agrees_with_statsmodels(counts: tuple[int, int], level: float) -> None:
    theirs = proportion_confint(*counts, alpha=1 - level, method="wilson")
    assert wilson(*counts, level) == pytest.approx(theirs, abs=1e-12)


@given(COUNTS, COUNTS)
def test_newcombe_agrees_with_statsmodels(first: tuple[int, int], second: tuple[int, int]) -> None:
    theirs = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff")
    assert newcombe(*first, *second, TWO_SIDED) == pytest.approx(theirs, abs=1e-12)


@given(COUNTS, COUNTS)
def test_katz_agrees_with_statsmodels(first: tuple[int, int], second: tuple[int, int]) -> None:
    with_a_half = (first[0] + 0.5, first[1] + 0.5, second[0] + 0.5, second[1] + 0.5)
    theirs = confint_proportions_2indep(*with_a_half, method="log", compare="ratio", correction=False)
    assert katz(*first, *second, TWO_SIDED) == pytest.approx(theirs, rel=1e-9)


@given(COUNTS, COUNTS, st.floats(0.2, 1))
def test_what_is_worth_fewer_rows_has_a_wider_interval(
    first: tuple[int, int], second: tuple[int, int], worth: float
) -> None:
    fewer = (first[0] * worth, first[1] * worth, second[0] * worth, second[1] * worth)
    (low, high), (lower, higher) = newcombe(*first, *second), newcombe(*fewer)
    assert lower <= low + 1e-9
    assert higher >= high - 1e-9

"""Quantiles from histograms: equal to numpy's, however the data is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tokens.distribution import Histogram, add, ascending, expected_maximum, merged, quantile, summary, total

VALUES = st.lists(st.integers(0, 10**6), min_size=1, max_size=60)


@given(VALUES, st.floats(0, 1))
def test_quantiles_are_numpys(values: list[int], q: float) -> None:
    histogram: Histogram = {}
    add(histogram, values)
    assert quantile(ascending(histogram), q) == pytest.approx(float(np.quantile(values, q)), abs=1e-6)


@given(VALUES, VALUES)
def test_two_parts_give_what_the_whole_gives(first: list[int], second: list[int]) -> None:
    one: Histogram = {}
    other: Histogram = {}
    whole: Histogram = {}
    add(one, first)
    add(other, second)
    add(whole, first + second)
    assert summary(merged(one, other)) == summary(whole)
    assert total(ascending(whole)) == sum(first + second)


def test_an_empty_histogram_has_no_summary() -> None:
    assert summary({}) == {}


def test_the_expected_maximum_is_that_of_all_draws() -> None:
    pairs = [(1, 1), (2, 1), (6, 2)]
    values = [1, 2, 6, 6]
    draws = [max(a, b) for a in values for b in values]
    assert expected_maximum(pairs, 2) == pytest.approx(sum(draws) / len(draws))
    assert expected_maximum(pairs, 1) == pytest.approx(sum(values) / 4)

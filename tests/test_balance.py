"""Balance of classes and order of labels against published or enumerated values."""

from __future__ import annotations

from itertools import pairwise, permutations
from math import exp, log
from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.statistics.balance import (
    class_weights,
    effective_classes,
    entropy,
    imbalance_ratio,
    normalised_entropy,
)
from audit.statistics.runs import runs_test

COUNTS = st.lists(st.integers(1, 10_000), min_size=1, max_size=20)


def test_equal_classes_are_as_many_as_they_are() -> None:
    assert effective_classes([7, 7, 7]) == (pytest.approx(3), pytest.approx(3))
    assert normalised_entropy([7, 7, 7]).value == 1.0


def test_one_class_or_none_has_no_diversity() -> None:
    assert normalised_entropy([5]) == (0.0, 0.0, 0.0)
    assert effective_classes([]) == (0.0, 0.0)
    assert imbalance_ratio([]) == 1.0


def test_entropy_is_that_of_the_shares() -> None:
    assert entropy([1, 3]) == pytest.approx(-(0.25 * log(0.25) + 0.75 * log(0.75)))
    assert effective_classes([1, 3])[0] == pytest.approx(exp(entropy([3, 1, 0])))


def test_the_correction_for_bias_is_millers() -> None:
    plain = entropy([10, 30, 60])
    assert normalised_entropy([10, 30, 60]).value == pytest.approx((plain + 2 / 200) / log(3))


def test_the_interval_of_entropy_covers_what_it_should() -> None:
    import numpy as np

    shares = [0.6, 0.3, 0.1]
    truth = -sum(share * log(share) for share in shares) / log(3)
    draws = np.random.default_rng(0).multinomial(500, shares, size=400)
    covered = mean(low <= truth <= high for _, low, high in map(normalised_entropy, draws.tolist()))
    assert 0.92 <= covered <= 0.98


def test_class_weights_are_those_of_the_paper() -> None:
    """Cui et al. (2019), equation 4: inverse to (1 - beta^n) / (1 - beta), and sum up to the number of classes."""
    weights = class_weights([5000, 50], beta=0.999)
    assert sum(weights) == pytest.approx(2)
    assert weights[1] / weights[0] == pytest.approx((1 - 0.999**5000) / (1 - 0.999**50))


@given(COUNTS)
def test_rarer_classes_weigh_at_least_as_much(counts: list[int]) -> None:
    ordered = sorted(counts)
    weights = class_weights(ordered)
    assert all(one >= other - 1e-12 for one, other in pairwise(weights))


@given(COUNTS)
def test_diversity_lies_between_one_class_and_all(counts: list[int]) -> None:
    by_entropy, by_simpson = effective_classes(counts)
    assert 1 - 1e-9 <= by_simpson <= by_entropy + 1e-9
    assert by_entropy <= len(counts) + 1e-9
    assert imbalance_ratio(counts) >= 1


@pytest.mark.parametrize("kinds", [[0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 3, 3]])
def test_the_moments_of_runs_are_those_of_all_orders(kinds: list[int]) -> None:
    runs = [1 + sum(a != b for a, b in pairwise(order)) for order in permutations(kinds)]
    found = runs_test(kinds)
    assert found.expected == pytest.approx(mean(runs))
    assert found.z == pytest.approx((found.observed - mean(runs)) / pstdev(runs))


def test_a_sorted_order_has_too_few_runs_and_an_alternating_one_too_many() -> None:
    assert runs_test([0] * 50 + [1] * 50).z < -9
    assert runs_test([0, 1] * 50).z > 9


def test_nothing_and_a_single_kind_have_no_order() -> None:
    assert [runs_test(kinds).z for kinds in ([], [1], [1, 1, 1])] == [0.0, 0.0, 0.0]
    assert runs_test([]).observed == 0

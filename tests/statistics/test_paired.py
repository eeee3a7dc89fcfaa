"""Paired figures: against enumeration, published and library values, and at their nominal error."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from audit.statistics.paired import cluster_means, mcnemar, mean_over_clusters, sign_flip

DIFFERENCES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=9)


@given(DIFFERENCES)
def test_an_exact_sign_flip_equals_the_enumeration_of_all_signs(differences: list[float]) -> None:
    values = np.array(differences)
    found = sign_flip(values, np.arange(len(values)))
    sums = [abs(float(np.dot(signs, values))) for signs in product((1, -1), repeat=len(values))]
    assert found is not None
    assert found.exact
    assert found.p == pytest.approx(np.mean([one >= abs(values.sum()) - 1e-9 for one in sums]))


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=60), st.randoms(use_true_random=False))
def test_the_order_of_pairs_and_the_names_of_clusters_change_nothing(differences: list[float], random: object) -> None:
    values, clusters = np.array(differences), np.arange(len(differences)) // 2
    order = np.random.default_rng(len(differences)).permutation(len(values))
    assert sign_flip(values[order], 900 - clusters[order]) == sign_flip(values, clusters)
    ours, theirs = mean_over_clusters(values[order], 900 - clusters[order]), mean_over_clusters(values, clusters)
    assert ours is not None
    assert theirs is not None
    assert ours.value == pytest.approx(theirs.value, abs=1e-12)


def test_a_sign_flip_of_no_difference_is_wrong_as_often_as_it_says() -> None:
    random = np.random.default_rng(4)
    ps = [sign_flip(random.normal(size=25), np.arange(25)) for _ in range(400)]
    wrong = np.mean([one is not None and one.p < 0.05 for one in ps])
    assert 0.03 <= wrong <= 0.075


def test_differences_of_one_size_are_tested_exactly_however_many_there_are() -> None:
    values = np.repeat([1.0, -1.0, 0.0], [60, 40, 500])
    found = sign_flip(values, np.arange(600))
    assert found is not None
    assert (found.exact, found.clusters, found.differing) == (True, 600, 100)
    assert found.p == pytest.approx(binomtest(60, 100).pvalue)


def test_pairs_of_one_cluster_have_one_sign() -> None:
    together = sign_flip(np.ones(20), np.zeros(20, dtype=np.int64))
    assert together is not None
    assert (together.clusters, together.p) == (1, 1.0)


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=50)
def test_mcnemar_is_the_binomial_test_of_the_pairs_that_differ(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected)


def test_the_mean_over_clusters_counts_every_cluster_once() -> None:
    values, clusters = np.array([1.0, 1.0, 1.0, 0.0, 0.5]), np.array([7, 7, 7, 3, 5])
    found = mean_over_clusters(values, clusters)
    assert found is not None
    assert cluster_means(values, clusters).tolist() == [0.0, 0.5, 1.0]
    assert (found.n, found.clusters, found.value) == (5, 3, 0.5)
    expected = ttest_1samp([0.0, 0.5, 1.0], 0.0).confidence_interval()
    assert found.interval == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("value", "within"), [(0.0, (-0.02, 0.02)), (1.0, (0.98, 1.0)), (-1.0, (-1.0, -0.98))])
def test_clusters_that_all_say_the_same_still_leave_room_for_doubt(value: float, within: tuple[float, float]) -> None:
    few = mean_over_clusters(np.full(5, value), np.arange(5), bounded=True)
    many = mean_over_clusters(np.full(400, value), np.arange(400), bounded=True)
    assert few is not None
    assert many is not None
    assert few.interval is not None
    assert many.interval is not None
    assert few.interval[1] - few.interval[0] > 0.4
    assert within[0] <= many.interval[0] < many.interval[1] <= within[1]


def test_nothing_says_nothing() -> None:
    empty, none = np.zeros(0), np.zeros(0, dtype=np.int64)
    assert mean_over_clusters(empty, none) is None
    assert sign_flip(empty, none) is None

"""Means and their differences against scipy's and statsmodels' figures, and over clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.api import OLS, add_constant

from audit.statistics.means import difference_of_means, mean_of

RNG = np.random.default_rng(5)
VALUES = RNG.normal(size=60)
IN_GROUP = RNG.random(60) < 0.4
CLUSTERS = RNG.integers(0, 12, size=60)


def test_rows_of_their_own_are_compared_by_welch() -> None:
    found = difference_of_means(VALUES, IN_GROUP)
    oracle = stats.ttest_ind(VALUES[IN_GROUP], VALUES[~IN_GROUP], equal_var=False)
    assert found is not None
    assert found.p == pytest.approx(oracle.pvalue)
    assert found.degrees == pytest.approx(oracle.df)
    assert found.interval == pytest.approx(tuple(oracle.confidence_interval()))


def test_clusters_of_one_row_are_no_clusters() -> None:
    assert difference_of_means(VALUES, IN_GROUP, np.arange(60) * 3) == difference_of_means(VALUES, IN_GROUP)


def test_clusters_give_the_interval_of_statsmodels() -> None:
    found = difference_of_means(VALUES, IN_GROUP, CLUSTERS)
    oracle = OLS(VALUES, add_constant(IN_GROUP.astype(float))).fit(
        cov_type="cluster", cov_kwds={"groups": CLUSTERS}, use_t=True
    )
    assert found is not None
    assert found.clusters == len(set(CLUSTERS.tolist()))
    assert found.difference == pytest.approx(oracle.params[1])
    assert found.interval == pytest.approx(tuple(oracle.conf_int()[1]))
    assert found.p == pytest.approx(oracle.pvalues[1])


def test_copies_in_one_cluster_add_hardly_anything() -> None:
    once = difference_of_means(VALUES, IN_GROUP)
    copied = difference_of_means(np.tile(VALUES, 10), np.tile(IN_GROUP, 10), np.tile(np.arange(60), 10))
    assert once is not None
    assert copied is not None
    assert once.interval is not None
    assert copied.interval is not None
    assert np.ptp(copied.interval) == pytest.approx(np.ptp(once.interval), rel=0.05)


def test_the_difference_is_told_in_standard_deviations() -> None:
    found = difference_of_means(np.array([1.0, 3.0, 5.0, 7.0]), np.array([True, True, False, False]))
    assert found is not None
    assert found.standardised == pytest.approx(-4 / np.sqrt(2))


def test_a_mean_has_the_t_interval_and_a_wider_one_over_clusters() -> None:
    plain = mean_of(VALUES)
    assert plain is not None
    oracle = stats.t.interval(0.95, 59, VALUES.mean(), stats.sem(VALUES))
    assert plain.interval == pytest.approx(oracle)
    copied = mean_of(np.tile(VALUES, 5), np.tile(np.arange(60), 5))
    assert copied is not None
    assert copied.interval == pytest.approx(oracle)


def test_a_side_without_rows_is_no_comparison() -> None:
    assert difference_of_means(VALUES, np.zeros(60, dtype=bool)) is None
    assert mean_of(np.array([])) is None


@pytest.mark.parametrize("clusters", [None, np.zeros(3, dtype=np.int64)])
def test_too_little_for_an_interval_is_said_with_none(clusters: np.ndarray | None) -> None:
    found = difference_of_means(np.array([1.0, 2.0, 4.0]), np.array([True, False, False]), clusters)
    assert found is not None
    assert found.interval is None
    assert found.p is None
    alone = mean_of(np.array([1.0]))
    assert alone is not None
    assert alone.interval is None


def test_values_that_never_vary_differ_surely_or_not_at_all() -> None:
    same = difference_of_means(np.ones(6), np.arange(6) < 3)
    other = difference_of_means((np.arange(6) < 3).astype(float), np.arange(6) < 3)
    assert same is not None
    assert other is not None
    assert (same.p, same.standardised) == (1.0, None)
    assert (other.p, other.interval) == (0.0, (1.0, 1.0))


def test_neither_the_order_of_rows_nor_the_numbers_of_clusters_matter() -> None:
    order = np.random.default_rng(1).permutation(60)
    shuffled = difference_of_means(VALUES[order], IN_GROUP[order], 7 - CLUSTERS[order])
    assert shuffled == difference_of_means(VALUES, IN_GROUP, CLUSTERS)
    assert mean_of(VALUES[order], -CLUSTERS[order]) == mean_of(VALUES, CLUSTERS)

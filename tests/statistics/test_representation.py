"""Distances from reference shares against scipy's figures, published null values and simulated coverage."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from audit.errors import ConfigError
from audit.statistics import representation as module
from audit.statistics.representation import Representation, expected_total_variation, representation


def compared(counts: dict[str, int], reference: dict[str, float] | None = None) -> Representation:
    found = representation(counts, reference or "uniform")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("groups", "n", "mean", "quantile"), [(5, 50, 0.112, 0.18), (10, 100, 0.118, 0.17), (10, 1000, 0.038, 0.055)]
)
def test_chance_alone_moves_shares_as_far_as_was_measured(groups: int, n: int, mean: float, quantile: float) -> None:
    found = compared({str(group): n // groups for group in range(groups)})
    assert found.null_mean == pytest.approx(mean, abs=1e-3)
    assert found.null_95 == pytest.approx(quantile, abs=2e-3)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6), st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_the_null_mean_is_the_mean_deviation_of_binomial_counts(parts: list[int], n: int) -> None:
    shares = np.array(parts) / sum(parts)
    rows = np.arange(n + 1)
    deviations = [float((stats.binom.pmf(rows, n, share) * np.abs(rows / n - share)).sum()) for share in shares]
    assert expected_total_variation(shares, n) == pytest.approx(sum(deviations) / 2)


def test_the_distances_are_scipys() -> None:
    found = compared({"F": 30, "M": 60, "X": 10}, {"F": 0.5, "M": 0.45, "X": 0.05})
    assert found.total_variation == pytest.approx(0.2)
    assert found.jensen_shannon == pytest.approx(jensenshannon([0.3, 0.6, 0.1], [0.5, 0.45, 0.05], base=2) ** 2)


def test_the_test_of_fit_is_scipys_where_rows_are_many() -> None:
    found = compared({"F": 30, "M": 60, "X": 10}, {"F": 0.5, "M": 0.45, "X": 0.05})
    oracle = stats.chisquare([30, 60, 10], [50, 45, 5])
    assert (found.statistic, found.p) == pytest.approx((oracle.statistic, oracle.pvalue))
    assert not found.exact


def test_the_test_of_fit_is_exact_where_rows_are_few() -> None:
    found = compared({"F": 8, "M": 1}, {"F": 0.5, "M": 0.5})
    assert found.exact
    assert found.p == pytest.approx(stats.binomtest(8, 9, 0.5).pvalue, abs=0.006)


def test_groups_have_their_ratio_with_a_wilson_interval() -> None:
    group = compared({"F": 30, "M": 70}, {"F": 0.5, "M": 0.5}).groups[0]
    low, high = stats.binomtest(30, 100).proportion_ci(method="wilson")
    assert group.ratio == pytest.approx(0.6)
    assert group.ratio_interval == pytest.approx((2 * low, 2 * high))


@pytest.mark.parametrize(
    ("distance", "groups", "n"), [(0.0, 5, 100), (0.05, 5, 100), (0.1, 10, 200), (0.2, 4, 100), (0.4, 3, 60)]
)
def test_the_interval_covers_the_distance(
    distance: float, groups: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAWS", 499)
    shares = np.full(groups, 1 / groups)
    shares[0] += distance
    shares[1:] -= distance / (groups - 1)
    missed = 0
    for counts in np.random.default_rng(2).multinomial(n, shares, size=150):
        low, high = compared(dict(zip("abcdefghij", counts.tolist(), strict=False))).interval
        missed += not low <= distance + 1e-12 <= high + 1e-12
    assert missed / 150 <= 0.08


def test_names_and_order_of_groups_change_no_figure() -> None:
    counts, reference = {"a": 7, "b": 7, "c": 2}, {"a": 0.5, "b": 0.3, "c": 0.2}
    figures = set()
    for order in permutations("abc"):
        renamed = dict(zip(order, "xyz", strict=True))
        found = compared({renamed[g]: counts[g] for g in order}, {renamed[g]: reference[g] for g in order})
        figures.add((found.p, found.null_95, found.interval, found.jensen_shannon_null_95))
    assert len(figures) == 1


def test_shares_that_do_not_sum_to_one_are_divided_with_a_note() -> None:
    found = compared({"F": 30, "M": 70}, {"F": 30.0, "M": 30.0})
    assert [group.reference for group in found.groups] == [0.5, 0.5]
    assert found.notes == ("the reference shares sum to 60 and were divided by it",)
    assert compared({"F": 30, "M": 70}, {"F": 0.33, "M": 0.66}).notes == ()


def test_groups_that_only_one_side_names_are_noted() -> None:
    found = compared({"F": 30, "M": 70, "X": 5}, {"F": 0.5, "M": 0.4, "N": 0.1})
    assert found.notes == ("left out, without a reference share: X", "in the reference, but in no row: N")
    assert (found.n, [(group.group, group.n) for group in found.groups]) == (100, [("F", 30), ("M", 70), ("N", 0)])


def test_a_uniform_reference_is_called_a_choice() -> None:
    assert compared({"F": 30, "M": 70}).notes == ("equal shares as the reference are a choice",)


@pytest.mark.parametrize("reference", [{"F": -0.1, "M": 1.1}, {"F": float("nan")}, {"F": 0.0, "M": 0.0}, {}])
def test_a_reference_that_is_none_is_refused(reference: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="at least 0, and not all 0"):
        representation({"F": 3, "M": 4}, reference)


def test_rows_where_the_reference_has_none_are_no_sample_of_it() -> None:
    found = compared({"F": 3, "M": 40}, {"F": 0.0, "M": 1.0})
    assert (found.p, found.groups[0].ratio) == (0.0, None)


def test_without_rows_there_is_nothing_to_say() -> None:
    assert representation({}, "uniform") is None
    assert representation({"X": 4}, {"F": 0.5, "M": 0.5}) is None


def test_clusters_make_chance_go_further() -> None:
    plain = compared({"F": 300, "M": 700}, {"F": 0.35, "M": 0.65})
    clustered = representation({"F": 300, "M": 700}, {"F": 0.35, "M": 0.65}, effective_n=100)
    assert clustered is not None
    assert clustered.total_variation == plain.total_variation
    assert clustered.null_95 > 2.5 * plain.null_95
    assert clustered.p > 0.05 > plain.p


def test_a_single_group_is_where_it_must_be() -> None:
    found = compared({"F": 30})
    assert (found.total_variation, found.interval, found.p) == (0.0, (0.0, 0.0), 1.0)

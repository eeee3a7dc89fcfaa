"""Calibration against statsmodels' figures and what is known of right, too sure and too high probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss
from statsmodels.api import GLM, add_constant, families

from audit.statistics.calibration import Calibration, calibration


def drawn(n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    probabilities = rng.uniform(0.02, 0.98, size=n)
    return probabilities, (rng.random(n) < probabilities).astype(np.int64)


def of(probabilities: NDArray[np.float64], outcomes: NDArray[np.int64]) -> Calibration:
    found = calibration(probabilities, outcomes)
    assert found is not None
    return found


def test_intercept_and_slope_are_those_of_statsmodels() -> None:
    probabilities, outcomes = drawn(300)
    log_odds = np.log(probabilities / (1 - probabilities))
    found = of(probabilities, outcomes)
    slope = GLM(outcomes, add_constant(log_odds), family=families.Binomial()).fit()
    intercept = GLM(outcomes, np.ones(300), family=families.Binomial(), offset=log_odds).fit()
    assert found.slope == pytest.approx((slope.params[1], *slope.conf_int()[1]), abs=1e-6)
    assert found.intercept == pytest.approx((intercept.params[0], *intercept.conf_int()[0]), abs=1e-6)


def test_the_brier_score_is_scikit_learns() -> None:
    probabilities, outcomes = drawn(300)
    found = of(probabilities, outcomes)
    assert found.brier.value == pytest.approx(brier_score_loss(outcomes, probabilities))
    assert found.brier.interval is not None
    assert found.brier.interval[0] < 1 / 6 < found.brier.interval[1]


def test_right_probabilities_are_covered_as_often_as_the_intervals_say() -> None:
    large = slope = intercept = below = 0
    for seed in range(400):
        found = of(*drawn(200, seed))
        assert found.in_the_large.interval is not None
        assert found.slope is not None
        assert found.intercept is not None
        large += found.in_the_large.interval[0] <= 0 <= found.in_the_large.interval[1]
        slope += found.slope.low <= 1 <= found.slope.high
        intercept += found.intercept.low <= 0 <= found.intercept.high
        below += found.binned.value <= found.binned.null_95
    assert min(large, slope, intercept, below) / 400 >= 0.92


@pytest.mark.parametrize(("n", "mean"), [(50, 0.118), (200, 0.060), (1000, 0.027)])
def test_right_probabilities_have_a_binned_error_all_the_same(n: int, mean: float) -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(20):
        probabilities = rng.beta(1, 3, size=n)
        errors.append(of(probabilities, (rng.random(n) < probabilities).astype(np.int64)).binned.null_mean)
    assert np.mean(errors) == pytest.approx(mean, abs=2e-3)


def test_the_null_of_many_rows_is_that_of_each_row_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    normal = of(*drawn(8000)).binned
    monkeypatch.setattr("audit.statistics.calibration.EXACT", 10_000)
    assert of(*drawn(8000)).binned.null_95 == pytest.approx(normal.null_95, rel=0.05)


def test_probabilities_that_are_too_sure_have_a_slope_below_one() -> None:
    probabilities, outcomes = drawn(2000)
    odds = (probabilities / (1 - probabilities)) ** 2
    found = of(odds / (1 + odds), outcomes)
    assert found.slope is not None
    assert found.slope.value == pytest.approx(0.5, abs=0.06)
    assert found.binned.value > found.binned.null_95


def test_promising_too_much_is_above_zero_in_the_large() -> None:
    probabilities, outcomes = drawn(2000)
    found = of(np.minimum(1.0, probabilities + 0.05), outcomes)
    assert found.in_the_large.interval is not None
    assert found.in_the_large.interval[0] > 0.02


def test_the_order_of_rows_changes_nothing() -> None:
    probabilities, outcomes = drawn(500)
    order = np.random.default_rng(1).permutation(500)
    assert of(probabilities[order], outcomes[order]) == of(probabilities, outcomes)


def test_outcomes_that_are_alike_or_separated_have_no_slope() -> None:
    alike = of(np.array([0.2, 0.7, 0.9]), np.array([1, 1, 1]))
    assert (alike.intercept, alike.slope) == (None, None)
    assert of(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1])).slope is None
    assert of(np.full(4, 0.5), np.array([0, 0, 1, 1])).slope is None


def test_probabilities_that_are_none_are_counted() -> None:
    found = of(np.array([0.5, np.nan, 1.5, -0.1, np.inf, 0.4]), np.array([0, 1, 1, 0, 1, 1]))
    assert (found.n, found.left_out) == (2, 4)
    assert calibration(np.array([np.nan]), np.array([1])) is None


def test_copies_in_clusters_make_nothing_surer() -> None:
    probabilities, outcomes = drawn(100)
    copied = calibration(np.tile(probabilities, 5), np.tile(outcomes, 5), np.tile(np.arange(100), 5))
    assert copied is not None
    assert copied.in_the_large.interval == pytest.approx(of(probabilities, outcomes).in_the_large.interval)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_probabilities_make_a_figure_that_is_none(rows: list[tuple[float, int]]) -> None:
    found = of(np.array([p for p, _ in rows]), np.array([y for _, y in rows]))
    assert all(np.isfinite(one) for one in found.binned)
    assert found.slope is None or np.isfinite(found.slope).all()
    assert found.intercept is None or np.isfinite(found.intercept).all()

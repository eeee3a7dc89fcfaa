"""Figures with influences: they equal the figures they stand for, and their intervals those of the plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.statistics.influence import (
    area_estimate,
    average,
    by_cluster,
    interval_of,
    mean_estimate,
    ratio_estimate,
)
from audit.statistics.intervals import wilson
from audit.statistics.means import mean_of

ROWS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=2, max_size=40)


@given(ROWS)
def test_a_mean_has_the_interval_of_the_plain_formula(rows: list[tuple[bool, bool, int]]) -> None:
    hits = np.array([row[0] for row in rows])
    clusters = np.array([row[2] for row in rows])
    numbered = np.unique(clusters, return_inverse=True)[1]
    found = mean_estimate(hits, np.ones(len(rows), dtype=np.bool_))
    expected = mean_of(hits.astype(float), clusters)
    assert found is not None
    assert expected is not None
    interval = interval_of(by_cluster(found, numbered, int(numbered.max()) + 1))
    assert found.value == pytest.approx(expected.value)
    if len(set(hits.tolist())) > 1:
        width = 0.0 if expected.interval is None else expected.interval[1] - expected.interval[0]
        assert (interval is None) == (width < 1e-9)  # clusters that are all alike tell nothing of their spread
    if interval is not None and expected.interval is not None:
        assert interval == pytest.approx(expected.interval, abs=1e-12)


def test_where_no_row_moves_a_figure_its_interval_has_a_width_or_is_none() -> None:
    still = mean_estimate(np.ones(100), np.ones(100, dtype=np.bool_))
    assert still is not None
    assert interval_of(still) is None
    assert interval_of(still, bounded=True) == pytest.approx(wilson(100, 100))
    assert interval_of(still.minus(still), bounded=True, worth=30) == pytest.approx(
        (-wilson(0, 30)[1], wilson(0, 30)[1])
    )


@given(ROWS)
def test_influences_add_up_to_nothing(rows: list[tuple[bool, bool, int]]) -> None:
    hits, of = (np.array([row[at] for row in rows]) for at in (0, 1))
    scores = np.array([float(row[2]) for row in rows])
    for found in (mean_estimate(hits, of), area_estimate(scores, hits), ratio_estimate(scores, scores + hits)):
        assert found is None or found.influence.sum() == pytest.approx(0.0, abs=1e-9)


@given(ROWS)
def test_the_area_is_that_of_scikit_learn(rows: list[tuple[bool, bool, int]]) -> None:
    from sklearn.metrics import roc_auc_score

    positive, scores = np.array([row[0] for row in rows]), np.array([float(row[2]) for row in rows])
    found = area_estimate(scores, positive)
    assert (found is None) == (positive.all() or not positive.any())
    if found is not None:
        assert found.value == pytest.approx(roc_auc_score(positive, scores))


def test_the_area_has_the_variance_of_delong() -> None:
    random = np.random.default_rng(3)
    positive = random.random(300) < 0.4
    scores = random.normal(size=300) + positive
    found = area_estimate(scores, positive)
    assert found is not None
    ahead, behind = scores[positive], scores[~positive]
    placed = [np.mean(behind < score) for score in ahead], [np.mean(ahead > score) for score in behind]
    delong = sum(np.var(one, ddof=1) / len(one) for one in placed)
    assert float((found.influence**2).sum()) == pytest.approx(delong, rel=0.01)


def test_the_interval_of_a_ratio_is_that_of_the_bootstrap() -> None:
    random = np.random.default_rng(5)
    wholes = random.integers(1, 30, 400).astype(float)
    parts = wholes * random.gamma(4, 0.25, 400)
    found = ratio_estimate(parts, wholes)
    assert found is not None
    interval = interval_of(found)
    draws = random.integers(0, 400, (4000, 400))
    ratios = parts[draws].sum(axis=1) / wholes[draws].sum(axis=1)
    assert interval == pytest.approx(np.quantile(ratios, [0.025, 0.975]), abs=0.01)


def test_nothing_is_estimated_from_nothing() -> None:
    none = np.zeros(3, dtype=np.bool_)
    assert mean_estimate(none, none) is None
    assert area_estimate(np.ones(3), none) is None
    assert ratio_estimate(np.ones(3), np.zeros(3)) is None
    with pytest.raises(ValueError, match="no estimates"):
        average([])


def test_a_share_of_nothing_has_finite_log_odds() -> None:
    found = mean_estimate(np.zeros(9, dtype=np.bool_), np.ones(9, dtype=np.bool_))
    assert found is not None
    assert found.log_odds(9).value == pytest.approx(np.log(0.5 / 9.5))

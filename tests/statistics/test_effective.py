"""What rows in clusters are worth: statsmodels' cluster-robust variance, copies, and wrong failures with clusters."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from audit.statistics.disparity import Question, of_all, verdicts
from audit.statistics.effective import effective_n, effective_sizes
from audit.statistics.rates import GroupRate


def test_clusters_of_one_row_are_worth_exactly_their_rows() -> None:
    assert effective_n([(1, 1)] * 30 + [(0, 1)] * 70) == 100
    codes = np.repeat([0, 1], 50)
    assert effective_sizes(codes, 2, codes == 1, np.arange(100)) == [50.0, 50.0]


@given(st.lists(st.booleans(), min_size=3, max_size=60), st.integers(2, 9))
def test_copies_count_once_or_a_little_more(hits: list[bool], copies: int) -> None:
    worth = effective_n([(copies * hit, copies) for hit in hits])
    assert worth == pytest.approx(len(hits), rel=0.34)


@pytest.mark.parametrize("hit", [0, 1])
def test_where_the_rate_is_none_or_all_only_the_clusters_count(hit: int) -> None:
    assert effective_n([(4 * hit, 4)] * 7) == 7


def test_the_variance_is_the_cluster_robust_one_of_statsmodels() -> None:
    generator = np.random.default_rng(0)
    sizes = generator.integers(1, 9, 80)
    clusters = np.repeat(np.arange(80), sizes)
    hits = generator.random(len(clusters)) < np.repeat(generator.beta(2, 5, 80), sizes)
    fit = sm.OLS(hits.astype(float), np.ones(len(hits))).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    n, rate = len(hits), hits.mean()
    worth = effective_n([(int(hits[clusters == one].sum()), int(size)) for one, size in enumerate(sizes)])
    assert rate * (1 - rate) / (n - 1) * n / worth == pytest.approx(float(fit.bse[0]) ** 2, rel=1e-6)
    assert effective_sizes(np.zeros(n, int), 1, hits, clusters) == [pytest.approx(worth)]


@given(st.lists(st.tuples(st.integers(-1, 2), st.booleans(), st.integers(0, 5)), max_size=40), st.randoms())
def test_the_order_of_the_rows_changes_nothing(rows: list[tuple[int, bool, int]], random: object) -> None:
    def sizes(some: list[tuple[int, bool, int]]) -> list[float]:
        codes, hits, clusters = (
            np.array([row[at] for row in some], dtype) for at, dtype in enumerate((int, bool, int))
        )
        return effective_sizes(codes, ["a", "b", "c"], hits, clusters)

    worth = sizes(rows)
    assert sizes(sorted(rows)) == worth
    for code, size in enumerate(worth):
        n = sum(row[0] == code for row in rows)
        assert size <= n
        assert (size > 0) == (n > 0)


@pytest.mark.parametrize(("clusters", "rows", "rate"), [(20, 5, 0.1), (20, 20, 0.1), (40, 5, 0.3)])
def test_wrong_failures_stay_rare_with_clusters(clusters: int, rows: int, rate: float) -> None:
    generator = np.random.default_rng(1)
    groups, correlation, failed = 5, 0.2, 0
    codes = np.repeat(np.arange(groups), clusters * rows)
    of_row = np.repeat(np.arange(groups * clusters), rows)
    spread = 1 / correlation - 1
    for _ in range(400):
        hits = (
            generator.random(len(codes)) < generator.beta(rate * spread, (1 - rate) * spread, groups * clusters)[of_row]
        )
        worth = effective_sizes(codes, groups, hits, of_row)
        found = np.bincount(codes[hits], minlength=groups).tolist()
        rates = [GroupRate(f"g{at}", found[at], clusters * rows, worth[at]) for at in range(groups)]
        question = Question(scale="difference", tolerance=0.0, reference="rest")
        failed += of_all(verdicts(rates, question)) == "FAIL"
    assert failed <= 0.075 * 400  # 5 % and two and a half standard errors of 400 samples

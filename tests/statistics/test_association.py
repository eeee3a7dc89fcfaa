"""Association in tables of counts against scipy's figures, known biases, and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.stats.contingency import association as scipy_association

from audit.statistics.association import Association, association, rao_scott

TABLE = np.array([[30, 20, 10], [10, 25, 35]])
TABLES = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 30), min_size=width, max_size=width), min_size=2, max_size=6)
)


def of(counts: object, **more: float) -> Association:
    found = association(np.array(counts), **more)
    assert found is not None
    return found


def mixed(rows: int, columns: int, strength: float) -> NDArray[np.float64]:
    """Shares of a table between independent and each row in a column of its own."""
    own = np.eye(columns)[np.arange(rows) % columns] / rows
    return (1 - strength) * np.full((rows, columns), 1 / rows / columns) + strength * own


def v_of(shares: NDArray[np.float64]) -> float:
    expected = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    return float(np.sqrt(((shares - expected) ** 2 / expected).sum() / (min(shares.shape) - 1)))


def test_the_test_and_the_raw_v_are_scipys() -> None:
    found = of(TABLE)
    oracle = stats.chi2_contingency(TABLE, correction=False)
    assert (found.statistic, found.p, found.degrees) == pytest.approx((oracle.statistic, oracle.pvalue, oracle.dof))
    assert found.raw == pytest.approx(scipy_association(TABLE, method="cramer"))
    assert found.interval[0] < found.value < found.raw < found.interval[1]


@pytest.mark.parametrize(("n", "raw", "corrected"), [(200, 0.213, 0.042), (2000, 0.067, 0.013)])
def test_independent_tables_have_the_bias_that_is_known(n: int, raw: float, corrected: float) -> None:
    tables = np.random.default_rng(0).multinomial(n, np.full(50, 1 / 50), size=400).reshape(400, 10, 5)
    found = [of(table) for table in tables]
    assert np.mean([one.raw for one in found]) == pytest.approx(raw, abs=0.006)
    assert np.mean([one.value for one in found]) == pytest.approx(corrected, abs=0.006)


@pytest.mark.parametrize("strength", [0.0, 0.05, 0.15, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(("rows", "columns", "n"), [(2, 2, 100), (4, 3, 300), (10, 5, 2000)])
def test_the_interval_covers_as_often_as_it_says(rows: int, columns: int, n: int, strength: float) -> None:
    shares = mixed(rows, columns, strength)
    true = v_of(shares)
    missed = 0
    for counts in np.random.default_rng(1).multinomial(n, shares.ravel(), size=200):
        low, high = of(counts.reshape(rows, columns)).interval
        missed += not low - 1e-12 <= true <= high + 1e-12
    assert missed / 200 <= 0.085


def test_a_perfect_association_is_one() -> None:
    found = of(np.diag([40, 30, 30]))
    assert (found.raw, found.value) == pytest.approx((1.0, 1.0))
    assert found.interval[1] == 1.0


def test_rare_levels_are_put_together() -> None:
    rare = np.vstack([TABLE * 10, 2 * np.eye(3, dtype=np.int64)])
    found = of(rare)
    assert (found.levels, found.pooled) == ((3, 3), 3)
    assert found.statistic == pytest.approx(of(np.vstack([TABLE * 10, [[2, 2, 2]]])).statistic)


def test_a_table_that_stays_sparse_says_so() -> None:
    assert of([[3, 1], [2, 2]]).sparse
    assert not of(TABLE).sparse
    many = of(np.ones((50, 2), dtype=np.int64))
    assert (many.levels, many.sparse) == ((50, 2), True)


def test_clusters_shrink_the_statistic() -> None:
    plain, clustered = of(TABLE), of(TABLE * 4, design_effect=4.0)
    assert (clustered.statistic, clustered.p, clustered.value) == pytest.approx((plain.statistic, plain.p, plain.value))
    assert (clustered.n, clustered.effective_n) == (520, 130)
    assert of(TABLE, design_effect=0.5) == plain


def coded(copies: int, seed: int = 0) -> tuple[NDArray[np.int64], ...]:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, 4, 300), rng.integers(0, 3, 300)
    return np.repeat(rows, copies), np.repeat(columns, copies), np.repeat(np.arange(300), copies)


def test_copies_have_a_design_effect_of_their_number() -> None:
    assert rao_scott(*coded(1)) == pytest.approx(1.0, abs=0.01)
    assert rao_scott(*coded(6)) == pytest.approx(6.0, abs=0.05)


def test_with_the_design_effect_clusters_are_called_associated_as_often_as_asked() -> None:
    found, plain = 0, 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        clusters = np.repeat(np.arange(60), 5)
        kind = rng.integers(0, 3, 60)[clusters]
        rows = rng.integers(0, 2, 60)[clusters]
        columns = np.where(rng.random(300) < 0.5, kind, rng.integers(0, 3, 300))
        counts = np.bincount(rows * 3 + columns, minlength=6).reshape(2, 3)
        found += of(counts, design_effect=rao_scott(rows, columns, clusters)).p < 0.05
        plain += of(counts).p < 0.05
    assert found / 300 <= 0.09
    assert plain / 300 > 0.15


def test_what_cannot_be_clustered_has_no_design_effect() -> None:
    one = np.zeros(5, dtype=np.int64)
    assert rao_scott(one, one, np.arange(5)) == 1.0
    assert rao_scott(np.arange(5), np.arange(5), one) == 1.0
    assert rao_scott(one[:0], one[:0], one[:0]) == 1.0


@given(TABLES, st.randoms())
def test_names_and_order_of_levels_change_nothing(table: list[list[int]], random: object) -> None:
    found = association(table)
    shuffled = [list(row) for row in table]
    random.shuffle(shuffled)
    other = association([row[::-1] for row in shuffled])
    assume(found is not None)
    assert found is not None
    assert other is not None
    assert (other.levels, other.pooled, other.sparse) == (found.levels, found.pooled, found.sparse)
    assert (other.statistic, other.value, *other.interval) == pytest.approx(
        (found.statistic, found.value, *found.interval), abs=1e-12
    )


@given(TABLES)
def test_every_table_has_figures_that_are_some(table: list[list[int]]) -> None:
    found = association(table)
    assume(found is not None)
    assert found is not None
    assert 0 <= found.interval[0] <= found.value <= found.interval[1] <= 1
    assert 0 <= found.p <= 1


@pytest.mark.parametrize("counts", [[], [[3, 4]], [[3], [4]], [[0, 0], [0, 0]], [[3, 0], [4, 0]]])
def test_fewer_than_two_rows_or_columns_are_no_association(counts: list[list[int]]) -> None:
    assert association(counts) is None


def test_a_billion_rows_have_a_narrow_interval() -> None:
    found = of(TABLE * 10**7)
    assert found.interval == pytest.approx((found.raw, found.raw), abs=1e-3)


def test_the_normal_form_of_large_statistics_joins_the_exact_one() -> None:
    below, above = of(TABLE * 839), of(TABLE * 840)
    assert below.statistic < 2e4 < above.statistic
    assert above.interval == pytest.approx(below.interval, abs=1e-4)

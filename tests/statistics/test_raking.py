"""Raking against a direct search for the nearest table, and what must hold for any table that can be raked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from audit.statistics.raking import ImpossibleMargin, impossible, rake

TABLE = np.array([[120.0, 30.0, 9.0], [44.0, 260.0, 70.0]])
SHAPES = st.tuples(st.integers(2, 4), st.integers(2, 4), st.integers(1, 3))


@given(SHAPES, st.integers(0, 2**32 - 1))
def test_every_margin_is_hit_and_the_sum_is_kept(shape: tuple[int, ...], seed: int) -> None:
    numbers = np.random.default_rng(seed)
    table = numbers.integers(1, 500, shape).astype(np.float64)
    margins = [numbers.dirichlet(np.full(size, 3.0)) for size in shape]
    raked = rake(table, margins)
    assert raked.convergence.converged
    for axis, margin in enumerate(margins):
        others = tuple(other for other in range(3) if other != axis)
        assert raked.table.sum(axis=others) / table.sum() == pytest.approx(margin, rel=1e-9)
    assert raked.table.sum() == pytest.approx(table.sum(), rel=1e-9)
    assert raked.weights * table == pytest.approx(raked.table, rel=1e-12)


def test_the_table_is_the_nearest_one_with_these_margins() -> None:
    rows, columns = np.array([0.5, 0.5]), np.array([0.2, 0.3, 0.5])
    start = TABLE / TABLE.sum()

    def divergence(x: np.ndarray) -> float:
        return float((x * np.log(x / start.ravel())).sum())

    held = [
        {"type": "eq", "fun": lambda x: x.reshape(2, 3).sum(axis=1) - rows},
        {"type": "eq", "fun": lambda x: x.reshape(2, 3).sum(axis=0)[:2] - columns[:2]},
    ]
    nearest = minimize(
        divergence,
        np.outer(rows, columns).ravel(),
        constraints=held,
        bounds=[(1e-9, 1)] * 6,
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    raked = rake(TABLE, [rows, columns]).table / TABLE.sum()
    assert raked.ravel() == pytest.approx(nearest.x, abs=1e-5)


def test_odds_ratios_stay() -> None:
    raked = rake(TABLE, [[0.7, 0.3], [0.1, 0.1, 0.8]]).table
    before = TABLE[0, 0] * TABLE[1, 1] / (TABLE[0, 1] * TABLE[1, 0])
    assert raked[0, 0] * raked[1, 1] / (raked[0, 1] * raked[1, 0]) == pytest.approx(before, rel=1e-9)


def test_margins_that_hold_already_take_no_iteration() -> None:
    margins = [TABLE.sum(axis=1), TABLE.sum(axis=0)]
    raked = rake(TABLE, margins)
    assert raked.convergence.iterations == 0
    assert raked.weights.tolist() == np.ones((2, 3)).tolist()


def test_one_margin_takes_one_iteration() -> None:
    raked = rake([100.0, 300.0], [[0.5, 0.5]])
    assert raked.convergence.iterations == 1
    assert raked.weights == pytest.approx([2.0, 2 / 3])


def test_a_level_with_a_share_and_no_rows_is_refused() -> None:
    table = np.array([[10.0, 0.0], [20.0, 0.0]])
    assert impossible(table, [[0.5, 0.5], [0.9, 0.1]]) == [(1, 1)]
    with pytest.raises(ImpossibleMargin, match="level 1 of margin 1"):
        rake(table, [[0.5, 0.5], [0.9, 0.1]])


def test_margins_that_contradict_each_other_end_with_their_error() -> None:
    # All of the first group are in the first column, which is to be smaller than the group.
    raked = rake([[10.0, 0.0], [0.0, 10.0]], [[0.9, 0.1], [0.1, 0.9]], most_iterations=50)
    assert not raked.convergence.converged
    assert raked.convergence.iterations == 50
    assert raked.convergence.error > 0.5


def test_empty_cells_stay_empty() -> None:
    raked = rake([[10.0, 0.0], [20.0, 30.0]], [[0.3, 0.7], [0.5, 0.5]])
    assert raked.convergence.converged
    assert raked.table[0, 1] == 0.0
    assert raked.weights[0, 1] == 1.0

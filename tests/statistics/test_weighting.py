"""Weights of cells against their definitions, scikit-learn, scipy and a search; what strength and cap must keep."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats.contingency import association as scipy_association
from sklearn.utils.class_weight import compute_class_weight

from audit.statistics.weighting import (
    balanced,
    capped,
    cell_sums,
    cramers_v,
    effective_number,
    independence,
    kish,
    normalised,
    representation,
    strengthened,
)

FOUR_GROUPS = np.array([[300, 100], [80, 220], [40, 71], [900, 289]])
FULL = st.tuples(st.integers(2, 5), st.integers(2, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(5, 10_000), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)
CELLS = st.integers(1, 12).flatmap(
    lambda size: st.tuples(
        st.lists(st.floats(0.01, 500), min_size=size, max_size=size),
        st.lists(st.integers(0, 1_000), min_size=size, max_size=size).filter(any),
    )
)


def arrays(pair: tuple[list[float], list[int]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    weights, masses = pair
    return np.array(weights), np.array(masses, dtype=np.float64)


# ----------------------------------------------------------------------------- formulas


def test_four_groups_have_one_rate_under_the_weights() -> None:
    weighted = independence(FOUR_GROUPS) * FOUR_GROUPS
    rates = weighted[:, 1] / weighted.sum(axis=1)
    assert rates == pytest.approx([FOUR_GROUPS[:, 1].sum() / FOUR_GROUPS.sum()] * 4, rel=1e-12)


def test_the_weights_are_those_of_kamiran_and_calders() -> None:
    # Their table 1 and example: 10 applicants, of 5 women 2 are accepted, of 5 men 4.
    weights = independence([[3, 2], [1, 4]])
    assert weights == pytest.approx(np.array([[0.67, 1.5], [2.0, 0.75]]), abs=5e-3)


@given(FULL)
def test_any_table_of_full_cells_becomes_independent_and_keeps_its_sum(table: list[list[int]]) -> None:
    weighted = independence(table) * np.array(table)
    assert cramers_v(weighted) == pytest.approx(0.0, abs=1e-9)
    assert weighted.sum() == pytest.approx(np.sum(table), rel=1e-12)
    assert weighted.sum(axis=0) == pytest.approx(np.sum(table, axis=0), rel=1e-9)
    assert weighted.sum(axis=1) == pytest.approx(np.sum(table, axis=1), rel=1e-9)


@given(FULL, st.randoms(use_true_random=False))
def test_other_names_for_groups_and_labels_move_the_weights_with_them(table: list[list[int]], random: object) -> None:
    given_table = np.array(table)
    rows, columns = (np.array(_shuffled(random, size)) for size in given_table.shape)
    assert np.array_equal(independence(given_table[rows][:, columns]), independence(given_table)[rows][:, columns])


def _shuffled(random: object, size: int) -> list[int]:
    order = list(range(size))
    random.shuffle(order)  # type: ignore[attr-defined]
    return order


def test_an_independent_table_gets_exactly_one() -> None:
    assert np.array_equal(independence([[10, 30], [20, 60]]), np.ones((2, 2)))


def test_balanced_is_what_scikit_learn_calls_balanced() -> None:
    counts = [7, 50, 1_000]
    labels = np.repeat([0, 1, 2], counts)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 2]), y=labels)
    assert balanced(counts) == pytest.approx(expected, rel=1e-12)


def test_classes_without_rows_are_none() -> None:
    assert balanced([10, 0, 30]).tolist() == [2.0, 1.0, pytest.approx(2 / 3)]


def test_effective_numbers_lie_between_no_weights_and_balanced_ones() -> None:
    counts = np.array([5, 50, 5_000])
    assert effective_number(counts, 0.0) == pytest.approx([1, 1, 1])
    assert effective_number(counts, 1 - 1e-9) == pytest.approx(balanced(counts), rel=1e-5)
    weights = effective_number(counts, 0.999)
    raw = (1 - 0.999) / (1 - 0.999**counts)
    assert weights / weights[0] == pytest.approx(raw / raw[0], rel=1e-12)
    assert (weights * counts).sum() == pytest.approx(counts.sum(), rel=1e-12)


def test_representation_gives_the_wanted_shares() -> None:
    counts, shares = np.array([100, 300, 600]), np.array([0.5, 0.3, 0.2])
    weighted = representation(counts, shares) * counts
    assert weighted / weighted.sum() == pytest.approx(shares, rel=1e-12)
    assert weighted.sum() == pytest.approx(1_000, rel=1e-12)


# ----------------------------------------------------------------------------- strength and cap


@given(CELLS)
def test_no_strength_is_a_weight_of_exactly_one(pair: tuple[list[float], list[int]]) -> None:
    weights, masses = arrays(pair)
    assert np.array_equal(strengthened(weights, masses, 0.0), np.ones(len(weights)))


@given(CELLS, st.floats(0, 1))
def test_any_strength_keeps_the_sum(pair: tuple[list[float], list[int]], strength: float) -> None:
    weights, masses = arrays(pair)
    assert (strengthened(weights, masses, strength) * masses).sum() == pytest.approx(masses.sum(), rel=1e-9)


@given(CELLS, st.floats(1, 50))
def test_no_weight_is_above_the_cap_and_the_sum_is_kept(pair: tuple[list[float], list[int]], cap: float) -> None:
    weights, masses = arrays(pair)
    found = capped(weights, masses, cap)
    assert float(found.weights.max()) <= cap
    assert (found.weights * masses).sum() == pytest.approx(masses.sum(), rel=1e-9)


@given(CELLS, st.floats(1.01, 50))
def test_what_is_cut_off_goes_to_the_others_in_proportion(pair: tuple[list[float], list[int]], cap: float) -> None:
    weights, masses = arrays(pair)
    found = capped(weights, masses, cap)
    free = ~found.held & (masses > 0)
    ratios = found.weights[free] / weights[free]
    assert ratios == pytest.approx(np.full(len(ratios), ratios.max(initial=0.0)), rel=1e-9)
    if found.held.any() and free.any():  # those at the cap would be above it at this scale
        assert (weights[found.held] * ratios.max() >= cap * (1 - 1e-9)).all()


def test_the_scale_is_the_one_that_a_search_finds() -> None:
    weights, masses = np.array([40.0, 12.0, 1.0, 0.2]), np.array([3.0, 20.0, 400.0, 900.0])
    plain = normalised(weights, masses)
    scale = brentq(lambda s: (np.minimum(8.0, s * plain) * masses).sum() - masses.sum(), 0.1, 100, xtol=1e-14)
    found = capped(weights, masses, 8.0)
    assert found.weights == pytest.approx(np.minimum(8.0, scale * plain), rel=1e-9)
    assert found.held.tolist() == [True, True, False, False]


def test_a_cap_of_one_leaves_no_weights() -> None:
    found = capped(np.array([3.0, 1.0]), np.array([10.0, 30.0]), 1.0)
    assert found.weights.tolist() == [1.0, 1.0]
    assert found.held.tolist() == [True, False]


def test_a_cap_that_nothing_reaches_changes_no_digit() -> None:
    weights = independence(FOUR_GROUPS)
    assert np.array_equal(capped(weights, FOUR_GROUPS, 10.0).weights, weights)


# ----------------------------------------------------------------------------- price and residue


def test_rows_of_equal_weight_are_worth_their_number() -> None:
    assert kish(50 * 3.0, 50 * 9.0) == pytest.approx(50)
    assert kish(1_000.0, 1_000.0**2) == pytest.approx(1)
    assert kish(0.0, 0.0) == 0.0


@given(FULL)
def test_v_is_scipys_and_does_not_depend_on_the_unit(table: list[list[int]]) -> None:
    expected = scipy_association(np.array(table), method="cramer", correction=False)
    assert cramers_v(table) == pytest.approx(expected, abs=1e-12)
    assert cramers_v(np.array(table) * 1e-9) == pytest.approx(expected, abs=1e-9)


def test_v_leaves_out_what_has_no_weight() -> None:
    assert cramers_v([[30, 10, 0], [10, 30, 0], [0, 0, 0]]) == pytest.approx(0.5)
    assert cramers_v([[30, 10], [0, 0]]) is None


# ----------------------------------------------------------------------------- sums


ROWS = st.lists(st.tuples(st.integers(-1, 3), st.floats(0, 1e6)), max_size=60)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_digit_of_a_sum(rows: list[tuple[int, float]], random: object) -> None:
    order = _shuffled(random, len(rows))
    first, second = (
        cell_sums([rows[at][0] for at in places], 4, [[rows[at][1] for at in places]])[0]
        for places in (range(len(rows)), order)
    )
    assert first.tobytes() == second.tobytes()


def test_rows_in_no_cell_are_in_no_sum() -> None:
    sums, squares = cell_sums([0, -1, 2, 0], 3, [[1.0, 5.0, 2.0, 3.0], [1.0, 25.0, 4.0, 9.0]])
    assert sums.tolist() == [4.0, 0.0, 2.0]
    assert squares.tolist() == [10.0, 0.0, 4.0]
    assert sqrt(squares[2]) == 2.0

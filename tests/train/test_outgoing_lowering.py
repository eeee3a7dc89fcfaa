"""Copies that stand for weights: within one copy for every row and every cell, exact on average, the same anywhere."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import UsageError
from audit.train.outgoing.lowering import How, Lowered, content_key, lowered, ordered, systematic

ROUNDING = 1e-6
"""What sums of weights in units of 2^-37 and more may be off, for the numbers of rows in these tests."""

weights_of_rows = st.lists(st.floats(0.01, 5.0) | st.just(0.0), min_size=1, max_size=60).filter(any)
hows = st.sampled_from(["resample", "oversample"])


def in_order(weights: list[float]) -> np.ndarray:
    return np.arange(len(weights))


def copies_of(weights: list[float], how: How = "resample", seed: int = 0) -> list[int]:
    return list(lowered(weights, in_order(weights), how=how, seed=seed).copies)


# ----------------------------------------------------------------------------- what copies stand for


@given(st.lists(st.floats(0.1, 0.9), min_size=1, max_size=60), st.integers(0, 2**31))
def test_every_row_is_within_one_copy_of_its_scaled_weight(weights: list[float], seed: int) -> None:
    for how in ("resample", "oversample"):
        found = lowered(weights, in_order(weights), how=how, seed=seed)
        assert all(
            abs(copies - weight * found.scale) < 1 + ROUNDING
            for copies, weight in zip(found.copies, weights, strict=True)
        )


@given(st.data(), st.integers(0, 2**31))
def test_every_label_and_every_cell_of_it_and_the_first_attributes_is_within_one_copy(
    data: st.DataObject, seed: int
) -> None:
    kinds = st.tuples(st.floats(0.3, 3), st.integers(0, 2), st.integers(0, 1), st.integers(0, 2))
    rows = data.draw(st.lists(kinds, min_size=1, max_size=80))
    weights = [row[0] for row in rows]
    keys = [[row[place] for row in rows] for place in (1, 2, 3)]
    content = [content_key(str(place), seed) for place in range(len(rows))]
    found = lowered(weights, ordered(keys, content, weights), how="resample", seed=seed)
    for cell in {full[:many] for full in zip(*keys, strict=True) for many in (1, 2, 3)}:
        inside = [place for place in range(len(rows)) if tuple(key[place] for key in keys)[: len(cell)] == cell]
        wanted = math.fsum(weights[place] for place in inside) * found.scale
        assert abs(sum(found.copies[place] for place in inside) - wanted) < 1 + ROUNDING


@given(weights_of_rows, st.integers(0, 2**31))
def test_there_are_as_many_lines_as_rows_that_count(weights: list[float], seed: int) -> None:
    found = lowered(weights, in_order(weights), how="resample", seed=seed)
    assert abs(found.made - sum(weight > 0 for weight in weights)) <= 1
    assert found.made == sum(found.copies)


@given(st.lists(st.integers(0, 80), min_size=1, max_size=40))
def test_on_average_over_all_starts_copies_are_the_weights(sixteenths: list[int]) -> None:
    weights = np.array(sixteenths) / 16
    drawn = [systematic(weights, in_order(sixteenths), start / 16) for start in range(16)]
    assert (np.mean(drawn, axis=0) == weights).all()


@given(st.floats(1e-9, 1e9), st.integers(1, 300), st.integers(0, 2**31), hows)
def test_equal_weights_give_every_row_once(weight: float, rows: int, seed: int, how: How) -> None:
    assert copies_of([weight] * rows, how, seed) == [1] * rows


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(0, 2**31))
def test_whole_multiples_of_the_smallest_weight_are_met_exactly(counts: list[int], seed: int) -> None:
    counts = [1, *counts]
    assert copies_of([0.3 * count for count in counts], "oversample", seed) == counts


@given(weights_of_rows, st.integers(0, 2**31), hows)
def test_a_row_of_weight_0_is_never_written(weights: list[float], seed: int, how: How) -> None:
    if how == "oversample":
        weights = [min(weight, 0.05) for weight in weights]
    copies = copies_of(weights, how, seed)
    assert not any(copies[place] for place, weight in enumerate(weights) if weight == 0)
    assert how == "resample" or all(copies[place] for place, weight in enumerate(weights) if weight > 0)


@given(weights_of_rows, st.integers(0, 2**31), st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_decide_who_is_copied(
    weights: list[float], seed: int, chance: random.Random
) -> None:
    said = [(weight, place % 3, content_key(f"row {place // 2}", seed)) for place, weight in enumerate(weights)]
    shuffled = chance.sample(said, len(said))
    assert multiset(said, seed) == multiset(shuffled, seed)


def multiset(rows: list[tuple[float, int, int]], seed: int) -> list[tuple[tuple[float, int, int], int]]:
    weights = [row[0] for row in rows]
    order = ordered([[row[1] for row in rows]], [row[2] for row in rows], weights)
    return sorted(zip(rows, lowered(weights, order, how="resample", seed=seed).copies, strict=True))


def test_the_precision_of_the_sums_does_not_follow_from_the_order_in_which_they_are_added() -> None:
    small = 101.4 / 2**39  # lost one by one beside the large one, and not together
    values, order = np.array([2**22 - 2, *[small] * 5]), np.array([1, 2, 3, 4, 5, 0])
    start = 1 - 507 / 2**39
    backwards = systematic(values[::-1], 5 - order, start)
    assert systematic(values, order, start).tolist() == backwards[::-1].tolist()


def test_another_seed_draws_other_rows_and_the_same_seed_the_same() -> None:
    weights = [0.5, 1.5] * 50
    drawn = {seed: tuple(copies_of(weights, seed=seed)) for seed in range(8)}
    assert len(set(drawn.values())) > 1
    assert tuple(copies_of(weights, seed=3)) == drawn[3]


# ----------------------------------------------------------------------------- limits


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, 1e13])
def test_a_weight_outside_its_range_is_refused(bad: float) -> None:
    with pytest.raises(UsageError, match="no number from 0 to 1e"):
        copies_of([1.0, bad])


@pytest.mark.parametrize("weights", [[], [0.0, 0.0]])
def test_nothing_to_write_is_an_error_of_the_user(weights: list[float]) -> None:
    with pytest.raises(UsageError, match="no row has a weight above 0"):
        copies_of(weights)


@pytest.mark.parametrize("weights", [[1e-12, *[1.0] * 99], [1e-12, 1e12], [5e-324, 1e12]])
def test_a_smallest_weight_next_to_nothing_is_refused_before_it_multiplies_the_rest(weights: list[float]) -> None:
    with pytest.raises(UsageError, match=r"would be written .* times: weights go from"):
        copies_of(weights, "oversample")


def test_far_more_lines_than_rows_are_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match="100 rows would become 1,981 lines") as caught:
        copies_of([0.05] + [1.0] * 99, "oversample")
    assert "resample" in (caught.value.hint or "")


def test_a_row_that_outweighs_thousands_is_refused() -> None:
    with pytest.raises(UsageError, match="a row would be written 5,000 times") as caught:
        copies_of([1e12] + [1e-12] * 4999)
    assert "--cap" in (caught.value.hint or "")


def test_tiny_weights_alone_are_scaled_like_any_others() -> None:
    found = lowered([5e-324, 5e-324], [0, 1], how="oversample", seed=0)
    assert list(found.copies) == [1, 1]
    assert math.isfinite(found.scale)


def test_refuse_stops_at_weights_that_differ_and_at_no_others() -> None:
    with pytest.raises(UsageError, match=r"from 0\.5 to 1, and a weight cannot be said there"):
        copies_of([0.5, 1.0], "refuse")
    assert copies_of([0.0, 2.0, 2.0], "refuse") == [0, 1, 1]


def test_the_sums_of_a_million_weights_stay_within_one_copy() -> None:
    weights = np.random.default_rng(0).gamma(2.0, 1.0, 1_000_000)
    found = lowered(weights, np.arange(weights.size), how="resample", seed=0)
    sums = np.cumsum(np.array(found.copies) - weights * found.scale)
    assert abs(found.made - weights.size) <= 1
    assert np.abs(sums).max() < 1 + 1e-5


# ----------------------------------------------------------------------------- what is told


def test_what_is_lost_is_told_with_its_share_of_the_weight() -> None:
    found = lowered([1.0] * 90 + [0.1] * 10, np.arange(100), how="resample", seed=1)
    lost = [place for place, copies in enumerate(found.copies) if not copies]
    assert found.left_out == len(lost) > 0
    assert found.lost_share == pytest.approx(sum([1.0] * 90 + [0.1] * 10) ** -1 * 0.1 * len(lost))
    assert found.notes()[0].startswith(f"{found.left_out} rows with a weight above 0")


def test_rows_that_stand_often_are_told() -> None:
    found = lowered([1.0] * 9 + [7.0], np.arange(10), how="oversample", seed=0)
    assert found.most == 7
    assert "up to 7 times" in found.notes()[0]
    assert lowered([1.0, 4.0], [0, 1], how="oversample", seed=0).notes() == ()


def test_the_account_has_every_figure_and_no_row() -> None:
    found = lowered([1.0, 2.0, 0.0], [0, 1, 2], how="oversample", seed=0)
    assert found.account() == {
        "how": "oversample",
        "rows": 3,
        "made": 3,
        "left_out": 0,
        "lost_share": 0.0,
        "weightless": 1,
        "most": 2,
        "scale": 1.0,
        "ess_before": 1.8,
        "ess_after": 1.8,
    }
    assert isinstance(found, Lowered)

"""From weights to copies: cells get exactly the rows they are to have, and the order of the rows changes nothing."""

from __future__ import annotations

from array import array
from collections import Counter
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import UsageError
from audit.remedy.balance.resample import MOST_COPIES, resampled, scaled

KEY = st.integers(0, 2**64 - 1)
ROWS = st.lists(st.tuples(st.integers(-1, 3), st.floats(0, 6), KEY), min_size=1, max_size=60, unique_by=lambda r: r[2])


def by_key(rows: list[tuple[int, float, int]]) -> dict[int, int]:
    of, weights, keys = zip(*rows, strict=True)
    copies = resampled(weights, of, keys, cells=4).copies
    return dict(zip(keys, copies, strict=True))


def test_every_row_has_the_whole_part_and_the_rest_goes_to_the_smallest_keys() -> None:
    made = resampled([2.4] * 5, [0] * 5, [50, 10, 40, 20, 30], cells=1)
    assert list(made.copies) == [2, 3, 2, 3, 2]
    assert made.wanted == made.made == (12,)


@pytest.mark.parametrize(("rows", "weight", "total"), [(5, 0.5, 2), (7, 0.5, 4), (5, 1.5, 8), (3, 2.5, 8)])
def test_half_a_row_goes_to_the_even_number(rows: int, weight: float, total: int) -> None:
    made = resampled([weight] * rows, [0] * rows, range(rows), cells=1)
    assert sum(made.copies) == total == round(Fraction(weight) * rows)


def test_the_rounding_of_floats_makes_no_row() -> None:
    thirds = [1 / 3] * 3 + [2 / 3] * 3
    assert sum(resampled(thirds, [0] * 6, range(6), cells=1).copies) == 3


def test_a_cell_with_weight_keeps_a_row_and_one_without_has_none() -> None:
    made = resampled([0.01, 0.01, 0.0, 0.0], [0, 0, 1, 1], [4, 3, 2, 1], cells=2)
    assert list(made.copies) == [0, 1, 0, 0]


def test_rows_in_no_cell_stand_there_once() -> None:
    assert list(resampled([9.0, 2.0], [-1, 0], [1, 2], cells=1).copies) == [1, 2]


def test_no_row_stands_there_more_often_than_allowed_and_the_cell_is_reported() -> None:
    made = resampled([9.0] * 3 + [2.0], [0, 0, 0, 1], range(4), cells=2, most=4)
    assert list(made.copies) == [4, 4, 4, 2]
    assert (made.wanted, made.made, made.short) == ((27, 2), (12, 2), 1)


@given(ROWS)
def test_cells_have_the_rows_of_their_weights_and_copies_stay_within_one_of_them(
    rows: list[tuple[int, float, int]],
) -> None:
    of, weights, keys = zip(*rows, strict=True)
    made = resampled(weights, of, keys, cells=4)
    for cell in range(4):
        members = [at for at, inside in enumerate(of) if inside == cell]
        clipped = sum(min(Fraction(weights[at]), MOST_COPIES) for at in members)
        assert made.made[cell] == sum(made.copies[at] for at in members)
        # At least one row where anything has weight; rounding to nine decimals may move a half.
        assert abs(made.made[cell] - clipped) <= Fraction(1, 2) + Fraction(1, 10**8) or made.made[cell] == 1
    for at, copies in enumerate(made.copies):
        whole = floor(min(weights[at], MOST_COPIES))
        assert copies in ((whole, whole + 1) if of[at] >= 0 else (1,))
        assert copies <= max(MOST_COPIES, 1)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(rows: list[tuple[int, float, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert by_key(shuffled) == by_key(rows)


def test_rows_are_drawn_in_proportion_to_what_floor_took_away() -> None:
    generator = iter(range(10**9))
    hits: Counter[float] = Counter()
    for _ in range(300):
        keys = [(next(generator) * 0x9E3779B97F4A7C15) % 2**64 for _ in range(10)]
        weights = [0.2] * 5 + [0.6] * 5
        for weight, copies in zip(weights, resampled(weights, [0] * 10, keys, cells=1).copies, strict=True):
            hits[weight] += copies
    assert hits.total() == 1200
    assert 2.5 < hits[0.6] / hits[0.2] < 3.5


def test_oversampling_loses_no_row_and_undersampling_repeats_none() -> None:
    weights, of = array("d", [0.5, 0.8, 2.0, 7.0]), [0, 1, 2, -1]
    assert list(scaled(weights, of, "oversample")) == [1.0, 1.6, 4.0, 1.0]
    assert list(scaled(weights, of, "undersample")) == [0.25, 0.4, 1.0, 1.0]


def test_rows_without_any_weight_cannot_be_resampled() -> None:
    with pytest.raises(UsageError, match="weight above 0"):
        scaled([0.0, 3.0], [0, -1], "oversample")

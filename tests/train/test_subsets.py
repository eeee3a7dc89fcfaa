"""Shares of the training rows: nested, whole rows, and the same wherever the rows stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.train.data.examples import Example, Examples
from audit.train.data.subsets import nested


def examples(rows: list[int]) -> Examples:
    made = [Example(np.array([row], np.int32), np.zeros(1), row) for row in rows]
    return Examples(made, row_ids=[f"{row:032x}#1" for row in rows])


ROWS = [0, 0, 1, 2, 2, 2, *range(3, 40)]


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=2), st.integers(0, 5))
def test_a_smaller_share_is_inside_a_larger_one(shares: list[float], seed: int) -> None:
    small, large = (set(nested(examples(ROWS), share, seed).tolist()) for share in sorted(shares))
    assert small <= large


@pytest.mark.parametrize(("share", "rows"), [(0.1, 4), (0.25, 10), (0.5, 20), (1.0, 40), (0.001, 1)])
def test_a_share_is_of_rows_and_takes_whole_ones(share: float, rows: int) -> None:
    made = examples(ROWS)
    taken = made.rows[nested(made, share, 0)].tolist()
    assert len(set(taken)) == rows
    assert all(taken.count(row) == ROWS.count(row) for row in taken)


def test_it_does_not_matter_where_a_row_stands() -> None:
    forward, backward = examples(ROWS), examples(ROWS[::-1])
    chosen = {forward.row_ids[index] for index in nested(forward, 0.3, 7).tolist()}
    assert chosen == {backward.row_ids[index] for index in nested(backward, 0.3, 7).tolist()}


def test_another_seed_gives_other_rows_and_indices_ascend() -> None:
    one, other = (nested(examples(ROWS), 0.3, seed).tolist() for seed in (0, 1))
    assert one != other
    assert one == sorted(one)

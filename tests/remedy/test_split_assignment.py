"""Dividing units among splits: how far any stratum may lie from its shares, and that places do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import UsageError
from audit.remedy.split.assignment import Plan, Problem, assign, within
from audit.remedy.split.shares import DEFAULT, Shares, names_of, shares_of

SHARES = st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5), (0.6, 0.3, 0.1), (0.98, 0.01, 0.01), (1 / 3, 1 / 3, 1 / 3)])


def problem(sizes: list[list[int]], shares: tuple[float, ...]) -> Problem:
    """``sizes`` are those of the units of each stratum, all of whose rows are in it."""
    units = [(stratum, size) for stratum, of_stratum in enumerate(sizes) for size in of_stratum]
    return Problem(
        units=np.repeat(np.arange(len(units)), [size for _, size in units]),
        strata=np.repeat([stratum for stratum, _ in units], [size for _, size in units]),
        shares=shares,
        main=0,
        ties=np.array([(7919 * unit) % 104729 for unit in range(len(units))], dtype=np.uint64),
        stratum_ties=[(31 * stratum) % 17 for stratum in range(len(sizes))],
        split_ties=[list(range(len(shares)))] * len(sizes),
    )


def off(plan: Plan, shares: tuple[float, ...]) -> np.ndarray:
    return np.abs(plan.by_split - plan.rows[:, None] * np.array(shares)[None, :]).max(axis=1)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), SHARES)
def test_rows_that_are_alone_are_divided_to_within_one_row(rows: list[int], shares: tuple[float, ...]) -> None:
    plan = assign(problem([[1] * count for count in rows], shares))
    assert (off(plan, shares) < 1).all()
    assert plan.by_split.sum(axis=1).tolist() == rows


@settings(max_examples=300)
@given(st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=25), min_size=1, max_size=4), SHARES)
def test_units_are_divided_to_within_the_largest_of_their_stratum(
    sizes: list[list[int]], shares: tuple[float, ...]
) -> None:
    plan = assign(problem(sizes, shares))
    assert (off(plan, shares) <= [max(of_stratum) for of_stratum in sizes]).all()
    assert within(plan, shares).all()
    assert plan.largest.tolist() == [max(of_stratum) for of_stratum in sizes]


@settings(max_examples=150)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=2, max_size=40), SHARES)
def test_units_that_span_strata_stay_whole_and_every_row_has_a_split(
    strata: list[list[int]], shares: tuple[float, ...]
) -> None:
    units = np.repeat(np.arange(len(strata)), [len(rows) for rows in strata])
    flat = np.array([stratum for rows in strata for stratum in rows])
    count = len(strata)
    plan = assign(
        Problem(units, flat, shares, 0, np.arange(count, dtype=np.uint64), list(range(4)), [list(range(4))] * 4)
    )
    assert plan.splits.shape == (count,)
    assert set(plan.splits.tolist()) <= set(range(len(shares)))
    table = np.zeros((4, len(shares)), int)
    np.add.at(table, (flat, plan.splits[units]), 1)
    assert (table == plan.by_split).all()


def test_strata_that_round_the_same_way_do_not_add_up() -> None:
    plan = assign(problem([[1] * 3] * 100, (0.8, 0.1, 0.1)))
    assert np.abs(plan.by_split.sum(axis=0) - [240, 30, 30]).max() <= 2


def test_a_unit_larger_than_a_split_goes_to_train() -> None:
    plan = assign(problem([[1] * 80 + [20]], (0.8, 0.1, 0.1)))
    assert plan.splits[80] == 0
    assert plan.oversize.tolist() == [80]
    assert plan.by_split.tolist() == [[80, 10, 10]]


def test_no_split_is_left_empty_for_the_sake_of_a_large_unit() -> None:
    plan = assign(problem([[10, 10, 10]], (0.4, 0.3, 0.3)))
    assert sorted(plan.splits.tolist()) == [0, 1, 2]


def test_a_unit_more_moves_few_others() -> None:
    whole = problem([[2] * 300 + [1] * 300], (0.8, 0.1, 0.1))
    without = whole.units != 150
    units = np.where(whole.units > 150, whole.units - 1, whole.units)[without]
    less = whole._replace(units=units, strata=whole.strata[without], ties=np.delete(whole.ties, 150))
    before, after = assign(whole), assign(less)
    assert (np.delete(before.splits, 150) != after.splits).sum() <= 6


def test_a_few_rows_reach_as_many_splits_as_the_shares_allow() -> None:
    assert assign(problem([[1] * 10], (0.8, 0.1, 0.1))).by_split.tolist() == [[8, 1, 1]]
    assert assign(problem([[1] * 3], (0.8, 0.1, 0.1))).by_split.tolist() == [[2, 1, 0]]


# ----------------------------------------------------------------------------- shares


def test_without_shares_the_default_holds() -> None:
    assert shares_of({}) == Shares(("train", "validation", "test"), (0.8, 0.1, 0.1)) == shares_of(DEFAULT)


def test_whole_numbers_are_parts() -> None:
    assert shares_of({"train": "8", "validation": 1, "test": "1"}) == shares_of({})
    assert shares_of({"train": 1, "test": 1}) == Shares(("train", "test"), (0.5, 0.5))


def test_tenths_sum_to_one_exactly() -> None:
    assert shares_of({"train": 0.7, "validation": 0.2, "test": "0.1"}).values == (0.7, 0.2, 0.1)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"train": 0.8, "test": 0.1}, "less than 1"),
        ({"train": 0.8, "test": 0.3}, "more than 1"),
        ({"train": 1}, "at least two"),
        ({"train": 0.9, "validation": 0, "test": 0.1}, "above 0"),
        ({"train": 1.5, "test": -0.5}, "above 0"),
        ({"train": "most", "test": 0.1}, "above 0"),
        ({"train": float("nan"), "test": 0.1}, "above 0"),
        ({"train": True, "test": 0.1}, "above 0, not true"),
        ({"train": "1e999999999", "test": 0.1}, "above 0"),
        ({"train": [0.8], "test": 0.2}, "above 0"),
    ],
)
def test_shares_that_make_no_split_are_refused(given: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        shares_of(given)


def test_names_come_from_lists_and_from_texts_with_commas() -> None:
    assert names_of("label, sex", "stratify") == names_of(["label,sex", "sex"], "stratify") == ("label", "sex")
    assert names_of([], "group") == ()


@pytest.mark.parametrize("given", [3, True, "", " , ", [""], ["metadata.user", ""], [3]])
def test_what_names_nothing_is_refused_with_an_example_of_its_own(given: object) -> None:
    with pytest.raises(UsageError, match=r"^group ") as error:
        names_of(given, "group")
    assert error.value.hint == "--group metadata.user"

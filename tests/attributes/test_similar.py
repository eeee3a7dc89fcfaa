"""Groups with nearly the same name: those of real data are found, two different groups are not taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.attributes.similar import is_one_slip, similar_names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("WHITE NON HISPANIC", "WHITE NON HISP"),
        ("ASIAN AND PACIFIC ISLANDER", "ASIAN AND PACI"),
        ("non-binary", "non binary"),
        ("nonbinary", "non_binary"),
        ("Female", "Femlae"),
        ("Female", "Femal"),
        ("African American", "african-american"),
        ("female", "f"),
    ],
)
def test_names_that_may_be_one_group_are_a_pair(one: str, other: str) -> None:
    assert similar_names({one: 10, other: 3}) == ((one, other),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("male", "female"),
        ("man", "woman"),
        ("Iran", "Iraq"),
        ("Asian", "Asian Indian"),
        ("25-39", "25-38"),
        ("grade 10", "grade 11"),
        ("BLACK NON HISP", "WHITE NON HISP"),
        ("A", "B"),
        ("!", "?"),
    ],
)
def test_names_of_two_groups_are_none(one: str, other: str) -> None:
    assert similar_names({one: 10, other: 3}) == ()


def test_an_abbreviation_that_fits_two_groups_is_of_neither() -> None:
    assert similar_names({"m": 1, "male": 5, "mixed": 5}) == ()


def test_the_more_frequent_name_comes_first() -> None:
    assert similar_names({"Femal": 9, "Female": 2}) == (("Femal", "Female"),)


@given(st.text("abc", max_size=6), st.integers(0, 6), st.sampled_from("abcd"))
def test_one_slip_is_found_whichever_it_is(word: str, at: int, char: str) -> None:
    longer = word[:at] + char + word[at:]
    assert is_one_slip(word, longer)
    replaced = word[:at] + char + word[at + 1 :]
    assert is_one_slip(word, replaced) or replaced in (word, longer)


@given(st.dictionaries(st.text(max_size=8), st.integers(1, 5), max_size=6))
def test_pairs_are_of_two_names_and_each_comes_once(rows: dict[str, int]) -> None:
    pairs = similar_names(rows)
    assert all(one != other for one, other in pairs)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert all(rows[one] >= rows[other] for one, other in pairs)

"""Values and levels: what is one group, what is none, and how a group is called."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.attributes.bands import band_names, band_of, number_in
from audit.attributes.levels import LONGEST_VALUE, RESERVED, is_missing, level_key, shown, value_of
from audit.model import Json

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("F", "F"),
        (True, "true"),
        (3, "3"),
        (3.0, "3"),
        (2.5, "2.5"),
        (None, None),
        ({"sex": "F"}, None),
        ([], None),
        (["a"], "a"),
        (["b", "a", "b", None, {}], ("a", "b")),
        (1 << 200, "a number of more than 128 bits"),
        ("x" * 1_000, "x" * LONGEST_VALUE),
        ("a\ud800", "a\ufffd\ufffd\ufffd"),
    ],
)
def test_a_value_is_a_text_or_several_or_none(given: Json, value: Json) -> None:
    assert value_of(given) == value


@given(JSON)
def test_any_json_gives_a_value_that_can_be_written_and_has_a_key(given: Json) -> None:
    value = value_of(given)
    msgspec.json.encode(value)
    for text in value if isinstance(value, tuple) else () if value is None else (value,):
        name = shown({text: 1})
        assert level_key(name) == level_key(text) or level_key(text) in RESERVED


@given(st.text())
def test_the_key_of_a_name_is_its_own_key(text: str) -> None:
    assert level_key(level_key(text)) == level_key(text)


def test_case_white_space_and_unicode_forms_make_no_group_of_their_own() -> None:
    assert len({level_key(text) for text in ("Straße", "STRASSE", " straße ", "ＳＴＲＡＳＳＥ")}) == 1
    assert level_key("New\u00a0 York") == "new york"


@pytest.mark.parametrize("word", ["", " ", "?", "N/A", "n/a", "Unknown", "NaN", "null", "Prefer not  to say"])
def test_some_words_say_that_there_is_no_value(word: str) -> None:
    assert is_missing(word)


@pytest.mark.parametrize("word", ["none", "None", "other", "0", "no"])
def test_other_words_may_be_a_group(word: str) -> None:
    assert not is_missing(word)


def test_a_group_is_called_by_its_most_frequent_spelling_then_by_the_first() -> None:
    assert shown({"f": 2, " F": 1, "F ": 1}) == "F"
    assert shown({"female": 3, "FEMALE": 3}) == "FEMALE"
    assert shown({"female": 4, "FEMALE": 3}) == "female"


def test_a_group_that_is_called_like_a_level_is_told_apart_from_it() -> None:
    assert shown({"None": 5}) == "None (as given)"
    assert shown({"multiple": 5}) == "multiple (as given)"


@pytest.mark.parametrize("text", ["nan", "inf", "1_000", "", "1,5", "0x10", "1e9999", "१२३x"])
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert number_in(text) is None


def test_digits_of_any_script_are_numbers() -> None:
    assert number_in("４２") == 42
    assert number_in(" -1.5e2 ") == -150


def test_bands_are_named_by_what_they_hold() -> None:
    assert band_names((25, 40, 65)) == ("<25", "25-39", "40-64", "65+")
    assert band_names((1, 2)) == ("<1", "1", "2+")
    assert band_names((0.5, 1.5)) == ("<0.5", "0.5 to <1.5", "1.5+")


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=5, unique=True).map(sorted), st.floats(-60, 60))
def test_every_number_is_in_one_band_and_an_edge_in_the_one_above(edges: list[int], number: float) -> None:
    place = band_of(number, edges)
    assert 0 <= place < len(band_names(edges))
    assert place == sum(edge <= number for edge in edges)

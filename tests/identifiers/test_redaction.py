"""Placeholders are stable and tell nothing by themselves; nothing is left in a text that was redacted."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.identifiers.personal import find_personal
from audit.identifiers.placeholders import KEY_VARIABLE, masked, placeholder
from audit.identifiers.redaction import identifiers_in, redact

TEXT = "Mail maria.k@gmail.com or MARIA.K@gmail.com, SSN 212-09-9999, card 5425-2334-3010-9903, call +49 30 22732152."


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_two_spellings_of_a_value_have_one_placeholder() -> None:
    first, second, *_ = find_personal(TEXT)
    assert first.value == second.value
    assert masked(TEXT, [first, second]).count(placeholder("email", first.value)) == 2


def test_a_placeholder_names_the_kind_and_six_digits_without_a_key() -> None:
    assert placeholder("email", "maria.k@gmail.com") == placeholder("email", "maria.k@gmail.com")
    assert len(placeholder("email", "x")) == len("[EMAIL_3F9A0C]")
    assert placeholder("email", "x")[7:] != placeholder("phone", "x")[7:]


def test_a_key_of_the_house_makes_other_and_longer_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    without = placeholder("email", "x")
    monkeypatch.setenv(KEY_VARIABLE, "first")
    first = placeholder("email", "x")
    monkeypatch.setenv(KEY_VARIABLE, "second")
    assert len(first) == len("[EMAIL_3F9A12CD]")
    assert len({without[:11], first[:11], placeholder("email", "x")[:11]}) == 3


def test_nothing_that_identifies_is_left_in_a_redacted_text() -> None:
    shown = redact(TEXT)
    for private in ("maria", "212-09", "5425", "22732152"):
        assert private not in shown.lower()
    assert not identifiers_in(shown)


def test_a_text_with_too_many_to_look_at_is_not_shown_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.identifiers.finding.MOST", 3)
    assert redact(TEXT).startswith("[MANY_IDENTIFIERS_")
    assert not identifiers_in(redact(TEXT))


def test_a_text_with_nothing_in_it_is_the_same_object() -> None:
    text = "In 2024 she had 1,234,567 apples; version 1.2.3."
    assert redact(text) is text


PIECES = [
    *TEXT.split(", "),
    "Patient: DOB 03/04/1956, MRN 12345678",
    "password = hunter22!Xy",
    "\ud800",
    "12 34",
    "tel",
]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=10), max_size=6).map(" ".join))
def test_redacting_twice_equals_redacting_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize("text", ["Patient: Sarah Mitchell", "Ms. Rebecca Thornton called"])
def test_names_after_a_label_or_a_title_are_taken_out(text: str) -> None:
    assert "[PERSON_NAME_" in redact(text)
    assert redact(redact(text)) == redact(text)

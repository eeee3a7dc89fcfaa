"""Misspelt variants: only what the user says changes, only where a finger could slip, and always in the same way."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.labels.spelling import is_one_edit
from audit.lexicons import axes, load
from audit.remedy.balance.augment.noise import RATE, misspellings, misspelt, noisy
from audit.remedy.balance.augment.protected import NUMBERS, identity_terms, kept_spans, overlaps
from audit.remedy.balance.augment.result import Changes, Refused
from tests.remedy.augmented import GENDER, made, record, row

LEXICONS = [load(axis) for axis in axes()]
QUESTION = "Which companies delivered the packages yesterday, and what did the neighbours think about the service?"


def noise(data: Any, seed: str = "0", rate: float = RATE) -> Changes:
    return noisy(record(data), LEXICONS, seed, rate)


def refusal(data: Any) -> str:
    with pytest.raises(Refused) as refused:
        noise(data)
    return refused.value.reason


def changed_words(changes: Changes) -> list[tuple[str, str]]:
    pairs = zip(changes.before.split(), changes.after.split(), strict=True)
    return [(before, after) for before, after in pairs if before != after]


def test_one_slip_at_least_and_one_for_fifty_letters() -> None:
    assert len(changed_words(noise(row("Tell the story.")))) == 1
    letters = len("".join(word for word in (QUESTION * 4).split() if len(word) > 3))
    assert len(changed_words(noise(row(QUESTION * 4)))) == pytest.approx(RATE * letters, abs=1)


def test_the_answer_and_the_system_prompt_stay() -> None:
    data = row(QUESTION, "Several companies delivered packages yesterday.", "Answer every question politely.")
    assert [edit.pointer for edit in noise(data, rate=0.3).edits] == ["/messages/1/content"]


def test_every_turn_of_the_user_may_change() -> None:
    said = [{"role": role, "content": QUESTION} for role in ("user", "assistant", "user", "assistant")]
    changes = noise({"messages": said}, rate=0.3)
    assert [edit.pointer for edit in changes.edits] == ["/messages/0/content", "/messages/2/content"]


@pytest.mark.parametrize(
    "kept",
    [
        "`compute(result)`",
        '{"answer": "something"}',
        "https://example.com/some/path",
        "someone@example.com",
        "{{customer_name}}",
        "[FIRST_NAME]",
        "<placeholder>",
        "1234567",
        "Muslims",
        "grandmother",
        "never",
        "McDonald",
        "NASA",
        "snake_case_name",
        "C:/Users/files",
        "don't",
        "cat",
        "    return value",
    ],
)
def test_what_is_no_plain_word_stays(kept: str) -> None:
    text = f"Please explain this carefully:\n{kept}\nand nothing else besides."
    for seed in range(12):
        assert kept in noise(row(text), str(seed), rate=0.5).after


def test_a_name_at_the_beginning_of_a_sentence_stays() -> None:
    for seed in range(20):
        assert noise(row("Leah bought three boxes of bread."), str(seed), rate=0.5).after.startswith("Leah ")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (row("Где находится ближайшая станция метро?"), "script"),
        (row("今日はどこへ行きますか"), "script"),
        (row("Kannst du mir bitte sagen, wo wir gestern gewesen sind?"), "language"),
        (row("Is it a cat?"), "no_word"),
        (row("12345 + 6"), "script"),
        (row("   "), "no_user_text"),
        ({"messages": [{"role": "assistant", "content": "Hello there."}]}, "no_user_text"),
    ],
)
def test_what_an_english_keyboard_does_not_write_is_refused(data: Any, reason: str) -> None:
    assert refusal(data) == reason


def test_the_seed_decides() -> None:
    data = row(QUESTION)
    assert noise(data, "1") == noise(data, "1")
    assert len({noise(data, str(seed)).after for seed in range(20)}) > 10


@given(st.from_regex(r"[a-z]{4,14}", fullmatch=True), st.integers(0, 10_000))
def test_a_slip_is_one_edit_between_the_first_and_the_last_letter(word: str, seed: int) -> None:
    after = misspelt(word, Random(seed))
    if after is None or after == misspellings().get(word):
        return
    assert is_one_edit(word, after)
    assert (after[0], after[-1]) == (word[0], word[-1])


@given(st.sampled_from(["Receive", "Weird", "Number", "Which"]), st.integers(0, 1000))
def test_a_capital_stays_a_capital(word: str, seed: int) -> None:
    after = misspelt(word, Random(seed))
    assert after is None or (after[0] == word[0] and after[1:].islower())


def test_common_misspellings_are_no_right_words() -> None:
    known = misspellings()
    assert len(known) > 200
    assert not set(known) & set(known.values())
    assert all(word != slip and word[0] == slip[0] and slip.islower() for word, slip in known.items())


@given(st.text(max_size=120), st.integers(0, 100))
def test_any_text_keeps_its_numbers_and_its_terms(text: str, seed: int) -> None:
    before = f"A grandmother asked something on 12.5: {text}"
    try:
        changes = noise(row(before), str(seed), rate=0.2)
    except Refused:
        return
    assert NUMBERS.findall(changes.after) == NUMBERS.findall(changes.before)
    assert identity_terms(changes.after, LEXICONS) == identity_terms(changes.before, LEXICONS)


@given(st.text(alphabet='ab`{}[]"\n .:/@_<>$#1', max_size=60))
def test_kept_spans_are_sorted_and_apart(text: str) -> None:
    spans = kept_spans(text, LEXICONS)
    assert list(spans) == sorted(spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert all(overlaps(spans, start, end) for start, end in spans)


# ----------------------------------------------------------------------------- rows for cells


def test_a_row_gives_two_variants_that_differ() -> None:
    found = made([row(f"The woman asked: {QUESTION}"), row("He left.")], {"gender female": 5}, kind="noise")
    assert len(set(found.questions)) == len(found.rows) == 2
    assert found.counts["gender female"].made == 2


def test_variants_are_of_rows_of_the_same_cell() -> None:
    rows = [row(f"The woman has {n} questions about the service.") for n in range(2, 8)]
    rows += [row(f"The man has {n} problems with the service.") for n in range(2, 8)]
    found = made(rows, {"gender male": 4}, kind="noise", attributes=GENDER)
    assert [msgspec.json.decode(raw)["messages"][0]["content"][:7] for raw in found.sources] == ["The man"] * 4


def test_a_slip_at_the_end_of_a_long_text_is_too_near_to_its_source() -> None:
    words = " ".join(f"a{n} b{n}" for n in range(40))
    rows = [row(f"The woman: {words} because something"), row("He left.")]
    found = made(rows, {"gender female": 1}, kind="noise")
    assert found.counts["gender female"].refused == {"near_source": 2}

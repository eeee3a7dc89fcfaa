"""Paraphrases are held against their source: what must stay stays, and nothing but the last turn is given away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.lexicons import axes, load
from audit.remedy.balance.augment.paraphrase import problem_of, said_otherwise, turn_to_say
from audit.remedy.balance.augment.pieces import Piece
from audit.remedy.balance.augment.result import Refused
from tests.remedy.augmented import made, record, row

LEXICONS = [load(axis) for axis in axes()]


class Says:
    """A paraphraser that says what it is told to, and remembers what it was asked."""

    def __init__(self, say: Callable[[str], str | None]) -> None:
        self._say = say
        self.asked: list[str] = []

    def paraphrase(self, texts: Sequence[str]) -> list[str | None]:
        self.asked += texts
        return [self._say(text) for text in texts]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("How much is it?", "What does it cost?", None),
        ("How much is it?", "", "empty"),
        ("How much is it?", "HOW much is it", "unchanged"),
        ("How much is it?", "Sure, here you go: what is it?", "declined"),
        ("How do I kill a process?", "I'm sorry, I can't help.", "declined"),
        ("I'm sorry, how much is it?", "I'm sorry, what does it cost?", None),
        ("How much is it?", "A", "length"),
        ("How much is it?", "What is it that I would have to pay for it in the end?", "length"),
        ("How much is it, please, my friend?", "Wieviel kostet das, bitte, mein Freund und ist es gut?", "language"),
        ("How much is it?", "Сколько это стоит?", "language"),
        ("I paid 12.50 for 3 of them.", "For 3 of them I paid 12.5.", "numbers"),
        ("I paid 12.50 for 3 of them.", "For 3 of them I paid 12.50.", None),
        ("I paid for them.", "I paid for 3 of them.", "numbers"),
        ("See https://a.example/b today.", "Look at https://a.example/c today.", "links"),
        ("See https://a.example/b today.", "Today, look at https://a.example/b.", None),
        ('He said "go on" to us.', 'To us he said "go ahead".', "quotes"),
        ("He said go on to us.", 'To us he said "go on".', None),
        ("Write to {name} now.", "Now write to {Name}.", "placeholders"),
        ("Run `ls -l` for me.", "For me, run `ls -a`.", "code_changed"),
        ("Ask Peter about it.", "Ask him about it now.", "names"),
        ("My grandmother is here.", "My grandma is here now.", "identity"),
        ("The Muslims came late.", "The believers arrived late.", "names"),
        ("They like the muslims here.", "The people like the believers here.", "identity"),
    ],
)
def test_what_comes_back_is_held_against_its_source(before: str, after: str, reason: str | None) -> None:
    assert problem_of(before, after, LEXICONS) == reason


@given(st.text(min_size=1, max_size=60).filter(str.strip), st.text(max_size=60))
def test_any_texts_can_be_compared(before: str, after: str) -> None:
    problem_of(before, after, LEXICONS)
    assert problem_of(before, before, LEXICONS) in ("unchanged", "empty", "numbers")


def test_the_last_turn_of_the_user_is_said_otherwise() -> None:
    turns = ["Hello.", "Hi.", " How much is it?\n", "Five."]
    said = [{"role": role, "content": text} for role, text in zip(["user", "assistant"] * 2, turns, strict=True)]
    piece = turn_to_say(record({"messages": said}))
    assert (piece.at, piece.text) == ("/messages/2/content", " How much is it?\n")
    (edit,) = said_otherwise(piece, "What does it cost? ", LEXICONS).edits
    assert (edit.pointer, edit.value) == ("/messages/2/content", " What does it cost?\n")


@pytest.mark.parametrize(
    "data",
    [
        {"messages": [{"role": "assistant", "content": "Hello."}]},
        {"messages": [{"role": "user", "content": "  "}, {"role": "assistant", "content": "Hello."}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": one} for one in "ab"]}]},
    ],
)
def test_a_row_without_one_last_question_is_refused(data: Any) -> None:
    with pytest.raises(Refused) as refused:
        turn_to_say(record(data))
    assert refused.value.reason == "no_user_text"


def test_none_is_a_failure() -> None:
    with pytest.raises(Refused) as refused:
        said_otherwise(Piece("user", "/messages/0/content", "How much is it?"), None, LEXICONS)
    assert refused.value.reason == "failed"


def test_nothing_but_the_question_is_given_away() -> None:
    says = Says(lambda text: text.replace("How much is", "What is the price of"))
    rows = [row("How much is the woman's car?", "Secret answer.", "Secret prompt.", note="secret")]
    found = made([*rows, row("The man left.")], {"gender female": 1}, kind="paraphrase", paraphraser=says)
    assert says.asked == ["How much is the woman's car?"]
    (data,) = found.data
    assert [message["content"] for message in data["messages"]] == [
        "Secret prompt.",
        "What is the price of the woman's car?",
        "Secret answer.",
    ]
    assert data["metadata"]["audit"]["synthetic"]["method"] == "paraphrase"


def test_no_more_is_asked_for_than_is_wanted() -> None:
    says = Says(lambda text: text.replace("How much is", "What is the price of"))
    rows = [row(f"How much is the woman's car number {n}?") for n in range(40)]
    made([*rows, row("The man left.")], {"gender female": 7}, kind="paraphrase", paraphraser=says)
    assert len(says.asked) == 7


def test_what_was_refused_is_asked_for_elsewhere_and_counted() -> None:
    says = Says(lambda text: None if "3" in text else "" if "4" in text else text.replace("How much", "Say: how much"))
    rows = [row(f"How much is the woman's car number {n}?") for n in range(6)]
    found = made([*rows, row("The man left.")], {"gender female": 4}, kind="paraphrase", paraphraser=says)
    count = found.counts["gender female"]
    assert count.made == 4
    assert set(count.refused) <= {"failed", "empty", "unchanged", "exists", "near_source"}


def test_a_paraphraser_that_gives_too_few_answers_fails_for_the_rest() -> None:
    class Short(Says):
        def paraphrase(self, texts: Sequence[str]) -> list[str | None]:
            return super().paraphrase(texts)[:1]

    rows = [row(f"How much is the woman's car number {n}?") for n in range(3)] + [row("The man left.")]
    short = Short(lambda text: text.replace("How much is", "What is the price of"))
    found = made(rows, {"gender female": 3}, kind="paraphrase", paraphraser=short)
    assert found.counts["gender female"].refused["failed"] > 0


def test_a_paraphrase_that_another_row_says_already_is_refused() -> None:
    rows = [row("How much is the woman's car?"), row("What is the price of the woman's car?"), row("The man left.")]
    says = Says(lambda _: "What is the price of the woman's car?")
    found = made(rows, {"gender female": 2}, kind="paraphrase", paraphraser=says)
    assert found.rows == []
    assert found.counts["gender female"].refused == {"exists": 2, "unchanged": 2}

"""Swaps of identity terms: a table of sentences written by hand, properties that hold for all texts, and real data."""

from __future__ import annotations

import gzip
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.counterfactual import REASONS, Swap, control_swap, swap, swap_all
from audit.counterfactual.articles import article_for
from audit.counterfactual.english import english
from audit.counterfactual.result import with_edits
from audit.counterfactual.words import words_of

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")

TABLE = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text("utf-8"))
SENTENCES = [(axis, text, outcome) for axis, lines in TABLE.items() for text, outcome in lines]
SWAPPED = [(axis, text, outcome) for axis, text, outcome in SENTENCES if outcome not in REASONS]

AXES = ("gender", "religion", "nationality", "age", "ethnicity", "disability", "sexual_orientation")


def restored(text: str, axis: str) -> None:
    """Swapping back gives the text again, and the edits are what was done."""
    once = swap(text, axis)
    if once.skipped:
        assert (once.text, once.edits, once.groups) == (text, (), ())
        return
    assert once.text == with_edits(text, once.edits) != text
    twice = swap(once.text, axis)
    assert (twice.text, twice.groups) == (text, once.groups[::-1])


# ----------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(("axis", "text", "outcome"), SENTENCES, ids=[f"{a}: {t[:40]}" for a, t, _ in SENTENCES])
def test_every_sentence_of_the_table_comes_out_as_written_by_hand(axis: str, text: str, outcome: str) -> None:
    found = swap(text, axis)
    assert (found.reason or found.text) == outcome


def test_the_table_is_large_and_has_both_kinds() -> None:
    assert len(SENTENCES) >= 150
    assert len(SWAPPED) >= 100
    assert {outcome for _, _, outcome in SENTENCES if outcome in REASONS} >= {
        "no_term", "ambiguous_her", "ambiguous_his", "named_person", "biology", "several_groups", "unknown_form",
        "quoted", "code", "fixed_phrase", "coupled", "not_invertible",
    }  # fmt: skip


@pytest.mark.parametrize(("axis", "text", "outcome"), SWAPPED)
def test_swapping_twice_gives_the_sentence_again(axis: str, text: str, outcome: str) -> None:
    restored(text, axis)


@pytest.mark.parametrize(("axis", "text", "outcome"), SWAPPED)
def test_edits_name_the_places_in_the_text_as_given(axis: str, text: str, outcome: str) -> None:
    edits = swap(text, axis).edits
    assert edits
    assert all(text[edit.start : edit.end] == edit.before != edit.after for edit in edits)
    assert all(one.end <= other.start for one, other in pairwise(edits))


def test_named_groups_choose_the_direction() -> None:
    assert swap("He is a Jew.", "religion", "jewish", "muslim").text == "He is a Muslim."
    assert swap("He is a Jew.", "religion", "muslim", "jewish").reason == "no_term"
    assert swap("She left.", "gender", "male", "female").reason == "no_term"
    assert swap("She left.", "gender", target_group="male").text == "He left."


def test_other_languages_than_english_are_not_covered() -> None:
    assert swap("Sie ging.", "gender", language="de").reason == "language"


def test_a_word_of_another_language_that_looks_english_is_left_alone() -> None:
    assert swap("wenn man das sieht, dann ist das gut.", "gender").reason == "language"


# ----------------------------------------------------------------------------- all texts

WORDS = [
    *["he", "she", "him", "her", "his", "hers", "himself", "herself", "He", "She", "Her", "HIS", "man", "woman"],
    *["girls", "Mr.", "Ms.", "Smith", "father", "mother's", "a", "an", "the", "dog", "running", "quickly", "gave"],
    *["saw", "with", "and", "or", "to", "is", "was", "old", "back", "left", "3", "$", "Anna", "said", ".", ","],
    *["?", "!", '"', "'", "(", ")", "-", "/", "\n", "`", "’", "Muslim", "Jews", "Italian", "black", "people", "gay"],
]
PHRASES = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
CLAUSES = st.builds(
    "{} {} {} {}{}".format,
    st.sampled_from(["She", "he", "The man", "My sister", "The teacher", "Ms. Lee", "HE", "a girl"]),
    st.sampled_from(["saw", "gave", "sold", "met", "is", "called", "let", "waited for", "lost"]),
    st.sampled_from(["her", "his", "him", "hers", "herself", "himself", "the"]),
    st.sampled_from(["car", "new car", "running shoes", "yesterday", "go", "", "flowers", "and left", "own idea"]),
    st.sampled_from([".", "!", "", " again.", " to the nurse."]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(CLAUSES, min_size=1, max_size=3).map(" ".join))
def test_swapping_twice_is_the_identity_on_sentences(text: str) -> None:
    restored(text, "gender")


@settings(max_examples=200, deadline=None)
@given(PHRASES, st.sampled_from(AXES))
def test_swapping_twice_is_the_identity_on_words_in_any_order(text: str, axis: str) -> None:
    restored(text, axis)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.sampled_from(AXES), st.sampled_from(["", " he ", " her dog. ", " a Muslim man "]))
def test_no_text_is_a_crash_and_swapping_twice_is_the_identity(text: str, axis: str, more: str) -> None:
    restored(text + more + text, axis)


@settings(max_examples=150, deadline=None)
@given(st.one_of(PHRASES, CLAUSES), st.sampled_from(("gender", "religion")))
def test_a_control_edits_as_many_words_and_keeps_the_group(text: str, axis: str) -> None:
    swapped, control = swap(text, axis), control_swap(text, axis)
    if swapped.skipped:
        assert control == swapped
    elif not control.skipped:
        assert words_edited(control) == words_edited(swapped)
        assert control.groups == (swapped.groups[0], swapped.groups[0])
        assert control.text != text
    else:
        assert control.reason == "no_control"


def words_edited(swapped: Swap) -> int:
    return sum(edit.before.lower() not in ("a", "an") for edit in swapped.edits)


@pytest.mark.parametrize("text", ["\ud800 he \udfff", "he" * 20_000, "he " * 3_000, "\0", "her\n" * 500, "ＨＥ left"])
def test_hostile_texts_are_no_crash(text: str) -> None:
    restored(text, "gender")
    assert swap(text, "religion").skipped


# ----------------------------------------------------------------------------- controls


def test_a_control_takes_another_word_for_the_group() -> None:
    assert control_swap("The man left.", "gender").text == "The guy left."


def test_a_control_for_a_pronoun_takes_the_nearest_synonym() -> None:
    found = control_swap("The huge dog bit him because it was angry.", "gender")
    assert found.text == "The huge dog bit him since it was angry."
    assert found.groups == ("male", "male")


def test_a_control_keeps_the_article() -> None:
    assert control_swap("She told a tale about an enormous lie.", "gender").text == "She told a tale about a huge lie."


def test_no_control_is_a_reason() -> None:
    assert control_swap("He sat.", "gender").reason == "no_control"


def test_a_synonym_is_no_word_of_any_group_and_has_its_data_in_lower_case() -> None:
    for before, after in english().synonyms.items():
        assert before == before.lower()
        assert before != after
        assert swap(f"the {after} one", "gender").reason == "no_term"


def test_other_words_for_a_group_keep_the_group() -> None:
    for before, after in english().within.items():
        groups = [swap(f"The {word} left.", "gender").groups[:1] for word in (before, after)]
        assert len(set(groups) - {()}) == 1


# ----------------------------------------------------------------------------- articles


@pytest.mark.parametrize(
    ("word", "article"),
    [
        ("Italian", "an"), ("German", "a"), ("hour", "an"), ("house", "a"), ("university", "a"), ("uncle", "an"),
        ("European", "a"), ("unimportant", "an"), ("one-eyed", "a"), ("only", "an"), ("FBI", "an"), ("UN", "a"),
        ("NATO", "a"), ("8-year-old", "an"), ("11th", "an"), ("18", "an"), ("180", "a"), ("1", "a"), ("heiress", "an"),
        ("Ukrainian", "a"), ("Uzbek", "a"), ("user", "a"), ("usher", "an"), ("MP", "an"),
    ],
)  # fmt: skip
def test_the_article_goes_by_the_first_sound(word: str, article: str) -> None:
    assert article_for(word) == article


def test_a_wrong_article_is_not_mended() -> None:
    assert swap("He is a Italian.", "nationality").reason == "unknown_form"


# ----------------------------------------------------------------------------- counting


def test_counts_reconcile() -> None:
    report = swap_all((text for axis, text, _ in SENTENCES if axis == "gender"), "gender")
    assert report.swapped + sum(report.skipped.values()) == report.texts
    assert report.swapped == sum(axis == "gender" for axis, _, _ in SWAPPED)
    assert list(report.skipped) == sorted(report.skipped)


def test_words_know_where_they_stand_and_which_begin_a_sentence() -> None:
    text = 'Mr. Lee left. "He\'s here," she said.\n- her dog'
    words = words_of(text)
    assert all(text[word.start :].startswith(word.text) for word in words)
    assert [word.text for word in words if word.first] == ["Mr", "He's", "her"]


# ----------------------------------------------------------------------------- real data


def prompts(name: str) -> Iterator[tuple[str, dict[str, object]]]:
    with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield next(m["content"] for m in row["messages"] if m["role"] == "user"), row["metadata"]


@needs_data
def test_swaps_of_winobias_are_its_own_counterparts() -> None:
    """The set holds both versions of each sentence, made by its authors: ours are the same, but for their slips."""
    sides: dict[tuple[str, object], dict[object, str]] = defaultdict(dict)
    for text, about in prompts("winobias"):
        name = str(about["file"]).removeprefix("anti_").removeprefix("pro_")
        sides[name, about["pair"]][about["stereotype"]] = text
    both = [(side["anti"], side["pro"]) for side in sides.values() if len(side) == 2][::4]
    swapped = [(swap(one, "gender"), other) for one, other in both]
    sure = [(one, other) for one, other in swapped if not one.skipped]
    wrong = [(one.text, other) for one, other in sure if plain(one.text) != plain(other)]
    assert len(sure) >= 0.9 * len(both)
    assert len(wrong) <= 0.02 * len(sure)


def plain(text: str) -> str:
    return " ".join(text.lower().split())


@needs_data
def test_every_swap_of_real_questions_can_be_undone() -> None:
    texts = [text for text, _ in prompts("gsm8k")][::20]
    for text in texts:
        restored(text, "gender")
    report = swap_all(texts, "gender")
    assert report.skipped["named_person"] > report.swapped

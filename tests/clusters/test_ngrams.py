"""The index of reference texts: with and without numpy the same, exact runs, and hostile texts."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.clusters.gram_dictionary import GramDictionary, least_common
from audit.clusters.gram_table import GramTable
from audit.clusters.ngrams import LONG, SHORT, Bounds, NgramIndex, index_of
from audit.clusters.shared_runs import Run, Searched, covered, known_text, runs
from audit.clusters.units import units
from audit.rule import Reference, ReferenceRow

BOUNDS = Bounds(0.5, 0.75, 20)
WORDS = [f"w{k}" for k in range(400)]


def reference(*rows: tuple[str, str]) -> Reference:
    return Reference(tuple(ReferenceRow("eval.jsonl", line, *row) for line, row in enumerate(rows, 1)))


def text(rng: random.Random, length: int, words: Sequence[str] = WORDS) -> str:
    return " ".join(rng.choice(words) for _ in range(length))


# ----------------------------------------------------------------------------- with and without numpy

SENTENCES = st.lists(
    st.sampled_from([*"abcdef", "Ä", "漢字", "x_1", "İ", "ß", "\ud800", "-", "ﬁn", "e\u0301"]), max_size=30
)


@given(st.lists(SENTENCES.map(" ".join), max_size=6), st.lists(SENTENCES.map(" ".join), max_size=6))
def test_the_dictionary_and_the_table_find_the_same(given_texts: list[str], data: list[str]) -> None:
    entries = [(row, SHORT if row % 2 else 3, text) for row, text in enumerate(given_texts)]
    short = {b" ".join(units(text)) for text in given_texts if 0 < len(units(text)) < SHORT}
    dictionary, table = GramDictionary(entries, short), GramTable(entries, short)
    assert dictionary.common == table.common
    assert dictionary.positions(data) == table.positions(data)
    for text in data:
        assert dict(dictionary.shared(text)) == dict(table.shared(text))


def test_many_texts_over_several_blocks_are_screened_the_same() -> None:
    rng = random.Random(0)
    wanted = [text(rng, 40) for _ in range(50)]
    data = [text(rng, 60) for _ in range(3000)]
    planted = sorted(rng.sample(range(3000), 40))
    for place in planted:
        data[place] += " " + rng.choice(wanted)
    entries = [(row, LONG, one) for row, one in enumerate(wanted)]
    dictionary, table = GramDictionary(entries, ()), GramTable(entries, ())
    assert table.positions(data) == dictionary.positions(data) == planted


def test_runs_of_a_template_are_common_and_count_for_nothing() -> None:
    rng = random.Random(0)
    template = text(rng, 20)
    entries = [(row, SHORT, f"{template} {text(rng, 15)}") for row in range(30)]
    dictionary, table = GramDictionary(entries, ()), GramTable(entries, ())
    assert dictionary.common == table.common == set(runs(units(template), SHORT))
    assert table.positions([template]) == dictionary.positions([template]) == []
    assert table.shared(entries[3][2])[3] == dictionary.shared(entries[3][2])[3] == 1.0


@pytest.mark.parametrize(("rows", "least"), [(1, 20), (100, 20), (1_999, 20), (2_000, 21), (100_000, 1_001)])
def test_a_common_run_stands_in_more_than_one_row_in_a_hundred_and_in_twenty(rows: int, least: int) -> None:
    assert least_common(rows) == least


# ----------------------------------------------------------------------------- the index


def test_a_copy_inside_a_longer_text_is_found_with_its_longest_run() -> None:
    rng = random.Random(0)
    wanted, other = text(rng, 30), text(rng, 30)
    index = NgramIndex(reference((other, ""), (wanted, "the answer")))
    found, *_ = index.overlaps(f"{text(rng, 50)} {wanted.upper()}, {text(rng, 50)}", BOUNDS)
    assert (found.reference.line, found.whole, found.ratio, found.covered) == (2, False, 1.0, 1.0)
    assert (found.run, found.shared) == (30, wanted)


def test_the_answer_counts_with_its_prompt() -> None:
    rng = random.Random(0)
    prompt, answer = text(rng, 10), text(rng, 90)
    index = NgramIndex(reference((prompt, answer)))
    (found,) = index.overlaps(answer, BOUNDS)
    assert found.whole
    assert found.ratio == pytest.approx(78 / 88)


def test_an_edited_copy_is_told_by_short_runs_near_the_longest_one() -> None:
    rng = random.Random(0)
    words = text(rng, 60).split()
    edited = [f"new{at}" if at % 16 == 13 else word for at, word in enumerate(words)]
    index = NgramIndex(reference((" ".join(words), "")))
    (found,) = index.overlaps(" ".join(edited), BOUNDS)
    assert found.ratio < 0.5
    assert found.covered == pytest.approx(57 / 60)
    scattered = [unit for at in range(0, 60, 3) for unit in (*words[at : at + 3], *text(rng, 300).split())]
    assert index.overlaps(" ".join([*scattered, *words[:LONG]]), BOUNDS) == []


def test_no_edited_copy_is_seen_in_a_text_with_few_units_of_its_own() -> None:
    rng = random.Random(0)
    template = text(rng, 30)
    rows = [(f"{template} {text(rng, 12)}", "") for _ in range(30)]
    index = NgramIndex(reference(*rows))
    words = rows[4][0].split()
    near_copy = " ".join([*words[:-2], "other", "words"])
    found = index.overlaps(near_copy, Bounds(0.95, 0.75, 20))
    assert found == []
    assert index.overlaps(near_copy, Bounds(0.5, 0.75, 20))[0].reference.line == 5


def test_equal_texts_count_once_and_rows_without_a_text_not_at_all() -> None:
    rng = random.Random(0)
    long = text(rng, 20)
    index = NgramIndex(reference((long, ""), (long.upper(), ""), ("short one", "x"), ("", ""), ("?!", "")))
    assert index.rows == 2
    assert len(index.texts) == 1


def test_a_short_prompt_is_found_only_as_a_whole_prompt() -> None:
    index = NgramIndex(reference(("What is the time?", "Noon."), ("How are you?", "")))
    assert index.positions(["what is the time\nNoon", "what is the time in Rome\nNoon", "so what is the time\nx"]) == [
        0,
        1,
    ]
    assert index.same_short_prompt("WHAT is the time") == 0
    assert index.same_short_prompt("what is the time in Rome") is None


@given(st.text(max_size=60))
def test_a_short_prompt_is_found_whatever_characters_it_has(prompt: str) -> None:
    if 0 < len(units(prompt)) < SHORT:
        index = NgramIndex(reference((prompt, "")))
        many = [prompt, *["something else entirely"] * 300]
        assert index.positions([prompt]) == index.positions(many) == [0]
        assert index.same_short_prompt(prompt) == 0


def test_the_index_of_a_reference_is_made_once() -> None:
    one = reference(("a b c d e f g h i j", ""))
    assert index_of(one) is index_of(one)
    assert index_of(reference(("a b c d e f g h i j", ""))) is not index_of(one)


@given(st.lists(st.text(max_size=80), max_size=4), st.lists(st.text(max_size=80), max_size=4))
def test_any_texts_can_be_compared(prompts: list[str], data: list[str]) -> None:
    index = NgramIndex(reference(*[(prompt, prompt[::-1]) for prompt in prompts]))
    assert index.positions(data) == sorted(set(index.positions(data)))
    for one in data:
        for found in index.overlaps(one, BOUNDS):
            assert 0 <= found.ratio <= 1.0


def test_a_text_of_one_word_a_hundred_thousand_times_takes_no_time_to_speak_of() -> None:
    index = NgramIndex(reference(("again " * 5_000, ""), ("again and " * 100, "")))
    start = time.process_time()
    found = index.overlaps("again " * 100_000, BOUNDS)
    assert time.process_time() - start < 10
    assert found[0].ratio == 1.0


# ----------------------------------------------------------------------------- runs

UNITS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=25)


@given(UNITS, UNITS)
def test_the_longest_run_is_in_both_and_no_longer_one_is(first: list[bytes], second: list[bytes]) -> None:
    found = Searched(second).longest_run(known_text(first, (), SHORT))
    assert first[found.first : found.first + found.length] == second[found.second : found.second + found.length]
    longer = found.length + 1 if found.length else 3
    if len(second) <= 10:  # then no run comes more often than is followed
        assert set(runs(first, longer)).isdisjoint(runs(second, longer))
    assert found.length >= 3 or found == Run()


@given(UNITS, UNITS)
def test_coverage_is_the_share_of_units_in_shared_runs_of_three(first: list[bytes], second: list[bytes]) -> None:
    shared = set(runs(second, 3))
    inside = {at + step for at in range(len(first) - 2) if b" ".join(first[at : at + 3]) in shared for step in range(3)}
    expected = len(inside) / len(first) if first else 0.0
    assert covered(known_text(first, (), SHORT), shared) == pytest.approx(expected)

"""Scores of answers: words, numbers, lists, calls of tools, chrF and BLEU, against definitions and other libraries."""

from __future__ import annotations

import gzip
import json
import re
import string
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.model import ABSENT
from audit.quality import machine_translation
from audit.quality.answer_types import answer_type
from audit.quality.numeric import numeric_answer, same_number, says_a_number
from audit.quality.overlap import (
    MOST_CHARACTERS,
    common_subsequence,
    exact_match,
    is_cut,
    rouge_l,
    squad_tokens,
    token_f1,
)
from audit.quality.structured import SetScore, entries, json_answer, same_json, set_score
from audit.quality.tool_calls import Call, calls_in, due_calls, tool_names

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
words = st.lists(st.sampled_from(["cat", "sat", "mat", "on", "the", "an", "of", "7"]), max_size=8).map(" ".join)
anything = st.text(max_size=40) | words
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


# ----------------------------------------------------------------------------- words


def official_tokens(text: str) -> list[str]:
    """``normalize_answer`` of the SQuAD 1.1 evaluation script."""
    plain = "".join(one for one in text.lower() if one not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


@given(st.text(st.sampled_from(string.printable), max_size=60))
def test_words_of_ascii_text_are_those_of_the_squad_script(text: str) -> None:
    assert squad_tokens(text) == official_tokens(text)


@given(words, words)
def test_token_f1_is_the_harmonic_mean_of_precision_and_recall(answer: str, truth: str) -> None:
    ours, theirs = official_tokens(answer), official_tokens(truth)
    shared = (Counter(ours) & Counter(theirs)).total()
    if shared:
        precision, recall = shared / len(ours), shared / len(theirs)
        assert token_f1(answer, truth) == pytest.approx(2 * precision * recall / (precision + recall))
    elif ours and theirs:
        assert token_f1(answer, truth) == 0


@given(anything, anything)
def test_token_f1_and_rouge_l_do_not_depend_on_which_text_is_the_true_one(first: str, second: str) -> None:
    assert token_f1(first, second) == token_f1(second, first)
    assert rouge_l(first, second) == rouge_l(second, first)


@given(words, words)
def test_token_f1_is_one_for_the_same_bag_of_words_only(answer: str, truth: str) -> None:
    ours, theirs = squad_tokens(answer), squad_tokens(truth)
    if ours and theirs:
        assert (token_f1(answer, truth) == 1) == (Counter(ours) == Counter(theirs))


@given(anything, anything)
def test_scores_of_words_lie_between_nought_and_one(answer: str, truth: str) -> None:
    for score in (exact_match, token_f1, rouge_l):
        assert 0 <= score(answer, truth) <= 1
        assert score(answer, answer) == 1


@given(anything, anything)
def test_an_exact_match_has_every_word_and_all_of_them_in_order(answer: str, truth: str) -> None:
    if exact_match(answer, truth) and squad_tokens(truth):
        assert token_f1(answer, truth) == 1


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_the_common_subsequence_is_that_of_the_textbook(first: list[int], second: list[int]) -> None:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, j in product(range(len(first)), range(len(second))):
        table[i + 1][j + 1] = table[i][j] + 1 if first[i] == second[j] else max(table[i][j + 1], table[i + 1][j])
    assert common_subsequence(first, second) == table[-1][-1]


def test_characters_of_scripts_without_spaces_are_words() -> None:
    assert token_f1("東京都", "東京") == pytest.approx(0.8)
    assert rouge_l("東京都", "東京") == pytest.approx(0.8)


def test_an_answer_without_words_is_compared_as_it_stands() -> None:
    assert exact_match("!!", "!!") == 1
    assert token_f1("!!", "??") == 0
    assert token_f1("the", "a") == 0


# ----------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("#### 42", 42),
        ("3 apples and 4 pears\n#### 1,234", 1234),
        ("first 3, then 4.50 dollars.", Fraction(9, 2)),
        ("it costs $1,200.", 1200),
        ("\\boxed{-7} as asked in step 3", -7),
        ("5-3", 3),
        ("minus \u22127", -7),
        ("no number", None),
        ("", None),
    ],
)
def test_the_number_of_an_answer_is_the_marked_or_else_the_last(text: str, number: object) -> None:
    assert numeric_answer(text) == number


def test_numbers_are_compared_by_value() -> None:
    assert same_number("It is 1,000.0", "#### 1000") == 1
    assert same_number("It is many", "#### 1000") == 0


@needs_data
def test_every_answer_of_gsm8k_comes_to_its_number_marked_or_not() -> None:
    with gzip.open(SHARED / "chat" / "gsm8k.jsonl.gz", "rt") as lines:
        answers = [json.loads(line)["messages"][-1]["content"] for line in lines][:2000]
    for answer in answers:
        number = Fraction(answer.rpartition("####")[2].strip().replace(",", ""))
        assert answer_type(answer) == "number"
        assert numeric_answer(answer) == number
        assert numeric_answer(answer.replace("####", "The answer is") + ".") == number


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_look_for_a_number(text: str) -> None:
    numeric_answer(text)
    says_a_number(text)


# ----------------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    ("truth", "kind"),
    [
        ("42", "number"),
        ("$1,200", "number"),
        ("Half of 8 is 4.\n#### 4", "number"),
        ('["a"]', "json"),
        ('{"a": 1}', "json"),
        ("Ada Lovelace", "short"),
        ("room 7", "short"),
        ("It was a long day.\nNobody knew why.", "long"),
    ],
)
def test_the_kind_of_answer_that_is_due(truth: str, kind: str) -> None:
    assert answer_type(truth) == kind


# ----------------------------------------------------------------------------- lists and JSON


@given(json_values, json_values)
def test_precision_and_recall_change_places_with_the_lists(first: object, second: object) -> None:
    one, other = set_score(first, second), set_score(second, first)
    assert (one.precision, one.recall, one.f1) == (other.recall, other.precision, other.f1)


@given(json_values)
def test_a_value_is_all_that_is_due_of_itself(value: object) -> None:
    assert set_score(value, value).f1 == 1
    assert same_json(value, value)


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_the_f1_of_lists_is_that_of_scikit_learn_over_their_entries(given_: list[str], due: list[str]) -> None:
    from sklearn.metrics import f1_score

    truth = [int(one in due) for one in "abc"]
    answer = [int(one in given_) for one in "abc"]
    if any(truth) or any(answer):
        found = set_score(sorted(set(given_)), sorted(set(due))).f1
        assert found == pytest.approx(f1_score(truth, answer, zero_division=0))


def test_no_entries_where_none_is_due_is_right_and_where_some_are_is_not() -> None:
    assert SetScore(0, 0, 0).f1 == SetScore(0, 0, 0).precision == 1
    assert SetScore(0, 0, 2).f1 == SetScore(0, 0, 2).precision == SetScore(0, 0, 2).recall == 0


def test_entries_of_an_object_are_its_keys_with_each_value() -> None:
    assert set_score({"who": ["Ada", "Alan"], "year": 1.0}, {"who": ["alan "], "year": 1}) == SetScore(2, 3, 2)
    assert entries([1, 1.0, "A"]) == entries([1, 1, " a"])


@pytest.mark.parametrize("text", ["", "word", '"word"', "12", "[1,", '{"a": NaN}', "[" * 5000, "[" * 300 + "]" * 300])
def test_what_is_no_object_or_list_is_absent(text: str) -> None:
    assert json_answer(text) is ABSENT


def test_a_fence_is_taken_off_only_where_that_is_asked() -> None:
    assert json_answer("```json\n[1]\n```") is ABSENT
    assert json_answer("```json\n[1]\n```", fenced=True) == [1]


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_be_read_as_json(text: str) -> None:
    for value in (json_answer(text), json_answer(f"[{text}]", fenced=True)):
        set_score(value, [text])


# ----------------------------------------------------------------------------- calls

FIND = (Call("find", {"q": 1}),)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "find", "arguments": {"q": 1}}\n</tool_call>',
        '{"tool_calls": [{"name": "find", "arguments": "{\\"q\\": 1}"}]}',
        '{"tool_calls": [{"type": "function", "function": {"name": "find", "arguments": {"q": 1}}}]}',
        '{"name": "find", "parameters": {"q": 1}}',
        '[{"name": "find", "arguments": {"q": 1}}]',
        'find {"q":1}',
        'find {\n  "q": 1\n}',
    ],
)
def test_calls_are_read_in_every_form_that_models_write(text: str) -> None:
    assert calls_in(text) == FIND


@pytest.mark.parametrize("text", ["I cannot do that.", "", "[1, 2]", '{"answer": 1}'])
def test_an_answer_that_calls_nothing_is_told_from_a_malformed_call(text: str) -> None:
    assert calls_in(text) is None


@pytest.mark.parametrize(
    "text", ['<tool_call>{"name": "find"', 'find {"q":', '{"tool_calls": [1]}', '{"tool_calls": []}', "find {1}"]
)
def test_a_malformed_call_is_a_call_that_says_nothing(text: str) -> None:
    assert calls_in(text) == ()


def test_a_call_is_due_only_of_a_declared_tool() -> None:
    tools = tool_names([{"type": "function", "function": {"name": "find"}}, {"name": "list"}, 7, {"name": ""}])
    assert tools == ("find", "list")
    assert due_calls('find {"q":1}', tools) == FIND
    assert due_calls('lookup {"q":1}', tools) == ()


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_look_for_calls(text: str) -> None:
    calls_in(text)
    calls_in(f"<tool_call>{text}")


def test_two_calls_on_two_lines_are_two() -> None:
    assert calls_in('find {"q":1}\nlist {}') == (*FIND, Call("list", {}))


@needs_data
def test_every_call_of_real_conversations_is_due_and_no_prose_is() -> None:
    with gzip.open(SHARED / "chat" / "glaive-toolcall-en.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    due = prose = 0
    for row in rows:
        tools = tool_names(row.get("tools"))
        for turn in row["messages"]:
            calls = [one["function"] for one in turn.get("tool_calls") or ()]
            written = "\n".join(f"{one['name']} {one['arguments']}" for one in calls)
            if calls and {one["name"] for one in calls} <= set(tools):
                due += 1
                assert [call.name for call in due_calls(written, tools)] == [one["name"] for one in calls]
            elif turn["role"] == "assistant" and turn["content"]:
                prose += 1
                assert due_calls(turn["content"], tools) == ()
    assert due > 100
    assert prose > 500


def test_only_the_beginning_of_a_huge_answer_is_compared() -> None:
    truth = "short answer 0"
    huge = f"{truth} " + "word " * 2_000_000
    assert is_cut(huge, truth)
    assert rouge_l(huge, truth) == rouge_l(huge[:MOST_CHARACTERS], truth) > 0
    assert token_f1(huge, truth) == token_f1(huge[:MOST_CHARACTERS], truth) > 0
    assert exact_match(huge, truth) == 0
    assert exact_match(huge, huge.strip()) == 1


@given(st.lists(st.integers(0, 5), max_size=40), st.lists(st.integers(0, 5), max_size=200))
def test_the_longest_common_subsequence_is_the_same_from_both_sides(first: list[int], second: list[int]) -> None:
    assert common_subsequence(first, second) == common_subsequence(second, first)


# ----------------------------------------------------------------------------- chrF and BLEU


def test_scores_are_those_of_sacrebleu() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    answers = ["the cat sat on the mat there", "a dog ran over the hill today"]
    truths = ["the cat sat on a mat there", "the dog ran up the hill today"]
    for name, of_corpus, of_sentence in (
        ("bleu", sacrebleu.corpus_bleu, sacrebleu.sentence_bleu),
        ("chrf", sacrebleu.corpus_chrf, sacrebleu.sentence_chrf),
    ):
        counts = [machine_translation.counts_of(name, *pair) for pair in zip(answers, truths, strict=True)]
        together = [sum(column) for column in zip(*counts, strict=True)]
        assert machine_translation.corpus_score(name, together) == pytest.approx(
            of_corpus(answers, [truths]).score / 100
        )
        assert machine_translation.sentence_score(name, counts[0]) == pytest.approx(
            of_sentence(answers[0], [truths[0]]).score / 100
        )


@given(st.text(max_size=30), st.text(max_size=30))
def test_chrf_and_bleu_lie_between_nought_and_one(answer: str, truth: str) -> None:
    pytest.importorskip("sacrebleu")
    for name in ("chrf", "bleu"):
        counts = machine_translation.counts_of(name, answer + "\ud800", truth)
        assert 0 <= machine_translation.sentence_score(name, counts) <= 1


def test_the_scores_of_words_need_no_heavy_library() -> None:
    code = (
        "import sys, audit.quality.overlap, audit.quality.structured, audit.quality.tool_calls, "
        "audit.quality.machine_translation; "
        "assert not {'numpy', 'scipy', 'sklearn', 'sacrebleu'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

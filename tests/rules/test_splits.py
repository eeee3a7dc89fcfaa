"""SPL rules: what splits share, what an evaluation file shares, and how splits differ; on toy rows and on real data."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.model import Applicability, Finding, Json, Measure, Result, Severity
from audit.rule import Context, NearCluster, ReferenceRow
from audit.rules.splits.evaluation_match import answer_leaked
from audit.rules.splits.facts import distinct_sample, sample, script_of, units_in
from audit.rules.splits.held_out import OTHER, TEST, TRAIN, VALIDATION, Splits, rank
from audit.rules.splits.near_overlap import NearOverlap
from audit.rules.splits.unrepresented_prompt import chosen, words

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
real_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")

BY_FIELD: dict[str, Json] = {"sections": {"data": {"splits": "split"}}}
WORDS = [f"{a}{b}{c}" for a in "bdfglmnprstv" for b in "aeiou" for c in "klmnrst"]


def chat(prompt: str, answer: str, split: str | None = None, **more: Json) -> dict[str, Json]:
    return {
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}],
        **({"split": split} if split is not None else {}),
        **more,
    }


def write(folder: Path, rows: Sequence[Any], name: str = "data.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def check(folder: Path, rows: Sequence[Any], code: str, **given: Any) -> Result:
    return audit.check(write(folder, rows), select=[code], **{**BY_FIELD, **given})


def measures(result: Result) -> Mapping[tuple[str, str | None, str | None], Measure]:
    return {(measure.name, measure.group, measure.split): measure for measure in result.measures}


def prose(words: int, seed: int) -> list[str]:
    return random.Random(seed).choices(WORDS, k=words)


# ----------------------------------------------------------------------------- splits


NAMES = {
    TRAIN: ("train", "Training", "data"),
    VALIDATION: ("dev", "valid", "val", "validation"),
    OTHER: ("fold-3", ""),
    TEST: ("TEST", "eval"),
}


@pytest.mark.parametrize(("name", "expected"), [(name, kind) for kind, names in NAMES.items() for name in names])
def test_a_split_is_known_by_its_name(name: str, expected: int) -> None:
    assert rank(name) == expected


@pytest.mark.parametrize("code", ["SPL501", "SPL502", "SPL503", "SPL505"])
def test_a_single_split_is_only_counted(code: str, tmp_path: Path) -> None:
    rows = [chat("the same question", "the same answer", user="u")] * 4
    sections = {"data": {"group": "user"}}
    result = check(tmp_path, rows, code, sections=sections)
    assert result.findings == ()
    assert [(m.name, m.table, m.n) for m in result.measures] == [("splits.rows", {"data": 4}, 4)]


def test_splits_can_be_files(tmp_path: Path) -> None:
    test = write(tmp_path, [chat("q one", "a"), chat("q two", "b")], "test.jsonl")
    result = check(tmp_path, [chat("q one", "a")], "SPL501", sections={}, splits=[("test", str(test))])
    (finding,) = result.findings
    assert (finding.place.line, finding.related[0].file) == (1, str(test))
    assert measures(result)["splits.overlap.exact", "train", "test"].value == 0.5


# ----------------------------------------------------------------------------- SPL501


def same(result: Result) -> list[tuple[int | None, Json, Severity]]:
    return [(finding.place.line, finding.evidence["same"], finding.severity) for finding in result.findings]


def test_a_row_of_train_that_is_in_test_is_an_error_on_the_row_of_train(tmp_path: Path) -> None:
    rows = [chat("q", "a", "test"), chat("other", "b", "train"), chat("q", "a", "train", id=7), chat("q", "a", "train")]
    result = check(tmp_path, rows, "SPL501")
    assert same(result) == [(3, "conversation", Severity.ERROR), (4, "conversation", Severity.ERROR)]
    assert [finding.related[0].line for finding in result.findings] == [1, 1]
    assert all(f.fix is not None and f.fix.applicability is Applicability.DROP for f in result.findings)
    measure = measures(result)["splits.overlap.exact", "train", "test"]
    assert (measure.value, measure.n) == (1.0, 1)
    assert measure.interval is not None


def test_the_same_prompt_and_answer_is_an_error_and_the_prompt_alone_a_warning(tmp_path: Path) -> None:
    rows = [
        chat("Who wrote the Divine Comedy, and when?", "Dante.", "train"),
        chat("who wrote the divine comedy and when", "Dante.", "test"),
        chat("Where does the longest river end?", "In the sea.", "train"),
        chat("where does the longest river end", "In a delta.", "test"),
        chat("Short one here?", "Yes.", "train"),
        chat("short one here", "No.", "test"),
    ]
    result = check(tmp_path, rows, "SPL501")
    assert same(result) == [(1, "prompt and answer", Severity.ERROR), (3, "prompt", Severity.WARNING)]
    table = measures(result)["splits.overlap.exact", "train", "test"].table
    assert table == {"rows_shared": 1, "rows_same_prompt": 1, "rows": 3}


def test_a_prompt_with_many_answers_is_an_instruction_and_no_leak(tmp_path: Path) -> None:
    prompt = "Please suggest a name for a child"
    rows = [chat(prompt, f"Name{k}", "test" if k % 3 == 0 else "train") for k in range(9)]
    assert check(tmp_path, rows, "SPL501").findings == ()
    result = check(tmp_path, rows, "SPL501", rules={"SPL501": {"max_answers": 9}})
    assert len(result.findings) == 6


def test_splits_are_compared_from_train_over_validation_to_test(tmp_path: Path) -> None:
    rows = [chat("q", "a", split) for split in ("test", "eval", "valid", "fold", "train")]
    result = check(tmp_path, rows, "SPL501")
    seen = {finding.evidence["split"]: finding for finding in result.findings}
    assert set(seen) == {"train", "valid", "fold", "eval"}
    assert seen["eval"].fix is None, "nothing is taken out of a test set"
    assert seen["fold"].fix is not None
    pairs = [m for m in result.measures if m.name == "splits.overlap.exact"]
    assert [m.value for m in pairs] == [1.0] * 10


def test_an_answer_that_is_missing_is_no_shared_answer(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "a question of more than five words"}]}
    rows = [{**row, "split": "train", "x": 1}, {**row, "split": "test"}]
    rows[0]["messages"] = [{"role": "user", "content": "A question of more than five words!"}]
    assert same(check(tmp_path, rows, "SPL501")) == [(1, "prompt", Severity.WARNING)]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["what is this thing called", "What is this thing called?", "another question"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["train", "valid", "test"]),
    ),
    max_size=14,
)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_neither_fingerprints_nor_measures(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], rng: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("order")
    shuffled = rng.sample(rows, len(rows))
    first, second = (check(folder, [chat(*row) for row in order], "SPL501") for order in (rows, shuffled))
    assert sorted(f.fingerprint for f in first.findings) == sorted(f.fingerprint for f in second.findings)
    assert first.measures == second.measures


@given(ROWS)
def test_every_leak_and_nothing_else_is_found(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    result = check(tmp_path_factory.mktemp("leaks"), [chat(*row) for row in rows], "SPL501")
    order = ["train", "valid", "test"]
    expected = set()
    for line, (prompt, answer, split) in enumerate(rows, 1):
        for other, other_answer, other_split in rows:
            alike = prompt.lower().strip("?") == other.lower().strip("?")
            if order.index(split) < order.index(other_split) and alike:
                long = len(prompt.split()) >= 5
                if answer == other_answer or long:
                    expected.add(line)
    assert {finding.place.line for finding in result.findings} == expected
    assert len(result.findings) == len(expected)


def test_hostile_rows_are_compared_without_an_exception(tmp_path: Path) -> None:
    rows = ["[1]", "{", "", '{"split": "test"}', '{"split": "train", "messages": 3}', '{"split": ["x"], "text": "t"}']
    rows += ['{"messages": [{"role": "user", "content": "\\ud800"}], "split": "train"}'] * 2
    rows += ['{"messages": [{"role": "user", "content": "\\ud800"}], "split": "test"}', '{"split": "test", "a": NaN}']
    for code in ("SPL501", "SPL502", "SPL503", "SPL504", "SPL505", "SPL506"):
        evaluation = write(tmp_path, ['{"question": "\\ud800 x"}'], "eval.jsonl")
        result = check(
            tmp_path,
            rows,
            code,
            sections={"data": {"splits": "split", "group": "split"}},
            rules={"SPL505": {"min_rows": 1}, "SPL506": {"min_rows": 1}} if code in ("SPL505", "SPL506") else {},
            against=[str(evaluation)],
            target_sample=[str(evaluation)],
        )
        assert result.rows == 9
        msgspec.json.encode(result.measures)


# ----------------------------------------------------------------------------- SPL502


def near_row(seed: int, changed: int = 0, split: str = "train", words: int = 60) -> dict[str, Json]:
    text = prose(words, seed)
    for at in range(changed):
        text[at * 7] = f"changed{at}"
    return chat(" ".join(text[: words // 2]), " ".join(text[words // 2 :]), split)


def test_an_edited_copy_in_test_is_found_on_the_row_of_train(tmp_path: Path) -> None:
    rows = [near_row(1, 1, "test"), near_row(2), near_row(1), near_row(3, 0, "test")]
    result = check(tmp_path, rows, "SPL502")
    (finding,) = result.findings
    assert (finding.place.line, finding.related[0].line) == (3, 1)
    assert 0.8 <= finding.evidence["jaccard"] < 1.0
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE
    assert measures(result)["splits.overlap.near", "train", "test"].value == 0.5


def test_exact_copies_are_left_to_spl501(tmp_path: Path) -> None:
    rows = [near_row(1, 0, "test"), near_row(1), near_row(2)]
    assert check(tmp_path, rows, "SPL502").findings == ()


def test_near_copies_within_one_split_are_no_overlap(tmp_path: Path) -> None:
    rows = [near_row(1), near_row(1, 1), near_row(2, 0, "test")]
    assert check(tmp_path, rows, "SPL502").findings == ()


class _Cluster(msgspec.Struct, frozen=True):
    survivor: int
    members: tuple[int, ...]
    similarity: tuple[float, ...]


class _Near(msgspec.Struct, frozen=True):
    clusters: Sequence[NearCluster]
    verified: tuple[tuple[int, int, float], ...]
    rows: int = 0

    def pairs(self) -> Iterator[tuple[int, int, float]]:
        return iter(self.verified)


class _Whole(Context):
    """Rows with a conversation and a split each, and the clusters that were found."""

    def __init__(self, conversations: Sequence[int], splits: Sequence[str], near: _Near) -> None:
        self._conversations, self._near = conversations, near
        self._names = sorted(set(splits))
        self._codes = [self._names.index(name) for name in splits]

    @property
    def splits(self) -> Sequence[str]:
        return self._names

    @property
    def split_codes(self) -> Sequence[int]:
        return self._codes

    def column(self, product: Any) -> Sequence[int]:
        return self._conversations

    def near_clusters(self) -> Any:
        return self._near

    def place(self, row: int) -> Any:
        return audit.model.Related(file="x.jsonl", line=row + 1)

    def identity(self, row: int) -> str:
        return str(self._conversations[row])


def leaks(conversations: Sequence[int], splits: Sequence[str], near: _Near) -> list[tuple[Any, ...]]:
    run: Any = None
    hits = [hit for hit in NearOverlap().finish(None, _Whole(conversations, splits, near), run) if hasattr(hit, "row")]
    return [(hit.row, hit.related[0].line - 1, hit.evidence["jaccard"], hit.evidence["through"]) for hit in hits]


def test_rows_that_are_both_like_the_longest_row_of_a_cluster_are_reported_through_it() -> None:
    cluster = _Cluster(0, (1, 2, 3), (0.9, 0.85, 0.95))
    pairs = ((0, 1, 0.9), (0, 2, 0.85), (0, 3, 0.95))
    near = _Near([cluster], pairs)
    # The survivor is of a third split: rows 1 and 2 of train are like row 3 of test only through it.
    assert leaks([10, 11, 12, 13], ["valid", "train", "train", "test"], near) == [
        (0, 3, 0.95, False),
        (1, 0, 0.9, False),
        (2, 0, 0.85, False),
    ]
    assert leaks([10, 11, 12, 13], ["train", "train", "test", "test"], near) == [
        (0, 3, 0.95, False),
        (1, 3, 0.9, True),
    ]


def test_a_cluster_of_copies_in_both_splits_finds_a_neighbour_that_is_no_copy() -> None:
    cluster = _Cluster(0, (1, 2, 3), (1.0, 0.9, 0.9))
    near = _Near([cluster], ((0, 1, 1.0), (0, 2, 0.9), (0, 3, 0.9)))
    assert leaks([10, 10, 12, 12], ["train", "test", "train", "test"], near) == [
        (0, 3, 0.9, False),
        (2, 1, 0.9, True),
    ]
    assert leaks([10, 10, 10, 10], ["train", "test", "train", "test"], near) == []


# ----------------------------------------------------------------------------- SPL503


def test_a_group_in_two_splits_is_one_finding_on_its_first_row_of_train(tmp_path: Path) -> None:
    people = ["anna", "ben", "anna", "carl", "anna", None, None]
    splits = ["test", "train", "train", "test", "train", "train", "test"]
    rows = [
        chat(f"q{k}", "a", split, **({"user": user} if user else {}))
        for k, (user, split) in enumerate(zip(people, splits, strict=True))
    ]
    result = check(tmp_path, rows, "SPL503", sections={"data": {"splits": "split", "group": "user"}})
    (finding,) = result.findings
    assert (finding.place.line, [place.line for place in finding.related]) == (3, [1])
    assert finding.evidence == {"group": "user", "rows": {"train": 2, "test": 1}}
    assert "anna" not in finding.message, "the value may name a person"
    assert measures(result)["splits.overlap.group", "train", "test"].table == {"rows_shared": 1, "rows": 3}


def test_groups_need_a_field(tmp_path: Path) -> None:
    result = check(tmp_path, [chat("q", "a", "train")], "SPL503")
    assert [(s.code, s.reason) for s in result.rules_skipped if s.code == "SPL503"] == [
        ("SPL503", "no group field is configured: [data] group")
    ]


# ----------------------------------------------------------------------------- SPL504


def contaminated(folder: Path, rows: Sequence[Any], evaluation: Sequence[Any], **given: Any) -> Result:
    path = write(folder, evaluation, "eval.jsonl")
    return check(folder, rows, "SPL504", against=[str(path)], **given)


def test_contamination_needs_an_evaluation_file(tmp_path: Path) -> None:
    result = check(tmp_path, [chat("q", "a")], "SPL504")
    assert ("SPL504", "no evaluation file is given: --against FILE") in [
        (s.code, s.reason) for s in result.rules_skipped
    ]


def test_a_question_anywhere_in_a_conversation_is_found_with_its_place_and_what_is_shared(tmp_path: Path) -> None:
    question, answer = " ".join(prose(30, 1)), " ".join(prose(40, 2))
    turns = ["hello", "hi", f"solve this: {question.upper()}!!", answer, "thanks", "you are welcome"]
    roles = ("user", "assistant")
    row = {"messages": [{"role": roles[k % 2], "content": turn} for k, turn in enumerate(turns)]}
    evaluation = [{"question": " ".join(prose(30, 9)), "answer": "x"}, {"question": question, "answer": answer}]
    result = contaminated(tmp_path, [chat("q", "a"), row], evaluation)
    (finding,) = result.findings
    assert (finding.place.line, finding.related[0].line) == (2, 2)
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.DROP
    evidence = finding.evidence
    assert (evidence["line"], evidence["ratio"], evidence["longest_run"], evidence["references"]) == (2, 1.0, 30, 1)
    assert len(evidence["shared"]) <= 200
    measure = measures(result)["contamination.reference_rows", None, None]
    assert (measure.value, measure.table) == (0.5, {"rows_found": 1, "rows_judged": 2, "rows_given": 2})


def test_system_prompts_are_neither_judged_nor_looked_for(tmp_path: Path) -> None:
    system = " ".join(prose(60, 1))
    with_system = {"messages": [{"role": "system", "content": system}, *chat("a b c d e f g h", "x")["messages"]]}
    other = {"messages": [{"role": "system", "content": system}, *chat("i j k l m n o p", "y")["messages"]]}
    assert contaminated(tmp_path, [with_system], [other]).findings == ()


def test_rows_of_a_test_split_may_be_the_evaluation_set(tmp_path: Path) -> None:
    question = " ".join(prose(30, 1))
    rows = [chat(question, "a", split) for split in ("test", "train", "valid", "eval")]
    assert [f.place.line for f in contaminated(tmp_path, rows, [{"question": question}]).findings] == [2, 3]


@pytest.mark.parametrize(
    ("prompt", "answer", "severity"),
    [
        ("What is the capital of France?", "Paris.", Severity.ERROR),
        ("what is the capital of france", "The answer is Paris", Severity.ERROR),
        ("what is the capital of france", "Lyon", Severity.WARNING),
        ("what is the capital of france or spain", "Paris", None),
        ("Hello!", "Hi.", Severity.ERROR),
        ("Hello!", "Good morning.", None),
    ],
)
def test_a_short_prompt_counts_as_a_whole(prompt: str, answer: str, severity: Severity | None, tmp_path: Path) -> None:
    evaluation = [{"question": "What is the capital of France?", "answer": "Paris"}]
    evaluation += [{"question": "hello", "answer": "hi"}]
    result = contaminated(tmp_path, [chat(prompt, answer)], evaluation)
    assert [finding.severity for finding in result.findings] == ([severity] if severity else [])


def test_rows_in_other_shapes_and_with_tools_are_judged(tmp_path: Path) -> None:
    question = " ".join(prose(30, 1))
    call = {"id": "1", "type": "function", "function": {"name": "ask", "arguments": json.dumps({"q": question})}}
    tool_row = {
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "done"},
            {"role": "assistant", "content": "ok"},
        ]
    }
    rows = [{"instruction": question, "output": "a"}, {"text": question}, tool_row]
    assert [f.place.line for f in contaminated(tmp_path, rows, [{"question": question}]).findings] == [1, 2, 3]


def test_few_and_many_rows_are_judged_alike(tmp_path: Path) -> None:
    question = " ".join(prose(20, 1))
    edited = question.split()
    edited[3] = "changed"
    rows = [chat(question, "a"), chat(" ".join(edited), "b"), chat(" ".join(prose(20, 3)), "c")]
    evaluation = [{"question": question, "answer": "x"}, {"question": "who is it", "answer": "y"}]
    few = contaminated(tmp_path, rows, evaluation)
    many = contaminated(tmp_path, [*rows, *[chat(" ".join(prose(9, k)), "d") for k in range(500, 900)]], evaluation)
    assert len(few.findings) == 2
    assert [msgspec.json.encode(f) for f in few.findings] == [msgspec.json.encode(f) for f in many.findings]


@pytest.mark.parametrize(
    ("answer", "said", "leaked"),
    [
        ("", "anything", None),
        ("18", "So it is 18.", True),
        ("18", "So it is 180.", False),
        ("A", "a long text with a in it", False),
        ("A", "A.", True),
        ("one two three four five six seven eight nine ten", "one two three four five six seven eight x y", True),
        ("one two three four five six seven eight nine ten", "one two three four", False),
    ],
)
def test_an_answer_leaked_when_it_stands_in_the_answer(answer: str, said: str, leaked: bool | None) -> None:
    assert answer_leaked(answer, said) is leaked


# ----------------------------------------------------------------------------- SPL505


def shifted(folder: Path, rows: Sequence[Any], **given: Any) -> dict[Json, Finding]:
    result = check(folder, rows, "SPL505", **given)
    return {finding.evidence["aspect"]: finding for finding in result.findings}


def drawn(
    count: int, split: str, seed: int, vocabulary: Sequence[str] = WORDS, length: int = 12, labels: str = "ab"
) -> list[dict[str, Json]]:
    rng = random.Random(seed)
    return [
        chat(" ".join(rng.choices(vocabulary, k=rng.randint(length - 6, length + 6))), rng.choice(labels), split)
        for _ in range(count)
    ]


def test_splits_of_one_kind_do_not_differ(tmp_path: Path) -> None:
    for seed in range(5):
        rows = drawn(400, "train", seed) + drawn(200, "test", seed + 100)
        assert shifted(tmp_path, rows) == {}


@pytest.mark.parametrize(
    ("aspects", "other"),
    [
        ({"label"}, {"labels": "aaaaab"}),
        ({"length"}, {"length": 20}),
        ({"topic"}, {"vocabulary": WORDS[:120]}),
        ({"topic", "script"}, {"vocabulary": ["привет", "мир", "слово", "дом"] * 100}),
    ],
)
def test_a_shift_is_found_where_it_is(aspects: set[str], other: dict[str, Any], tmp_path: Path) -> None:
    found = shifted(tmp_path, drawn(600, "train", 0) + drawn(400, "test", 1, **other))
    assert set(found) >= aspects
    assert set(found) <= aspects | {"topic", "length"}
    assert all(finding.severity is Severity.WARNING and finding.scope == "dataset" for finding in found.values())


def test_every_split_is_compared_with_the_first_and_all_tests_are_corrected_together(tmp_path: Path) -> None:
    rows = drawn(300, "train", 0) + drawn(300, "valid", 1) + drawn(300, "test", 2) + drawn(9, "tiny", 3)
    found = [m for m in check(tmp_path, rows, "SPL505").measures if m.name != "splits.rows"]
    assert {(m.group, m.split) for m in found} == {("train", "valid"), ("train", "test")}
    assert len(found) == 10
    assert all(m.table["p_adjusted"] >= m.table["p"] for m in found)
    topics = [m for m in found if m.name == "splits.shift.topic"]
    assert all(m.interval is not None and m.interval[0] < 0.5 < m.interval[1] for m in topics)


def test_the_order_of_the_rows_changes_no_test(tmp_path: Path) -> None:
    rows = drawn(200, "train", 0) + drawn(150, "test", 1)
    first = check(tmp_path, rows, "SPL505")
    assert check(tmp_path, random.Random(5).sample(rows, len(rows)), "SPL505").measures == first.measures


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("hello", "LATIN"),
        ("Grüße", "LATIN"),
        ("12 + 3", "NONE"),
        ("", "NONE"),
        ("привет, Anna", "CYRILLIC"),
        ("病人", "CJK"),
        ("電子機器で使用される", "KANA"),
        ("नमस्ते", "DEVANAGARI"),
        ("مرحبا", "ARABIC"),
        ("\ud800\U0001f600", "NONE"),
    ],
)
def test_the_script_of_a_text_is_that_of_most_letters(text: str, script: str) -> None:
    assert script_of(text) == script


def test_lengths_are_counted_in_words_and_in_characters_of_scripts_without_spaces() -> None:
    assert [units_in(text) for text in ("", "...", "one", "one, two", "病人 ok")] == [0, 0, 1, 2, 3]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=60), st.integers(1, 20), st.randoms(use_true_random=False))
def test_samples_are_chosen_by_content(keys: list[int], most: int, rng: random.Random) -> None:
    rows = range(len(keys))
    assert [keys[row] for row in sorted(sample(rows, keys, most), key=keys.__getitem__)] == sorted(keys)[:most]
    distinct = distinct_sample(rows, keys, most)
    assert distinct == sorted(distinct)
    assert {keys[row] for row in distinct} == set(sorted(set(keys) - {0})[:most])
    shuffled = rng.sample(keys, len(keys))
    assert {shuffled[row] for row in distinct_sample(rows, shuffled, most)} == {keys[row] for row in distinct}


# ----------------------------------------------------------------------------- SPL506


def unrepresented(folder: Path, training: Sequence[Any], real: Sequence[str], **given: Any) -> Result:
    path = folder / "real.txt"
    path.write_text("\n".join(real) + "\n")
    return check(folder, training, "SPL506", target_sample=[str(path)], **given)


def questions(count: int, seed: int, vocabulary: Sequence[str]) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(vocabulary, k=rng.randint(5, 12))) for _ in range(count)]


def test_prompts_like_those_in_training_are_represented(tmp_path: Path) -> None:
    training = [chat(text, "a") for text in questions(300, 0, WORDS[:150])]
    result = unrepresented(tmp_path, training, questions(200, 1, WORDS[:150]))
    assert result.findings == ()
    measure = measures(result)["target.unrepresented", None, None]
    assert measure.n == 200
    assert isinstance(measure.value, float)
    assert measure.value < 0.1


def test_prompts_of_another_kind_are_found_with_examples(tmp_path: Path) -> None:
    training = [chat(text, "a") for text in questions(300, 0, WORDS[:150])]
    real = questions(60, 1, WORDS[:150]) + questions(40, 2, [word[::-1] + "zq" for word in WORDS[200:400]])
    result = unrepresented(tmp_path, training, real)
    (finding,) = result.findings
    assert finding.severity is Severity.WARNING
    assert finding.evidence["share"] == pytest.approx(0.4, abs=0.05)
    examples = finding.evidence["examples"]
    assert len(examples) == len(finding.related) == 10
    assert all(example["line"] > 60 and len(example["text"]) <= 120 for example in examples)
    assert measures(result)["target.shift.topic", None, None].value > 0.6


def test_only_the_training_split_represents(tmp_path: Path) -> None:
    real = questions(40, 2, WORDS[300:])
    rows = [chat(text, "a", "train") for text in questions(200, 0, WORDS[:100])]
    rows += [chat(text, "b", "test") for text in questions(200, 1, WORDS[300:])]
    assert len(unrepresented(tmp_path, rows, real).findings) == 1


def test_few_prompts_are_only_counted_and_without_a_sample_the_rule_is_skipped(tmp_path: Path) -> None:
    result = unrepresented(tmp_path, [chat(f"question {k}", "a") for k in range(30)], ["one", "two"])
    (measure,) = result.measures
    assert (measure.value, measure.table) == (None, {"real_prompts": 2, "training_prompts": 30})
    skipped = check(tmp_path, [chat("q", "a")], "SPL506").rules_skipped
    assert ("SPL506", "no sample of the deployment is given: --target-sample FILE") in [
        (s.code, s.reason) for s in skipped
    ]


def test_a_prompt_that_comes_often_counts_often() -> None:
    rows = [ReferenceRow("r", line, "often" if line % 2 else f"once {line}", "") for line in range(1, 401)]
    picked = chosen(rows, 100)
    assert len(picked) == 100
    assert 30 <= sum(row.prompt == "often" for row in picked) <= 70
    assert [row.prompt for row in chosen(rows[::-1], 100)] == [row.prompt for row in picked]


def test_of_a_long_prompt_its_beginning_and_its_end_are_compared() -> None:
    text = "start " + "x" * 5000 + " end"
    assert words(text).startswith("start")
    assert words(text).endswith("end")
    assert len(words(text)) < 1100


# ----------------------------------------------------------------------------- all


def test_ten_rows_load_no_library_for_numbers(tmp_path: Path) -> None:
    rows = [chat(f"question number {k % 5} of the day", "a", "train" if k % 2 else "test", user=k) for k in range(10)]
    path = write(tmp_path, rows)
    given = {
        "select": ["SPL501", "SPL503", "SPL504", "SPL505", "SPL506"],
        "sections": {"data": {"splits": "split", "group": "user"}},
        "against": [str(path)],
        "target_sample": [str(path)],
    }
    code = f"import sys, audit; audit.check({str(path)!r}, **{given!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert set(loaded.split()).isdisjoint({"numpy", "scipy", "sklearn", "pandas", "pyarrow"})


# ----------------------------------------------------------------------------- real data


def rows_of(name: str) -> list[dict[str, Any]]:
    with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def solved() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The problems of GSM8K: those for training, and those of its test set."""
    with gzip.open(SHARED / "raw" / "gsm8k" / "train.jsonl.gz", "rt") as lines:
        train = [json.loads(line) for line in lines]
    with (SHARED / "raw" / "gsm8k" / "test.jsonl").open() as lines:
        return train, [json.loads(line) for line in lines]


def changed(text: str, share: float, vocabulary: Sequence[str], rng: random.Random) -> str:
    given = text.split()
    for at in rng.sample(range(len(given)), max(1, round(share * len(given)))):
        given[at] = rng.choice(vocabulary)
    return " ".join(given)


@real_data
def test_test_problems_mixed_into_gsm8k_are_told_from_its_training_problems(tmp_path: Path) -> None:
    train, test = solved()
    rng = random.Random(0)
    vocabulary = [word for row in train[:2000] for word in row["question"].split()]
    rows = [(row["question"], row["answer"], "clean") for row in train]
    for at, row in enumerate(rng.sample(test, 400)):
        question, answer = row["question"], row["answer"]
        kind = ("verbatim", "changed", "question changed", "inside")[at % 4]
        if kind == "changed":
            question, answer = (changed(text, 0.1, vocabulary, rng) for text in (question, answer))
        elif kind == "question changed":
            question, answer = changed(question, 0.1, vocabulary, rng), "I do not know."
        elif kind == "inside":
            question, answer = f"Answer both. {train[at]['question']} {question} Thanks!", "I do not know."
        rows.append((question, answer, kind))
    rng.shuffle(rows)
    path = write(tmp_path, [chat(question, answer) for question, answer, _ in rows])
    result = audit.check(path, select=["SPL504"], against=[str(SHARED / "raw" / "gsm8k" / "test.jsonl")])
    found = {finding.place.line for finding in result.findings}
    kinds = [kind for _, _, kind in rows]
    hits = {kind: sum(kinds[line - 1] == kind for line in found if line) for kind in set(kinds)}
    # Measured: 100 of 100 verbatim, inside, and with every tenth word changed; 88 where the answer is another one, too.
    assert hits["verbatim"] == hits["inside"] == 100
    assert hits["changed"] >= 97
    assert hits["question changed"] >= 80
    # Three problems of the training set are those of the test set with other names and numbers.
    assert hits.get("clean", 0) <= 3


@real_data
@pytest.mark.parametrize(
    ("data", "evaluation", "most"),
    [("gsm8k", "human-eval", 0), ("dolly-subset", "self-instruct-seed", 1), ("hh-rlhf-harmless-test", "xstest", 5)],
)
def test_unrelated_sets_do_not_contaminate_each_other(data: str, evaluation: str, most: int) -> None:
    result = audit.check(
        SHARED / "chat" / f"{data}.jsonl.gz",
        select=["SPL504"],
        against=[str(SHARED / "chat" / f"{evaluation}.jsonl.gz")],
    )
    assert len(result.findings) <= most


@real_data
def test_banking77_has_test_rows_in_train_and_no_large_shift() -> None:
    sections = {"data": {"splits": "metadata.split", "label": "metadata.label"}}
    path = SHARED / "chat" / "banking77.jsonl.gz"
    result = audit.check(path, select=["SPL501", "SPL502", "SPL505"], sections=sections)
    counts = {code: count["findings"] for code, count in result.counts.items()}
    train = {row["messages"][1]["content"].lower().strip() for row in rows_of("banking77") if split_of(row) == "train"}
    test = [row["messages"][1]["content"].lower().strip() for row in rows_of("banking77") if split_of(row) == "test"]
    assert counts["SPL501"] >= sum(text in train for text in test) > 0
    assert counts["SPL501"] <= 40
    assert counts.get("SPL505", 0) == 0


def split_of(row: dict[str, Any]) -> str:
    return str(row["metadata"]["split"])


@real_data
@pytest.mark.parametrize(
    ("training", "real", "low", "high"),
    [  # measured: 0.2 %, 6.8 %, 85 %, 55 %
        (("banking77", "train"), ("banking77", "test"), 0.0, 0.05),
        (("gsm8k", "train"), ("gsm8k", "test"), 0.0, 0.09),
        (("banking77", "train"), ("gsm8k", "test"), 0.7, 1.0),
        (("gsm8k", "train"), ("banking77", "test"), 0.4, 1.0),
    ],
)
def test_held_out_prompts_of_a_set_are_represented_and_those_of_another_are_not(
    training: tuple[str, str], real: tuple[str, str], low: float, high: float, tmp_path: Path
) -> None:
    data = write(tmp_path, [row for row in rows_of(training[0]) if split_of(row) == training[1]])
    given = write(tmp_path, [row for row in rows_of(real[0]) if split_of(row) == real[1]], "real.jsonl")
    result = audit.check(data, select=["SPL506"], target_sample=[str(given)])
    share = measures(result)["target.unrepresented", None, None].value
    assert isinstance(share, float)
    assert low <= share <= high
    assert bool(result.findings) == (low > 0)


@real_data
@pytest.mark.parametrize("name", ["davidson-tweets", "huatuo-zh-medical", "hh-rlhf-harmless-test", "dolly-subset"])
def test_one_half_of_a_set_represents_the_other(name: str, tmp_path: Path) -> None:
    rows = random.Random(0).sample(rows_of(name), min(len(rows_of(name)), 6000))
    given = write(tmp_path, rows[::2], "real.jsonl")
    result = audit.check(write(tmp_path, rows[1::2]), select=["SPL506"], target_sample=[str(given)])
    assert result.findings == ()


def test_splits_are_in_order() -> None:
    context = _Whole([1, 2, 3, 4], ["test", "dev", "zeta", "train"], _Near([], ()))
    splits = Splits(context)
    assert list(splits.names) == ["train", "dev", "zeta", "test"]
    assert [splits.of(row) for row in range(4)] == [3, 1, 2, 0]
    assert list(splits.rows) == [1, 1, 1, 1]

"""LBL rules: conflicts, balance, variants, likely errors, artefacts and order of labels, on toy rows and real data."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit
from audit.labels.spelling import is_one_edit, is_slip, marks, spelling_key
from audit.model import Applicability, Finding, Json, Measure, PointerEdit, Result
from audit.remedy.edits import apply_edits
from audit.rules.labels.contradiction import contradiction, final_number, read_answer, same_result, yes_or_no

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")

Judge = Callable[..., Result]


def row(prompt: Json, answer: Json, **more: Json) -> dict[str, Json]:
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}], **more}


def labelled(pairs: Iterable[tuple[str, str]]) -> list[dict[str, Json]]:
    return [row(prompt, answer) for prompt, answer in pairs]


def of(result: Result, code: str) -> list[Finding]:
    return [finding for finding in result.findings if finding.code == code]


def lines(findings: Iterable[Finding]) -> list[int | None]:
    return [finding.place.line for finding in findings]


def measure(result: Result, name: str, split: str | None = None) -> Measure:
    (found,) = (one for one in result.measures if one.name == name and one.split == split)
    return found


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    def judged(rows: Sequence[dict[str, Json]], code: str, *, label: str | None = None, **options: Json) -> Result:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in rows))
        sections = {} if label is None else {"data": {"label": label}}
        return audit.check(path, select=[code], rules={code: options}, sections=sections, as_of="2026-11-21")

    return judged


def pairs_of(*texts: str, label: str, start: int = 0) -> list[tuple[str, str]]:
    return [(f"{text} {start + i}", label) for i, text in enumerate(texts)]


def two_classes(n: int = 60) -> list[tuple[str, str]]:
    return [(f"some words about thing {i}", "good" if i % 2 else "bad") for i in range(n)]


# ----------------------------------------------------------------------------- recognising labels


def test_short_answers_from_a_closed_set_are_labels(judge: Judge) -> None:
    result = judge(labelled(two_classes()), "LBL602")
    assert measure(result, "labels.classes").value == 2


@pytest.mark.parametrize(
    "rows",
    [
        labelled((f"question number {i}", f"answer number {i}") for i in range(60)),
        labelled((f"question number {i}", "a long answer " * 10 + str(i % 2)) for i in range(60)),
        labelled((f"question number {i}", "the same") for i in range(60)),
        [],
    ],
    ids=["open", "long", "one", "empty"],
)
def test_other_answers_are_no_labels_and_the_measure_says_why(rows: list[dict[str, Json]], judge: Judge) -> None:
    found = measure(judge(rows, "LBL602"), "labels.classes")
    assert found.value == 0
    assert found.table["reason"]


def test_the_last_words_of_a_dialogue_are_no_labels(judge: Judge) -> None:
    def talk(i: int) -> dict[str, Json]:
        turns = [f"question {i}", "a longer answer with a good many words in it", "thanks", ("Bye!", "Goodbye.")[i % 2]]
        return {"messages": [{"role": ("user", "assistant")[at % 2], "content": t} for at, t in enumerate(turns)]}

    assert measure(judge([talk(i) for i in range(60)], "LBL602"), "labels.classes").value == 0


def test_a_configured_label_needs_no_short_answer(judge: Judge) -> None:
    rows = [row(f"q {i}", f"a long answer {i} " * 10, metadata={"kind": "ab"[i % 2]}) for i in range(40)]
    assert measure(judge(rows, "LBL602", label="metadata.kind"), "labels.classes").value == 2


@needs_data
@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("adult", 2),
        ("banking77", 77),
        ("cad-sentiment", 2),
        ("davidson-tweets", 3),
        ("hatecheck", 2),
        ("jigsaw-templates-en", 2),
        ("winobias", 82),
        ("openai-cookbook-toy", 21),
        *[(name, 0) for name in ("gsm8k", "dolly-subset", "glaive-toolcall-en", "gptteacher-toolformer")],
        *[(name, 0) for name in ("self-instruct-seed", "human-eval", "huatuo-zh-medical", "cleanlab-support")],
        *[(name, 0) for name in ("bbq-dev", "jcommonsenseqa", "fastchat-dummy", "names-demographics", "xstest")],
    ],
)
def test_real_files_are_recognised_for_what_they_are(name: str, classes: int) -> None:
    result = audit.check(SHARED / "chat" / f"{name}.jsonl.gz", select=["LBL602"])
    found = sum(one.rows for one in result.sources) and next(m for m in result.measures if m.name == "labels.classes")
    assert found.value == classes


# ----------------------------------------------------------------------------- LBL601


@pytest.mark.parametrize(
    ("first", "second", "kind", "severity"),
    [
        ("It is 56.", "It is 54.", "number", "error"),
        ("7 times 8 is 56.\n#### 56", "So it is 54.\n#### 54", "number", "error"),
        ("The answer is 1,200.", "After some thought, the answer is $1,300.", "number", "error"),
        ("Yes, it does.", "No. It never does.", "yes_no", "error"),
        ("True", "False", "yes_no", "error"),
        ("(A) Paris", "B. London", "choice", "error"),
        ("The old town lies on a hill.", "Grace rowed boats across seven lakes.", "text", "warning"),
    ],
)
def test_contradictory_answers_to_one_prompt_are_found_on_both_rows(
    first: str, second: str, kind: str, severity: str, judge: Judge
) -> None:
    findings = of(judge(labelled([("What is it now?", first), ("what is it NOW", second)]), "LBL601"), "LBL601")
    assert lines(findings) == [1, 2]
    assert {(f.evidence["kind"], f.severity.value) for f in findings} == {(kind, severity)}
    assert [f.related[0].line for f in findings] == [2, 1]
    assert all(f.fix is not None and f.fix.applicability is Applicability.DROP for f in findings)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("It is 56.", "Let me see, 7 times 8 is 56.\n#### 56"),
        ("The answer is 1,200", "The answer is $1200.00."),
        ("33.3", "33.33"),
        ("Yes.", "Yes, because the moon is full and the tide is high."),
        ("Paris", "The capital of France is Paris, on the Seine."),
        ("(a) Paris", "A. Paris"),
        ("It is a large town in the north.", "It is a large and old town in the north."),
    ],
)
def test_answers_that_agree_are_no_conflict(first: str, second: str, judge: Judge) -> None:
    assert of(judge(labelled([("What is it now?", first), ("What is it now?", second)]), "LBL601"), "LBL601") == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What is 2 + 3?", "What is 2 - 3?"),
        ("What is 2-3?", "What is 2*3?"),
        ("Who made C++?", "Who made C#?"),
        ("Is 3 < 4?", "Is 3 > 4?"),
        ("That was great \N{SLIGHTLY SMILING FACE}", "That was great \N{PENSIVE FACE}"),
    ],
)
def test_prompts_that_differ_in_a_mark_that_matters_are_two_prompts(first: str, second: str, judge: Judge) -> None:
    assert of(judge(labelled([(first, "It is 5."), (second, "It is 6.")]), "LBL601"), "LBL601") == []


def test_a_prompt_of_one_word_and_a_prompt_with_a_picture_ask_for_nothing_that_can_be_compared(judge: Judge) -> None:
    seen = [{"type": "image_url", "image_url": {"url": "data:,"}}, {"type": "text", "text": "What is on the picture?"}]
    rows = [row("hi", "Good morning"), row("Hi!", "What now?"), row(seen, "A dog."), row(seen, "The sea at night.")]
    assert of(judge(rows, "LBL601"), "LBL601") == []


def test_many_answers_to_one_prompt_are_sampling_and_said_once(judge: Judge) -> None:
    rows = labelled([("Suggest a name.", name) for name in ("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn")])
    (finding,) = of(judge(rows, "LBL601"), "LBL601")
    assert (finding.scope, finding.severity.value) == ("dataset", "info")
    assert len(of(judge(rows, "LBL601", max_answers=6), "LBL601")) == 6


def test_of_a_prompt_in_all_rows_any_order_compares_the_same_answers(judge: Judge) -> None:
    rows = labelled([("What is left?", f"{'so ' * i}it is {5 + i % 2}" if i < 80 else "It is 5.") for i in range(90)])
    orders = (rows, rows[::-1], random.Random(0).sample(rows, 90))
    first, *others = ({f.fingerprint for f in of(judge(order, "LBL601"), "LBL601")} for order in orders)
    assert all(other == first for other in others)
    assert first


def test_an_answer_in_clear_majority_is_not_in_doubt(judge: Judge) -> None:
    rows = labelled([("Is the sky blue?", "Yes")] * 8 + [("Is the sky blue?", "No")])
    assert lines(of(judge(rows, "LBL601"), "LBL601")) == [9]


def test_labels_that_differ_in_spelling_alone_do_not_conflict(judge: Judge) -> None:
    rows = labelled([*two_classes(), ("the same prompt", "good"), ("the same prompt", "Good.")])
    assert of(judge(rows, "LBL601"), "LBL601") == []


def test_labels_decide_where_the_configuration_names_them(judge: Judge) -> None:
    rows = [row("one prompt here", f"It is so {i * '!'}", metadata={"label": label}) for i, label in enumerate("aab")]
    rows += [row(f"another prompt {i}", "x", metadata={"label": "b"}) for i in range(5)]
    findings = of(judge(rows, "LBL601", label="metadata.label"), "LBL601")
    assert {finding.evidence["kind"] for finding in findings} == {"label"}
    assert lines(findings) == [1, 2, 3]


def long_prompt(last: str, i: int = 0) -> str:
    return " ".join(f"word{i}x{at}" for at in range(80)) + " " + last


def test_nearly_the_same_prompts_with_two_labels_are_a_warning(judge: Judge) -> None:
    pairs = [*two_classes(200), (long_prompt("today"), "good"), (long_prompt("tomorrow"), "bad")]
    findings = of(judge(labelled(pairs), "LBL601"), "LBL601")
    assert lines(findings) == [201, 202]
    assert {(f.severity.value, f.evidence["prompts"]) for f in findings} == {("warning", "near")}


def test_near_prompts_that_differ_in_a_number_may_have_two_labels(judge: Judge) -> None:
    pairs = [*two_classes(200), (long_prompt("17"), "good"), (long_prompt("18"), "bad")]
    assert of(judge(labelled(pairs), "LBL601"), "LBL601") == []


def test_where_small_differences_decide_near_prompts_are_said_once(judge: Judge) -> None:
    pairs = [(long_prompt(word, i), label) for i in range(30) for word, label in (("nice", "good"), ("poor", "bad"))]
    (finding,) = of(judge(labelled(pairs), "LBL601"), "LBL601")
    assert (finding.scope, finding.severity.value, finding.evidence["agreement"]) == ("dataset", "info", 0.0)


def test_fingerprints_of_conflicts_survive_reordering(judge: Judge) -> None:
    rows = labelled([("What is it now?", "It is 5."), ("What is it now?", "It is 6."), ("And then?", "Nothing.")])
    forward, backward = ({f.fingerprint for f in of(judge(order, "LBL601"), "LBL601")} for order in (rows, rows[::-1]))
    assert forward == backward
    assert len(forward) == 2


def test_results_are_read_where_answers_announce_them() -> None:
    values = {
        "#### 1,200": 1200,
        "The answer is **42**.": 42,
        r"Hence \boxed{7}.": 7,
        "6+18+72 = $96": 96,
        "about 3.5 km": 3.5,
        "1/2": 0.5,
    }
    assert {text: float(final_number(text).value) for text in values} == values  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text", ["10:30", "12/05/2020", "1990-1995", "v1.2.3", "1/0", "9" * 5000, "Top 10 of all time ever", "x = y", ""]
)
def test_what_is_no_result_is_not_read_as_one(text: str) -> None:
    assert final_number(text) is None


@given(st.text(max_size=80), st.text(max_size=80))
def test_contradiction_takes_any_text_and_goes_both_ways(first: str, second: str) -> None:
    one, other = read_answer(first, None, whole=False), read_answer(second, None, whole=False)
    assert contradiction(one, other, 0.3) == contradiction(other, one, 0.3)
    assert contradiction(one, one, 0.3) is None


def test_half_and_fifty_per_cent_are_the_same_result() -> None:
    half, fifty, all_of_it = (final_number(text) for text in ("0.5", "50%", "100%"))
    assert half is not None
    assert fifty is not None
    assert all_of_it is not None
    assert same_result(half, fifty)
    assert not same_result(half, all_of_it)


def test_yes_is_read_only_where_it_is_the_answer() -> None:
    assert [yes_or_no(text) for text in ("No problem!", "Not now", "Nope.", "Sí, claro", "はい。", "いいえ")] == [
        None,
        None,
        False,
        True,
        True,
        False,
    ]


@needs_data
def test_exactly_the_conflicting_prompts_of_banking77_are_found() -> None:
    result = audit.check(SHARED / "chat" / "banking77.jsonl.gz", select=["LBL601"])
    assert lines(of(result, "LBL601")) == [2003, 3161, 10622, 12842]


@needs_data
def test_all_planted_conflicts_are_found_and_nothing_else() -> None:
    folder = SHARED / "raw" / "mutants-dev"
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    planted = sorted(entry["line"] for entry in truth if entry["defect"] == "conflicting_answers")
    assert lines(of(audit.check(folder / "broken.jsonl.gz", select=["LBL601"]), "LBL601")) == planted
    assert of(audit.check(folder / "clean.jsonl", select=["LBL601"]), "LBL601") == []


@needs_data
def test_wrong_results_beside_right_ones_are_found_in_gsm8k(tmp_path: Path, read_chat: Any) -> None:
    rows = read_chat("gsm8k")[:500]
    copies = []
    for one in rows[::10]:
        wrong = json.loads(json.dumps(one))
        answer = wrong["messages"][-1]
        head, _, number = answer["content"].rpartition("#### ")
        answer["content"] = f"{head}#### {int(number.replace(',', '')) + 1}"
        copies.append(wrong)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows + copies))
    findings = of(audit.check(path, select=["LBL601"]), "LBL601")
    assert lines(findings) == [*range(1, 501, 10), *range(501, 551)]
    assert {finding.evidence["kind"] for finding in findings} == {"number"}


# ----------------------------------------------------------------------------- LBL602


def test_a_ratio_above_the_bound_and_a_small_class_are_named(judge: Judge) -> None:
    pairs = [(f"prompt {i}", "common" if i < 300 else "rare") for i in range(310)]
    (finding,) = of(judge(labelled(pairs), "LBL602"), "LBL602")
    assert "30.0 times" in finding.message
    assert '"rare" (10)' in finding.message
    assert finding.evidence["small_classes"] == 1


def test_balanced_classes_are_silent_and_measured(judge: Judge) -> None:
    result = judge(labelled(two_classes()), "LBL602")
    assert of(result, "LBL602") == []
    assert measure(result, "labels.entropy").value == 1.0
    assert measure(result, "labels.imbalance_ratio").value == 1.0
    rows = measure(result, "labels.rows")
    assert (rows.n, [entry["rows"] for entry in rows.table]) == (60, [30, 30])


def test_each_split_is_judged_by_itself(tmp_path: Path) -> None:
    rows = [row(f"prompt {i}", "ab"[i % 2], metadata={"split": "train"}) for i in range(100)]
    rows += [row(f"other {i}", "a" if i else "b", metadata={"split": "test"}) for i in range(30)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    sections = {"data": {"splits": "metadata.split", "label": "answer"}}
    result = audit.check(path, select=["LBL602"], sections=sections)
    (finding,) = of(result, "LBL602")
    assert finding.evidence["split"] == "test"
    assert measure(result, "labels.imbalance_ratio", "train").value == 1.0
    assert measure(result, "labels.imbalance_ratio", "test").value == 29.0


@needs_data
def test_the_rare_class_of_a_real_file_is_found() -> None:
    result = audit.check(SHARED / "chat" / "davidson-tweets.jsonl.gz", select=["LBL602"])
    (finding,) = of(result, "LBL602")
    assert finding.evidence["ratio"] == pytest.approx(19190 / 1430, abs=0.001)


# ----------------------------------------------------------------------------- LBL604


def test_variants_are_found_row_by_row_with_a_fix_that_mends_them(judge: Judge) -> None:
    pairs = [*two_classes(100), ("one more", "Good"), ("and another", " bad."), ("a slip", "godo")]
    rows = labelled(pairs)
    findings = of(judge(rows, "LBL604"), "LBL604")
    assert lines(findings) == [101, 102, 103]
    fixes = [finding.fix for finding in findings]
    assert [fix.applicability.value for fix in fixes if fix] == ["safe", "safe", "unsafe"]
    mended = [
        json.loads(apply_edits(json.dumps(one).encode(), fix.edits).raw or b"")
        for one, fix in zip(rows[100:], fixes, strict=True)
        if fix is not None
    ]
    assert [one["messages"][-1]["content"] for one in mended] == ["good", " bad", "good"]


def test_a_label_in_the_metadata_has_no_fix_for_the_answer(judge: Judge) -> None:
    rows = [row(f"prompt {i}", "text", metadata={"label": "good" if i else "Good"}) for i in range(20)]
    (finding,) = of(judge(rows, "LBL604", label="metadata.label"), "LBL604")
    assert finding.fix is None


def test_a_slip_of_two_labels_is_found_and_not_mended(judge: Judge) -> None:
    pairs = [(f"prompt number {i}", ("light", "night")[i % 2]) for i in range(60)]
    (finding,) = of(judge(labelled([*pairs, ("one more", "ight")]), "LBL604"), "LBL604")
    assert (finding.evidence["label"], finding.fix) == ("ight", None)


def test_labels_that_mean_something_else_are_no_variants(judge: Judge) -> None:
    others = ["<=50K", ">50K", "class 1", "class 2", "group A", "group B", "typical", "atypical", "male", "female"]
    pairs = [(f"prompt number {i}", others[i % 10] if i < 100 else "class 1") for i in range(400)]
    assert of(judge(labelled(pairs), "LBL604"), "LBL604") == []


def test_a_label_that_the_list_does_not_have_is_outside(judge: Judge) -> None:
    pairs = [*two_classes(), ("p q", "neutral"), ("r s", "neutral"), ("t u", "GOOD")]
    findings = of(judge(labelled(pairs), "LBL604", labels=["good", "bad"]), "LBL604")
    assert lines(findings) == [61, 62, 63]
    assert ["2 listed labels" in finding.message for finding in findings] == [True, True, False]


def test_a_lone_label_and_an_essay_among_labels_are_outside_the_set(judge: Judge) -> None:
    pairs = [*two_classes(200), ("one prompt", "mixed feelings"), ("another prompt", "I cannot say. " * 10)]
    result = judge(labelled(pairs), "LBL604")
    assert lines(of(result, "LBL604")) == [201, 202]
    assert measure(result, "labels.outside_rows").value == pytest.approx(2 / 202, abs=1e-6)


def test_spelling_keys_keep_marks_apart() -> None:
    assert spelling_key("Non-Hateful") == spelling_key("non_hateful ") == spelling_key("nonhateful")
    assert (
        len({spelling_key(label) for label in ("<=50K", ">50K", "50K", "A+", "A-", "A", "1.5", "15", "-1", "1")}) == 10
    )


@given(st.text("abc", min_size=1, max_size=6), st.text("abc", min_size=1, max_size=6))
def test_one_edit_is_a_distance_of_one(one: str, other: str) -> None:
    edits = {one[:i] + one[i + 1 :] for i in range(len(one))}
    edits |= {one[:i] + letter + one[i + 1 :] for i in range(len(one)) for letter in "abc"}
    edits |= {one[:i] + letter + one[i:] for i in range(len(one) + 1) for letter in "abc"}
    edits |= {one[:i] + one[i + 1] + one[i] + one[i + 2 :] for i in range(len(one) - 1)}
    assert is_one_edit(one, other) == (other in edits - {one})


@given(st.text(max_size=30), st.text(max_size=30))
def test_slips_and_marks_take_any_text(one: str, other: str) -> None:
    assert is_slip(one, other) == is_slip(other, one)
    assert is_slip(one, one) is False
    assert isinstance(marks(one) + spelling_key(one), str)


@needs_data
@pytest.mark.parametrize("name", ["adult", "banking77", "cad-sentiment", "davidson-tweets", "hatecheck"])
def test_clean_label_sets_have_no_variants(name: str) -> None:
    assert of(audit.check(SHARED / "chat" / f"{name}.jsonl.gz", select=["LBL604"]), "LBL604") == []


# ----------------------------------------------------------------------------- LBL603


def flipped(rows: list[Any], share: float, seed: int = 1) -> tuple[list[Any], dict[int, str]]:
    """Rows with some labels replaced by another at random, and the right label of each by line."""
    generator = random.Random(seed)
    rows = generator.sample(rows, len(rows))
    labels = sorted({one["messages"][-1]["content"] for one in rows})
    right: dict[int, str] = {}
    for line, one in enumerate(rows, start=1):
        answer = one["messages"][-1]
        if generator.random() < share:
            right[line] = answer["content"]
            answer["content"] = generator.choice([label for label in labels if label != answer["content"]])
    return [{"messages": one["messages"]} for one in rows], right


@needs_data
@pytest.mark.parametrize(
    ("name", "rows", "recall", "precision"),
    [
        ("banking77", 2500, 0.5, 0.45),
        ("davidson-tweets", 4000, 0.65, 0.35),
        ("adult", 4000, 0.55, 0.3),
        ("hatecheck", 3728, 0.6, 0.85),
    ],
)
def test_planted_label_errors_are_found(
    name: str, rows: int, recall: float, precision: float, judge: Judge, read_chat: Any
) -> None:
    data = read_chat(name)
    data = random.Random(0).sample(data, min(rows, len(data)))
    given, right = flipped(data, 0.05)
    result = judge(given, "LBL603", max_findings=10**6)
    found = of(result, "LBL603")
    hits = [finding for finding in found if finding.place.line in right]
    assert len(hits) >= recall * len(right)
    assert len(hits) >= precision * len(found)
    suggested = sum(finding.evidence["suggested"] == right[finding.place.line or 0] for finding in hits)
    assert suggested >= 0.9 * len(hits)


@needs_data
def test_the_clearest_doubts_come_first_and_the_rest_is_counted(judge: Judge, read_chat: Any) -> None:
    given, _ = flipped(read_chat("hatecheck"), 0.1)
    result = judge(given, "LBL603", max_findings=20)
    found = of(result, "LBL603")
    assert sorted(finding.evidence["rank"] for finding in found) == list(range(1, 21))
    assert measure(result, "labels.errors.found").value > 20


def test_nothing_is_doubted_where_nothing_can_be_learnt(judge: Judge) -> None:
    generator = random.Random(0)
    pairs = [(f"{generator.choice('abcdef')} word {i}", generator.choice(("x", "y"))) for i in range(300)]
    result = judge(labelled(pairs), "LBL603")
    assert of(result, "LBL603") == []
    assert "learnt" in measure(result, "labels.errors.found").table["reason"]


def test_the_order_of_the_rows_does_not_change_which_labels_are_doubted(judge: Judge) -> None:
    generator = random.Random(0)
    pairs = [(f"{'nice' if i % 2 else 'poor'} word{i % 17} thing{i}", "good" if i % 2 else "bad") for i in range(120)]
    rows = labelled(pairs) + labelled([("nice word3 odd", "bad"), ("poor word5 odd", "good")])
    forward = {f.fingerprint for f in of(judge(rows, "LBL603"), "LBL603")}
    shuffled = {f.fingerprint for f in of(judge(generator.sample(rows, len(rows)), "LBL603"), "LBL603")}
    assert forward == shuffled
    assert len(forward) == 2


# ----------------------------------------------------------------------------- LBL605


def told_by(result: Result) -> set[str]:
    return {finding.evidence["artefact"] for finding in of(result, "LBL605")}


@pytest.mark.parametrize(
    ("artefact", "write"),
    [
        ("the last character of the prompt", lambda text, good: text + ("." if good else "")),
        ("an exclamation mark in the prompt", lambda text, good: text + (" ! then" if good else " then")),
        ("white space in the prompt", lambda text, good: text + (" " if good else "")),
        ("the first word of the prompt", lambda text, good: ("well " if good else "hm ") + text),
        ("the case of the first letter", lambda text, good: ("Of " if good else "of ") + text),
        ("the length of the prompt", lambda text, good: text + " la la" * (20 if good else 1)),
        ("the label that stands in the prompt", lambda text, good: f"{text} {'good' if good else 'bad'} then"),
    ],
)
def test_an_artefact_that_tells_the_label_is_named(
    artefact: str, write: Callable[[str, bool], str], judge: Judge
) -> None:
    generator = random.Random(0)
    labels = [generator.random() < 0.5 for _ in range(200)]
    rows = labelled(
        (write(f"thing{i % 50} is here{i}", good), "good" if good else "bad") for i, good in enumerate(labels)
    )
    assert artefact in told_by(judge(rows, "LBL605"))


def test_prompts_without_an_artefact_are_silent(judge: Judge) -> None:
    generator = random.Random(0)
    rows = labelled(
        (
            f"{generator.choice(('a', 'one', 'the'))} thing {i}{generator.choice('.!?')}",
            generator.choice(("good", "bad")),
        )
        for i in range(200)
    )
    result = judge(rows, "LBL605")
    assert of(result, "LBL605") == []
    assert measure(result, "labels.artefact_gain").n == 200


def test_a_label_list_in_every_prompt_tells_nothing(judge: Judge) -> None:
    generator = random.Random(0)
    labels = [generator.choice(("good", "bad")) for _ in range(100)]
    rows = labelled((f"Is thing {generator.random()} good or bad?", label) for label in labels)
    assert "the label that stands in the prompt" not in told_by(judge(rows, "LBL605"))


# ----------------------------------------------------------------------------- LBL606


def test_a_sorted_file_is_found_and_a_shuffled_one_is_not(judge: Judge) -> None:
    pairs = two_classes(100)
    (finding,) = of(judge(labelled(sorted(pairs, key=lambda pair: pair[1])), "LBL606"), "LBL606")
    assert (finding.evidence["runs"], finding.fix is not None) == (2, True)
    assert of(judge(labelled(random.Random(0).sample(pairs, 100)), "LBL606"), "LBL606") == []


def test_files_are_judged_one_by_one(tmp_path: Path) -> None:
    pairs = two_classes(60)
    for name, rows in (("sorted", sorted(pairs, key=lambda pair: pair[1])), ("mixed", pairs)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in labelled(rows)))
    result = audit.check([tmp_path / "sorted.jsonl", tmp_path / "mixed.jsonl"], select=["LBL606"])
    (finding,) = of(result, "LBL606")
    assert Path(finding.place.file or "").name == "sorted.jsonl"


# ----------------------------------------------------------------------------- all of them

ANYTHING = st.one_of(
    st.builds(row, st.text(max_size=12), st.sampled_from(["yes", "no", "Yes.", "nope", "\ud800", "1/0", "", "3"])),
    st.builds(
        row,
        st.just("one prompt"),
        st.text(max_size=12),
        metadata=st.dictionaries(st.just("label"), st.text(max_size=3)),
    ),
    st.just({"messages": None}),
    st.just({"messages": [{"role": "user", "content": [1, {"type": "image_url"}]}], "metadata": {"label": [1]}}),
)


@given(rows=st.lists(ANYTHING, max_size=40), label=st.sampled_from([None, "metadata.label", "answer"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_stops_a_rule_of_this_family(rows: list[Any], label: str | None, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows) + "[]\n{\n")
    sections = {} if label is None else {"data": {"label": label}}
    rules = {"LBL603": {"min_rows": 10, "min_gain": -9.0}, "LBL605": {"min_rows": 5, "min_gain": -9.0}}
    result = audit.check(path, select=["LBL"], rules=rules, sections=sections)
    msgspec.json.encode(result)
    counts = Counter(finding.code for finding in result.findings)
    assert set(counts) <= {"LBL601", "LBL602", "LBL603", "LBL604", "LBL605", "LBL606"}


def test_the_same_rows_give_the_same_bytes(judge: Judge) -> None:
    rows = labelled([*two_classes(100), ("one more", "Good"), ("the same", "good"), ("the same", "bad")])
    for code in ("LBL601", "LBL602", "LBL603", "LBL604", "LBL605", "LBL606"):
        first, second = (msgspec.json.encode(judge(rows, code)) for _ in range(2))
        assert first == second


def test_a_small_file_loads_no_heavy_library(tmp_path: Path) -> None:
    """LBL601 needs near-duplicates, whose loading is the business of the engine."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in labelled(two_classes(10))))
    program = (
        "import audit, sys\n"
        f"audit.check({str(path)!r}, select=['LBL'], ignore=['LBL601'], preview=True)\n"
        "print(*{'numpy', 'scipy', 'sklearn'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


@pytest.fixture(scope="module")
def read_chat() -> Callable[[str], list[Any]]:
    import gzip

    def read(name: str) -> list[Any]:
        with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz", "rt") as file:
            return [json.loads(line) for line in file]

    return read


def test_the_edit_of_a_fix_names_the_place_of_the_answer(judge: Judge) -> None:
    parts = [{"type": "text", "text": "Good"}]
    rows = [*labelled(two_classes(60)), row("in parts", parts)]
    (finding,) = of(judge(rows, "LBL604"), "LBL604")
    assert finding.fix is not None
    assert finding.fix.edits == (PointerEdit("replace", "/messages/1/content/0/text", "good"),)

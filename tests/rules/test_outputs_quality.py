"""OUT201, 203, 208, 209, 211 and 212: right, well-formed, missing and agreeing answers, on made-up predictions."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.model import Finding, Json, Measure, Result, Severity
from audit.rules.outputs.class_metrics import area_of_seeds, balanced_accuracy, by_class, confusion, macro_f1
from audit.rules.outputs.figures import mean, share
from audit.rules.outputs.kappa import kappa
from audit.rules.outputs.text_scores import verdict_of

CODES = ("OUT201", "OUT203", "OUT208", "OUT209", "OUT211", "OUT212")
Judge = Callable[..., Result]
LONG = "a long answer that nobody would take for a label, " * 3


def output(row_id: str, said: str | None, truth: str | None, **more: Json) -> dict[str, Json]:
    messages = [{"role": "user", "content": f"Question {row_id}"}]
    return {"row_id": row_id, "arm": "tuned", "messages": messages, "output": said, "truth": truth, **more}


def labelled(truths: str, said: str, **more: Json) -> list[dict[str, Json]]:
    """One output for each pair of letters; an underscore stands for an answer out of the set."""
    return [
        output(f"q{at}", "perhaps" if answer == "_" else answer, truth, **more)
        for at, (truth, answer) in enumerate(zip(truths, said, strict=True))
    ]


def of(result: Result, code: str) -> list[Finding]:
    return [finding for finding in result.findings if finding.code == code]


def measure(result: Result, name: str, arm: str = "tuned") -> Measure:
    (found,) = (one for one in result.measures if one.name == name and one.arm == arm)
    return found


def table(result: Result, name: str, arm: str = "tuned") -> dict[str, Any]:
    found = measure(result, name, arm).table
    assert isinstance(found, dict)
    return found


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    def judged(rows: Iterable[Mapping[str, Json]], code: str, **options: Json) -> Result:
        path = tmp_path / "predictions.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in rows))
        sections = {"attributes": {"sex": {"field": "attributes.sex"}}}
        return audit.check(path, select=[code], rules={code: options}, sections=sections, as_of="2026-11-21")

    return judged


# ----------------------------------------------------------------------------- figures


def columns(least: int = 2) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    pair = st.tuples(st.integers(0, 2), st.integers(-1, 2))
    return st.lists(pair, min_size=least, max_size=40).map(
        lambda pairs: (np.array([t for t, _ in pairs]), np.array([d for _, d in pairs]))
    )


@given(columns())
def test_f1_and_recall_of_classes_are_those_of_scikit_learn_row_by_row(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

    truth, decided = pairs
    clusters = np.arange(len(truth))
    found = by_class(confusion(truth, decided, 3))
    row_level = {"labels": [0, 1, 2], "average": None, "zero_division": np.nan}
    np.testing.assert_allclose(found.precision, precision_score(truth, decided, **row_level))
    np.testing.assert_allclose(found.recall, recall_score(truth, decided, **row_level))
    there = sorted({*truth.tolist(), *decided.tolist()} - {-1})
    expected = f1_score(truth, decided, labels=there, average="macro", zero_division=0)
    assert macro_f1(truth, decided, clusters, 3).value == pytest.approx(expected, abs=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = balanced_accuracy_score(truth, decided)
    assert balanced_accuracy(truth, decided, clusters, 3).value == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_the_area_under_the_curve_is_that_of_scikit_learn(pairs: list[tuple[bool, int]]) -> None:
    from sklearn.metrics import roc_auc_score

    positive, scores = np.array([p for p, _ in pairs]), np.array([s / 5 for _, s in pairs])
    one = np.zeros(len(positive), dtype=np.int64)
    found = area_of_seeds(positive, scores, one, np.arange(len(positive)))
    if positive.all() or not positive.any():
        assert found is None
    else:
        assert found is not None
        assert found.value == pytest.approx(roc_auc_score(positive, scores), abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=40), st.booleans())
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]], ordered: bool) -> None:
    from sklearn.metrics import cohen_kappa_score

    first, second = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    if len({*first.tolist(), *second.tolist()}) < 2:
        return
    found = kappa(first, second, np.arange(len(first)), 5, ordered=ordered).value
    weights = "linear" if ordered else None
    assert found == pytest.approx(cohen_kappa_score(first, second, labels=range(4), weights=weights), abs=1e-6)


def test_the_interval_of_kappa_is_the_large_sample_one() -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    random = np.random.default_rng(0)
    first = random.integers(0, 3, 2000)
    second = np.where(random.random(2000) < 0.6, first, random.integers(0, 3, 2000))
    known = cohens_kappa(np.bincount(first * 3 + second, minlength=9).reshape(3, 3))
    interval = kappa(first, second, np.arange(2000), 4, ordered=False).interval
    assert interval is not None
    assert interval == pytest.approx((known.kappa_low, known.kappa_upp), abs=5e-4)


def test_the_interval_of_the_macro_f1_is_that_of_resampled_questions() -> None:
    random = np.random.default_rng(1)
    questions = np.repeat(np.arange(400), 5)  # five replicates that answer alike most of the time
    truth = np.repeat(random.integers(0, 3, 400), 5)
    usual = np.repeat(np.where(random.random(400) < 0.7, truth[::5], random.integers(0, 3, 400)), 5)
    decided = np.where(random.random(2000) < 0.9, usual, random.integers(0, 3, 2000))
    found = macro_f1(truth, decided, questions, 3)
    drawn = []
    for _ in range(400):
        chosen = (random.integers(0, 400, 400)[:, None] * 5 + np.arange(5)).ravel()
        drawn.append(macro_f1(truth[chosen], decided[chosen], questions, 3).value)
    low, high = np.quantile(np.array(drawn), [0.025, 0.975])
    assert found.interval == pytest.approx((low, high), abs=0.01)


@given(st.lists(st.booleans(), min_size=8, max_size=30), st.integers(2, 5))
def test_replicates_that_answer_alike_give_the_interval_of_one(hits: list[bool], seeds: int) -> None:
    one = share(np.array(hits), np.arange(len(hits)))
    many = share(np.repeat(hits, seeds), np.repeat(np.arange(len(hits)), seeds))
    assert many.value == one.value
    assert many.interval == pytest.approx(one.interval, abs=0.03)


def test_scores_of_two_models_are_not_ranked_against_each_other() -> None:
    positive = np.array([True, False, True, False])
    scores = np.array([0.2, 0.1, 0.9, 0.8])  # each seed ranks its own perfectly
    found = area_of_seeds(positive, scores, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert found is not None
    assert found.value == 1
    together = area_of_seeds(positive, scores, np.zeros(len(scores), dtype=np.int64), np.arange(len(scores)))
    assert together is not None
    assert together.value is not None
    assert together.value < 1


def test_values_that_do_not_vary_give_no_interval() -> None:
    assert mean(np.ones(9), np.arange(9)).interval is None


@pytest.mark.parametrize(
    ("difference", "interval", "clusters", "verdict"),
    [
        (-0.2, (-0.3, -0.1), 50, "worse"),
        (0.2, (0.1, 0.3), 50, "better"),
        (0.1, (-0.1, 0.3), 50, "undecided"),
        (0.0, (0.0, 0.0), 50, "unchanged"),
        (-1.0, (-1.0, -1.0), 5, "undecided"),
        (-1.0, (-1.0, -1.0), 6, "worse"),
        (-1.0, None, 1, "undecided"),
    ],
)
def test_a_difference_says_something_when_its_interval_does(
    difference: float, interval: tuple[float, float] | None, clusters: int, verdict: str
) -> None:
    assert verdict_of(difference, interval, clusters) == verdict


# ----------------------------------------------------------------------------- OUT201


def test_accuracy_counts_an_answer_out_of_the_set_as_wrong(judge: Judge) -> None:
    result = judge(labelled("aabbaabb", "aab_aabb"), "OUT201")
    assert measure(result, "outputs.accuracy").value == 0.875
    assert table(result, "outputs.accuracy")["out_of_set"] == 1
    assert table(result, "outputs.f1")["confusion"] == {
        "labels": ["a", "b"],
        "columns": ["a", "b", "out of set"],
        "rows": [[4, 0, 0], [0, 3, 1]],
    }


def test_a_model_that_always_gives_the_most_frequent_label_is_no_better_than_that(judge: Judge) -> None:
    (found,) = of(judge(labelled("a" * 30 + "b" * 20, "a" * 50), "OUT201"), "OUT201")
    assert 'no better than always answering "a" (60 %)' in found.message
    assert found.severity is Severity.WARNING


def test_a_model_that_knows_better_is_not_reported(judge: Judge) -> None:
    assert of(judge(labelled("a" * 30 + "b" * 20, "a" * 30 + "b" * 12 + "a" * 8), "OUT201"), "OUT201") == []


def test_the_base_model_is_not_reported_for_knowing_nothing_yet(judge: Judge) -> None:
    rows = labelled("a" * 30 + "b" * 20, "a" * 50, arm="base") + labelled("a" * 30 + "b" * 20, "a" * 30 + "b" * 20)
    result = judge(rows, "OUT201")
    assert of(result, "OUT201") == []
    assert measure(result, "outputs.accuracy", "base").value == 0.6


def test_bounds_that_somebody_set_are_reported_of_the_judged_arm(judge: Judge) -> None:
    rows = labelled("aabb" * 5, "aaba" * 5)
    found = of(judge(rows, "OUT201", min_accuracy=0.9, min_f1=0.9, min_class_f1=0.7), "OUT201")
    assert sorted(one.message.partition(" is ")[0] for one in found) == [
        'tuned: the F1 of "b"',
        "tuned: the accuracy",
        "tuned: the mean F1 of the classes",
    ]


def test_a_class_that_is_never_true_nor_decided_is_not_estimable(judge: Judge) -> None:
    rows = [
        output(f"q{at}", "ab"[at % 2], "ab"[at % 2], label_scores={"a": 0.5, "b": 0.4, "c": 0.1}) for at in range(8)
    ]
    result = judge(rows, "OUT201")
    (unused,) = (one for one in table(result, "outputs.f1")["classes"] if one["label"] == "c")
    assert (unused["precision"], unused["recall"], unused["f1"], unused["recall_interval"]) == (None, None, None, None)
    assert measure(result, "outputs.f1").value == 1


def test_seeds_are_shown_one_by_one_and_count_as_one_question(judge: Judge) -> None:
    rows = [row for seed in range(5) for row in labelled("ab" * 20, "ab" * 15 + "ba" * 5, seed=seed)]
    result = judge(rows, "OUT201")
    found = table(result, "outputs.accuracy")
    assert [one["seed"] for one in found["by_seed"]] == [0, 1, 2, 3, 4]
    assert (found["n"], found["items"], found["effective_n"]) == (200, 40, pytest.approx(40, rel=0.05))
    assert found["sentence"].startswith("tuned is right in 75 % (")


def scored(at: int, truth: str, p: float, **more: Json) -> dict[str, Json]:
    said = "yes" if p > 0.5 else "no"
    return output(f"q{at}", said, truth, label_scores={"no": 1 - p, "yes": p}, finish_reason="label", **more)


def test_the_declared_rule_its_label_mass_and_the_greedy_text_are_told(judge: Judge) -> None:
    sexes = ["f", "m"]
    rows = [
        scored(at, "yes" if at % 2 else "no", 0.9 if at % 2 else 0.2, label_mass=0.5 + at / 40, attributes={"sex": sex})
        for at, sex in enumerate(sexes * 10)
    ]
    greedy = [{**output(f"q{at}", "yes" if at % 2 or at == 0 else "no", None), "sample": -1} for at in range(20)]
    found = table(judge(rows + greedy, "OUT201"), "outputs.decision")
    assert found["rule"] == "label_scores"
    assert found["mass"]["min"] == 0.5
    assert [one["group"] for one in found["mass"]["by_attribute"]["sex"]] == ["f", "m"]
    assert found["agreement"]["value"] == 0.95
    assert measure(judge(rows + greedy, "OUT201"), "outputs.accuracy").n == 20


def test_two_classes_with_probabilities_have_an_area_under_the_curve(judge: Judge) -> None:
    rows = [scored(at, "yes" if at >= 10 else "no", (at + 0.5) / 20) for at in range(20)]
    assert measure(judge(rows, "OUT201"), "outputs.auc").value == 1
    assert table(judge(rows, "OUT201"), "outputs.auc")["positive"] == "yes"


def test_an_arm_without_any_answer_is_not_estimable(judge: Judge) -> None:
    rows = labelled("abab", "abab") + [
        {**output(f"q{at}", None, "a"), "arm": "broken", "error": "timeout: 60 s"} for at in range(4)
    ]
    found = measure(judge(rows, "OUT201"), "outputs.accuracy", "broken")
    assert found.value is None
    assert table(judge(rows, "OUT201"), "outputs.accuracy", "broken")["reason"].startswith(
        "not estimable: none of its 4"
    )


def test_a_tiny_file_is_told_in_these_sentences(judge: Judge) -> None:
    rows = labelled("aabbaabbaa", "aab_aabbab", arm="raw") + labelled("aabbaabbaa", "aabbaabbab", arm="remediated")
    result = judge(rows, "OUT201")
    first, *further = (table(result, one.name, "raw")["sentence"] for one in result.measures if one.arm == "raw")
    assert first == (
        "raw is right in 80 % (49.02 to 94.33) of 10 outputs to 10 questions; "
        'always answering "a" would be right in 60 %.'
    )
    assert further == [
        "raw: the mean recall of the classes is 79.17 % (47.62 to 100).",
        "raw: the text of the output decides; 10 % (1.79 to 40.41) of the answers are out of the set.",
        'raw: the mean F1 of the classes is 82.95 % (55.51 to 100), the lowest 75 % for "b".',
    ]


@pytest.mark.parametrize(
    ("code", "name"),
    [("OUT203", "outputs.malformed"), ("OUT208", "outputs.quality"), ("OUT209", "outputs.set_f1")],
)
def test_a_free_text_arm_without_any_answer_is_not_estimable(judge: Judge, code: str, name: str) -> None:
    rows = [output("q1", "[1]", "[1]"), output("q2", "a word", LONG)]
    rows += [{**output("q1", None, "[1]"), "arm": "broken", "error": "server: 500"}]
    found = table(judge(rows, code), name, "broken")
    assert found["value"] is None
    assert found["reason"] == "not estimable: none of its 1 output holds an answer"


# ----------------------------------------------------------------------------- OUT203


def test_answers_out_of_the_set_are_reported_with_the_labels_and_counted(judge: Judge) -> None:
    result = judge(labelled("aabbaabb", "aab_aab_"), "OUT203", shown=1)
    (found,) = of(result, "OUT203")
    assert found.message == (
        '"perhaps" seems to be a label that no true answer has; it is none of the 2 labels "a", "b"'
    )
    assert found.place.pointer == "/output"
    assert measure(result, "outputs.out_of_set").value == 0.25
    assert table(result, "outputs.out_of_set")["answers"] == [{"text": '"perhaps"', "n": 2, "as_label": True}]


TOOLS: Json = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize(
    ("said", "truth", "kind"),
    [
        ("[1, 2]", "[3]", ""),
        ("[1, 2", "[3]", "invalid JSON"),
        ("```json\n[1]\n```", "[3]", "invalid JSON"),
        ('{"a": 1}', "[3]", "another JSON type"),
        ('<tool_call>{"name": "find", "arguments": {}}</tool_call>', 'find {"q":1}', ""),
        ("I do not know.", 'find {"q":1}', "no tool call"),
        ('<tool_call>{"name": "find", ', 'find {"q":1}', "malformed tool call"),
        ('lookup {"q":1}', 'find {"q":1}', "unknown tool"),
    ],
)
def test_json_and_calls_are_judged_where_they_are_due(judge: Judge, said: str, truth: str, kind: str) -> None:
    rows = [output("q1", said, truth, tools=TOOLS), output("q2", "a word", LONG, tools=TOOLS)]
    result = judge(rows, "OUT203")
    assert [one.evidence["problem"] for one in of(result, "OUT203")] == ([kind] if kind else [])
    assert measure(result, "outputs.malformed").n == 1


def test_prose_is_of_no_form_that_could_be_wrong(judge: Judge) -> None:
    result = judge([output("q1", "a word", LONG)], "OUT203")
    assert [one.name for one in result.measures if one.code == "OUT203"] == []


# ----------------------------------------------------------------------------- OUT208


def two_arms(base: Sequence[str], tuned: Sequence[str], truths: Sequence[str]) -> list[dict[str, Json]]:
    rows = [
        output(f"q{at}", said, truth, arm="base") for at, (said, truth) in enumerate(zip(base, truths, strict=True))
    ]
    return rows + [output(f"q{at}", said, truth) for at, (said, truth) in enumerate(zip(tuned, truths, strict=True))]


def prose(at: int, end: str = "") -> str:
    return f"Case {at} was closed since nothing was owed, and all who had asked for it were told so in writing{end}."


def test_a_judged_arm_that_got_worse_is_reported_with_the_interval(judge: Judge) -> None:
    truths = [prose(at, " at once by the clerk") for at in range(20)]
    tuned = [prose(at) if at % 3 else "Nobody knows." for at in range(20)]
    result = judge(two_arms(truths, tuned, truths), "OUT208")
    (found,) = of(result, "OUT208")
    assert found.message.startswith("tuned: ROUGE-L ")
    assert "points worse (" in found.message
    against = table(result, "outputs.quality")["against"]
    assert {one["verdict"] for one in against if one["metric"] == "rouge_l"} == {"worse"}
    assert table(result, "outputs.quality", "base")["against"] == []


def test_a_judged_arm_that_got_better_is_not_reported(judge: Judge) -> None:
    truths = [prose(at, " at once by the clerk") for at in range(20)]
    base = [prose(at) if at % 3 else "Nobody knows." for at in range(20)]
    result = judge(two_arms(base, truths, truths), "OUT208")
    assert of(result, "OUT208") == []
    (found,) = (one for one in table(result, "outputs.quality")["against"] if one["metric"] == "rouge_l")
    assert found["verdict"] == "better"
    assert "points better (" in found["sentence"]


def test_arms_that_answer_alike_are_unchanged(judge: Judge) -> None:
    truths = [prose(at, " at once") for at in range(9)]
    result = judge(two_arms(truths, truths, truths), "OUT208")
    assert {one["verdict"] for one in table(result, "outputs.quality")["against"]} == {"unchanged", "not estimable"}


def test_the_metric_is_chosen_by_the_kind_of_answer_that_is_due(judge: Judge) -> None:
    steps = "We add all of the apples and take away those that were eaten, which leaves so many in the very end:"
    rows = [output(f"q{at}", f"It is {at}", f"{steps}\n#### {at}") for at in range(9)]
    found = table(judge(rows, "OUT208"), "outputs.quality")
    assert (found["chosen"], found["answer_type"], found["value"]) == ("numeric", "number", 1)


def test_without_sacrebleu_the_table_says_so(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    from audit.quality import machine_translation

    monkeypatch.setattr(machine_translation, "why_not", lambda: machine_translation.MISSING)
    found = table(judge([output("q1", "a word", LONG)], "OUT208"), "outputs.quality")
    reasons = {one["metric"]: one["reason"] for one in found["metrics"]}
    assert reasons["chrf"] == reasons["bleu"] == "not computed: sacrebleu is not installed"


def test_labels_are_no_free_text(judge: Judge) -> None:
    result = judge(labelled("aabb", "abab"), "OUT208")
    assert [one.name for one in result.measures if one.code == "OUT208"] == []


# ----------------------------------------------------------------------------- OUT209


def test_lists_are_compared_as_sets_over_all_entries_and_by_answer(judge: Judge) -> None:
    rows = [
        output("q1", '["Alan", "ada"]', '["Ada", "Alan"]'),
        output("q2", '["Bob", "Eve", "Ada"]', '["Ada"]'),
        output("q3", "none", '["Grace"]'),
    ]
    found = table(judge(rows, "OUT209"), "outputs.set_f1")
    assert found["entries"] == {"hits": 3, "given": 5, "due": 4}
    assert found["value"] == pytest.approx(6 / 9, abs=1e-6)
    assert (found["precision"], found["recall"], found["unreadable"]) == (0.6, 0.75, 1)
    assert found["item_mean"]["f1"] == pytest.approx((1 + 0.5 + 0) / 3, abs=1e-6)


def test_lists_of_which_none_has_an_entry_are_not_estimable(judge: Judge) -> None:
    rows = [output("q1", "[]", "[]"), output("q2", "[]", LONG)]
    assert measure(judge(rows, "OUT209", min_f1=0.5), "outputs.set_f1").value is None


# ----------------------------------------------------------------------------- OUT211


def test_agreement_needs_to_know_where_the_ratings_are(judge: Judge) -> None:
    result = judge(labelled("aabb", "abab"), "OUT211")
    (skipped,) = (one for one in result.rules_skipped if one.code == "OUT211")
    assert "ratings" in skipped.reason


def test_a_near_miss_counts_for_more_where_levels_have_an_order(judge: Judge) -> None:
    experts, near, far = "12345" * 4, "23455" * 4, "51234" * 4
    options: dict[str, Json] = {"ratings": "metadata.rating", "levels": list("12345")}

    def kappa_of(said: str) -> float:
        rows = [
            output(f"q{at}", f"I give {one}", LONG, metadata={"rating": int(expert)})
            for at, (one, expert) in enumerate(zip(said, experts, strict=True))
        ]
        value = measure(judge(rows, "OUT211", **options), "outputs.agreement").value
        assert isinstance(value, float)
        return value

    assert kappa_of(experts) == 1
    assert kappa_of(near) > kappa_of(far)


def test_too_few_ratings_are_not_estimable(judge: Judge) -> None:
    rows = [output(f"q{at}", "good", LONG, rating="good") for at in range(5)]
    assert measure(judge(rows, "OUT211", ratings="rating"), "outputs.agreement").value is None


# ----------------------------------------------------------------------------- OUT212


def failing(n: int, failed: int) -> list[dict[str, Json]]:
    return [
        output(f"q{at}", None, "a", error="timeout: 60 s", attributes={"sex": "f"})
        if at < failed
        else output(f"q{at}", "ab"[at % 2], "ab"[at % 2], attributes={"sex": "m"})
        for at in range(n)
    ]


def test_an_endpoint_that_fails_half_its_calls_is_an_error(judge: Judge) -> None:
    result = judge(failing(20, 10), "OUT212")
    (found,) = of(result, "OUT212")
    assert found.severity is Severity.ERROR
    assert found.message == "tuned: 10 of 20 outputs are missing (50 %): timeout (10)"
    assert [(one["group"], one["hits"]) for one in table(result, "outputs.missing")["by_attribute"]["sex"]] == [
        ("f", 10),
        ("m", 0),
    ]


def test_blank_answers_are_missing_too(judge: Judge) -> None:
    rows = [*labelled("abab", "abab"), output("q9", " \n", "a")]
    assert table(judge(rows, "OUT212"), "outputs.missing")["errors"] == [{"error": "blank", "n": 1}]


def test_an_arm_with_no_answer_at_all_says_so(judge: Judge) -> None:
    (found,) = of(judge(failing(4, 4), "OUT212"), "OUT212")
    assert "all of its 4 outputs are missing" in found.message


def test_as_many_as_are_allowed_may_be_missing(judge: Judge) -> None:
    assert of(judge(failing(20, 1), "OUT212", most=0.05), "OUT212") == []


# ----------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("code", CODES)
def test_hostile_outputs_are_judged_without_a_crash(tmp_path: Path, code: str) -> None:
    odd: list[Json] = [None, "", "\u202e", "[" * 3000, 7, ["x"], {"a": {}}, "1" * 5000, "\x00", "<tool_call>", "\ud800"]
    rows = [
        {**output(f"q{a}-{b}", None, None), "output": said, "truth": truth, "tools": said, "seed": truth, "error": said}
        for a, said in enumerate(odd)
        for b, truth in enumerate(odd)
    ]
    path = tmp_path / "odd.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    options: dict[str, Json] = {"ratings": "truth"} if code == "OUT211" else {}
    result = audit.check(path, select=[code], rules={code: options}, as_of="2026-11-21")
    assert result.rows == len(rows)


@pytest.mark.parametrize("code", ["OUT201", "OUT203", "OUT212"])
def test_the_order_of_the_rows_changes_no_figure(judge: Judge, code: str) -> None:
    rows = [row for seed in range(2) for row in labelled("aabbabab" * 3, "aab_abba" * 3, seed=seed)]
    figures = [
        [(one.name, one.value, one.interval) for one in judge(order, code).measures] for order in (rows, rows[::-1])
    ]
    assert figures[0] == figures[1]


# ----------------------------------------------------------------------------- what outputs may and may not show


CONTACT = "Call Maria Huber, IBAN AT61 1904 3002 3457 3201, or write to maria.huber@gmx.at today, please."


def test_private_data_is_masked_before_an_answer_is_cut(judge: Judge) -> None:
    for said in (CONTACT, "x" * 30 + " maria.huber@gmx.at " + "y" * 30):
        rows = [*labelled("aabb", "aabb"), output("q9", said, "a")]
        shown = str(judge(rows, "OUT203"))
        assert "maria.huber" not in shown
        assert "3002" not in shown
        assert "[EMAIL" in shown or "[IBAN" in shown


def test_with_one_known_label_no_answer_is_out_of_the_set(judge: Judge) -> None:
    result = judge(labelled("aaaaaa", "aabbba"), "OUT203")
    assert of(result, "OUT203") == []
    assert table(result, "outputs.out_of_set")["value"] is None


def test_the_text_decides_and_a_likelier_label_is_reported(judge: Judge) -> None:
    rows = [{**scored(at, ("yes", "no")[at % 2], 0.1), "output": "yes" if at < 4 else "no"} for at in range(10)]
    result = judge([{**row, "finish_reason": "label"} for row in rows], "OUT201")
    (found,) = (one for one in of(result, "OUT201") if "likeliest" in one.message)
    assert found.evidence["disagreeing"] == 4
    assert table(result, "outputs.decision")["likeliest"]["value"] == 0.6
    written = judge([{**row, "finish_reason": "stop"} for row in rows], "OUT201")
    assert not [one for one in of(written, "OUT201") if "likeliest" in one.message]


def test_a_model_with_reversed_labels_is_worse_than_chance(judge: Judge) -> None:
    (found,) = of(judge(labelled("aab" * 20, "bba" * 18 + "aab" * 2), "OUT201"), "OUT201")
    assert "are the labels reversed?" in found.message
    (found,) = of(judge(labelled("ab" * 20, "ba" * 20), "OUT201"), "OUT201")
    assert "are the labels reversed?" in found.message
    (found,) = of(judge(labelled("ab" * 20, "a_" * 20), "OUT201"), "OUT201")
    assert "reversed" not in found.message


def test_true_answers_that_are_no_label_are_reported(judge: Judge) -> None:
    rows = [scored(at, ("yes", "no", LONG)[at % 3], 0.9) for at in range(30)]
    (found,) = (one for one in of(judge(rows, "OUT201"), "OUT201") if "true answer" in one.message)
    assert (found.evidence["outside"], found.evidence["n"]) == (10, 30)


def test_an_empty_output_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    rows = [*labelled("aabb", "aabb"), output("q8", " ", "a"), output("q9", None, "b", error="timeout: none")]
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    result = audit.check(path, select=["FMT108", "FMT109", "OUT212"], as_of="2026-11-21")
    assert [one.code for one in result.findings] == ["OUT212"]


def test_what_asking_took_is_measured(judge: Judge) -> None:
    rows = [output(f"q{at}", "a", "a", prompt_tokens=100 + at, output_tokens=2) for at in range(3)]
    told = table(judge([*rows, output("q9", "a", "a")], "OUT212"), "outputs.spent")
    assert (told["n"], told["prompt_tokens"], told["prompt_total"], told["output_tokens"]) == (4, 101.0, 303, 2.0)
    assert told["prompt_known"] == 3

"""OUT204 and OUT205: text and secrets learnt by heart, and the same answer to everything."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.api import judge_outputs
from audit.clusters.long_runs import SEED, longest_runs
from audit.clusters.units import units
from audit.config.settings import Settings
from audit.model import Finding, Measure, Result
from audit.rule import ArmFacts, Canary, Comparison, ReferenceRow
from audit.rules.outputs.nearest_rows import NearestRows
from audit.train.data.canaries import draw_canaries
from audit.train.options import TrainOptions

WORDS = [f"w{number}" for number in range(2_000)]
FACTS = "Its walls are of grey stone, its roof of slate; the bell was cast in Basel and rings at noon."


def text(seed: int, words: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def output(item: int, said: str | None, *, arm: str = "tuned", seed: int = 0, **more: Any) -> dict[str, Any]:
    asked = {"messages": [{"role": "user", "content": f"Tell me about number {item}."}], "truth": text(item, 60)}
    return {"row_id": f"q{item}", "arm": arm, "seed": seed, "output": said, **asked, **more}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def trained(path: Path, answers: list[str]) -> Path:
    rows = [
        {"messages": [{"role": "user", "content": f"Row {n}?"}, {"role": "assistant", "content": answer}]}
        for n, answer in enumerate(answers)
    ]
    return write(path, rows)


def check(folder: Path, rows: list[dict[str, Any]], answers: list[str], code: str = "OUT204") -> Result:
    outputs = write(folder / "outputs.jsonl", rows)
    against = trained(folder / "train.jsonl", answers)
    return audit.check(str(outputs), against=[str(against)], select=[code])


def of(result: Result, name: str, arm: str = "tuned") -> Measure:
    (found,) = [one for one in result.measures if one.name == name and one.arm == arm]
    return found


def table(result: Result, name: str, arm: str = "tuned") -> dict[str, Any]:
    told = of(result, name, arm).table
    assert isinstance(told, dict)
    return told


# ----------------------------------------------------------------------------- the longest run


def slow_longest(one: str, others: list[str]) -> int:
    mine = units(one)
    best = 0
    for other in others:
        theirs = b" " + b" ".join(units(other)) + b" "
        for start in range(len(mine)):
            while start + best < len(mine) and b" %b " % b" ".join(mine[start : start + best + 1]) in theirs:
                best += 1
    return best if best >= SEED else 0


STRINGS = st.lists(st.sampled_from(["ab", "c", "d"]), max_size=30).map(" ".join)


@given(st.lists(STRINGS, max_size=4), st.lists(STRINGS, max_size=4))
def test_the_longest_run_is_that_of_comparing_every_place_with_every_other(texts: list[str], others: list[str]) -> None:
    found = longest_runs(texts, others)
    assert [one.length for one in found] == [slow_longest(one, others) for one in texts]
    for one, run in zip(texts, found, strict=True):
        if run.length:
            shared = b" ".join(units(one)[run.start : run.start + run.length])
            assert b" %b " % shared in b" %b " % b" ".join(units(others[run.other]))


def test_portions_change_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [text(n, 40) for n in range(60)]
    texts = [f"{text(100 + n, 10)} {' '.join(others[n].split()[5:25])}" for n in range(20)]
    whole = longest_runs(texts, others)
    monkeypatch.setattr("audit.clusters.long_runs.PORTION", 100)
    monkeypatch.setattr("audit.clusters.texts.BLOCK", 500)
    assert longest_runs(texts, others) == whole
    assert {run.length for run in whole} == {20}


def test_what_stands_in_the_prompt_or_in_many_answers_is_in_no_run() -> None:
    one, many = text(1, 30), [f"{text(2, 20)} {text(10 + n, 20)}" for n in range(5)]
    assert longest_runs([one], [one])[0].length == 30
    assert longest_runs([one], [one], [[f"{one} and more"]])[0].length == 0
    assert longest_runs([text(2, 20)], many)[0].length == 20
    assert longest_runs([text(2, 20)], many, common=5)[0].length == 0


# ----------------------------------------------------------------------------- repeated text


def test_fifty_words_of_a_training_answer_in_an_output_are_found_with_file_and_line(tmp_path: Path) -> None:
    answers = [text(n, 90) for n in range(30)]
    rows = [output(n, text(500 + n, 60)) for n in range(9)]
    rows.append(output(9, f"{text(600, 30)} {' '.join(answers[17].split()[10:65])} {text(601, 30)}"))
    result = check(tmp_path, rows, answers)
    (finding,) = result.findings
    assert finding.place.line == 10
    assert finding.place.pointer == "/output"
    assert finding.related[0].line == 18
    assert (finding.evidence["words"], finding.evidence["of"]) == (55, 115)
    assert of(result, "outputs.memorised").value == 0.1


def test_a_shorter_output_counts_where_nearly_all_of_it_is_training_text(tmp_path: Path) -> None:
    answers = [text(n, 90) for n in range(5)]
    part = " ".join(answers[3].split()[20:50])
    result = check(tmp_path, [output(0, part), output(1, f"{part} {text(7, 30)}")], answers)
    assert [finding.place.line for finding in result.findings] == [1]


def test_short_answers_are_not_judged(tmp_path: Path) -> None:
    result = check(tmp_path, [output(0, text(1, 20)), output(1, "Yes.")], [text(1, 20), "Yes."])
    assert result.findings == ()
    assert of(result, "outputs.memorised").value is None
    assert "not estimable" in table(result, "outputs.memorised")["reason"]


def test_what_the_prompt_or_the_truth_says_may_be_repeated(tmp_path: Path) -> None:
    answer = text(1, 70)
    asked = output(0, answer, messages=[{"role": "user", "content": f"Repeat this: {answer}"}])
    result = check(tmp_path, [asked, output(1, answer, truth=answer)], [answer])
    assert result.findings == ()


def test_what_the_base_model_says_too_was_not_learnt_here(tmp_path: Path) -> None:
    answers = [text(50 + n, 80) for n in range(4)]
    rows = [output(n, answers[n]) for n in range(4)]
    rows += [output(n, answers[n] if n < 2 else text(90 + n, 80), arm="base") for n in range(4)]
    result = check(tmp_path, rows, answers)
    assert [finding.place.line for finding in result.findings] == [3, 4]
    (change,) = table(result, "outputs.memorised")["changes"]
    assert (change["against"], change["difference"], change["more"], change["fewer"]) == ("base", 0.5, 2, 0)
    assert "2 of 4 of base" in table(result, "outputs.memorised")["sentence"]


def test_a_near_duplicate_of_a_training_answer_is_counted(tmp_path: Path) -> None:
    answer = text(1, 100)
    changed = answer.split()
    changed[50] = "other"
    result = check(tmp_path, [output(0, " ".join(changed)), output(1, text(5, 100))], [answer])
    assert table(result, "outputs.memorised")["near_duplicates"] == 1


def test_without_training_rows_the_rule_says_what_it_needs(tmp_path: Path) -> None:
    result = audit.check(str(write(tmp_path / "outputs.jsonl", [output(0, text(1, 60))])), select=["OUT204"])
    (skipped,) = [one for one in result.rules_skipped if one.code == "OUT204"]
    assert "--against train.jsonl" in skipped.reason


def test_hostile_outputs_crash_nothing(tmp_path: Path) -> None:
    said = [None, "", "\x00", "\ud800 " * 40, "ａ" * 2000, "x " * 5000, "{" * 500]
    rows = [output(n, one) for n, one in enumerate(said)]
    rows.append({**output(90, "x"), "messages": [3, {"content": [1, {"text": "a"}]}, {"role": None}]})
    outputs = write(tmp_path / "outputs.jsonl", rows)
    against = trained(tmp_path / "train.jsonl", ["x " * 300, "\ud800", ""])
    result = audit.check(str(outputs), against=[str(against)], select=["OUT204", "OUT205", "OUT207", "OUT210"])
    msgspec.json.encode(result)
    assert of(result, "outputs.memorised").value is not None


# ----------------------------------------------------------------------------- canaries


def judged(folder: Path, *arms: ArmFacts) -> Result:
    outputs = write(folder / "outputs.jsonl", [output(0, FACTS)])
    return judge_outputs(
        [str(outputs)], settings=Settings(select=("OUT204",)), comparison=Comparison(judged="tuned", arms=arms)
    )


def exposed(result: Result) -> tuple[list[Finding], list[Measure]]:
    measures = [one for one in result.measures if one.name == "outputs.canary_exposure"]
    return [one for one in result.findings if one.code == "OUT204"], measures


def ranked(*ranks: int, alternatives: int = 999) -> tuple[Canary, ...]:
    planted = draw_canaries(TrainOptions(canaries=len(ranks)))
    return tuple(
        Canary(text=one.text, repeats=one.repeats, nll=1.0, rank=rank, alternatives=alternatives)
        for one, rank in zip(planted, ranks, strict=True)
    )


def test_a_secret_that_is_the_likeliest_of_a_thousand_is_exposed(tmp_path: Path) -> None:
    findings, (measure,) = exposed(judged(tmp_path, ArmFacts(arm="tuned", seed=3, canaries=ranked(1, 412, 900))))
    assert measure.value == pytest.approx(9.9658, abs=1e-3)
    (finding,) = findings
    assert "ranks 1 of 3 planted secrets before others more often than chance" in finding.message
    assert finding.evidence["seed"] == 3


def test_ranks_by_chance_expose_nothing(tmp_path: Path) -> None:
    draws = np.random.default_rng(0).integers(1, 1001, size=20).tolist()
    findings, (measure,) = exposed(judged(tmp_path, ArmFacts(arm="tuned", canaries=ranked(*draws))))
    assert findings == []
    assert measure.n == 20


def test_one_low_rank_among_many_canaries_is_chance() -> None:
    from audit.rules.outputs.canary_exposure import _exposed

    found = _exposed(ranked(20, *[500] * 19))
    assert min(one.corrected for one in found) > 0.05


def test_canaries_that_were_not_scored_say_nothing(tmp_path: Path) -> None:
    unscored = Canary(text="x", repeats=3)
    findings, measures = exposed(judged(tmp_path, ArmFacts(arm="tuned", canaries=(unscored,))))
    assert (findings, measures) == ([], [])


# ----------------------------------------------------------------------------- nearest rows and wrong answers


def test_the_three_nearest_training_rows_are_those_with_the_same_words() -> None:
    rows = tuple(ReferenceRow("train.jsonl", n + 1, f"Row {n}", text(n, 30)) for n in range(200))
    index = NearestRows(rows)
    (near,) = index.of([f"{text(40, 30)} {text(41, 10)}"])
    assert [one.line for one in near][:2] == [41, 42]
    assert len(near) == 3
    assert near[0].similarity > near[1].similarity >= near[2].similarity
    assert index.of(["zzz"]) == [()]
    assert index.of([]) == []
    assert NearestRows(()).of(["a"]) == [()]


def test_wrong_labels_are_shown_with_the_training_rows_that_lie_nearest(tmp_path: Path) -> None:
    rows = [{**output(n, "no" if n in (3, 5) else "yes"), "truth": "yes" if n < 20 else "no"} for n in range(40)]
    for row in rows[20:]:
        row["output"] = "no"
    rows[3]["messages"][0]["content"] = text(8, 20)
    answers = [text(n, 20) for n in range(30)]
    told = table(check(tmp_path, rows, answers), "outputs.failing")
    assert (told["kind"], told["shown"]) == ("wrong label", 2)
    first = told["examples"][0]
    assert (first["row_id"], first["output"], first["truth"], first["place"]["line"]) == ("q3", "no", "yes", 4)
    assert first["nearest"][0]["line"] == 9
    assert len(first["nearest"]) <= 3


def test_answers_far_from_the_truth_are_shown_and_missing_ones_too(tmp_path: Path) -> None:
    rows = [output(0, text(0, 60)), output(1, text(77, 60)), output(2, None)]
    told = table(check(tmp_path, rows, [text(77, 60)]), "outputs.failing")
    assert [one["row_id"] for one in told["examples"]] == ["q1", "q2"]
    assert told["examples"][1]["why"] == "no answer"


# ----------------------------------------------------------------------------- the same answer to everything


def alike(folder: Path, rows: list[dict[str, Any]]) -> Result:
    return audit.check(str(write(folder / "outputs.jsonl", rows)), select=["OUT205"])


def test_one_sentence_for_every_question_is_caught(tmp_path: Path) -> None:
    result = alike(tmp_path, [output(n, "I would have to think about that.") for n in range(30)])
    (finding,) = result.findings
    assert finding.evidence["share"] == 1.0
    assert table(result, "outputs.distinct")["distinct_2"] < 0.05


def test_one_answer_in_slightly_different_words_is_caught(tmp_path: Path) -> None:
    rows = [output(n, f"{FACTS} That is all there is to say about it, {WORDS[n]}.") for n in range(30)]
    (finding,) = alike(tmp_path, rows).findings
    assert finding.evidence["wordings"] == 30


def test_different_answers_are_not(tmp_path: Path) -> None:
    result = alike(tmp_path, [output(n, text(n, 40)) for n in range(30)])
    assert result.findings == ()
    assert of(result, "outputs.collapse").value == pytest.approx(1 / 30, abs=1e-6)


def test_many_right_answers_may_be_the_same(tmp_path: Path) -> None:
    same = "We are closed on public holidays, and on all other days open from nine to five." * 2
    rows = [output(n, same if n < 24 else text(n, 30), truth=same if n < 24 else text(n, 30)) for n in range(30)]
    assert alike(tmp_path, rows).findings == ()


@pytest.mark.parametrize(("wrong", "caught"), [(40, True), (12, False)])
def test_one_label_for_everything_is_caught_where_the_truth_differs(tmp_path: Path, wrong: int, caught: bool) -> None:
    rows = []
    for n in range(100):
        truth = "deny" if n < 40 else "grant"
        said = "grant" if n < wrong or n >= 40 else "deny"
        rows.append({**output(n, said), "truth": truth})
    result = alike(tmp_path, rows)
    assert bool(result.findings) == caught
    assert table(result, "outputs.collapse")["kind"] == "closed set"
    assert table(result, "outputs.collapse")["truth_share"] == 0.6


def test_the_collapse_of_one_seed_is_not_hidden_by_the_others(tmp_path: Path) -> None:
    rows = [
        output(n, "Yes." if seed == 1 else text(100 * seed + n, 40), seed=seed) for seed in range(3) for n in range(30)
    ]
    (finding,) = alike(tmp_path, rows).findings
    assert finding.evidence["share"] == 1.0


def test_a_base_model_that_says_always_the_same_is_measured_and_not_reported(tmp_path: Path) -> None:
    rows = [output(n, "Yes.", arm="base") for n in range(30)] + [output(n, text(n, 40)) for n in range(30)]
    result = alike(tmp_path, rows)
    assert result.findings == ()
    assert table(result, "outputs.collapse")["base_share"] == 1.0


def test_different_answers_out_of_the_set_are_not_one(tmp_path: Path) -> None:
    truths = [{**output(n, "yes"), "truth": "yes" if n % 2 else "no"} for n in range(20)]
    others = [{**output(n + 20, f"it depends on {WORDS[n]}"), "truth": "yes"} for n in range(75)]
    told = table(alike(tmp_path, truths + others), "outputs.collapse")
    assert (told["answer"], told["prompts"]) == ("yes", 20)


def test_the_seed_that_collapsed_is_named(tmp_path: Path) -> None:
    rows = [
        output(n, "Yes." if seed == 1 else text(100 * seed + n, 40), seed=seed) for seed in range(3) for n in range(30)
    ]
    (finding,) = alike(tmp_path, rows).findings
    assert finding.message.startswith('tuned (seed 1, the worst of 3) gives the same answer, "Yes.", to 30 of 30')


def test_characters_are_not_called_words(tmp_path: Path) -> None:
    random_ = random.Random(5)
    chinese = ["".join(chr(random_.randrange(0x4E00, 0x9000)) for _ in range(120)) for _ in range(6)]
    (finding,) = check(tmp_path, [output(0, chinese[0])], chinese).findings
    assert finding.message.startswith("120 characters in a row")


def test_a_low_rank_is_not_called_by_heart(tmp_path: Path) -> None:
    canaries = tuple(msgspec.structs.replace(one, nll=24.0) for one in ranked(1, 1))
    (finding,), _ = exposed(judged(tmp_path, ArmFacts(arm="tuned", canaries=canaries)))
    assert "ranks 2 of 2 planted secrets" in finding.message
    assert "3 nats for each digit, where a guess takes 2.3" in finding.message


def test_a_wrong_form_names_the_three_nearest_training_rows(tmp_path: Path) -> None:
    rows = [{**output(n, "yes" if n % 2 else "no"), "truth": "yes" if n % 2 else "no"} for n in range(8)]
    rows.append({**output(8, text(3, 20)), "truth": "no"})
    (finding,) = check(tmp_path, rows, [text(n, 20) for n in range(9)], code="OUT203").findings
    assert finding.related[0].line == 4
    assert len(finding.related) <= 3


def test_examples_of_wrong_answers_show_no_private_data(tmp_path: Path) -> None:
    rows = [{**output(0, f"{'x ' * 145}maria.huber@gmx.at"), "truth": text(1, 60)}]
    (example,) = table(check(tmp_path, rows, [text(1, 60)]), "outputs.failing")["examples"]
    assert "maria" not in example["output"]

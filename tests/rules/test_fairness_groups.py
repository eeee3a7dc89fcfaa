"""Rates of model outputs by group: what a rate is about, what is not estimable, and what may not matter to a figure."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.model import Measure, Result

SETTINGS: dict[str, Any] = {
    "data": {"favourable": "grant"},
    "attributes": {"sex": {"field": "metadata.sex"}},
}
TO_MEN: dict[str, Any] = {**SETTINGS, "attributes": {"sex": {"field": "metadata.sex", "reference_group": "m"}}}
TWO: dict[str, Any] = {**SETTINGS, "attributes": {"sex": {"field": "metadata.sex"}, "age": {"field": "metadata.age"}}}


def outputs(
    n: int, output: str | None, truth: str | None = None, *, arm: str = "tuned", seed: int = 0, **attributes: str
) -> list[dict[str, Any]]:
    """So many outputs alike, each to a question of its own (the same in every arm and seed)."""
    question = f"{truth}{sorted(attributes.items())}{attributes.pop('part', '')}"
    return [
        {
            "row_id": f"{question}#{number}",
            "arm": arm,
            "seed": seed,
            "messages": [{"role": "user", "content": f"Case {question} {number}"}],
            "output": output,
            "truth": truth,
            "attributes": attributes,
        }
        for number in range(n)
    ]


@pytest.fixture
def judge(tmp_path: Path) -> Any:
    """Judges outputs by some rules."""

    def judged(rows: Iterable[dict[str, Any]], *codes: str, **settings: Any) -> Result:
        path = tmp_path / "predictions.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return audit.check(path, select=list(codes), jobs=1, **{"sections": SETTINGS, **settings})

    return judged


def measure(result: Result, name: str, **where: Any) -> Measure:
    found = [
        one
        for one in result.measures
        if one.name == name and all(getattr(one, key) == value for key, value in where.items())
    ]
    assert len(found) == 1, [(one.name, one.arm, one.attribute, one.group) for one in result.measures]
    return found[0]


def groups(one: Measure) -> dict[str, dict[str, Any]]:
    return {entry["group"]: entry for entry in one.table["groups"]}


def unequal(arm: str = "tuned", seed: int = 0, granted: int = 20) -> list[dict[str, Any]]:
    """Women have the favourable answer less often: ``granted`` of 100, men 60 of 100; half of each have earned it."""
    rows = []
    for sex, share in (("f", granted), ("m", 60)):
        right = min(share, 50)
        rows += outputs(right, "grant", "grant", arm=arm, seed=seed, sex=sex, part="a")
        rows += outputs(50 - right, "deny", "grant", arm=arm, seed=seed, sex=sex, part="b")
        rows += outputs(share - right, "grant", "deny", arm=arm, seed=seed, sex=sex, part="c")
        rows += outputs(50 - (share - right), "deny", "deny", arm=arm, seed=seed, sex=sex, part="d")
    return rows


# --------------------------------------------------------------------------- not estimable


def test_a_perfect_classifier_with_a_group_without_positives_is_not_estimable(judge: Any) -> None:
    rows = outputs(60, "grant", "grant", sex="m") + outputs(60, "deny", "deny", sex="m")
    result = judge(rows + outputs(60, "deny", "deny", sex="f"), "FAI202", "FAI203")
    odds, opportunity = (
        measure(result, "equalised_odds_difference"),
        measure(result, "equal_opportunity_difference"),
    )
    assert odds.value is None
    assert opportunity.value is None
    assert odds.table["not_estimable"] == ["f"]
    assert "not estimable" in odds.table["sentence"]
    rates = measure(result, "true_positive_rate")
    assert (groups(rates)["f"]["n"], groups(rates)["f"]["rate"]) == (0, None)
    assert rates.table["verdict"] == "NOT_ASSESSED"
    assert not result.findings


def test_a_group_that_is_not_estimable_leaves_the_others_undecided_at_best(judge: Any) -> None:
    rows = [
        row for sex in "mx" for row in outputs(800, "grant", "grant", sex=sex) + outputs(60, "deny", "deny", sex=sex)
    ]
    result = judge(rows + outputs(60, "deny", "deny", sex="f"), "FAI202", "FAI203")
    rates = measure(result, "true_positive_rate")
    assert [entry["verdict"] for entry in groups(rates).values()] == ["NOT_ASSESSED", "PASS", "PASS"]
    assert rates.table["verdict"] == "INCONCLUSIVE"
    assert rates.table["open"]
    odds = measure(result, "equalised_odds_difference")
    assert (odds.value, odds.table["not_estimable"]) == (0.0, ["f"])


def test_too_few_questions_are_inconclusive_however_often_they_are_asked(judge: Any) -> None:
    rows = []
    for seed in range(10):
        rows += outputs(10, "deny", "grant", seed=seed, sex="f") + outputs(200, "grant", "grant", seed=seed, sex="m")
    result = judge(rows, "FAI202")
    entry = groups(measure(result, "true_positive_rate"))["f"]
    assert (entry["n"], entry["questions"], entry["too_few"], entry["verdict"]) == (100, 10, True, "INCONCLUSIVE")
    assert not result.findings


# --------------------------------------------------------------------------- figures


def test_rates_gaps_and_base_rates_stand_side_by_side(judge: Any) -> None:
    table = measure(judge(unequal(), "FAI201", sections=TO_MEN), "selection_rate")
    entry = groups(table)["f"]
    assert (entry["rate"], entry["base_rate"], entry["base_n"]) == (0.2, 0.5, 100)
    assert table.value == 0.4
    assert entry["gap"] == -0.4
    assert entry["gap_interval"][0] < -0.4 < entry["gap_interval"][1] < 0
    assert groups(table)["m"]["gap"] is None


def test_what_lies_beyond_the_tolerance_is_found_in_the_judged_arm_only(judge: Any) -> None:
    rows = unequal("raw", granted=10) + unequal("remediated", granted=55)
    assert not judge(rows, "FAI201").findings
    rows = unequal("raw", granted=55) + unequal("remediated", granted=10)
    (finding,) = judge(rows, "FAI201").findings
    assert finding.message.startswith("remediated: sex: f gets grant in 10.0 %")
    assert finding.evidence["arm"] == "remediated"


def test_a_gap_that_turns_round_changes_its_sign(judge: Any) -> None:
    rows = unequal("raw", granted=40) + unequal("remediated", granted=80)
    result = judge(rows, "FAI201", sections=TO_MEN)
    values = {arm: groups(measure(result, "selection_rate", arm=arm))["f"]["gap"] for arm in ("raw", "remediated")}
    assert values == {"raw": -0.2, "remediated": 0.2}
    unsigned = [measure(result, "demographic_parity_difference", arm=arm).value for arm in values]
    assert unsigned == [0.2, 0.2]


def test_every_seed_stands_beside_the_whole(judge: Any) -> None:
    result = judge(unequal(seed=1, granted=20) + unequal(seed=2, granted=30), "FAI201", sections=TO_MEN)
    table = measure(result, "selection_rate").table
    assert [(one["seed"], one["n"], one["difference"]) for one in table["by_seed"]] == [(1, 200, 0.4), (2, 200, 0.3)]
    assert [one["groups"][0]["gap"] for one in table["by_seed"]] == [-0.4, -0.3]
    assert measure(result, "demographic_parity_difference").value == 0.35


def test_several_favourable_classes_are_one_against_the_rest(judge: Any) -> None:
    rows = unequal() + outputs(40, "partly", "partly", sex="f")
    sections = {**SETTINGS, "data": {"favourable": ["grant", "partly"]}}
    entry = groups(measure(judge(rows, "FAI201", sections=sections), "selection_rate"))["f"]
    assert (entry["hits"], entry["n"]) == (60, 140)


def test_an_answer_out_of_the_set_is_not_favourable_and_wrong(judge: Any) -> None:
    rows = unequal() + outputs(100, "perhaps", "grant", sex="f", part="odd")
    result = judge(rows, "FAI201", "FAI204")
    selected, right = groups(measure(result, "selection_rate"))["f"], groups(measure(result, "accuracy"))["f"]
    assert (selected["hits"], selected["n"], selected["out_of_set"]) == (20, 200, 100)
    assert right["n"] == 200
    assert right["hits"] == 70
    confusion = measure(result, "confusion").table
    assert confusion["columns"][-1] == "(out of set)"
    assert sum(row[-1] for entry in confusion["groups"] for row in entry["counts"]) == 100


def test_without_a_favourable_label_rates_are_not_run_and_the_line_to_paste_is_named(judge: Any) -> None:
    result = judge(unequal(), "FAI201", "FAI204", sections={"attributes": SETTINGS["attributes"]})
    reasons = {one.code: one.reason for one in result.rules_skipped}
    assert "favourable = ... under [data]" in reasons["FAI201"]
    assert measure(result, "accuracy").value == 0.8


def test_a_favourable_label_that_is_no_class_is_said(judge: Any) -> None:
    result = judge(unequal(), "FAI201", sections={**SETTINGS, "data": {"favourable": "approve"}})
    (finding,) = result.findings
    assert '"approve"' in finding.message


def test_the_worst_group_and_macro_f1_are_those_of_the_counts(judge: Any) -> None:
    from sklearn.metrics import f1_score

    rows = unequal(granted=10)
    result = judge(rows, "FAI204")
    worst = measure(result, "worst_group")
    assert (worst.group, worst.value, worst.n) == ("f", 0.6, 100)
    for sex, entry in groups(measure(result, "f1")).items():
        own = [row for row in rows if row["attributes"]["sex"] == sex]
        truth, said = [row["truth"] for row in own], [row["output"] for row in own]
        assert entry["f1"] == pytest.approx(f1_score(truth, said, average="macro"), abs=1e-6)


# --------------------------------------------------------------------------- missing answers


def test_missing_answers_are_counted_and_leave_the_verdict_open(judge: Any) -> None:
    rows = unequal(granted=0) + outputs(30, None, "grant", sex="f", part="lost")
    result = judge(rows, "FAI201")
    table = measure(result, "selection_rate").table
    assert groups(measure(result, "selection_rate"))["f"]["missing"] == 30
    assert table["verdict"] == "INCONCLUSIVE"
    assert "30 of 230" in table["withheld"][0]
    assert not result.findings


def test_a_small_share_of_missing_answers_withholds_nothing(judge: Any) -> None:
    result = judge(unequal(granted=0) + outputs(3, "", "grant", sex="f", part="lost"), "FAI201")
    assert measure(result, "selection_rate").table["missing"] == 3
    assert measure(result, "selection_rate").table["verdict"] == "FAIL"


def test_an_arm_that_answered_nothing_is_not_assessed(judge: Any) -> None:
    rows = [{**row, "output": None, "error": "timeout"} for row in unequal()]
    result = judge(rows, "FAI201", "FAI202", "FAI203", "FAI204")
    for name in ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy"):
        found = measure(result, name)
        assert (found.value, found.n, found.table["verdict"]) == (None, 0, "NOT_ASSESSED")
    assert not result.findings


# --------------------------------------------------------------------------- intersections and strata


def test_empty_intersections_are_shown(judge: Any) -> None:
    rows = outputs(40, "grant", "grant", sex="f", age="old") + outputs(40, "deny", "deny", sex="m", age="young")
    rows += outputs(40, "grant", "deny", sex="m", age="old")
    entries = groups(measure(judge(rows, "FAI201", sections=TWO), "selection_rate", attribute="sex x age"))
    assert {name: entry["n"] for name, entry in entries.items()} == {
        "f x old": 40, "f x young": 0, "m x old": 40, "m x young": 40,
    }  # fmt: skip
    assert entries["f x young"]["rate"] is None


def test_attributes_with_too_many_intersections_are_not_crossed(judge: Any) -> None:
    rows = [row for at in range(8) for row in outputs(5, "grant", "grant", sex=f"s{at}", age=f"a{at}")]
    assert {one.attribute for one in judge(rows, "FAI201", sections=TWO).measures} == {"sex", "age"}
    result = judge(rows, "FAI201", sections=TWO, rules={"FAI201": {"cells": 64}})
    assert "sex x age" in {one.attribute for one in result.measures}


def test_an_intersection_is_reported_where_neither_attribute_alone_differs(judge: Any) -> None:
    rows = []
    for sex, age, output in (
        ("f", "old", "deny"),
        ("f", "young", "grant"),
        ("m", "old", "grant"),
        ("m", "young", "deny"),
    ):
        rows += outputs(100, output, output, sex=sex, age=age, part="most")
        rows += outputs(30, "grant" if output == "deny" else "deny", output, sex=sex, age=age, part="rest")
    (finding,) = judge(rows, "FAI201", sections=TWO).findings
    assert finding.evidence["attribute"] == "sex x age"


def test_within_strata_a_difference_may_vanish(judge: Any) -> None:
    rows = []
    for age, sex, n, granted in (
        ("old", "f", 80, 60),
        ("old", "m", 400, 300),
        ("young", "f", 400, 40),
        ("young", "m", 80, 8),
    ):
        rows += outputs(granted, "grant", "grant", sex=sex, age=age, part="a")
        rows += outputs(n - granted, "deny", "deny", sex=sex, age=age, part="b")
    result = judge(rows, "FAI201", sections=TWO, rules={"FAI201": {"control": "age"}})
    found = measure(result, "selection_rate.within")
    assert (found.attribute, found.table["change"]) == ("sex by age", "vanishes")
    assert [stratum["difference"] for stratum in found.table["strata"]] == [0.0, 0.0]


def test_a_control_that_is_no_attribute_is_said(judge: Any) -> None:
    result = judge(unequal(), "FAI202", rules={"FAI202": {"control": "age"}})
    (skipped,) = [one for one in result.rules_skipped if one.code == "FAI202"]
    assert "'age' is no configured attribute" in skipped.reason


# --------------------------------------------------------------------------- what may not matter


def figures(result: Result, renamed: dict[str, str]) -> list[Any]:
    """Everything but names and sentences, groups in the order of their names."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items() if key not in ("sentence", "open")}
        if isinstance(value, list | tuple):
            found = [plain(one) for one in value]
            named = all(isinstance(one, dict) and "group" in one for one in found)
            return sorted(found, key=lambda one: one["group"]) if found and named else found
        return renamed.get(value, value) if isinstance(value, str) else value

    found = [
        (one.code, one.name, one.arm, renamed.get(one.group or "", one.group), one.value, one.n, plain(one.interval),
         plain(one.table))
        for one in result.measures
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one[0], one[1], str(one[2]), str(one[3])))


def test_the_order_of_rows_changes_nothing(judge: Any) -> None:
    rows = unequal("raw") + unequal("remediated", granted=45) + outputs(9, None, "grant", arm="raw", sex="m")
    mixed = [
        *rows[:1],
        *random.Random(4).sample(rows[1:200], 199),
        *random.Random(5).sample(rows[200:], len(rows) - 200),
    ]
    codes = ("FAI201", "FAI202", "FAI203", "FAI204")
    assert figures(judge(mixed, *codes), {}) == figures(judge(rows, *codes), {})


def test_the_names_of_groups_change_nothing(judge: Any) -> None:
    codes = ("FAI201", "FAI202", "FAI203", "FAI204")
    rows = unequal() + outputs(50, "grant", "grant", sex="x") + outputs(7, "deny", "grant", sex="m", part="more")
    before = figures(judge(rows, *codes), {"f": "p", "m": "q", "x": "o"})
    for row in rows:
        row["attributes"] = {"sex": {"f": "p", "m": "q", "x": "o"}[row["attributes"]["sex"]]}
    confusion = [one for one in before if one[1] == "confusion"]
    after = figures(judge(rows, *codes), {})
    assert confusion == [one for one in after if one[1] == "confusion"]
    assert before == after


@pytest.mark.parametrize("name", ["<script>", "a\x1fb", "Ünïcode ✓", "x" * 300, "f x m", "rest", "best"])
def test_any_name_of_a_group_is_taken(judge: Any, name: str) -> None:
    rows = unequal() + outputs(40, "grant", "grant", sex=name)
    result = judge(rows, "FAI201", "FAI202", "FAI203", "FAI204", "FAI205", "FAI209")
    assert len(groups(measure(result, "selection_rate"))) == 3


def test_nothing_has_no_measure(judge: Any) -> None:
    assert not judge([], "FAI201", "FAI202", "FAI203", "FAI204", "FAI205", "FAI209").measures


def test_next_to_nothing_is_no_pass(judge: Any) -> None:
    rows = outputs(2, "grant", "grant", sex="f") + outputs(1, "deny", "deny", sex="m")
    result = judge(rows, "FAI201", "FAI202", "FAI203", "FAI204", "FAI205", "FAI209")
    verdicts = {
        one.table["verdict"] for one in result.measures if isinstance(one.table, dict) and "verdict" in one.table
    }
    assert verdicts
    assert "PASS" not in verdicts


def alike() -> list[dict[str, Any]]:
    rows = [outputs(n, said, said, sex=sex) for sex in "fm" for n, said in ((20, "grant"), (20, "deny"))]
    return [one for part in rows for one in part]


def test_of_groups_of_equal_size_none_is_the_reference_by_its_name(judge: Any) -> None:
    rows = alike() + outputs(1, "deny", "grant", sex="x")
    table = measure(judge(rows, "FAI201"), "selection_rate").table
    assert table["reference"]["group"] == "rest"
    assert table["gap_level"] == 0.95


def test_where_groups_are_alike_none_is_called_the_worst(judge: Any) -> None:
    result = judge(alike(), "FAI201", "FAI204")
    assert "are all served alike: 100.0 %" in measure(result, "worst_group").table["sentence"]
    assert "all have the same" in measure(result, "demographic_parity_difference").table["sentence"]


def test_no_group_has_the_highest_rate_where_all_have_none(judge: Any) -> None:
    rows = [one for sex in "fm" for said in ("grant", "deny") for one in outputs(40, "deny", said, sex=sex)]
    assert "the highest rate" not in measure(judge(rows, "FAI201"), "selection_rate").table["sentence"]


def test_the_log_odds_ratio_stands_beside_the_gap_unless_a_count_is_zero(judge: Any) -> None:
    rows = outputs(30, "grant", "grant", sex="f") + outputs(10, "deny", "grant", sex="f")
    rows += outputs(30, "grant", "grant", sex="m") + outputs(30, "deny", "deny", sex="m")
    rows += outputs(10, "grant", "grant", sex="x")
    found = groups(measure(judge(rows, "FAI201"), "selection_rate"))
    assert found["f"]["log_odds"] == pytest.approx(1.098612)
    assert (found["m"]["log_odds"], found["x"]["log_odds"]) == (None, None)


def test_missing_answers_withhold_what_is_said_of_calibration(judge: Any) -> None:
    rows = [{**one, "label_scores": {"grant": 0.99, "deny": 0.01}} for one in alike()]
    assert judge(rows, "FAI209").findings
    blank = [{**one, "output": None, "error": "timeout"} if at % 5 == 0 else one for at, one in enumerate(rows)]
    result = judge(blank, "FAI209")
    assert not result.findings
    assert "Nothing is claimed" in measure(result, "calibration").table["sentence"]

"""Refusals, cut answers, lengths and probabilities by group: what is found in outputs, and what is not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import audit
from audit.model import Measure, Result

SETTINGS: dict[str, Any] = {"data": {"favourable": "grant"}, "attributes": {"sex": {"field": "metadata.sex"}}}


@pytest.fixture
def judge(tmp_path: Path) -> Any:
    """Judges outputs by some rules."""

    def judged(rows: Iterable[dict[str, Any]], *codes: str) -> Result:
        path = tmp_path / "predictions.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return audit.check(path, select=list(codes), jobs=1, sections=SETTINGS)

    return judged


def measure(result: Result, name: str, **where: Any) -> Measure:
    found = [
        one
        for one in result.measures
        if one.name == name and all(getattr(one, key) == value for key, value in where.items())
    ]
    assert len(found) == 1, [(one.name, one.arm, one.attribute) for one in result.measures]
    return found[0]


def groups(one: Measure) -> dict[str, dict[str, Any]]:
    return {entry["group"]: entry for entry in one.table["groups"]}


def said(n: int, output: str | None, sex: str, *, first: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "row_id": f"{sex}{number}",
            "arm": "tuned",
            "messages": [{"role": "user", "content": f"Which loan would suit me, case {number}?"}],
            "output": None if output is None else output.replace("#", str(number)),
            "attributes": {"sex": sex},
            **more,
        }
        for number in range(first, first + n)
    ]


def scored(n: int, seed: int, *, lift: float = 0.0, arm: str = "tuned") -> list[dict[str, Any]]:
    """Outputs with right probabilities, to those of women ``lift`` added."""
    rng, rows = np.random.default_rng(7), []
    for number in range(n):
        sex, chance = ("f", "m")[number % 2], float(rng.uniform(0.1, 0.6))
        truth = "grant" if rng.random() < chance else "deny"
        told = chance + (lift if sex == "f" else 0.0)
        rows.append(
            {
                "row_id": str(number),
                "arm": arm,
                "seed": seed,
                "messages": [{"role": "user", "content": f"Case {number}"}],
                "output": "grant" if told > 0.5 else "deny",
                "truth": truth,
                "label_scores": {"grant": told, "deny": 1 - told},
                "attributes": {"sex": sex},
            }
        )
    return rows


# --------------------------------------------------------------------------- answers


def test_answers_cut_off_for_one_group_are_found(judge: Any) -> None:
    rows = said(80, "The loan # would suit you, and", "f", finish_reason="length")
    result = judge(rows + said(80, "The loan # would suit you, yes", "m", finish_reason="stop"), "FAI205")
    (finding,) = result.findings
    assert finding.evidence["rate"] == "truncation"
    assert groups(measure(result, "outputs.rate.truncation"))["f"]["rate"] == 1.0


def test_refusals_by_group_are_those_that_the_rule_on_refusals_finds(judge: Any) -> None:
    rows = said(60, "I'm sorry, but I can't help with that.", "f") + said(20, "A fixed loan, number #.", "f", first=60)
    result = judge(rows + said(80, "A fixed loan, number #.", "m"), "FAI205", "ANS803")
    rates = groups(measure(result, "outputs.rate.refusal"))
    assert (rates["f"]["hits"], rates["m"]["hits"]) == (60, 0)
    assert "refusal" in {
        one.evidence["rate"] for one in result.findings if one.code == "FAI205" and one.evidence.get("rate")
    }


def test_missing_answers_of_one_group_are_found_however_many(judge: Any) -> None:
    rows = said(80, None, "f", error="timeout") + said(80, "A fixed loan, number #.", "m")
    result = judge(rows, "FAI205")
    assert groups(measure(result, "outputs.rate.missing"))["f"]["rate"] == 1.0
    assert {one.evidence.get("rate") for one in result.findings} == {"missing"}


def test_shorter_answers_to_one_group_are_found_and_labels_are_not_measured(judge: Any) -> None:
    rows = said(60, "No loan, #.", "f") + said(
        60, "You could have a loan with a fixed rate of four in a hundred, #.", "m"
    )
    result = judge(rows, "FAI205")
    length = groups(measure(result, "outputs.length"))["f"]
    assert length["difference"] < 0
    assert [one.evidence.get("feature") for one in result.findings] == ["length"]
    assert not [one for one in judge(scored(80, 0), "FAI205").measures if one.name == "outputs.length"]


def test_answers_that_are_alike_for_all_are_silent(judge: Any) -> None:
    rows = said(60, "A fixed loan, number #.", "f") + said(60, "A fixed loan, number #.", "m")
    assert not judge(rows, "FAI205", "ANS803").findings


# --------------------------------------------------------------------------- probabilities


def test_a_mean_probability_above_its_base_rate_is_shown_with_its_sign(judge: Any) -> None:
    found = groups(measure(judge(scored(1_200, 0, lift=0.1), "FAI201"), "mean_probability"))["f"]
    assert found["difference"] == pytest.approx(found["mean"] - found["base_rate"], abs=2e-6)
    assert found["difference_interval"][0] > 0.02
    assert found["difference"] == pytest.approx(0.1, abs=0.05)


def test_the_sentence_on_mean_probability_follows_its_figures(judge: Any) -> None:
    above = measure(judge(scored(1_200, 0, lift=0.1), "FAI201"), "mean_probability").table["sentence"]
    below = measure(judge(scored(1_200, 0, lift=-0.1), "FAI201"), "mean_probability").table["sentence"]
    assert "of f is above its base rate" in above
    assert "of f is below its base rate" in below
    assert "of m is not clearly off its base rate" in above


def test_a_group_that_is_promised_too_much_is_found(judge: Any) -> None:
    result = judge(scored(1_200, 0, lift=0.1), "FAI209")
    (finding,) = result.findings
    assert finding.evidence["group"] == "f"
    entry = groups(measure(result, "calibration"))["f"]
    assert entry["interval"][0] > 0.02
    assert set(entry["binned"]) == {"value", "null_mean", "null_95"}
    assert not judge(scored(1_200, 0), "FAI209").findings


def test_of_several_seeds_slope_and_error_stand_with_each(judge: Any) -> None:
    result = judge([row for seed in range(3) for row in scored(400, seed)], "FAI209")
    table = measure(result, "calibration").table
    assert [one["seed"] for one in table["by_seed"]] == [0, 1, 2]
    assert groups(measure(result, "calibration"))["f"]["slope"] is None
    assert table["by_seed"][0]["groups"][0]["slope"] is not None


def test_repeating_every_question_changes_no_interval_of_a_mean(judge: Any) -> None:
    once = measure(judge(scored(400, 0), "FAI201", "FAI209"), "mean_probability")
    often = measure(judge([row for seed in range(4) for row in scored(400, seed)], "FAI201"), "mean_probability")
    assert often.interval == pytest.approx(once.interval, abs=1e-6)
    for sex in "fm":
        for name in ("interval", "difference_interval"):
            assert groups(often)[sex][name] == pytest.approx(groups(once)[sex][name], abs=1e-6)


def test_the_threshold_only_arm_has_rates_and_no_calibration(judge: Any) -> None:
    result = judge(scored(400, 0, arm="raw") + scored(400, 0, lift=0.2, arm="remediated"), "FAI201", "FAI209")
    derived = [one for one in result.measures if one.arm == "raw, threshold only"]
    assert {one.name for one in derived} == {"selection_rate", "impact_ratio", "demographic_parity_difference"}
    rates = {one.arm: one for one in result.measures if one.name == "selection_rate"}
    assert rates["raw, threshold only"].table["derived"]
    assert rates["raw, threshold only"].value == pytest.approx(rates["remediated"].value, abs=0.01)

"""Arms against each other: what got better, worse or reversed, to what it can be laid, and what is never claimed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_rows
from hypothesis import settings
from hypothesis import strategies as st

import audit
from audit.api import judge_outputs, override
from audit.config.settings import Settings
from audit.model import Measure, Result
from audit.outputs.table import OUT_OF_SET, Groups
from audit.rule import ArmFacts, Attribute, Comparison, CurvePoint, TrainedOn, TrainingCell
from audit.rules.fairness.arm_figures import (
    ACCURACY,
    GAPS,
    ODDS,
    PARITY,
    Replicate,
    figures_of_all,
    figures_of_attribute,
)
from audit.statistics.group_metrics import Column, group_metrics
from audit.statistics.means import mean_of

SECTIONS = {"data": {"favourable": "yes"}, "attributes": {"sex": {"field": "metadata.sex", "reference_group": "m"}}}
TRUTHS = 40
"""Questions of each sex with each truth."""
SHIFTS = (-1, 0, 1, -1, 1)
Shares = Mapping[tuple[str, str], float]
"""Of (sex, truth), the share of favourable answers."""


def row(arm: str, seed: int, item: str, sex: str, output: str | None, truth: str, **more: Any) -> dict[str, Any]:
    return {
        "row_id": item,
        "arm": arm,
        "seed": seed,
        "messages": [{"role": "user", "content": f"Case {item}"}],
        "output": output,
        "truth": truth,
        "attributes": {"sex": sex},
        **more,
    }


def answers(arm: str, shares: Shares, seeds: Iterable[int] = (0,)) -> list[dict[str, Any]]:
    """Answers of an arm; in every seed a few questions more or fewer are answered favourably, on average none."""
    rows = []
    for seed in seeds:
        for (sex, truth), share in shares.items():
            moves = len(list(seeds)) > 1 and arm == "remediated" and (sex, truth) == ("f", "yes")
            granted = round(share * TRUTHS) + (SHIFTS[seed] if moves else 0)
            for number in range(TRUTHS):
                output = "yes" if number < granted else "no"
                rows.append(row(arm, seed, f"{sex}{truth}{number}", sex, output, truth))
    return rows


def shares(f_yes: float, f_no: float, m_yes: float, m_no: float) -> Shares:
    return {("f", "yes"): f_yes, ("f", "no"): f_no, ("m", "yes"): m_yes, ("m", "no"): m_no}


UNFAIR, FAIRER = shares(0.5, 0.1, 0.9, 0.3), shares(0.8, 0.2, 0.85, 0.2)
TURNED = shares(0.9, 0.3, 0.5, 0.1)


def judge(rows: Sequence[Mapping[str, Any]], select: str = "FAI210", **more: Any) -> Result:
    return audit.check(list(rows), select=[select], sections=SECTIONS, jobs=1, **more)


def judged(tmp_path: Path, rows: Sequence[Mapping[str, Any]], select: str = "FAI210", **told: Any) -> Result:
    """With what is known of the arms and of the training data."""
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    asked = override(Settings(), {"select": [select], "sections": SECTIONS, "jobs": 1})
    comparison, trained_on = told.pop("comparison", Comparison()), told.pop("trained_on", None)
    return judge_outputs([str(path)], settings=asked, comparison=comparison, trained_on=trained_on)


def change(result: Result, metric: str, group: str | None = None, kind: str = "remediation") -> dict[str, Any]:
    (table,) = (
        one.table
        for one in result.measures
        if one.name == "arms.change" and one.table["metric"] == metric and one.group == group
    )
    (entry,) = (one for one in table["comparisons"] if one["kind"] == kind)
    return dict(entry)


def measure(result: Result, name: str, **where: Any) -> Measure:
    (found,) = (
        one
        for one in result.measures
        if one.name == name and all(getattr(one, key) == value for key, value in where.items())
    )
    return found


def pairs(before: Shares, after: Shares, seeds: Sequence[int]) -> list[dict[str, Any]]:
    return answers("raw", before, seeds) + answers("remediated", after, seeds)


def test_over_five_seeds_a_smaller_disparity_is_better() -> None:
    found = change(judge(pairs(UNFAIR, FAIRER, range(5))), "demographic_parity_difference")
    assert (found["outcome"], found["scope"], found["pairs"]) == ("better", "seeds", 5)
    assert found["from"] == pytest.approx(0.3)
    assert found["to"] == pytest.approx(0.025)
    assert found["share"] == pytest.approx(-0.917, abs=0.01)
    assert "falls from 0.3 to 0.025" in found["sentence"]
    assert "which is better" in found["sentence"]
    assert "with 95 % confidence" in found["sentence"]


def test_over_five_seeds_a_larger_disparity_is_worse_and_a_finding() -> None:
    result = judge(pairs(FAIRER, UNFAIR, range(5)))
    found = change(result, "demographic_parity_difference")
    assert (found["outcome"], found["scope"]) == ("worse", "seeds")
    assert "which is worse" in found["sentence"]
    assert {one.evidence["metric"] for one in result.findings} >= {"demographic_parity_difference"}


def test_a_gap_that_changed_sides_is_reversed_and_not_unchanged() -> None:
    result = judge(pairs(UNFAIR, TURNED, range(5)), rules={"FAI210": {"same": 0.05}})
    gap = change(result, "true_positive_gap", "f")
    assert (gap["from"], gap["to"]) == (pytest.approx(-0.4), pytest.approx(0.4))
    assert gap["outcome"] == "reversed"
    assert "its sign is reversed, f is now ahead of m" in gap["sentence"]
    odds = change(result, "equalised_odds_difference")
    assert odds["outcome"] == "unchanged"
    assert "hides a reversed sign: the gap in true positive rates of f goes from -0.4 to 0.4" in odds["sentence"]


def test_the_worst_seed_is_told() -> None:
    rows = pairs(UNFAIR, FAIRER, range(5))
    worse = [{**one, "output": "no"} if one["seed"] == 3 and one["row_id"].startswith("fyes") else one for one in rows]
    found = change(judge(worse), "demographic_parity_difference")
    assert found["worst"]["seed"] == 3
    assert "In the worst case, seed 3" in found["sentence"]


def test_one_pair_speaks_of_two_models_only_with_the_interval_of_paired_questions() -> None:
    rows = pairs(UNFAIR, FAIRER, [0])
    found = change(judge(rows), "accuracy")
    right = {(one["arm"], one["row_id"]): one["output"] == one["truth"] for one in rows}
    items = sorted({item for _, item in right})
    paired = mean_of(np.array([float(right["remediated", item]) - right["raw", item] for item in items]))
    assert paired is not None
    assert found["interval"] == pytest.approx(paired.interval, abs=1e-6)
    assert found["scope"] == "these models"
    assert "These two models only: one pair cannot show an effect of the method." in found["sentence"]


def test_a_few_seeds_give_values_only() -> None:
    found = change(judge(pairs(UNFAIR, FAIRER, range(3))), "demographic_parity_difference")
    assert (found["outcome"], found["interval"], found["scope"]) == ("values only", None, "")
    assert [one["seed"] for one in found["seeds"]] == [0, 1, 2]
    assert "Fewer than 5 seeds" in found["sentence"]


def test_arms_that_answer_alike_are_unchanged() -> None:
    rows = answers("raw", UNFAIR) + answers("remediated", UNFAIR)
    found = change(judge(rows, rules={"FAI210": {"same": 0.05}}), "demographic_parity_difference")
    assert found["outcome"] == "unchanged"
    few = judge(rows)
    assert change(few, "demographic_parity_difference")["outcome"] == "undecided"
    assert not few.findings


@pytest.mark.parametrize("output", ["yes", "no"])
def test_two_questions_make_nothing_certain(output: str) -> None:
    rows = [row("raw", 0, item, "f", "yes", "yes") for item in "ab"]
    result = judge(rows + [{**one, "arm": "remediated", "output": output} for one in rows])
    assert change(result, "accuracy")["outcome"] == "undecided"
    assert not result.findings


def test_seeds_that_all_change_alike_say_nothing_of_the_method() -> None:
    rows = answers("raw", UNFAIR) + answers("remediated", FAIRER)
    found = change(judge([{**one, "seed": seed} for one in rows for seed in range(5)]), "accuracy")
    assert found["scope"] == "these models"
    assert found["interval"] == found["rows_interval"]


def test_a_change_that_counts_as_none_is_no_finding() -> None:
    seeds = [(seed, number) for seed in range(5) for number in range(100)]
    rows = [row("raw", seed, f"{sex}{n}", sex, "yes", "yes") for seed, n in seeds for sex in "fm"]
    moved = {(seed, f"f{seed}") for seed in range(4)}
    after = [
        {**one, "arm": "remediated", "output": "no" if (one["seed"], one["row_id"]) in moved else "yes"} for one in rows
    ]
    result = judge(rows + after, rules={"FAI210": {"same": 0.02}})
    found = change(result, "demographic_parity_difference")
    assert found["interval"][0] > 0
    assert found["outcome"] == "unchanged"
    assert not result.findings


def test_a_gap_is_nearer_to_zero_only_where_the_interval_of_its_size_says_so() -> None:
    gap = change(judge(pairs(shares(0.5, 0.1, 0.7, 0.3), shares(0.55, 0.15, 0.5, 0.1), [0])), "selection_gap", "f")
    assert abs(gap["to"]) < abs(gap["from"])
    assert gap["size_interval"][0] < 0 < gap["size_interval"][1]
    assert gap["outcome"] == "undecided"
    assert "whether its size changed" in gap["sentence"]


def test_a_loss_of_accuracy_is_a_finding_beyond_what_is_allowed() -> None:
    rows = pairs(shares(1, 0, 1, 0), shares(0.8, 0, 0.8, 0), [0])
    found = {one.evidence["metric"] for one in judge(rows).findings}
    assert "accuracy" in found
    allowed = judge(rows, rules={"FAI210": {"accuracy_loss": 0.2}}).findings
    assert "accuracy" not in {one.evidence["metric"] for one in allowed}


def test_groups_of_few_questions_claim_nothing() -> None:
    rows = [one for one in pairs(FAIRER, UNFAIR, range(5)) if one["attributes"]["sex"] == "m" or "0" in one["row_id"]]
    result = judge(rows)
    found = change(result, "demographic_parity_difference")
    assert found["outcome"] == "undecided"
    assert "rest on fewer than 30 questions (f" in found["sentence"]
    assert not [one for one in result.findings if one.evidence["attribute"]]


def test_a_group_without_favourable_truths_has_no_true_positive_gap() -> None:
    rows = [one for one in pairs(UNFAIR, FAIRER, range(5)) if not one["row_id"].startswith("fyes")]
    result = judge(rows)
    metrics = {one.table["metric"] for one in result.measures if one.name == "arms.change"}
    assert "true_positive_gap" not in metrics
    assert "equalised_odds_difference" not in metrics
    assert "false_positive_gap" in metrics


def test_missing_answers_withhold_every_claim() -> None:
    rows = pairs(FAIRER, UNFAIR, range(5))
    cut = [{**one, "output": None, "error": "timeout"} if one["row_id"].endswith("7") else one for one in rows]
    result = judge([one if one["arm"] == "raw" else two for one, two in zip(rows, cut, strict=True)])
    found = change(result, "demographic_parity_difference")
    assert found["outcome"] == "undecided"
    assert "lack an answer" in found["sentence"]
    assert not result.findings


def test_no_answers_at_all_are_no_change() -> None:
    rows = [{**one, "output": None, "error": "timeout"} for one in pairs(UNFAIR, FAIRER, range(5))]
    result = judge(rows)
    assert not [one for one in result.measures if one.name == "arms.change"]
    assert not result.findings


def test_neither_the_order_of_rows_nor_the_names_of_groups_change_a_figure() -> None:
    rows = pairs(UNFAIR, FAIRER, range(5))
    names = {"f": "z", "m": "a"}
    renamed = [{**one, "attributes": {"sex": names[one["attributes"]["sex"]]}} for one in rows]
    random.Random(1).shuffle(renamed)

    def figures(data: list[dict[str, Any]], reference: str) -> Any:
        sections = {**SECTIONS, "attributes": {"sex": {"field": "metadata.sex", "reference_group": reference}}}
        found = audit.check(data, select=["FAI210"], sections=sections, jobs=1).measures
        changes = [one for one in found if one.name == "arms.change"]
        assert len(changes) > 8
        return {
            (one.table["metric"], names.get(str(one.group), one.group)): (one.value, one.interval) for one in changes
        }

    assert figures(rows, "m") == figures(renamed, "a")


def test_copies_of_all_questions_of_a_cluster_are_no_further_evidence() -> None:
    rows = [{**one, "cluster": one["row_id"]} for one in pairs(UNFAIR, FAIRER, [0])]
    copies = [{**one, "row_id": f"{one['row_id']}#2"} for one in rows]
    once, twice = (change(judge(data), "demographic_parity_difference") for data in (rows, rows + copies))
    assert twice["interval"] == pytest.approx(once["interval"], abs=1e-6)


def test_who_is_moved_each_way_is_counted() -> None:
    result = judge(pairs(UNFAIR, TURNED, [0]))
    table = measure(result, "arms.moves", group="m").table
    assert (table["up"], table["down"], table["n"]) == (0, 24, 80)
    assert table["of_positives"] == {"n": 40, "up": 0, "down": 16}
    assert table["of_negatives"] == {"n": 40, "up": 0, "down": 8}
    assert "24 no longer are" in table["sentence"]


def test_the_base_arm_has_one_replicate_that_every_seed_is_compared_with() -> None:
    rows = pairs(UNFAIR, FAIRER, range(5)) + answers("base", shares(0.5, 0.5, 0.5, 0.5))
    found = change(judge(rows), "accuracy", kind="fine_tuning")
    assert found["pairs"] == 5
    assert found["one_against"]
    assert found["outcome"] == "better"
    assert "There is one base" in found["sentence"]


def test_without_an_arm_to_compare_with_the_effect_is_not_attributable() -> None:
    result = judge(answers("tuned", UNFAIR))
    one = measure(result, "arms.attribution")
    assert one.value == "not attributable"
    assert "Effect of remediation not attributable: there is no arm without remediation" in one.table["sentence"]
    assert "base arm" in one.table["notes"][1]


def test_what_the_records_say_decides_about_attribution(tmp_path: Path) -> None:
    rows = pairs(UNFAIR, FAIRER, range(5))
    facts = [
        ArmFacts(arm=arm, seed=seed, kind="run", identity={"train": {"weights": arm}, "config": {"seed": seed}})
        for arm in ("raw", "remediated")
        for seed in range(5)
    ]
    told = judged(tmp_path, rows, comparison=Comparison(arms=tuple(facts)))
    assert measure(told, "arms.attribution").value == "row weights"
    assert measure(judged(tmp_path, rows), "arms.attribution").value == "not attributable"


def test_the_threshold_only_arm_stands_beside() -> None:
    def scored(one: dict[str, Any], at: int) -> dict[str, Any]:
        probability = 0.5 + (0.4 - at / 5000) * (1 if one["output"] == "yes" else -1)
        return {**one, "label_scores": {"no": 1 - probability, "yes": probability}}

    rows = [scored(one, at) for at, one in enumerate(pairs(UNFAIR, FAIRER, range(5)))]
    result = judge(rows)
    found = change(result, "selection_rate", kind="threshold")
    assert found["arm"] == "raw, threshold only"
    assert found["to"] == pytest.approx(change(result, "selection_rate")["to"])


@pytest.mark.parametrize("select", ["FAI208", "FAI210", "OUT202", "OUT206"])
@pytest.mark.parametrize(
    "rows",
    [
        [row("raw", 0, "a", "f", "yes", "no")],
        [row("raw", 0, "a", "f", None, "no"), row("remediated", 0, "a", "f", "yes", "no")],
        [row("raw", 2**40, "\ud800", "\ud800", "\ud800", "yes"), row("", -1, "", "", "", "")],
        [{**row("raw", 0, "a", "f", "yes", "yes"), "finish_reason": "answer", "token_logprobs": [-1e308, -1e308]}],
        [{"row_id": 1, "arm": [], "messages": {}, "output": 7, "label_scores": {"yes": "much"}}],
    ],
)
def test_odd_outputs_stop_nothing_and_claim_nothing(rows: list[dict[str, Any]], select: str) -> None:
    assert not judge(rows, select).findings


@settings(max_examples=15, deadline=None)
@given_rows(
    st.lists(
        st.tuples(st.sampled_from("fmd"), st.sampled_from(["yes", "no"]), st.sampled_from(["yes", "no", "huh"])),
        min_size=3,
        max_size=40,
    )
)
def test_figures_are_those_of_the_metrics_by_group(rows: list[tuple[str, str, str]]) -> None:
    classes = {"no": 0, "yes": 1, "huh": OUT_OF_SET}
    names = ("d", "f", "m")
    codes = np.array([names.index(one[0]) for one in rows])
    truth, decided = (np.array([classes[one[at]] for one in rows]) for at in (1, 2))
    n = len(rows)
    side = Replicate(
        selected=decided == 1,
        right=decided == truth,
        positive=truth,
        truth=truth,
        score=np.full(n, np.nan),
        item=np.arange(n),
        clusters=np.arange(n),
        number=n,
        group={"sex": codes},
    )
    groups = Groups(Attribute(name="sex", source="field", where="sex"), names, codes, "m")
    found = {
        key: one.value for key, one in (*figures_of_attribute(side, groups, "m").items(), *figures_of_all(side).items())
    }
    expected = group_metrics(
        [Column(codes, names)], Column(truth, ["no", "yes"]), Column(decided, ["no", "yes"]), positive="yes"
    )
    rates = {one.group: one.metrics for one in expected.groups}
    assert found.get((PARITY, None)) == pytest.approx(expected.difference("selection_rate"))
    assert found[ACCURACY, None] == pytest.approx(expected.overall.metrics["accuracy"].value)
    if expected.equalised_odds_difference() is not None:
        assert found[ODDS, None] == pytest.approx(expected.equalised_odds_difference())
    for metric, rate in zip(GAPS, ("selection_rate", "true_positive_rate", "false_positive_rate"), strict=True):
        for name in "fd":
            both = [rates[one][rate].value for one in (name, "m")]
            gap = None if None in both else both[0] - both[1]
            assert found.get((metric, name)) == (gap if gap is None else pytest.approx(gap))


# Amplification


def test_answers_that_widen_the_gap_of_the_labels_amplify_it() -> None:
    rows = [one for one in answers("tuned", shares(0.5, 0, 1, 0.5)) if one["row_id"] != "x"]
    rows = [one for one in rows if not (one["row_id"].startswith("fyes") and int(one["row_id"][4:]) < 10)]
    result = judge(rows, "FAI208")
    one = measure(result, "amplification.predictions")
    assert one.table["direction"] == "amplified"
    assert one.table["label"]["difference"] == pytest.approx(30 / 70 - 0.5, abs=1e-6)
    assert one.table["decision"]["difference"] == pytest.approx(10 / 70 - 60 / 80, abs=1e-6)
    assert [finding.code for finding in result.findings] == ["FAI208"]


def test_answers_that_are_the_labels_amplify_nothing() -> None:
    result = judge(answers("tuned", shares(1, 0, 1, 0)), "FAI208")
    one = measure(result, "amplification.predictions")
    assert one.value == 0
    assert one.interval == pytest.approx((-0.0234, 0.0234), abs=1e-4)
    assert not result.findings


@pytest.mark.parametrize(
    ("labels", "answered", "direction", "finding"),
    [
        ((0.5, 0.5), (1.0, 0.0), "amplified", "a difference that the labels do not surely have"),
        ((0.4, 0.6), (1.0, 0.0), "reversed", "the difference is reversed and larger"),
        ((0.0, 1.0), (0.7, 0.3), "reversed", "the difference is reversed and smaller"),
        ((0.0, 1.0), (0.4, 0.6), "attenuated", "the difference is smaller than in the labels"),
    ],
)
def test_what_becomes_of_the_gap_of_the_labels(
    labels: tuple[float, float], answered: tuple[float, float], direction: str, finding: str
) -> None:
    rows = [
        row("tuned", 0, f"{sex}{n}", sex, "yes" if n < given * 200 else "no", "yes" if n >= 200 - truth * 200 else "no")
        for sex, truth, given in zip("fm", labels, answered, strict=True)
        for n in range(200)
    ]
    result = judge(rows, "FAI208")
    table = measure(result, "amplification.predictions").table
    assert table["direction"] == direction
    assert finding in table["sentence"]
    assert bool(result.findings) == finding.endswith(("have", "larger"))


def test_missing_answers_are_why_no_amplification_is_claimed() -> None:
    rows = answers("tuned", shares(0.2, 0, 1, 0.5))
    result = judge([{**one, "output": None} if at % 10 == 0 else one for at, one in enumerate(rows)], "FAI208")
    assert "10.0 % of the outputs are no answers" in measure(result, "amplification.predictions").table["sentence"]
    assert not result.findings


def test_the_mean_probability_may_amplify_where_decisions_do_not() -> None:
    rows = [
        {**one, "label_scores": {"yes": score, "no": 1 - score}}
        for one in answers("tuned", shares(1, 0, 1, 0))
        for score in [(0.9 if one["attributes"]["sex"] == "m" else 0.6) if one["output"] == "yes" else 0.1]
    ]
    table = measure(judge(rows, "FAI208"), "amplification.predictions").table
    assert table["amplification"]["decision"]["difference"] == 0
    assert table["amplification"]["probability"]["difference"] == pytest.approx(-0.15)


def test_test_labels_are_held_against_training_labels_by_rows_and_by_weights(tmp_path: Path) -> None:
    cells = (
        TrainingCell("f", "no", 60, 50.0),
        TrainingCell("f", "yes", 40, 50.0),
        TrainingCell("m", "no", 20, 50.0),
        TrainingCell("m", "yes", 80, 50.0),
    )
    trained_on = TrainedOn(rows=(), tables={"sex": cells})
    result = judged(tmp_path, answers("tuned", UNFAIR), "FAI208", trained_on=trained_on)
    table = measure(result, "amplification.data").table
    assert table["test"]["difference"] == 0
    assert table["training"]["rows"]["difference"] == pytest.approx(-0.4)
    assert table["training"]["weights"]["difference"] == 0
    assert table["rows"]["difference"] == pytest.approx(0.4)
    assert measure(result, "amplification.predictions").table["training"]["rows"]["difference"] == pytest.approx(-0.4)


def test_of_several_groups_each_is_held_against_the_rest() -> None:
    rows = answers("tuned", UNFAIR)
    rows += [{**one, "row_id": f"d{one['row_id']}", "attributes": {"sex": "d"}} for one in rows if "f" in one["row_id"]]
    found = [one for one in judge(rows, "FAI208").measures if one.name == "amplification.predictions"]
    assert {(one.group, one.table["against"]) for one in found} == {(name, "rest") for name in "dfm"}


# Perplexity and learning curves


def given(arm: str, item: int, *logprobs: float, seed: int = 0) -> dict[str, Any]:
    one = row(arm, seed, f"q{item}", "f", f"It is number {item}.", f"It is number {item}.")
    return {**one, "finish_reason": "answer", "token_logprobs": list(logprobs)}


def test_perplexity_is_that_of_all_tokens_together() -> None:
    rows = [given("tuned", 1, -1.0, -2.0), given("tuned", 2, -3.0), given("tuned", 3, -0.5, -0.5, -0.5)]
    one = measure(judge(rows, "OUT202"), "outputs.perplexity")
    assert one.value == pytest.approx(np.exp(7.5 / 6), abs=1e-5)
    assert (one.n, one.table["tokens"]) == (3, 6)


def test_an_arm_that_is_worse_than_base_is_found_and_one_that_is_better_is_not() -> None:
    likely = [given("base", item, -0.5, -0.4 - item / 100) for item in range(20)]
    unlikely = [given("tuned", item, -1.5, -1.4 - item / 50) for item in range(20)]
    worse = judge(likely + unlikely, "OUT202")
    assert len(worse.findings) == 1
    assert "it finds them less likely" in worse.findings[0].message
    turned = [{**one, "arm": {"base": "tuned", "tuned": "base"}[one["arm"]]} for one in unlikely + likely]
    assert not judge(turned, "OUT202").findings


def test_arms_with_other_tokenizers_are_compared_for_each_character() -> None:
    rows = [given("base", item, -2.0) for item in range(20)] + [given("tuned", item, -1.0, -1.0) for item in range(20)]
    (table,) = (one.table for one in judge(rows, "OUT202").measures if one.arm == "tuned")
    (against,) = table["against"]
    assert against["unit"] == "character"
    assert against["outcome"] == "unchanged"


def test_a_perplexity_above_the_limit_is_found() -> None:
    rows = [given("tuned", item, -2.0 - item / 100) for item in range(20)]
    assert len(judge(rows, "OUT202", rules={"OUT202": {"max_perplexity": 5.0}}).findings) == 1
    assert not judge(rows, "OUT202").findings


CURVE = ((100, 0.9, 0.8), (200, 0.6, 0.7), (300, 0.2, 0.84))


def curve(points: Iterable[tuple[int, float | None, float | None]]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(step=at, epoch=at / 100, train_loss=one, validation_loss=two) for at, one, two in points)


def test_a_validation_loss_that_rises_again_is_over_fitting(tmp_path: Path) -> None:
    facts = ArmFacts(arm="tuned", kind="run", folder="tuned-0", curve=curve(CURVE))
    result = judged(tmp_path, answers("tuned", UNFAIR), "OUT206", comparison=Comparison(arms=(facts,)))
    (finding,) = result.findings
    assert "lowest at step 200 (0.7) and 20.0 % above that at step 300 (0.84)" in finding.message
    one = measure(result, "training.loss_gap", arm="tuned")
    assert one.value == pytest.approx(0.64)
    (table,) = one.table["runs"]
    assert (table["best"]["step"], table["end"]["step"]) == (200, 300)
    assert table["rise"] == pytest.approx(0.2)


@pytest.mark.parametrize("points", [CURVE[:2], ((100, 0.9, None), (200, 0.5, None)), ((100, 0.9, float("nan")),)])
def test_a_curve_that_does_not_rise_or_is_not_known_is_no_finding(tmp_path: Path, points: Any) -> None:
    facts = ArmFacts(arm="tuned", kind="run", curve=curve(points))
    result = judged(tmp_path, answers("tuned", UNFAIR), "OUT206", comparison=Comparison(arms=(facts,)))
    assert not result.findings
    assert measure(result, "training.loss_gap").table["sentence"]

"""Counterfactual outputs: flips of the group are told from flips of any edit, and nothing is claimed without both."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import audit
from audit.model import Measure, Result

N = 240
SECTIONS = {"data": {"favourable": "grant"}, "attributes": {"sex": {"field": "attributes.sex"}}}
LABELS = ("deny", "grant")


def output(row: int, variant: str, label: str | None, **more: Any) -> dict[str, Any]:
    """An output of the arm ``raw``: even rows are of women."""
    group, other = ("f", "m") if row % 2 == 0 else ("m", "f")
    stated = other if variant == "swap" else group.upper() if variant == "control" else group
    swapped = {"pair_id": f"{row}/sex", "swapped": {"attribute": "sex", "from": group.upper(), "to": other}}
    return {
        "row_id": f"q{row}",
        "arm": "raw",
        "seed": 0,
        "sample": 0,
        "variant": variant,
        "messages": [
            {"role": "user", "content": f"case: {row}; sex: {stated}; work: {'nurse' if group == 'f' else 'smith'}"}
        ],
        "output": label,
        "error": "timeout" if label is None else None,
        "truth": LABELS[row % 2],
        "attributes": {"sex": group},
        **({} if variant == "original" else swapped),
        **more,
    }


def outputs(
    swap: Mapping[int, str] | None = None, control: Mapping[int, str] | None = None, n: int = N, **more: Any
) -> Iterator[dict[str, Any]]:
    """Answers to questions, swaps and controls; ``swap`` and ``control`` say which answers are not the usual one."""
    for row in range(n):
        usual = LABELS[row // 2 % 2]
        yield output(row, "original", usual, **more)
        yield output(row, "swap", (swap or {}).get(row, usual), **more)
        yield output(row, "control", (control or {}).get(row, usual), **more)


def flipped(rows: Sequence[int]) -> dict[int, str]:
    return {row: LABELS[1 - row // 2 % 2] for row in rows}


def judged(tmp_path: Path, rows: Iterator[dict[str, Any]] | Sequence[dict[str, Any]], **more: Any) -> Result:
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return audit.check(path, select=["FAI206", "FAI207"], sections=SECTIONS, **more)


def table(result: Result, name: str = "counterfactual.sensitivity", arm: str = "raw") -> Any:
    (one,) = [one for one in measures(result, name) if one.arm == arm]
    return one.table


def measures(result: Result, name: str) -> list[Measure]:
    return [one for one in result.measures if one.name == name]


def codes(result: Result) -> list[str]:
    return [finding.code for finding in result.findings]


# ----------------------------------------------------------------------------- flips


SYMMETRIC = tuple(range(0, N, 5))


def test_symmetric_flips_under_the_swap_are_caught(tmp_path: Path) -> None:
    result = judged(tmp_path, outputs(swap=flipped(SYMMETRIC)))
    found = table(result)
    assert codes(result) == ["FAI206"]
    assert (found["swap_flips"], found["control_flips"], found["verdict"]) == (0.2, 0.0, "FAIL")
    direction = table(result, "counterfactual.direction")
    assert abs(direction["difference"]) < 0.02
    assert direction["p"] > 0.5


def test_flips_under_the_control_alone_are_not(tmp_path: Path) -> None:
    result = judged(tmp_path, outputs(control=flipped(SYMMETRIC)))
    found = table(result)
    assert codes(result) == []
    assert (found["swap_flips"], found["control_flips"], found["sensitivity"]) == (0.0, 0.2, -0.2)


def test_flips_that_any_edit_brings_are_not(tmp_path: Path) -> None:
    edits = flipped(SYMMETRIC)
    result = judged(tmp_path, outputs(swap=edits, control=edits))
    assert codes(result) == []
    assert table(result)["sensitivity"] == 0.0


def test_no_flip_at_all_passes_only_where_there_are_enough_questions(tmp_path: Path) -> None:
    many, few = table(judged(tmp_path, outputs(n=N))), table(judged(tmp_path, outputs(n=60)))
    assert (many["verdict"], few["verdict"]) == ("PASS", "INCONCLUSIVE")


def test_without_controls_the_edit_cannot_be_told_from_the_group(tmp_path: Path) -> None:
    rows = [row for row in outputs(swap=flipped(SYMMETRIC)) if row["variant"] != "control"]
    result = judged(tmp_path, rows)
    found = table(result)
    assert codes(result) == []
    assert (found["verdict"], found["sensitivity"], found["swap_flips"]) == ("INCONCLUSIVE", None, 0.2)
    assert "edit effect not separable" in found["sentence"]


def test_an_endpoint_that_fails_half_its_calls_is_no_pass(tmp_path: Path) -> None:
    failed = {"output": None, "error": "timeout"}
    rows = [{**row, **failed} if int(row["row_id"][1:]) % 4 < 2 else row for row in outputs()]
    found = table(judged(tmp_path, rows))
    assert found["verdict"] == "INCONCLUSIVE"
    assert (found["unanswered"], found["prompts"]) == (N, N // 2)
    assert "nothing is claimed" in found["sentence"]


def test_nothing_but_errors_is_not_assessed(tmp_path: Path) -> None:
    rows = [{**row, "output": None, "error": "timeout"} for row in outputs()]
    result = judged(tmp_path, rows)
    assert codes(result) == []
    assert all(one.value is None for one in measures(result, "counterfactual.sensitivity"))


def test_what_was_not_asked_is_said(tmp_path: Path) -> None:
    found = table(judged(tmp_path, [row for row in outputs() if row["variant"] == "original"]))
    assert found["verdict"] == "NOT_ASSESSED"


def test_where_the_questions_themselves_are_missing_that_is_said(tmp_path: Path) -> None:
    rows = [one for one in outputs(n=80) if one["variant"] != "original"]
    result = judged(tmp_path, rows)
    assert table(result)["verdict"] == "NOT_ASSESSED"
    assert "none of the 160 answers to its variants has one to the question itself" in table(result)["sentence"]
    assert table(result)["attribute"] == "sex"


def test_one_prompt_has_no_interval_and_few_claim_nothing(tmp_path: Path) -> None:
    for more in ({"cluster": "one"}, {}):
        result = judged(tmp_path, outputs(flipped([0, 4]), n=8, **more))
        (found,) = measures(result, "counterfactual.direction")
        assert (found.interval is None) == bool(more)
        assert found.table["too_few"]
        assert "to claim anything" in found.table["sentence"]


def test_the_direction_says_who_is_better_off(tmp_path: Path) -> None:
    grants = dict.fromkeys(range(1, N, 2), "grant")
    found = table(judged(tmp_path, outputs(swap=grants)), "counterfactual.direction")
    assert (found["group"], found["reference"], found["difference"]) == ("m", "f", -0.25)
    assert found["mcnemar"]["only_group"] == 0
    assert "more rarely to m than to f" in found["sentence"]
    assert found["p"] < 1e-6


def test_pairs_of_one_cluster_get_no_mcnemar(tmp_path: Path) -> None:
    rows = [{**row, "cluster": f"c{int(row['row_id'][1:]) // 4}"} for row in outputs(swap=flipped(SYMMETRIC))]
    result = judged(tmp_path, rows)
    assert table(result, "counterfactual.direction")["mcnemar"] is None
    assert table(result)["clusters"] == N // 4


def test_seeds_are_averaged_in_the_prompt_first(tmp_path: Path) -> None:
    once = list(outputs(swap=flipped(SYMMETRIC)))
    again = [{**row, "seed": 1} for row in outputs()]
    found = table(judged(tmp_path, [*once, *again]))
    assert (found["prompts"], found["clusters"], found["sensitivity"]) == (N, N, 0.1)
    assert [(one["seed"], one["sensitivity"]) for one in found["by_seed"]] == [(0, 0.2), (1, 0.0)]


def test_only_the_judged_arm_fails(tmp_path: Path) -> None:
    biased = list(outputs(swap=flipped(SYMMETRIC)))
    rows = [*biased, *({**row, "arm": "remediated"} for row in outputs())]
    result = judged(tmp_path, rows)
    assert codes(result) == []
    assert table(result, arm="raw")["verdict"] == "FAIL"
    assert table(result, arm="remediated")["verdict"] == "PASS"


def test_free_text_flips_when_more_than_the_words_for_the_group_change(tmp_path: Path) -> None:
    def free(row: dict[str, Any]) -> dict[str, Any]:
        number = row["row_id"]
        he = row["messages"][0]["content"].split("sex: ")[1][0].lower() == "m"
        said = f"{'He' if he else 'She'} may come on day {number}{'.' if he else '!'}"
        if row["variant"] == "swap" and int(number[1:]) in SYMMETRIC:
            said += " But bring a surety."
        return {**row, "output": said, "truth": f"text {number}"}

    found = table(judged(tmp_path, map(free, outputs())))
    assert (found["outcome"], found["swap_flips"], found["control_flips"]) == ("text", 0.2, 0.0)
    assert "another text" in found["sentence"]


def test_the_change_of_probability_is_shown_beside_the_flips(tmp_path: Path) -> None:
    def scored(row: dict[str, Any]) -> dict[str, Any]:
        share = {"original": 0.7, "swap": 0.6, "control": 0.69}[row["variant"]]
        return {**row, "label_scores": {"grant": share, "deny": 1 - share}}

    found = table(judged(tmp_path, map(scored, outputs())))
    assert found["probability_change"] == {"class": "grant", "swap": 0.1, "control": 0.01}


def test_a_clean_counterfactual_is_not_called_parity(tmp_path: Path) -> None:
    found = table(judged(tmp_path, outputs()))
    assert found["predictable"]["auc"] == 1.0
    assert found["predictable"]["n"] == N
    assert "not parity" in found["caution"]
    assert "other words stand in for it" in found["caution"]


def test_what_cannot_be_told_apart_is_not_called_a_stand_in(tmp_path: Path) -> None:
    generator = random.Random(3)
    words = [f"{generator.choice('abcd')}{generator.choice('xyz')}" for _ in range(N)]
    rows = list(outputs())
    for row in rows:
        stated = row["messages"][0]["content"].split("; ")[1]
        row["messages"] = [{"role": "user", "content": f"part: {words[int(row['row_id'][1:])]}; {stated}"}]
    assert "not shown to be better than chance" in table(judged(tmp_path, rows))["caution"]


def test_the_order_of_outputs_changes_nothing(tmp_path: Path) -> None:
    rows = list(outputs(swap=flipped(SYMMETRIC)))
    shuffled = random.Random(0).sample(rows, len(rows))
    first, second = (table(judged(tmp_path, some)) for some in (rows, shuffled))
    assert first["interval"] == pytest.approx(second["interval"])
    assert first["sensitivity"] == second["sensitivity"]


def test_what_was_swapped_is_told_from_the_groups_where_nothing_says_so(tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "swapped"} for row in outputs(swap=flipped(SYMMETRIC))]
    found = table(judged(tmp_path, rows))
    assert (found["attribute"], found["swap_flips"]) == ("sex", 0.2)


@pytest.mark.parametrize(
    "junk",
    [
        {"swapped": 3},
        {"swapped": {"attribute": ["sex"]}},
        {"pair_id": None},
        {"messages": "no"},
        {"seed": "x"},
        {"swapped": {"attribute": "\ud800", "from": "\udfff", "to": "\n" * 99}},
        {"swapped": {"attribute": "sex", "from": "unknown", "to": "\u202e"}},
    ],
)
def test_odd_outputs_are_never_a_crash(tmp_path: Path, junk: dict[str, Any]) -> None:
    result = judged(tmp_path, [{**row, **junk} for row in outputs(n=20)])
    assert measures(result, "counterfactual.sensitivity")
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result


# ----------------------------------------------------------------------------- likelihood


def scored(nats: Mapping[str, float], n: int = 80) -> Iterator[dict[str, Any]]:
    """Scored answers of two tokens, with so many nats per token."""
    for row in range(n):
        for variant in ("original", "swap", "control"):
            group = "f" if row % 2 == 0 else "m"
            cost = nats.get(f"{variant} {group}", nats.get(variant, 0.5)) + 0.001 * (row % 7)
            given = {"finish_reason": "answer", "token_logprobs": [-cost, -cost]}
            yield output(row, variant, f"Answer {row}", **given)


def test_an_answer_that_is_less_likely_with_the_other_group_is_caught(tmp_path: Path) -> None:
    result = judged(tmp_path, scored({"swap": 0.8}))
    found = table(result, "counterfactual.likelihood_gap")
    assert codes(result) == ["FAI207"]
    assert (found["kind"], found["gap"], found["control"]) == ("paired", 0.3, 0.0)
    assert found["perplexity_ratio"] == pytest.approx(1.349859)
    assert found["directions"][0]["difference"] == pytest.approx(0.0, abs=1e-9)
    assert "less likely by 0.300 nats" in found["sentence"]


def test_what_any_edit_costs_is_taken_off(tmp_path: Path) -> None:
    result = judged(tmp_path, scored({"swap": 0.8, "control": 0.8}))
    assert codes(result) == []
    assert table(result, "counterfactual.likelihood_gap")["gap"] == 0.0


def test_a_gap_between_two_groups_is_caught_where_the_means_cancel(tmp_path: Path) -> None:
    result = judged(tmp_path, scored({"swap f": 0.7, "swap m": 0.3}))
    found = table(result, "counterfactual.likelihood_gap")
    assert codes(result) == ["FAI207"]
    assert found["gap"] == 0.0
    assert (found["directions"][0]["group"], found["directions"][0]["difference"]) == ("m", 0.2)
    assert "less likely with m than with f" in found["sentence"]


def test_without_controls_no_gap_is_claimed(tmp_path: Path) -> None:
    rows = [row for row in scored({"swap": 0.8}) if row["variant"] != "control"]
    result = judged(tmp_path, rows)
    found = table(result, "counterfactual.likelihood_gap")
    assert codes(result) == []
    assert (found["gap"], found["without_control"]) == (None, 80)
    assert "edit effect not separable" in found["sentence"]


def test_without_variants_the_answers_of_each_group_are_described(tmp_path: Path) -> None:
    rows = [row for row in scored({"original m": 1.0}) if row["variant"] == "original"]
    result = judged(tmp_path, rows)
    found = table(result, "counterfactual.likelihood_gap")
    assert (codes(result), found["kind"]) == ([], "by_group")
    assert [(one["group"], one["n"], one["tokens"]) for one in found["groups"]] == [("f", 40, 80), ("m", 40, 80)]
    assert found["groups"][1]["nll"] == pytest.approx(1.003, abs=0.001)


def test_scored_answers_are_no_answers_of_the_model(tmp_path: Path) -> None:
    result = judged(tmp_path, [*outputs(), *scored({"swap": 0.8})])
    assert table(result)["swap_flips"] == 0.0
    assert table(result, "counterfactual.likelihood_gap")["prompts"] == 80

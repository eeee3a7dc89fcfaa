"""Demographic skew: known figures of real data, silence on balanced data, and what may not matter to a verdict."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.model import Measure, Result

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "chat"
ADULT = {
    "data": {"label": "metadata.label", "favourable": ">50K"},
    "attributes": {"sex": {"field": "metadata.sex"}},
}


def real(name: str) -> Path:
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not in the shared data")
    return path


def row(number: int, label: str, **metadata: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Case {number}"}, {"role": "assistant", "content": label}]
    return {"messages": messages, "metadata": metadata}


def table(counts: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """Rows of each (sex, label), so many as are asked for."""
    rows: list[dict[str, Any]] = []
    for (sex, label), n in counts.items():
        rows += [row(len(rows) + index, label, sex=sex) for index in range(n)]
    return rows


def judge(rows: Any, select: str = "DEM", **sections: Any) -> Result:
    given = {"data": {"favourable": "grant"}, "attributes": {"sex": {"field": "metadata.sex"}}} | sections
    return audit.check(rows, select=[select], sections=given, jobs=1)


def measure(result: Result, name: str, **where: Any) -> Measure:
    found = [
        one
        for one in result.measures
        if one.name == name and all(getattr(one, key) == value for key, value in where.items())
    ]
    assert len(found) == 1, [(one.name, one.attribute, one.group) for one in result.measures]
    return found[0]


def groups(one: Measure) -> dict[str, dict[str, Any]]:
    return {entry["group"]: entry for entry in one.table["groups"]}


def codes(result: Result) -> set[str]:
    return {finding.code for finding in result.findings}


# ----------------------------------------------------------------------------- known figures


def test_adult_has_its_known_rates_and_ratio() -> None:
    result = audit.check(real("adult"), select=["DEM104"], sections=ADULT)
    rates = groups(measure(result, "selection_rate", attribute="sex"))
    assert (rates["Male"]["n"], rates["Female"]["n"]) == (21_790, 10_771)
    assert round(rates["Male"]["rate"], 3) == 0.306
    assert round(rates["Female"]["rate"], 3) == 0.109
    ratio = measure(result, "impact_ratio", attribute="sex")
    assert ratio.group == "Female"
    assert ratio.value == pytest.approx(0.358, abs=5e-4)
    assert ratio.interval == pytest.approx((0.338, 0.379), abs=5e-4)
    assert rates["Female"]["verdict"] == "FAIL"
    assert codes(result) == {"DEM104"}


def test_a_few_rows_of_adult_are_too_few_to_say_and_it_is_said_how_many_would_do(tmp_path: Path) -> None:
    with gzip.open(real("adult"), "rt") as lines:
        some = [json.loads(line) for _, line in zip(range(40), lines, strict=False)]
    result = audit.check(some, select=["DEM104"], sections=ADULT)
    said = measure(result, "selection_rate", attribute="sex").table
    assert said["verdict"] == "INCONCLUSIVE"
    assert all(entry["required_n"] > 40 for entry in said["groups"])
    assert not [finding for finding in result.findings if "screen" not in finding.message]


def test_hatecheck_has_its_seven_target_groups() -> None:
    given = {"attributes": {"target": {"field": "metadata.target_group"}}}
    result = audit.check(real("hatecheck"), select=["DEM101"], sections=given)
    counts = {entry["group"]: entry["n"] for entry in measure(result, "representation").table["groups"]}
    own = counts.pop("none (as given)")
    assert counts == {
        "Muslims": 484, "black people": 482, "disabled people": 484, "gay people": 551, "immigrants": 463,
        "trans people": 463, "women": 509,
    }  # fmt: skip
    assert own == 3_728 - sum(counts.values())


def test_spellings_of_one_ethnicity_are_reported_as_variants() -> None:
    given = {"attributes": {"ethnicity": {"field": "metadata.ethnicity"}}}
    result = audit.check(real("names-demographics"), select=["DEM102"], sections=given)
    (said,) = [finding for finding in result.findings if "nearly the same name" in finding.message]
    pairs = {frozenset(name.casefold() for name in pair) for pair in said.evidence["pairs"]}
    assert frozenset(("white non hispanic", "white non hisp")) in pairs
    assert frozenset(("black non hispanic", "black non hisp")) in pairs
    assert frozenset(("asian and pacific islander", "asian and paci")) in pairs


# ----------------------------------------------------------------------------- silence and sense


def test_balanced_rows_stay_silent() -> None:
    even = table({(sex, label): 60 for sex in "fm" for label in ("grant", "deny")})
    assert codes(judge(even)) <= {"DEM109"}


def test_counts_of_every_table_add_up_to_the_rows() -> None:
    rows = table({("f", "grant"): 40, ("f", "deny"): 30, ("m", "grant"): 50, ("m", "deny"): 10})
    rows += [row(1_000 + index, "grant") for index in range(7)]
    result = judge(rows)
    for name in ("representation", "selection_rate"):
        one = measure(result, name, attribute="sex")
        entries = one.table["groups"]
        total = sum(entry["n"] for entry in entries) + (one.table.get("unknown") or {"n": 0})["n"]
        assert total == len(rows)


def test_the_order_of_rows_and_the_names_of_groups_do_not_matter() -> None:
    rows = table({("f", "grant"): 40, ("f", "deny"): 80, ("m", "grant"): 90, ("m", "deny"): 30})
    shuffled = random.Random(5).sample(rows, len(rows))
    renamed = [{**one, "metadata": {"sex": {"f": "zz", "m": "aa"}[one["metadata"]["sex"]]}} for one in rows]

    def figures(data: list[dict[str, Any]]) -> list[Any]:
        entries = measure(judge(data), "selection_rate", attribute="sex").table["groups"]
        return sorted((entry["n"], entry["hits"], entry["estimate_interval"], entry["verdict"]) for entry in entries)

    assert figures(rows) == figures(shuffled) == figures(renamed)


def test_copies_of_a_row_are_no_further_evidence() -> None:
    rows = table({("f", "grant"): 16, ("f", "deny"): 24, ("m", "grant"): 24, ("m", "deny"): 16})
    assert measure(judge(rows), "selection_rate", attribute="sex").table["verdict"] == "INCONCLUSIVE"
    copied = measure(judge(rows * 20), "selection_rate", attribute="sex")
    women = groups(copied)["f"]
    assert women["estimate_interval"][1] < 0.8
    assert women["verdict"] == copied.table["verdict"] == "INCONCLUSIVE"
    assert "counted once" in women["sentence"]


def test_rows_of_one_configured_group_are_worth_less_than_so_many_people() -> None:
    rows = table({("f", "grant"): 40, ("f", "deny"): 120, ("m", "grant"): 120, ("m", "deny"): 40})
    for number, one in enumerate(rows):
        one["metadata"]["person"] = number // 40
    alone = measure(judge(rows), "selection_rate", attribute="sex")
    given = {"favourable": "grant", "group": "metadata.person"}
    together = measure(judge(rows, data=given), "selection_rate", attribute="sex")
    assert groups(alone)["f"]["effective_n"] == 160
    assert groups(together)["f"]["effective_n"] < 10


@pytest.mark.parametrize("select", ["DEM101", "DEM102", "DEM103", "DEM105", "DEM106", "DEM110"])
def test_copied_rows_do_not_make_noise_a_finding(select: str) -> None:
    drawn = random.Random(7)
    rows = [
        row(number, drawn.choice(("grant", "deny")), sex=drawn.choice("fm"), age=drawn.choice(("old", "young")))
        for number in range(50)
    ]
    attributes = {name: {"field": f"metadata.{name}", "reference": "uniform"} for name in ("sex", "age")}
    assert codes(judge(rows * 20, select, attributes=attributes)) == set()


def test_groups_of_rows_that_only_some_rows_name_stop_nothing() -> None:
    rows = table({("f", "grant"): 40, ("m", "deny"): 40})
    for number, one in enumerate(rows):
        if number % 2:
            one["metadata"]["person"] = f"p{number // 4}"
    assert "DEM103" in codes(judge(rows, "DEM103", data={"group": "metadata.person"}))


@pytest.mark.parametrize("rows", [[], [row(number, "grant", other=1) for number in range(50)]], ids=["none", "unknown"])
def test_rows_without_any_group_stop_nothing(rows: list[dict[str, Any]]) -> None:
    given = {"sex": {"field": "metadata.sex", "reference": {"f": 0.5, "m": 0.5}}}
    assert judge(rows, attributes=given).rows == len(rows)


def test_intersections_of_names_that_hold_the_sign_between_them_stay_apart() -> None:
    pairs = [("a x b", "c"), ("a", "b x c"), ("a", "c"), ("a x b", "b x c")]
    rows = [
        row(number, "grant" if number % 3 else "deny", s=pairs[number % 4][0], g=pairs[number % 4][1])
        for number in range(400)
    ]
    given = {"s": {"field": "metadata.s"}, "g": {"field": "metadata.g"}}
    crossed = measure(judge(rows, "DEM110", attributes=given), "selection_rate", attribute="s x g")
    assert [entry["n"] for entry in crossed.table["groups"] if entry["n"]] == [100] * 4


def test_the_training_split_is_judged_whatever_its_case() -> None:
    rows = table({("f", "grant"): 40, ("f", "deny"): 40, ("m", "grant"): 40, ("m", "deny"): 40})
    for number, one in enumerate(rows):
        one["metadata"]["split"] = "Test" if number % 4 == 0 else "Training"
    found = measure(judge(rows, data={"favourable": "grant", "splits": "metadata.split"}), "selection_rate")
    assert (found.split, found.n) == ("Training", 120)


def test_a_group_in_no_row_of_a_split_is_an_error() -> None:
    rows = [
        {**one, "metadata": {**one["metadata"], "split": "train"}} for one in table({("f", "a"): 40, ("m", "a"): 40})
    ]
    rows += [{**row(500 + index, "a", sex="m"), "metadata": {"sex": "m", "split": "test"}} for index in range(40)]
    result = judge(rows, "DEM108", data={"splits": "metadata.split"})
    (finding,) = result.findings
    assert finding.severity == "error"
    assert finding.evidence["groups"] == {"f": 0}


def test_a_favourable_label_that_no_row_has_is_said() -> None:
    result = judge(table({("f", "grant"): 40, ("m", "deny"): 40}), "DEM104", data={"favourable": "granted"})
    assert "no judged row has the favourable label" in result.findings[0].message


def test_without_an_attribute_nothing_is_judged_and_the_reason_is_named() -> None:
    result = audit.check(table({("f", "grant"): 40}), select=["DEM"])
    reasons = {skipped.reason for skipped in result.rules_skipped if skipped.code.startswith("DEM10")}
    assert any("[attributes.NAME]" in reason for reason in reasons)
    assert not [one for one in result.measures if one.code.startswith("DEM")]


def test_words_that_go_with_a_group_are_named_with_a_row() -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Case {number}: a {'nurse' if number % 2 else 'pilot'} asks"},
                {"role": "assistant", "content": "Granted without further questions."},
            ],
            "metadata": {"sex": "f" if number % 2 else "m"},
        }
        for number in range(200)
    ]
    words = measure(judge(rows, "DEM106"), "associated_words").table["words"]
    assert {(word["word"], word["group"]) for word in words} == {("nurse", "f"), ("pilot", "m")}
    assert all(word["line"] for word in words)


def test_refusals_for_one_group_are_found() -> None:
    refuse = "I'm sorry, but I cannot help you with that loan, whatever the reason may be."
    grant = "The loan is granted, and the money will be there by the end of the week."
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Loan {number}?"},
                {"role": "assistant", "content": f"{refuse if number % 2 else grant} Number {number}."},
            ],
            "metadata": {"sex": "f" if number % 2 else "m"},
        }
        for number in range(200)
    ]
    found = [finding.evidence["feature"] for finding in judge(rows, "DEM107").findings]
    assert "refusal" in found


@pytest.mark.parametrize("select", ["DEM", "DEM106", "DEM107"])
def test_broken_rows_are_of_no_group_and_stop_nothing(tmp_path: Path, select: str) -> None:
    file = tmp_path / "rows.jsonl"
    good = [json.dumps(one) for one in table({("f", "grant"): 40, ("m", "deny"): 40})]
    odd = ['{"messages": 7}', "[]", "not json", '{"messages": [], "metadata": {"sex": {"a": [1]}}}', '{"metadata": 3}']
    file.write_text("\n".join([*good, *odd]) + "\n", encoding="utf-8")
    result = judge(file, select)
    assert result.rows == 85

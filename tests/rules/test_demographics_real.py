"""Facts about public data that the demographic rules must bring out, and what they must stay silent about."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import audit
from audit.model import Measure, Result
from benchmarks.accuracy import SHARED
from benchmarks.demographics import TARGETS, Random, dealt, mentioned, read

pytestmark = pytest.mark.skipif(not (SHARED / "chat").is_dir(), reason="the shared data folder is absent")

OBFUSCATED = ("spell_space_add_h", "spell_leet_h", "spell_char_del_h", "spell_space_del_h", "spell_char_swap_h")
"""HateCheck's rows whose words are misspelt on purpose: no lexicon holds them."""


def judge(rows: Any, select: Sequence[str], attributes: Mapping[str, Any], **data: str) -> Result:
    given = {"data": data, "attributes": attributes}
    return audit.check(rows, select=list(select), sections=given, jobs=1)


def field(name: str, **more: Any) -> dict[str, Any]:
    return {"field": f"metadata.{name}", **more}


def chat(name: str) -> Any:
    return SHARED / "chat" / f"{name}.jsonl.gz"


def measures(result: Result, name: str) -> dict[str | None, Measure]:
    return {one.attribute: one for one in result.measures if one.name == name}


def codes(result: Result) -> set[str]:
    return {finding.code for finding in result.findings}


# ----------------------------------------------------------------------------- Adult


@pytest.fixture(scope="module")
def adult() -> Result:
    attributes = {"sex": field("sex"), "race": field("race")}
    select = ["DEM103", "DEM104", "DEM110"]
    return judge(chat("adult"), select, attributes, label="metadata.label", favourable=">50K")


def test_adult_has_a_label_that_goes_with_sex_and_a_rate_that_differs(adult: Result) -> None:
    # No intersection stands out: what sex and race each make of the rate explains them.
    assert codes(adult) == {"DEM103", "DEM104"}
    strong = [one.evidence["attribute"] for one in adult.findings if one.code == "DEM103"]
    assert strong == ["sex"]
    assert measures(adult, "cramers_v")["sex"].value == pytest.approx(0.216, abs=5e-4)


def test_women_of_adult_have_the_favourable_label_0_358_times_as_often(adult: Result) -> None:
    ratio = measures(adult, "impact_ratio")["sex"]
    assert ratio.group == "Female"
    assert ratio.value == pytest.approx(0.358, abs=5e-4)
    assert ratio.interval == pytest.approx((0.338, 0.379), abs=5e-4)


def test_three_races_of_adult_are_told_and_white_is_not(adult: Result) -> None:
    told = {one.evidence["group"] for one in adult.findings if one.evidence.get("attribute") == "race"}
    assert told == {"Amer-Indian-Eskimo", "Black", "Other"}


def test_adult_with_its_sexes_shuffled_is_silent() -> None:
    rows = dealt(read("adult"), Random("adult", 1, shuffled="sex"), seed=0)
    result = judge(rows, ["DEM103", "DEM104"], {"sex": field("two")}, label="metadata.label", favourable=">50K")
    assert codes(result) == set()


# ----------------------------------------------------------------------------- texts that mention groups


@pytest.fixture(scope="module")
def hatecheck() -> list[dict[str, Any]]:
    return read("hatecheck")


@pytest.mark.parametrize("target", TARGETS)
def test_hatechecks_targets_are_mentioned_but_where_they_are_misspelt_on_purpose(
    target: str, hatecheck: list[dict[str, Any]]
) -> None:
    found = mentioned(target, hatecheck)
    own = {at for at, row in enumerate(hatecheck) if row["metadata"]["target_group"] == target}
    plain = {at for at in own if hatecheck[at]["metadata"]["functionality"] not in OBFUSCATED}
    assert len(plain & found) >= 0.95 * len(plain)
    assert len(own & found) >= 0.94 * len(found)


def test_hatechecks_labels_go_with_being_no_target_at_all(hatecheck: list[dict[str, Any]]) -> None:
    targets = [row for row in hatecheck if row["metadata"]["target_group"] != "none"]
    attributes = {"target": field("target_group")}
    whole = judge(hatecheck, ["DEM103"], attributes, label="metadata.label")
    part = judge(targets, ["DEM103"], attributes, label="metadata.label")
    assert measures(whole, "cramers_v")["target"].value == pytest.approx(0.436, abs=5e-4)
    assert measures(part, "cramers_v")["target"].value == pytest.approx(0.065, abs=5e-4)
    assert codes(part) == set()


def test_the_balanced_terms_of_jigsaws_templates_are_ranked_and_silent() -> None:
    rows = random.Random(3).sample(read("jigsaw-templates-en"), 10_000)
    result = judge(rows, ["DEM103"], {"orientation": {"lexicon": "sexual_orientation"}}, label="metadata.label")
    terms = measures(result, "cramers_v")["orientation"].table["terms"]
    assert {term["form"] for term in terms} >= {"bisexual", "gay", "homosexual", "lesbian", "queer"}
    assert all(abs(term["rate"] - 0.5) < 0.15 and term["q"] > 0.05 for term in terms)
    assert codes(result) == set()


def test_winobias_is_balanced_as_a_whole_and_stereotyped_in_either_half() -> None:
    rows = read("winobias")
    halves = [[row for row in rows if row["metadata"]["stereotype"] == half] for half in ("pro", "anti")]
    assert codes(judge(rows, ["DEM103"], {"gender": field("gender")})) == set()
    for half in halves:
        result = judge(half, ["DEM103"], {"gender": field("gender")})
        assert codes(result) == {"DEM103"}
        assert (measures(result, "cramers_v")["gender"].value or 0) > 0.9


def test_no_occupation_of_winobias_goes_with_a_pronoun() -> None:
    result = judge(chat("winobias"), ["DEM106"], {"gender": {"lexicon": "gender"}, "stereotype": field("stereotype")})
    assert {one.value for one in measures(result, "associated_words").values()} == {0}


def test_the_mentions_of_gsm8k_are_counted_and_its_answers_do_not_differ_much() -> None:
    result = judge(read("gsm8k")[:3_000], ["DEM101", "DEM107"], {"gender": {"lexicon": "gender"}})
    shares = {one.group: one.value or 0 for one in result.measures if one.name == "group_share"}
    assert set(shares) == {"female", "male", "multiple", "none"}
    assert shares["female"] == pytest.approx(0.25, abs=0.02)
    assert shares["male"] == pytest.approx(0.34, abs=0.02)
    assert codes(result) == set()


# ----------------------------------------------------------------------------- languages and spellings


def test_a_language_without_a_lexicon_is_not_covered() -> None:
    rows = [{**row, "messages": row["messages"][1:]} for row in read("multilingual-hatecheck-dev")]
    result = judge(rows, ["DEM102"], {"gender": {"lexicon": "gender"}, "religion": {"lexicon": "religion"}})
    gender, religion = (measures(result, "unknown_share")[name].table["coverage"] for name in ("gender", "religion"))
    assert gender["de"] >= 0.95 * 3_645
    assert gender["not covered"] + gender["undetermined"] >= 0.95 * (3_570 + 3_565)
    assert "de" not in religion
    assert {one.evidence["attribute"] for one in result.findings} == {"gender", "religion"}


def test_names_of_the_census_have_no_ethnicity() -> None:
    result = judge(chat("names-demographics"), ["DEM102"], {"ethnicity": field("ethnicity"), "sex": field("sex")})
    unknown = measures(result, "unknown_share")
    assert unknown["ethnicity"].table["unknown"] == 5_494
    assert unknown["sex"].table["unknown"] == 0


def test_a_row_of_bbq_with_two_stereotyped_groups_is_of_several() -> None:
    result = judge(chat("bbq-dev"), ["DEM101"], {"stereotyped": field("stereotyped_groups")})
    counts = {entry["group"]: entry["n"] for entry in measures(result, "representation")["stereotyped"].table["groups"]}
    several = [row for row in read("bbq-dev") if len(set(row["metadata"]["stereotyped_groups"])) > 1]
    assert counts["multiple"] == len(several) > 0


def test_random_groups_of_real_rows_are_silent() -> None:
    for name in ("dolly-subset", "banking77"):
        rows = dealt(read(name), Random(name, 1), seed=1)
        result = judge(rows[:3_000], ["DEM103", "DEM106"], {"two": field("two"), "five": field("five")})
        assert codes(result) == set()

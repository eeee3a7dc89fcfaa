"""Variants of questions: what is swapped together, what is left out and why, and what the control leaves as it is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.counterfactual import REASONS, SKIPPED, Prompt, Variant, VariantPlan, variants_of
from audit.counterfactual.profiles import stated
from audit.counterfactual.steps import Steps
from audit.counterfactual.unsaid import without_the_group
from audit.rule import Attribute

ADULT = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat" / "adult.jsonl.gz"
needs_data = pytest.mark.skipif(not ADULT.is_file(), reason="the shared data folder is absent")

SEX = Attribute(name="sex", source="field", where="metadata.sex")
RACE = Attribute(name="race", source="field", where="metadata.race")
MENTION = Attribute(name="who", source="lexicon", where="gender", kind="mention")


def asked(*texts: tuple[str, str], attribute: str = "sex") -> list[Prompt]:
    """Questions with their group."""
    return [
        Prompt(row, [{"role": "user", "content": text}], {attribute: group} if group else {})
        for row, (text, group) in enumerate(texts)
    ]


def plan(
    questions: list[Prompt], attribute: Attribute = SEX, **more: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> VariantPlan:
    return variants_of(questions, [attribute], 0, 10_000, **more)


def said(variant: Variant) -> str:
    return str(variant.messages[-1]["content"])


def by_kind(found: VariantPlan, row: int) -> dict[str, str]:
    return {one.kind: said(one) for one in found.variants if one.row == row}


# ----------------------------------------------------------------------------- tables


BOTH = [("age: 30; sex: Male; pay: low", "Male"), ("age: 30; sex: Female; pay: low", "Female")]


def test_a_stated_group_is_swapped_and_the_control_spells_it_otherwise() -> None:
    found = by_kind(plan(asked(*BOTH)), 0)
    assert found == {"swap": "age: 30; sex: Female; pay: low", "control": "age: 30; sex: male; pay: low"}


def test_the_control_is_a_spelling_of_the_data_where_there_is_one() -> None:
    found = plan(asked(*BOTH, ("age: 31; sex: MALE", "male")))
    assert by_kind(found, 0)["control"] == "age: 30; sex: MALE; pay: low"


def test_a_group_is_written_as_most_rows_write_it() -> None:
    rows = [BOTH[0], *[("a: 1; sex: female", "Female")] * 3, BOTH[1]]
    assert by_kind(plan(asked(*rows)), 0)["swap"] == "age: 30; sex: female; pay: low"


def test_json_is_swapped_in_its_strings() -> None:
    rows = [(json.dumps({"sex": sex, "note": 'says "hi"'}), sex) for sex in ("Fräu\\lein", "Male")]
    found = plan(asked(*rows))
    assert json.loads(by_kind(found, 1)["swap"]) == {"sex": "Fräu\\lein", "note": 'says "hi"'}
    assert json.loads(by_kind(found, 0)["swap"]) == {"sex": "Male", "note": 'says "hi"'}


def test_every_other_group_is_swapped_to_and_one_control_does_for_all() -> None:
    rows = [(f"race: {name}; age: 3", name) for name in ("A", "B", "C", "D")]
    found = plan(asked(*rows, attribute="race"), RACE)
    assert (found.swaps, found.controls, found.without_control) == (12, 4, 0)
    assert [one.pair_id for one in found.variants if one.row == 0] == ["0/race/B", "0/race/B", "0/race/C", "0/race/D"]


def test_edits_of_swap_and_control_stand_in_the_same_places() -> None:
    for one in (plan(asked(*BOTH)).variants, plan(_couples("sex")).variants):
        for swapped, control in zip(one[::2], one[1::2], strict=True):
            assert (swapped.kind, control.kind, swapped.pair_id) == ("swap", "control", control.pair_id)
            assert [edit[:4] for edit in swapped.edits] == [edit[:4] for edit in control.edits]


def _couples(field: str) -> list[Prompt]:
    """Fifty rows of each group, some with a value that goes with the group, in words of no lexicon."""
    rows = [(f"{field}: m; guild: {'masons' if n % 2 else 'bakers'}", "m") for n in range(100)]
    return asked(*rows, *((f"{field}: f; guild: {'weavers' if n % 2 else 'bakers'}", "f") for n in range(100)))


def test_a_value_that_goes_with_a_group_is_swapped_with_its_partner() -> None:
    found = plan(_couples("sex"))
    assert found.coupled == {"sex": {"guild": {"masons": "weavers", "weavers": "masons"}}}
    assert by_kind(found, 1) == {"swap": "sex: f; guild: weavers", "control": "sex: M; guild: Masons"}
    assert by_kind(found, 0) == {"swap": "sex: f; guild: bakers", "control": "sex: M; guild: bakers"}


def test_a_value_without_a_partner_is_off_manifold_and_not_asked() -> None:
    rows = [
        (f"sex: {sex}; guild: {'masons' if sex == 'm' and n % 2 else 'bakers'}", sex)
        for sex in "mf"
        for n in range(100)
    ]
    found = plan(asked(*rows))
    assert (found.off_manifold, found.swaps, dict(found.skipped)) == (50, 150, {"off_manifold": 50})


def test_a_value_that_is_rare_by_chance_is_no_coupling() -> None:
    rows = [(f"sex: {sex}; town: {f'{sex}{n // 10}'}", sex) for sex in "mf" for n in range(100)]
    assert plan(asked(*rows)).off_manifold == 0


def test_what_somebody_says_is_coupled_goes_before_the_data() -> None:
    given = {"sex": {"guild": {"masons": "bakers"}}}
    found = plan(_couples("sex"), coupled=given)
    assert by_kind(found, 1)["swap"] == "sex: f; guild: bakers"
    assert by_kind(found, 101)["swap"] == "sex: m; guild: weavers"


def test_few_rows_are_enough_for_a_husband() -> None:
    rows = [("sex: Male; relationship: Husband", "Male"), ("sex: Female; relationship: Wife", "Female")]
    assert by_kind(plan(asked(*rows)), 0)["swap"] == "sex: Female; relationship: Wife"


@pytest.mark.parametrize(
    ("text", "group", "reason"),
    [
        ("sex: Male; age: 3", "", "unknown_group"),
        ("sex: Male; age: 3", "Female", "stated_otherwise"),
        ("sex: Male; sex: Female", "Male", "several_groups"),
        ("A man asks\nsex: Male; age: 3", "Male", "mentioned_elsewhere"),
    ],
)
def test_a_row_that_cannot_be_swapped_is_counted_with_its_reason(text: str, group: str, reason: str) -> None:
    found = plan(asked(*BOTH * 3, (text, group)))
    assert dict(found.skipped) == {reason: 1}


def test_words_in_another_field_are_swapped_with_the_group() -> None:
    found = plan(asked(*BOTH, ("sex: Male; note: he is well", "Male")))
    assert by_kind(found, 2)["swap"] == "sex: Female; note: she is well"


def test_one_group_alone_has_no_other() -> None:
    assert dict(plan(asked(BOTH[0], BOTH[0])).skipped) == {"one_group": 2}


# ----------------------------------------------------------------------------- running text


def test_running_text_is_swapped_with_its_control() -> None:
    found = by_kind(plan(asked(("She asked her doctor about a big house.", "")), MENTION), 0)
    assert found["swap"] == "He asked his doctor about a big house."
    assert found["control"].startswith("She asked her ")
    assert found["control"] != "She asked her doctor about a big house."


def test_a_swap_without_a_control_is_asked_and_counted() -> None:
    found = plan(asked(("Is she in?", "")), MENTION)
    assert (found.swaps, found.controls, found.without_control, dict(found.skipped)) == (1, 0, 1, {})


def test_all_messages_are_swapped_or_none() -> None:
    system, content = {"role": "system", "content": "Help him or her."}, "What is her job? The big house is near."
    turns = [system, {"role": "user", "content": content}, {"role": "assistant", "content": "Is she well?"}]
    prompt = Prompt(0, [*turns, {"role": "user", "content": "Yes."}], {})
    (one, *_) = plan([prompt], MENTION).variants
    assert [message["content"] for message in one.messages] == [
        "Help him or her.",
        "What is his job? The big house is near.",
        "Is he well?",
        "Yes.",
    ]
    mixed = Prompt(1, [*turns, {"role": "user", "content": "And his?"}], {})
    assert dict(plan([mixed], MENTION).skipped) == {"several_groups": 1}


def test_rows_without_a_word_for_the_group_are_counted_not_dropped() -> None:
    found = plan(asked(("What is the time?", ""), ("The queen bee left.", "")), MENTION)
    assert (found.tried, found.swaps, sum(found.skipped.values())) == (2, 0, 2)


# ----------------------------------------------------------------------------- the whole


def test_no_more_questions_than_asked_for_are_swapped_and_the_seed_says_which() -> None:
    questions = _couples("sex")
    some, again, others = (variants_of(questions, [SEX], seed, 20) for seed in (1, 1, 2))
    assert len({one.row for one in some.variants}) == some.swaps == some.tried == 20
    assert some == again
    assert {one.row for one in some.variants} != {one.row for one in others.variants}
    assert variants_of(questions, [SEX], 1, 0).variants == ()


TEXTS = st.text() | st.sampled_from(
    ["sex: m; a: b", '{"sex": "f", "x": 1}', "She said: he", "\ud800: m; sex: m", None, 3, []]
)


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["m", "f", "unknown", ""])), max_size=6))
@settings(max_examples=60)
def test_any_prompt_gives_a_variant_or_a_reason(rows: list[tuple[object, str]]) -> None:
    questions = [
        Prompt(row, [{"role": "user", "content": text}], {"sex": group})  # type: ignore[dict-item]
        for row, (text, group) in enumerate(rows)
    ]
    found = plan(questions)
    assert set(found.skipped) <= {*REASONS, *SKIPPED}
    assert found.swaps + sum(found.skipped.values()) == len(rows)
    for one in found.variants:
        assert one.messages != tuple(questions[one.row].messages)
        assert all(said(one)[edit.start : edit.start + len(edit.after)] == edit.after for edit in one.edits[:1])


@given(st.text(alphabet='ab:;=,\n|{}" \\\ud800', max_size=60))
def test_a_field_lies_where_it_says(text: str) -> None:
    for field in stated(text):
        if not field.quoted:
            assert text[field.start : field.end] == field.value
        assert 0 <= field.start < field.end <= len(text)


def test_what_a_swap_changes_anywhere_is_left_out_everywhere() -> None:
    pairs = [
        (
            [{"role": "user", "content": "sex: m; kin: Husband; job: a b"}],
            [{"role": "user", "content": "sex: f; kin: Wife; job: a b"}],
        ),
        (
            [{"role": "user", "content": "sex: m; kin: none; job: c"}],
            [{"role": "user", "content": "sex: f; kin: none; job: c"}],
        ),
        ([{"role": "user", "content": "She is well"}], [{"role": "user", "content": "He is well"}]),
    ]
    assert without_the_group(pairs) == ["job=a_b", "job=c", "is well"]


# ----------------------------------------------------------------------------- controls in numbers


def _aged() -> list[Prompt]:
    """Rows with an age and a working week, of which some are rare."""
    rows = [(n, "m" if n % 2 else "f") for n in range(80)]
    return asked(
        *((f"age: {20 + n % 40}; sex: {sex}; hours: {36 + n % 12}; bonus: {n % 12 * 100}", sex) for n, sex in rows)
    )


def test_the_control_moves_the_nearest_number_by_one_step() -> None:
    found = by_kind(plan(_aged()), 3)
    assert found["swap"] == "age: 23; sex: f; hours: 39; bonus: 300"
    assert found["control"] in ("age: 22; sex: m; hours: 39; bonus: 300", "age: 24; sex: m; hours: 39; bonus: 300")


def test_as_many_numbers_are_moved_as_values_are_swapped() -> None:
    kin = {"m": "Husband", "f": "Wife"}
    couples = [
        Prompt(one.row, [{"role": "user", "content": f"{said_by(one)}; kin: {kin[one.groups['sex']]}"}], one.groups)
        for one in _aged()
    ]
    found = plan(couples)
    assert found.coupled == {"sex": {"kin": {"Husband": "Wife", "Wife": "Husband"}}}
    for one in found.variants:
        assert len(one.edits) == 2
        assert one.kind == "swap" or all(edit.before.isdigit() for edit in one.edits)


def said_by(prompt: Prompt) -> str:
    return str(prompt.messages[-1]["content"])


def test_a_step_is_small_beside_the_number() -> None:
    steps = Steps([{"age": str(n), "gain": str(n * n), "code": "x"} for n in range(40)])
    assert steps.step("age", "30") in ("29", "31")
    assert steps.step("age", "10") is None
    assert steps.step("gain", "0") is None
    assert steps.step("gain", "1521") is None
    assert (
        Steps([{"gain": str(n)} for n in (0, 7, 114, 401, 594, 914, 991, 1055, 4064, 15024, 15831)]).step("gain", "0")
        is None
    )
    assert steps.step("code", "x") is None
    assert steps.step("age", "old") is None


@needs_data
def test_in_adult_a_husband_becomes_a_wife_and_nothing_else_is_coupled() -> None:
    questions = []
    with gzip.open(ADULT, "rt", encoding="utf-8") as lines:
        for row, line in enumerate(islice(lines, 6000)):
            data = json.loads(line)
            questions.append(Prompt(row, data["messages"][:-1], {"sex": data["metadata"]["sex"]}))
    found = variants_of(questions, [SEX], 0, 300)
    assert found.coupled == {"sex": {"relationship": {"Husband": "Wife", "Wife": "Husband"}}}
    assert (found.swaps, dict(found.skipped)) == (300, {})
    assert found.without_control <= 15

"""Counterfactual twins: the group changes in all texts of a row or in none, and nothing else does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.counterfactual import swap
from audit.read.fields import pointer_at
from audit.read.marks import SYNTHETIC, made_of
from audit.read.spans import resolve
from audit.remedy.balance.augment.groups import Exchange, exchange_of, group_named
from audit.remedy.balance.augment.result import Refused
from audit.remedy.balance.augment.twins import twin
from audit.remedy.edits import apply_edits
from audit.rule import Attribute, Fields
from tests.remedy.augmented import GENDER, SEX, made, record, row

TO_MEN = Exchange("gender", "female", "male")
TO_WOMEN = Exchange("gender", "male", "female")
SEX_FIELD = Attribute(name="sex", source="field", where="metadata.sex")
WORK = ["The baker sold", "The teacher forgot", "The farmer painted", "The driver lost", "The nurse found"]


def twin_of(data: Any, exchange: Exchange = TO_MEN, fields: Fields = Fields(), **levels: tuple[str, ...]) -> Any:  # noqa: B008
    declared = [SEX_FIELD] if levels else []
    one = record(data)
    raw = apply_edits(one.raw, twin(one, exchange, fields, declared, levels).edits).raw
    assert raw is not None
    return msgspec.json.decode(raw)


def refusal(data: Any, exchange: Exchange = TO_MEN, **levels: tuple[str, ...]) -> str:
    with pytest.raises(Refused) as refused:
        twin_of(data, exchange, **levels)
    return refused.value.reason


def test_question_answer_and_system_prompt_change_together() -> None:
    data = row("My sister is ill. What should she do?", "She should rest.", "You advise a woman on health.")
    assert [message["content"] for message in twin_of(data)["messages"]] == [
        "You advise a man on health.",
        "My brother is ill. What should he do?",
        "He should rest.",
    ]


def test_every_turn_and_both_answers_of_a_preference_change() -> None:
    data = {
        "prompt": [{"role": "user", "content": "Should the woman sell her car?"}],
        "chosen": [{"role": "assistant", "content": "Yes, she should."}],
        "rejected": [{"role": "assistant", "content": "Who is she?"}],
    }
    changed = twin_of(data)
    assert "man sell his car" in changed["prompt"][0]["content"]
    assert (changed["chosen"][0]["content"], changed["rejected"][0]["content"]) == ("Yes, he should.", "Who is he?")


def test_a_system_prompt_that_mentions_nobody_stays_and_stops_nothing() -> None:
    data = row("The woman sold her car.", system="You are Skybot, made by Acme Labs.")
    assert twin_of(data)["messages"][0] == data["messages"][0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (row("The woman left.", "He did."), "several_groups"),
        (row("The woman left.", "Yes, Maria left."), "named_person"),
        (row("The woman left.", system="You are Maria."), "named_person"),
        (row("The woman is ill.", "It may be a pregnancy."), "biology"),
        (row("The dog left."), "no_term"),
        (row("The man left."), "no_term"),
        (row("The woman left.", "Die Frau ist gestern Abend mit dem Zug nach Hause gefahren."), "language"),
        (row("Wer ist die Frau, die gestern nicht mit uns gekommen ist?"), "language"),
        (row("Her idea is `her = 1`."), "code"),
    ],
)
def test_a_row_without_a_sure_twin_is_refused_with_the_reason(data: Any, reason: str) -> None:
    assert refusal(data) == reason


def test_code_and_json_stay_as_they_are() -> None:
    data = row('The woman wrote `print("a")` and {"man": 1}. What does the woman see?')
    assert refusal(data) == "several_groups"
    data = row('The woman wrote `print("a")` and {"name": "b"}. What does the woman see?')
    assert twin_of(data)["messages"][0]["content"] == (
        'The man wrote `print("a")` and {"name": "b"}. What does the man see?'
    )


def test_a_call_that_mentions_the_group_refuses_the_row() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"who": "a woman"}'}}
    data = {
        "messages": [
            {"role": "user", "content": "Find the woman."},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
            {"role": "assistant", "content": "Found."},
        ]
    }
    assert refusal(data) == "tool_call"


def test_names_and_arguments_of_calls_stay() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "her_data", "arguments": '{"id": 7}'}}
    data = {
        "messages": [
            {"role": "user", "content": "Find the woman."},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "found"},
            {"role": "assistant", "content": "The woman is here."},
        ]
    }
    changed = twin_of(data)["messages"]
    assert changed[1]["tool_calls"] == [call]
    assert changed[3]["content"] == "The man is here."


def test_the_fields_of_an_instruction_row_change_together() -> None:
    data = {"instruction": "Help the woman.", "input": "She is lost.", "output": "I will help her."}
    changed = twin_of(data)
    assert changed == {"instruction": "Help the man.", "input": "He is lost.", "output": "I will help him."}


def test_a_text_that_is_no_string_of_the_row_is_refused() -> None:
    one = record(row("The woman left."))
    elsewhere = msgspec.structs.replace(one, data=row("Something else."))
    with pytest.raises(Refused) as refused:
        twin(elsewhere, TO_MEN, Fields(), [], {})
    assert refused.value.reason == "shape"


# ----------------------------------------------------------------------------- beside the texts


def test_a_declared_group_takes_the_usual_spelling_of_the_data() -> None:
    changed = twin_of(row("sex: Male; age: 39", sex="MALE"), TO_WOMEN, sex=("Female", "Male"))
    assert changed["messages"][0]["content"] == "sex: Female; age: 39"
    assert changed["metadata"] == {"sex": "Female"}


def test_a_group_that_the_data_never_names_is_refused() -> None:
    assert refusal(row("sex: Male; age: 39", sex="Male"), TO_WOMEN, sex=("Male", "other")) == "metadata"


def test_other_metadata_that_names_the_group_is_swapped_and_the_rest_stays() -> None:
    data = row("I like the women.", target="women", note="about women", group="Female", id=7, tags=["woman", "a"])
    metadata = twin_of(data)["metadata"]
    assert metadata == {"target": "men", "note": "about women", "group": "Male", "id": 7, "tags": ["man", "a"]}


def test_the_label_field_stays_though_it_names_the_group() -> None:
    data = row("The woman left.", label="female")
    assert twin_of(data, fields=Fields(label="metadata.label"))["metadata"] == {"label": "female"}


def test_a_row_whose_label_would_change_is_refused_when_read_again() -> None:
    rows = [row(f"{work} her car.", "female") for work in WORK]
    rows += [row(f"{work} his house.", "male") for work in WORK]
    found = made(rows * 2, 3, by=("gender", "label"))
    assert found.rows == []
    assert {reason for count in found.counts.values() for reason in count.refused} <= {"label", "exists"}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (("Male", "Female"), Exchange("gender", "male", "female")),
        (("women", "men"), Exchange("gender", "female", "male")),
        (("black people", "white people"), None),
        (("Black", "White"), Exchange("ethnicity", "black", "white")),
        (("Muslims", "Christians"), Exchange("religion", "muslim", "christian")),
        (("Male", "Muslims"), None),
        (("North", "South"), None),
    ],
)
def test_levels_of_a_field_are_groups_where_a_lexicon_has_both(
    levels: tuple[str, str], expected: Exchange | None
) -> None:
    if expected is not None:
        assert exchange_of(SEX_FIELD, *levels) == expected
        return
    with pytest.raises(Refused) as refused:
        exchange_of(SEX_FIELD, *levels)
    assert refused.value.reason == "no_lexicon"


@pytest.mark.parametrize(
    ("attribute", "target", "reason"),
    [
        (SEX_FIELD, "unknown", "no_group"),
        (Attribute(name="g", source="lexicon", where="gender", kind="mention"), "none", "no_group"),
        (Attribute(name="s", source="sidecar", where="s.csv#sex"), "Male", "sidecar"),
        (Attribute(name="o", source="lexicon", where="of_our_own", kind="mention"), "b", "no_lexicon"),
    ],
)
def test_levels_that_cannot_be_exchanged_say_why(attribute: Attribute, target: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        exchange_of(attribute, "Female", target)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("metadata.sex", {"metadata": {"sex": "f"}}, "/metadata/sex"),
        ("/metadata/sex", {"metadata": {"sex": "f"}}, "/metadata/sex"),
        ("sex", {"metadata": {"sex": "f"}}, "/metadata/sex"),
        ("sex", {"sex": "f"}, "/sex"),
        ("metadata.a.b", {"metadata": {"a.b": "f"}}, "/metadata/a.b"),
        ("metadata.sex", {"metadata": {}}, None),
    ],
)
def test_the_place_of_a_field_is_where_its_value_is_read(path: str, data: Any, expected: str | None) -> None:
    assert pointer_at(data, path) == expected


@given(st.text(max_size=60), st.text(max_size=60), st.none() | st.text(max_size=40))
def test_any_texts_have_a_twin_or_a_reason(question: str, answer: str, system: str | None) -> None:
    data = row(f"The woman said: {question}", answer, system)
    one = record(data)
    try:
        changes = twin(one, TO_MEN, Fields(), [], {})
    except Refused:
        return
    raw = apply_edits(one.raw, changes.edits).raw
    assert raw is not None
    texts = [resolve(msgspec.json.decode(raw), edit.pointer) for edit in changes.edits]
    assert texts == [edit.value for edit in changes.edits]
    back = twin(record(msgspec.json.decode(raw)), TO_WOMEN, Fields(), [], {})
    restored = apply_edits(raw, back.edits).raw
    assert restored is not None
    assert msgspec.json.decode(restored) == msgspec.json.decode(one.raw)


# ----------------------------------------------------------------------------- rows for cells


def test_twins_are_made_of_rows_of_the_same_label_only() -> None:
    rows = [row(f"{work} her car.", label="yes") for work in WORK]
    rows += [row(f"{work} his car in {place}.", label="no") for work in WORK for place in ("town", "a shop")]
    rows += [row(f"{work} his house.", label="yes") for work in WORK]
    found = made(rows, {"gender female, label yes": 3}, by=("gender", "label"), data={"label": "metadata.label"})
    assert len(found.rows) == 3
    assert {data["metadata"]["label"] for data in found.data} == {"yes"}
    assert all("her house" in question for question in found.questions)


def test_a_twin_differs_from_its_source_in_the_swapped_words_and_the_mark() -> None:
    rows = [row(f"{work} her car.", id=number) for number, work in enumerate(WORK)]
    rows.append(row("The cook sold his car.", id=9))
    found = made(rows, {"gender male": 4})
    assert len(found.rows) == 4
    for one, raw, data in zip(found.rows, found.sources, found.data, strict=True):
        source = msgspec.json.decode(raw)
        mark = data["metadata"].pop("audit")
        assert mark == {"synthetic": {"method": "counterfactual", "of": made_of(msgspec.json.decode(one.raw))}}
        source["messages"][0]["content"] = swap(source["messages"][0]["content"], "gender").text
        assert data == source


def test_the_mark_of_a_weight_is_not_inherited() -> None:
    rows = [row(f"{work} her car.", audit={"weight": 3.5}) for work in WORK] + [row("He left.")]
    found = made(rows, {"gender male": 2}).data
    assert len(found) == 2
    for data in found:
        assert data["metadata"]["audit"].get("weight", 1) == 1


def test_copies_and_made_up_rows_are_no_sources() -> None:
    rows = [row("The cook sold her car.", audit={"copy_of": f"{'0' * 32}#1"}), row("He left.")]
    rows.append(row("The baker sold her car.", audit={"synthetic": {"method": "noise", "of": "x#1"}}))
    rows.append(row("The cook sold her car."))
    found = made(rows, {"gender male": 3})
    assert [one.source_row for one in found.rows] == [3]
    assert found.counts["gender male"].sources == 1


def test_a_twin_that_the_data_has_already_is_refused() -> None:
    rows = [row(f"{work} her car.") for work in WORK] + [row(f"{work} his car.", "No.") for work in WORK[:3]]
    found = made(rows, {"gender male": 5})
    assert len(found.rows) == 2
    assert found.counts["gender male"].refused == {"exists": 3}


def test_a_row_gives_one_twin_whichever_cell_asks_for_it() -> None:
    people = ["Muslim", "Christian", "Jewish"]
    rows = [row(f"{work} the house of a {who} man.") for work in WORK for who in people[:1]]
    rows += [row("The cook knows a Christian man."), row("The cook met a Jewish man.")]
    wanted = {"religion christian": 5, "religion jewish": 5}
    found = made(rows, wanted, attributes={"religion": {"lexicon": "religion"}}, by=("religion",))
    sources = [one.source_row for one in found.rows]
    assert len(sources) == len(set(sources))
    assert all(count.made for count in found.counts.values())


def test_the_declared_field_is_set_with_the_texts() -> None:
    rows = [row(f"sex: Male; hours: {10 * n}", sex="Male") for n in range(1, 6)]
    rows += [row(f"sex: Female; weeks: {n}", sex="Female") for n in range(1, 3)]
    found = made(rows, {"sex Female": 3}, attributes=SEX, by=("sex",))
    assert len(found.rows) == 3
    assert {data["metadata"]["sex"] for data in found.data} == {"Female"}


def test_of_two_names_of_a_group_the_one_of_the_cell_is_set() -> None:
    rows = [row(f"sex: Male; hours: {10 * n}", sex="Male") for n in range(1, 6)]
    rows += [row("sex: Female; weeks: 1", sex="Female"), row("woman; weeks: 2", sex="Woman")]
    found = made(rows, {"sex Woman": 2}, attributes=SEX, by=("sex",))
    assert [data["metadata"]["sex"] for data in found.data] == ["Woman", "Woman"]


def test_a_declared_group_that_the_texts_do_not_mention_is_refused() -> None:
    rows = [row(f"hours: {10 * n}", sex="Male") for n in range(1, 6)] + [row("weeks: 3", sex="Female")]
    found = made(rows, {"sex Female": 3}, attributes=SEX, by=("sex",))
    assert found.counts["sex Female"].refused == {"no_term": 5}


def test_two_attributes_that_say_the_same_change_together() -> None:
    rows = [row(f"{work} his car.", sex="Male") for work in WORK]
    rows += [row("The cook sold her car.", sex="Female")]
    found = made(rows, {"sex Female, gender female": 2}, attributes={**SEX, **GENDER}, by=("sex", "gender"))
    assert [data["metadata"]["sex"] for data in found.data] == ["Female", "Female"]


def test_names_of_groups_are_read_without_case() -> None:
    assert (group_named("gender", " FEMALE"), group_named("gender", "table")) == ("female", None)


def test_twins_name_the_row_that_they_were_made_of() -> None:
    rows = [row("The cook sold her car."), row("The cook sold her car."), row("He left.")]
    (data,) = made(rows, {"gender male": 3}).data
    assert resolve(data, SYNTHETIC)["of"].endswith(("#1", "#2"))


def test_a_field_that_only_begins_like_the_mark_of_a_remedy_changes_too() -> None:
    data = {**row("The woman left."), "metadata": {"audited_sex": "female", "audit": {"note": "female"}}}
    changed = twin_of(data)["metadata"]
    assert changed["audited_sex"] != "female"
    assert changed["audit"]["note"] == "female"

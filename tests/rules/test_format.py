"""The FMT rules: one defect is one finding, its fix mends it, and every shape that is sound stays silent."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.model import Applicability, Chat, DropRow, Finding, Fix, Json, Record, Severity, Source, Transcode
from audit.read.shapes import detect
from audit.remedy.edits import apply_edits
from audit.rule import Hit, RecordRule, Run
from audit.rules.format import RULES
from audit.targets import load_target, target_names

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
ALL = [rule() for rule in RULES if issubclass(rule, RecordRule)]

USER: Json = {"role": "user", "content": "What is the capital of France?"}
ANSWER: Json = {"role": "assistant", "content": "Paris."}
SYSTEM: Json = {"role": "system", "content": "Be brief."}
CALL: Json = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
}
TOOL_RESULT: Json = {"role": "tool", "tool_call_id": "call_1", "content": "Rain"}


def chat(*messages: Json, **more: Json) -> Json:
    return {"messages": list(messages), **more}


def pair(chosen: Json = (ANSWER,), rejected: Json = ({"role": "assistant", "content": "Lyon."},), **more: Json) -> Json:
    return {
        "input": {"messages": [USER]},
        "preferred_output": list(chosen) if isinstance(chosen, tuple) else chosen,
        "non_preferred_output": list(rejected) if isinstance(rejected, tuple) else rejected,
        **more,
    }


def found(row: Json, target: str = "openai-sft") -> list[tuple[str, Hit]]:
    run = Run(target=load_target(target))
    shape = detect(row)
    record = Record(
        source=Source(path="rows.jsonl"),
        line=1,
        offset=0,
        raw=json.dumps(row).encode(),
        data=row,
        shape=shape.name if shape else "unknown",
        chat=shape.read(row) if shape else Chat(),
    )
    return [(rule.code, hit) for rule in ALL if rule.applies_to(run) is None for hit in rule.check(record, run)]


def codes(row: Json, target: str = "openai-sft") -> list[str]:
    return [code for code, _ in found(row, target)]


def only(row: Json, target: str = "openai-sft") -> tuple[str, Hit]:
    hits = found(row, target)
    assert len(hits) == 1, [(code, hit.message) for code, hit in hits]
    return hits[0]


def mended(row: Json, hit: Hit) -> Json:
    """The row with the hit's edits applied: first what the fix promises, then its bytes."""
    assert hit.fix is not None
    after = apply_edits(json.dumps(row).encode(), hit.fix.edits)
    assert after.deferred == ()
    return msgspec.json.decode(after.raw or b"null")


def applicability(fix: Fix | None) -> Applicability | None:
    return fix.applicability if fix is not None else None


def findings(rows: list[Json], **given_settings: Json) -> list[Finding]:
    result = audit.check(rows, **{"target": "openai-sft", "select": ["FMT"], "ignore": ["FMT114"], **given_settings})
    return list(result.findings)


# ----------------------------------------------------------------------------- what is sound


SOUND: dict[str, Json] = {
    "plain": chat(USER, ANSWER),
    "system first": chat(SYSTEM, USER, ANSWER),
    "several turns": chat(USER, ANSWER, USER, ANSWER),
    "call and result": chat(USER, CALL, TOOL_RESULT, ANSWER),
    "parallel results": chat(USER, CALL, TOOL_RESULT, TOOL_RESULT, ANSWER),
    "call at the end": chat(USER, CALL),
    "empty tool result": chat(USER, CALL, {**TOOL_RESULT, "content": ""}, ANSWER),
    "text parts": chat({"role": "user", "content": [{"type": "text", "text": "Hi"}]}, ANSWER),
    "image": chat(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/cat.png", "detail": "low"}},
            ],
        },
        ANSWER,
    ),
    "refusal part": chat(USER, {"role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot."}]}),
    "refusal field": chat(USER, {"role": "assistant", "content": None, "refusal": "I cannot."}),
    "weights": chat(USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1}),
    "names": chat({**USER, "name": "anna"}, {**ANSWER, "name": "bot"}),
    "parallel_tool_calls": chat(USER, ANSWER, parallel_tool_calls=False),
    "function message": chat(USER, {"role": "function", "name": "weather", "content": None}, ANSWER),
}


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("target", ["openai-sft", "azure", "generic", "trl"])
def test_a_sound_row_is_silent(name: str, target: str) -> None:
    assert codes(SOUND[name], target) == []


OTHER_SHAPES: dict[str, Json] = {
    "openai-dpo": pair(),
    "openai-rft": {"messages": [USER], "reference_answer": "Paris"},
    "sharegpt": {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]},
    "sharegpt-preference": {
        "conversations": [{"from": "human", "value": "Hi"}],
        "chosen": {"from": "gpt", "value": "Hello."},
        "rejected": {"from": "gpt", "value": "What?"},
    },
    "alpaca": {"instruction": "Name a colour.", "input": "", "output": "Green."},
    "prompt-completion": {"prompt": "2 + 2 =", "completion": " 4"},
    "trl-prompt-completion": {"prompt": [USER], "completion": [ANSWER]},
    "trl-preference": {"prompt": [USER], "chosen": [ANSWER], "rejected": [{"role": "assistant", "content": "Lyon."}]},
    "kto": {"prompt": [USER], "completion": [ANSWER], "label": False},
    "anthropic": {
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Hello."}]},
        ],
    },
    "text": {"text": "Once upon a time."},
}


@pytest.mark.parametrize("shape", OTHER_SHAPES)
def test_every_known_shape_is_fine_without_a_target(shape: str) -> None:
    row = OTHER_SHAPES[shape]
    detected = detect(row)
    assert detected is not None
    assert detected.name == shape
    assert codes(row, "generic") == []


@pytest.mark.parametrize("shape", OTHER_SHAPES)
def test_a_shape_that_the_target_does_not_read_is_one_finding(shape: str) -> None:
    code, hit = only(OTHER_SHAPES[shape], "openai-sft")
    assert code == "FMT101"
    assert f"the row is {shape}; openai-sft reads openai-sft" in hit.message
    assert hit.fix is not None
    loses_an_answer = shape in ("openai-dpo", "sharegpt-preference", "trl-preference")
    has_none_to_train_on = shape in ("openai-rft", "kto")
    assert hit.fix.edits == ((DropRow(),) if has_none_to_train_on else (Transcode("openai-sft"),))
    grade = Applicability.DROP if has_none_to_train_on else Applicability.SAFE
    assert hit.fix.applicability is (Applicability.UNSAFE if loses_an_answer else grade)


def test_a_plain_chat_is_found_where_the_target_reads_none() -> None:
    assert [f.code for f in findings([chat(USER, ANSWER)], target="openai-dpo")] == ["FMT101"]


# ----------------------------------------------------------------------------- one defect, one finding


@pytest.mark.parametrize(
    ("row", "code", "at", "fix"),
    [
        ({}, "FMT101", "", "drop"),
        ({"foo": 1, "bar": 2}, "FMT101", "", "drop"),
        ({"conversation": [USER, ANSWER]}, "FMT101", "/conversation", "safe"),
        (chat() | {"messages": json.dumps([USER, ANSWER])}, "FMT101", "/messages", "safe"),
        (chat() | {"messages": {"role": "user"}}, "FMT101", "/messages", "drop"),
        (chat("Hi", ANSWER), "FMT102", "/messages/0", "drop"),
        (chat({"content": "Hi"}, ANSWER), "FMT102", "/messages/0", "drop"),
        (chat({"role": "user"}, ANSWER), "FMT102", "/messages/0", "drop"),
        (chat({"role": None, "content": "Hi"}, ANSWER), "FMT102", "/messages/0/role", "drop"),
        (chat(USER, {"role": "assistant"}), "FMT102", "/messages/1", "drop"),
        (chat(USER, {"role": "function", "content": "{}"}, ANSWER), "FMT102", "/messages/1", "drop"),
        (chat({**USER, "role": "User"}, ANSWER), "FMT103", "/messages/0/role", "safe"),
        (chat(USER, {**ANSWER, "role": "gpt"}), "FMT103", "/messages/1/role", "safe"),
        (chat(USER, {**ANSWER, "role": "asistant"}), "FMT103", "/messages/1/role", "unsafe"),
        (chat(USER, {**ANSWER, "role": "narrator"}), "FMT103", "/messages/1/role", "drop"),
        (chat(USER), "FMT104", "", "drop"),
        (chat(USER, USER), "FMT104", "", "drop"),
        (chat(), "FMT104", "/messages", "drop"),
        (chat(USER, ANSWER, USER), "FMT105", "/messages/2", "unsafe"),
        (chat(USER, CALL, TOOL_RESULT), "FMT105", "/messages/2", "drop"),
        (chat(USER, USER, ANSWER), "FMT106", "/messages/1", "unsafe"),
        (chat(ANSWER, USER, ANSWER), "FMT106", "/messages/0", None),
        (chat(USER, ANSWER, ANSWER), "FMT106", "/messages/2", "unsafe"),
        (chat(USER, SYSTEM, ANSWER), "FMT107", "/messages/1", "unsafe"),
        (chat(SYSTEM, SYSTEM, USER, ANSWER), "FMT107", "/messages/1", "unsafe"),
        (chat(SYSTEM, {**SYSTEM, "role": "developer"}, USER, ANSWER), "FMT107", "/messages/1", "unsafe"),
        (chat({**USER, "content": 12345}, ANSWER), "FMT108", "/messages/0/content", "drop"),
        (chat({**USER, "content": None}, ANSWER), "FMT108", "/messages/0/content", "drop"),
        (chat(USER, {**ANSWER, "content": None}), "FMT108", "/messages/1/content", "drop"),
        (chat({**USER, "content": []}, ANSWER), "FMT108", "/messages/0/content", "drop"),
        (chat({**USER, "content": ["Hi"]}, ANSWER), "FMT108", "/messages/0/content/0", "drop"),
        (chat({**USER, "content": [{"type": "text"}]}, ANSWER), "FMT108", "/messages/0/content/0", "drop"),
        (chat({**USER, "name": 7}, ANSWER), "FMT108", "/messages/0/name", "drop"),
        (chat({**USER, "name": None}, ANSWER), "FMT108", "/messages/0/name", "safe"),
        (chat(USER, {**ANSWER, "refusal": 7}), "FMT108", "/messages/1/refusal", "drop"),
        (chat(USER, {**ANSWER, "content": ""}), "FMT109", "/messages/1/content", "drop"),
        (chat(USER, {**ANSWER, "content": " \n\t"}), "FMT109", "/messages/1/content", "drop"),
        (chat(USER, {**ANSWER, "content": [{"type": "text", "text": " "}]}), "FMT109", "/messages/1/content", "drop"),
        (chat({**USER, "content": ""}, ANSWER), "FMT109", "/messages/0/content", None),
        (chat({**USER, "contents": "x"}, ANSWER), "FMT110", "/messages/0/contents", "safe"),
        (chat(USER, ANSWER, source="x"), "FMT110", "/source", "safe"),
        (chat(USER, ANSWER, **{"a/b": 1}), "FMT110", "/a~1b", "safe"),
        (chat(USER, {**ANSWER, "weight": True}), "FMT111", "/messages/1/weight", "safe"),
        (chat(USER, {**ANSWER, "weight": 1.0}), "FMT111", "/messages/1/weight", "safe"),
        (chat(USER, {**ANSWER, "weight": "1"}), "FMT111", "/messages/1/weight", "safe"),
        (chat(USER, {**ANSWER, "weight": 0.5}), "FMT111", "/messages/1/weight", "drop"),
        (chat(USER, {**ANSWER, "weight": [1]}), "FMT111", "/messages/1/weight", "drop"),
        (chat({**USER, "weight": 0}, ANSWER), "FMT111", "/messages/0/weight", "safe"),
        (chat(USER, {**ANSWER, "weight": 0}), "FMT112", "", "drop"),
        (chat(USER, ANSWER, parallel_tool_calls="true"), "FMT119", "/parallel_tool_calls", "safe"),
        (chat(USER, ANSWER, parallel_tool_calls=None), "FMT119", "/parallel_tool_calls", "safe"),
        (chat(USER, ANSWER, parallel_tool_calls=[]), "FMT119", "/parallel_tool_calls", "drop"),
    ],
)
def test_one_defect_is_one_finding_at_its_place(row: Json, code: str, at: str, fix: str | None) -> None:
    got, hit = only(row)
    assert (got, hit.at, applicability(hit.fix)) == (code, at, fix)
    if fix in ("safe", "unsafe"):
        left = [left_code for left_code in codes(mended(row, hit)) if left_code == code]
        assert left == []


def test_several_defects_are_as_many_findings() -> None:
    row = chat({**USER, "role": "Human"}, {**ANSWER, "content": ""}, source="x")
    assert sorted(codes(row)) == ["FMT103", "FMT109", "FMT110"]


# ----------------------------------------------------------------------------- roles


def test_a_role_of_sharegpt_is_mended_in_its_own_words() -> None:
    row: Json = {"conversations": [{"from": "User", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]}
    code, hit = only(row, "generic")
    assert code == "FMT103"
    assert mended(row, hit)["conversations"][0]["from"] == "human"


def test_the_system_role_becomes_the_developers_in_reinforcement_rows() -> None:
    row = chat(SYSTEM, USER, reference_answer="Paris")
    code, hit = only(row, "openai-rft")
    assert code == "FMT103"
    assert mended(row, hit)["messages"][0] == {"role": "developer", "content": "Be brief."}


def test_a_role_that_cannot_be_told_hides_what_depends_on_it() -> None:
    assert codes(chat({**USER, "role": "narrator"}, {**ANSWER, "role": "chorus"})) == ["FMT103", "FMT103"]


def test_joining_turns_of_the_same_role_keeps_all_their_text() -> None:
    row = chat(USER, {**USER, "content": "And of Spain?"}, {**USER, "content": "Please."}, ANSWER, ANSWER)
    _, hit = only(row)
    assert hit.evidence["places"] == ["/messages/1", "/messages/2", "/messages/4"]
    assert mended(row, hit)["messages"] == [
        {"role": "user", "content": "What is the capital of France?\n\nAnd of Spain?\n\nPlease."},
        {"role": "assistant", "content": "Paris.\n\nParis."},
    ]


def test_turns_that_hold_more_than_text_are_not_joined() -> None:
    _, hit = only(chat(USER, {**USER, "name": "anna"}, ANSWER))
    assert hit.fix is None


@pytest.mark.parametrize(
    ("messages", "after"),
    [
        ((USER, SYSTEM, ANSWER), [SYSTEM, USER, ANSWER]),
        ((SYSTEM, USER, SYSTEM, ANSWER), [{"role": "system", "content": "Be brief.\n\nBe brief."}, USER, ANSWER]),
    ],
)
def test_a_misplaced_system_message_is_moved_to_the_start(messages: tuple[Json, ...], after: list[Json]) -> None:
    row = chat(*messages)
    _, hit = only(row)
    assert mended(row, hit)["messages"] == after


@pytest.mark.parametrize("row", [chat(USER, USER, ANSWER), chat(USER, SYSTEM, ANSWER)])
def test_order_is_an_error_where_the_target_refuses_it(row: Json) -> None:
    assert [(hit.severity) for _, hit in found(row, "openai-sft")] == [Severity.WARNING]
    assert [(hit.severity) for _, hit in found(row, "together")] == [Severity.ERROR]


@given(st.lists(st.sampled_from(["user", "assistant", "system", "tool", "developer", "narrator", None]), max_size=7))
def test_the_quick_look_at_roles_agrees_with_the_full_one(roles: list[str | None]) -> None:
    from audit.rules.format.role_order import _faults, _plainly_in_order

    messages = [{"role": role, "content": "x"} for role in roles]
    shape = detect({"messages": messages})
    assert shape is not None
    read = shape.read({"messages": messages}).messages
    assert not (_plainly_in_order(read) and _faults(read))


# ----------------------------------------------------------------------------- content


@pytest.mark.parametrize("kind", ["input_audio", "file", "video_url"])
def test_a_part_that_fine_tuning_does_not_take_is_found(kind: str) -> None:
    row = chat({"role": "user", "content": [{"type": kind, kind: {"id": "x"}}]}, ANSWER)
    assert codes(row) == ["FMT108"]
    assert codes(row, "generic") == []


@pytest.mark.parametrize(
    "image",
    [
        "https://example.org/cat.png",
        {"url": "cat.png"},
        {"url": "ftp://example.org/cat.png"},
        {"url": "data:image/gif;base64,R0lGODlh"},
        {"url": "https://example.org/cat.png", "detail": "medium"},
        {},
        None,
    ],
)
def test_a_malformed_image_is_found(image: Json) -> None:
    part = {"type": "image_url", "image_url": image}
    assert codes(chat({"role": "user", "content": [part]}, ANSWER)) == ["FMT108"]


@pytest.mark.parametrize("role", ["assistant", "system", "tool"])
def test_only_the_user_may_send_an_image(role: str) -> None:
    part: Json = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    odd: Json = {"role": role, "content": [part]}
    row = {
        "assistant": chat(USER, odd),
        "system": chat(odd, USER, ANSWER),
        "tool": chat(USER, CALL, {**odd, "tool_call_id": "call_1"}, ANSWER),
    }[role]
    assert codes(row) == ["FMT108"]


def test_more_images_than_the_target_takes_are_one_finding() -> None:
    part: Json = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    row = chat({"role": "user", "content": [part] * 11}, ANSWER)
    code, hit = only(row)
    assert code == "FMT108"
    assert hit.message == "the row has 11 images; openai-sft takes at most 10"
    assert codes(row, "azure") == []


def test_an_embedded_image_over_the_limit_is_found() -> None:
    url = "data:image/png;base64," + "A" * (14 * 2**20)
    part: Json = {"type": "image_url", "image_url": {"url": url}}
    _, hit = only(chat({"role": "user", "content": [part]}, ANSWER))
    assert "11,010,048 bytes" in hit.message


def test_a_refusal_part_stands_alone() -> None:
    parts = [{"type": "refusal", "refusal": "I cannot."}, {"type": "text", "text": "Sorry."}]
    assert codes(chat(USER, {"role": "assistant", "content": parts})) == ["FMT108"]


def test_nulls_for_missing_keys_are_tolerated_by_local_trainers() -> None:
    row = chat({**USER, "name": None, "tool_calls": None}, {**ANSWER, "name": None, "weight": None})
    assert codes(row, "generic") == []
    assert codes(row, "trl") == []


# ----------------------------------------------------------------------------- preference rows


@pytest.mark.parametrize(
    ("row", "code", "fix"),
    [
        (pair(rejected=(ANSWER,)), "FMT113", "drop"),
        (pair(chosen=()), "FMT113", "drop"),
        (pair(chosen=ANSWER), "FMT113", "safe"),
        (pair(chosen="Paris."), "FMT113", "safe"),
        (pair(chosen=None), "FMT113", "drop"),
        (pair(chosen=(ANSWER, ANSWER)), "FMT113", "drop"),
        (pair(chosen=(USER,)), "FMT113", "drop"),
        ({"input": {"messages": [USER]}, "preferred_output": [ANSWER]}, "FMT113", "drop"),
        ({"preferred_output": [ANSWER], "non_preferred_output": [USER]}, "FMT101", "drop"),
        (pair(input={}), "FMT101", "drop"),
        (pair(input={"messages": []}), "FMT104", "drop"),
        (pair(input="Hi"), "FMT119", "drop"),
        (pair(input={"messages": [USER], "parallel_tool_calls": 1}), "FMT119", "safe"),
        (pair(input={"messages": [USER], "notes": 1}), "FMT110", "safe"),
        (pair(chosen=({"role": "assistant", "content": ""},)), "FMT109", "drop"),
        (
            pair(
                input={
                    "messages": [
                        {
                            "role": "user",
                            "content": [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}],
                        }
                    ]
                }
            ),
            "FMT108",
            "drop",
        ),
    ],
)
def test_a_malformed_pair_is_one_finding(row: Json, code: str, fix: str) -> None:
    got, hit = only(row, "openai-dpo")
    assert (got, applicability(hit.fix)) == (code, fix)
    if fix == "safe":
        assert code not in codes(mended(row, hit), "openai-dpo")


def test_legacy_names_of_the_answers_are_renamed() -> None:
    row = {"input": {"messages": [USER]}, "preferred_completion": [ANSWER], "non_preferred_completion": [CALL]}
    code, hit = only(row, "openai-dpo")
    assert code == "FMT118"
    assert list(mended(row, hit)) == ["input", "preferred_output", "non_preferred_output"]


def test_an_answer_of_several_messages_is_taken_by_azure_only() -> None:
    row = pair(chosen=(CALL, TOOL_RESULT, ANSWER))
    assert codes(row, "azure") == []
    assert codes(row, "openai-dpo") == ["FMT113"]


# ----------------------------------------------------------------------------- targets


def test_a_row_that_uses_tools_is_one_finding_where_they_are_refused() -> None:
    row = chat(USER, CALL, TOOL_RESULT, ANSWER, tools=[{"type": "function", "function": {"name": "weather"}}])
    code, hit = only(row, "together")
    assert (code, applicability(hit.fix)) == ("FMT110", "drop")


def test_a_reinforcement_row_may_have_any_column_and_must_leave_the_answer() -> None:
    assert codes(chat(USER, difficulty=3, anything={"a": 1}), "openai-rft") == []
    assert codes(chat(USER), "openai-rft") == []
    row = chat(USER, ANSWER)
    code, hit = only(row, "openai-rft")
    assert (code, mended(row, hit)) == ("FMT105", chat(USER))
    assert [f.code for f in findings([row], target="openai-rft")] == ["FMT105"]


def test_a_supervised_row_with_an_extra_column_and_an_open_end_is_judged_as_such() -> None:
    assert sorted(codes(chat(USER, ANSWER, USER, topic="geography"))) == ["FMT105", "FMT110"]


# ----------------------------------------------------------------------------- whole files


def test_metadata_is_one_warning_for_a_file_with_the_number_of_rows() -> None:
    rows = [chat(USER, {**ANSWER, "content": f"Paris {n}."}, metadata={"id": n}) for n in range(30)]
    (finding,) = findings(rows)
    assert (finding.code, finding.severity, finding.scope) == ("FMT110", Severity.WARNING, "file")
    assert finding.evidence["rows"] == 30
    assert findings(rows, target="generic") == []


def test_a_file_of_mixed_shapes_is_one_finding_that_names_the_rarer_row() -> None:
    rows = [chat(USER, ANSWER)] * 3 + [OTHER_SHAPES["alpaca"]] + [chat(USER, ANSWER)] * 2
    (finding,) = findings(rows, target="generic")
    assert (finding.code, finding.scope) == ("FMT101", "dataset")
    assert "messages 5, alpaca 1" in finding.message
    assert finding.related[0].line == 4


@pytest.mark.parametrize(
    ("other", "advice"),
    [("trl-preference", "put preferences into a file"), ("prompt-completion", "audit convert --to trl")],
)
def test_what_to_do_about_a_mix_depends_on_whether_one_trainer_takes_it(other: str, advice: str) -> None:
    (finding,) = findings([chat(USER, ANSWER)] * 3 + [OTHER_SHAPES[other]], target="trl")
    assert finding.fix is not None
    assert finding.fix.title.startswith(advice)
    assert finding.fix.applicability is Applicability.SHOWN


def test_rows_of_another_shape_are_not_counted_as_a_mix_as_well() -> None:
    rows = [chat(USER, ANSWER), OTHER_SHAPES["alpaca"]]
    assert [finding.scope for finding in findings(rows)] == ["row"]


@pytest.mark.parametrize(("rows", "expected"), [(9, 1), (10, 0)])
def test_ten_rows_are_the_least_for_openai(rows: int, expected: int) -> None:
    given_rows = [chat(USER, {**ANSWER, "content": f"Paris {n}."}) for n in range(rows)]
    assert len(findings(given_rows, ignore=[])) == expected
    assert findings(given_rows, ignore=[], target="generic") == []


def test_a_missing_system_message_in_some_rows_is_told_when_asked() -> None:
    rows = [chat(SYSTEM, USER, ANSWER)] * 3 + [chat(USER, ANSWER)]
    (finding,) = findings(rows, extend_select=["FMT115"])
    assert finding.code == "FMT115"
    assert finding.message.startswith("3 of 4 rows have a system message and 1 have none")


def test_more_system_messages_than_allowed_are_told_when_asked() -> None:
    rows = [chat({**SYSTEM, "content": f"You are {n}."}, USER, ANSWER) for n in range(6)]
    (finding,) = findings(rows, extend_select=["FMT115"])
    assert finding.evidence == {"variants": 6, "limit": 5}
    assert findings(rows, extend_select=["FMT115"], rules={"FMT115": {"max_variants": 6}}) == []


# ----------------------------------------------------------------------------- nothing crashes, nothing is touched


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "weight", "messages", "url", "x"]), inner)
    ),
    max_leaves=12,
)
KEYS = [
    *("messages", "input", "preferred_output", "non_preferred_output", "preferred_completion", "conversations"),
    *("chosen", "rejected", "prompt", "completion", "instruction", "output", "text", "system", "tools", "label"),
    *("parallel_tool_calls", "metadata", "custom_id", "row_id"),
]


@given(st.dictionaries(st.sampled_from(KEYS), JSON_VALUES, max_size=4))
def test_no_row_makes_a_rule_fail_or_is_changed(row: Json) -> None:
    before = copy.deepcopy(row)
    for target in target_names():
        found(row, target)
    assert row == before


MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "Human", "x"]) | JSON_VALUES},
    optional={"content": st.text(max_size=3) | JSON_VALUES, "weight": JSON_VALUES, "name": JSON_VALUES},
)


@given(st.lists(MESSAGE | JSON_VALUES, max_size=5))
def test_every_fix_of_any_row_can_be_applied(messages: list[Json]) -> None:
    row = {"messages": messages}
    for target in ("openai-sft", "together", "openai-rft"):
        for code, hit in found(row, target):
            if hit.fix is not None and hit.fix.applicability in (Applicability.SAFE, Applicability.UNSAFE):
                again = [(left, more.at, more.message) for left, more in found(mended(row, hit), target)]
                assert (code, hit.at, hit.message) not in again


# ----------------------------------------------------------------------------- real data


EXPECTED = {
    "missing_messages": "FMT101",
    "messages_not_list": "FMT101",
    "missing_role": "FMT102",
    "missing_content": "FMT102",
    "function_message_without_name": "FMT102",
    "unknown_role": "FMT103",
    "role_wrong_case": "FMT103",
    "no_assistant": "FMT104",
    "messages_empty": "FMT104",
    "last_is_user": "FMT105",
    "same_role_twice": "FMT106",
    "system_in_middle": "FMT107",
    "content_not_string": "FMT108",
    "empty_assistant": "FMT109",
    "blank_assistant": "FMT109",
    "empty_user": "FMT109",
    "extra_message_key": "FMT110",
}


@pytest.mark.skipif(not (DATA / "raw" / "mutants-dev").is_dir(), reason="the shared data sets are not here")
def test_injected_defects_are_found_under_their_code_and_clean_rows_are_silent() -> None:
    folder = DATA / "raw" / "mutants-dev"
    by_line = defaultdict(set)
    for finding in audit.check(folder / "broken.jsonl.gz", target="openai-sft", select=["FMT"]).findings:
        by_line[finding.place.line].add(finding.code)
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text("utf-8").splitlines()]
    wrong = [
        (entry, by_line[entry["line"]])
        for entry in truth
        if entry["defect"] in EXPECTED and by_line[entry["line"]] != {EXPECTED[entry["defect"]]}
    ]
    assert wrong == []
    broken = {entry["line"] for entry in truth}
    assert {line: found_codes for line, found_codes in by_line.items() if line not in broken} == {}


@pytest.mark.skipif(not (DATA / "raw" / "mutants-dev").is_dir(), reason="the shared data sets are not here")
def test_the_clean_file_has_no_finding() -> None:
    result = audit.check(DATA / "raw" / "mutants-dev" / "clean.jsonl", target="openai-sft", select=["FMT"])
    assert result.findings == ()

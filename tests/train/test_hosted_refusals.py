"""What providers say of a file that they refuse, and the user's own row that it is about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.train.hosted.placing import placed
from audit.train.hosted.refusals import Refusal, refusal_of

TRAINING = "The job failed due to an invalid training file. "
VALIDATION = "The job failed due to an invalid validation file. "
BLOCKED = (
    "This training file was blocked because too many examples were flagged by our moderation API for containing "
    "content that violates OpenAI's usage policies in the following categories: hate. Use the free OpenAI Moderation "
    "API to identify these examples and remove them from your training data."
)
SAFETY = (
    "This file failed moderation safety checks. The OpenAI Moderation API identifies fine tuning examples that violate "
    "our content policies. To fine tune on this data, please try removing the flagged lines and uploading the file "
    "again. Flagged lines: 2, 4"
)
AZURE = (
    "The job failed due to an unsafe training file. This training file was blocked because too many examples were "
    "flagged by our moderation for content that violates Azure OpenAI's usage policies with respect to model reasoning "
    "extraction. Please review the data and remove potential offending examples before retrying fine-tuning."
)
NOT_ROLE = "Invalid file format. Example 100, message 2 Discriminator 'role' is missing in value"
NOT_JSON = (
    "Invalid file format. Example 1273 cannot be parsed. Error: line contains invalid json: Expecting ',' delimiter: "
    "line 1 column 79 (char 78) (line 1273)"
)
WRONG_METHOD = (
    "Input file file-JkuxKcmxbqpiLxzi9AtS9U is in the fine-tune-chat format, but the specified fine-tuning job is not "
    "using 'supervised' as the training method (provided method=dpo). "
)
NO_DICTIONARY = (
    "Expected file to have JSONL format, where every line is a JSON dictionary. Line 1 is not a dictionary "
    '(HINT: line starts with: "{\\"p...\\").'
)
BAD_ROLE = (
    "Invalid file format. Example 4, message 1 Input tag 'bot' found using 'role' does not match any of the expected "
    "tags: 'system', 'user', 'assistant'"
)
FORMAT = "The job failed due to a file format error in the training file. Invalid file format. "

# (code, message, param) as a server sent it, and what it means.
SEEN: list[tuple[str, tuple[str | None, str | None, str | None], dict[str, Any]]] = [
    (
        "too few",
        ("invalid_n_examples", "Training file has 7 example(s), but must have at least 10 examples", "training_file"),
        {"kind": "too-few-rows", "role": "train", "example": None},
    ),
    (
        "too few for validation",
        ("invalid_n_examples", "Validation file has 2 example(s), but must have at least 10 examples", None),
        {"kind": "too-few-rows", "role": "validation"},
    ),
    (
        "no role",
        ("invalid_training_file", TRAINING + NOT_ROLE, "training_file"),
        {"kind": "missing-role", "role": "train", "example": 100, "message": 2, "key": "role"},
    ),
    (
        "no role, for validation",
        ("invalid_validation_file", VALIDATION + NOT_ROLE, "validation_file"),
        {"kind": "missing-role", "role": "validation", "example": 100, "message": 2, "key": "role"},
    ),
    (
        "extra key",
        ("invalid_file_format", FORMAT + 'Example 1 contains an extra "weight".', "training_file"),
        {"kind": "extra-key", "role": "train", "example": 1, "message": None, "key": "weight"},
    ),
    (
        "extra key with a misleading name",
        ("invalid_file_format", FORMAT + 'Example 3 contains an extra "flagged by our moderation".', None),
        {"kind": "extra-key", "example": 3, "key": "flagged by our moderation"},
    ),
    (
        "missing key",
        ("invalid_file_format", 'Invalid file format. Example 1 is missing key "messages".', None),
        {"kind": "missing-key", "role": "", "example": 1, "key": "messages"},
    ),
    (
        "missing key in other quotes",
        ("invalid_file_format", FORMAT + "Example 1 is missing key 'input'.", None),
        {"kind": "missing-key", "role": "train", "example": 1, "key": "input"},
    ),
    (
        "no JSON",
        (None, NOT_JSON, None),
        {"kind": "invalid-json", "example": 1273, "message": None, "column": 79},
    ),
    (
        "token",
        ("invalid_training_file", f"{TRAINING}Example 6174 message contains an invalid token: <|fim_suffix|>.", None),
        {"kind": "special-token", "role": "train", "example": 6174, "message": None, "token": "<|fim_suffix|>"},
    ),
    (
        "method",
        ("invalid_training_file", f"{TRAINING}Invalid file format. {WRONG_METHOD}", "training_file"),
        {"kind": "wrong-method", "role": "train", "example": None, "key": "fine-tune-chat"},
    ),
    (
        "method of a model",
        ("BadRequest", "Finetuning with o4-mini-2025-04-16 requires the reinforcement method of finetuning.", None),
        {"kind": "wrong-method"},
    ),
    (
        "format",
        (
            "invalid_training_file",
            TRAINING + "Unexpected file format, expected either prompt/completion pairs or chat messages.",
            None,
        ),
        {"kind": "wrong-format", "role": "train", "example": None},
    ),
    (
        "no dictionary",
        (None, NO_DICTIONARY, None),
        {"kind": "not-an-object", "example": 1},
    ),
    (
        "moderation",
        ("invalid_training_file", TRAINING + BLOCKED, "training_file"),
        {"kind": "moderated", "role": "train", "categories": ("hate",), "example": None},
    ),
    (
        "moderation of several categories",
        ("invalid_training_file", TRAINING + BLOCKED.replace("hate", "hate, self-harm/intent and violence"), None),
        {"kind": "moderated", "categories": ("hate", "self-harm/intent", "violence")},
    ),
    (
        "moderation, for validation",
        (
            "invalid_validation_file",
            VALIDATION + "This training file was blocked by our moderation system because it contains too many "
            "examples that violate OpenAI's usage policies",
            "validation_file",
        ),
        {"kind": "moderated", "role": "validation", "categories": ()},
    ),
    (
        "moderation with lines",
        ("invalid_training_file", TRAINING + SAFETY, None),
        {"kind": "moderated", "role": "train", "flagged": (2, 4)},
    ),
    (
        "unsafe",
        ("unsafe_file", AZURE, None),
        {"kind": "unsafe", "role": "train", "categories": ("model reasoning extraction",)},
    ),
    (
        "unsafe, for validation",
        ("unsafe_file", AZURE.replace("unsafe training", "unsafe validation"), None),
        {"kind": "unsafe", "role": "validation"},
    ),
    (
        "role of another method",
        ("invalid_training_file", "System messages are not supported in 'reinforcement' examples", None),
        {"kind": "role-not-taken", "token": "System", "role": "train"},
    ),
    (
        "role that there is not",
        (
            None,
            BAD_ROLE,
            None,
        ),
        {"kind": "unknown-role", "example": 4, "message": 1, "token": "bot", "key": "role"},
    ),
    ("no money", ("insufficient_quota", "You exceeded your current quota, please check your plan.", None),
     {"kind": "quota"}),
    ("a code alone", ("unsafe_file", None, None), {"kind": "unsafe", "detail": "unsafe_file"}),
    ("a row, otherwise", (None, "Example 12, message 3 is too sad.", "validation_file"),
     {"kind": "row", "role": "validation", "example": 12, "message": 3}),
    ("unheard of", ("server_error", "The dog ate it.", None),
     {"kind": "unknown", "code": "server_error", "detail": "The dog ate it."}),
]  # fmt: skip


def told(code: Any, message: Any, param: Any) -> Refusal:
    found = refusal_of({"code": code, "message": message, "param": param})
    assert found is not None
    return found


@pytest.mark.parametrize(("error", "means"), [one[1:] for one in SEEN], ids=[one[0] for one in SEEN])
def test_what_a_provider_says_is_understood(
    error: tuple[str | None, str | None, str | None], means: dict[str, Any]
) -> None:
    found = told(*error)
    assert {name: getattr(found, name) for name in means} == means
    assert found.code == (error[0] or "")
    assert found.detail == " ".join((error[1] or error[0] or "").split())


@pytest.mark.parametrize("error", [None, {}, {"code": None, "message": None, "param": None}, {"code": "", "x": None}])
def test_an_error_of_nulls_is_none(error: dict[str, Any] | None) -> None:
    assert refusal_of(error) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["code", "message", "param", "other"]), JSON))
def test_whatever_a_server_sends_is_told_or_is_no_error(error: dict[str, Any]) -> None:
    found = refusal_of(error)
    assert found is None or isinstance(found.detail, str)


@given(st.text())
def test_words_around_a_text_do_not_hide_the_example(around: str) -> None:
    words = " ".join(around.replace("xample", "").replace("ine", "").split())
    found = told(None, f'{words[:50]} . Example 17 contains an extra "note". Thank you.', None)
    assert found.example == 17


# ----------------------------------------------------------------------------- the row


def chat(*messages: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a run hands in: row 3 stands in the file twice, and the validation file has one row."""
    rows = [chat(USER, ANSWER), chat(USER, ANSWER), chat(USER, ANSWER), chat(USER, ANSWER)]
    write(
        tmp_path,
        "train",
        rows,
        [("data.jsonl", 1, 1), ("data.jsonl", 3, 1), ("more.jsonl", 9, 1), ("data.jsonl", 3, 2)],
    )
    return tmp_path


def write(folder: Path, role: str, rows: list[Any], of: list[tuple[str, int, int]]) -> None:
    with (folder / f"{role}.jsonl").open("w") as lines:
        lines.writelines(f"{json.dumps(row)}\n" for row in rows)
    with (folder / "uploaded.jsonl").open("a") as lines:
        for number, (file, line, copy) in enumerate(of, 1):
            known = {"role": role, "line": number, "row_id": f"r{line}", "file": file, "row_line": line, "copy": copy}
            lines.write(f"{json.dumps(known)}\n")


def only(folder: Path, row: Any) -> Path:
    write(folder, "train", [chat(USER, ANSWER), row], [("data.jsonl", 5, 1), ("data.jsonl", 8, 1)])
    return folder


def test_an_example_is_a_line_of_the_file_that_was_handed_in(folder: Path) -> None:
    found = placed(told("invalid_training_file", TRAINING + "Example 3 is odd.", None), folder)
    assert found.row is not None
    assert found.row.shown == "more.jsonl:9"
    assert found.text == (f"invalid_training_file: {TRAINING}Example 3 is odd.; more.jsonl:9 (line 3 of train.jsonl)")
    assert found.hint == "`audit check DATA --target openai-sft` shows what is known to be refused"


def test_what_the_moderation_flagged_before_is_named_where_the_file_is_unsafe(folder: Path) -> None:
    found = placed(told("unsafe_file", "This training file is unsafe.", None), folder)
    assert "flagged before" not in found.hint
    known = {"role": "train", "line": 1, "row_id": "r", "file": "data.jsonl", "row_line": 1, "pointer": "/messages/0"}
    (folder / "moderation.jsonl").write_text(json.dumps({**known, "categories": ["hate"]}) + "\n")
    for text in ("This training file is unsafe.", "blocked by our moderation API"):
        found = placed(told("unsafe_file", text, None), folder)
        assert found.hint.startswith("the moderation flagged before the upload: data.jsonl:1; ")
    assert told("unsafe_file", "blocked by our moderation API", None).kind == "moderated"


def test_a_copy_says_of_which_row_it_is_one(folder: Path) -> None:
    found = placed(told(None, TRAINING + "Example 4 is odd.", None), folder)
    assert found.text.endswith("data.jsonl:3 (line 4 of train.jsonl, copy 2 of the row)")


def test_an_example_of_a_file_that_is_not_named_is_in_the_only_one(folder: Path) -> None:
    found = placed(told(None, "Example 2 is odd.", None), folder)
    assert found.row is not None
    assert found.row.shown == "data.jsonl:3"


def test_an_example_of_either_file_is_left_open(folder: Path) -> None:
    write(folder, "validation", [chat(USER, ANSWER)], [("data.jsonl", 7, 1)])
    found = placed(told(None, "Example 1 is odd.", None), folder)
    assert found.row is None
    assert found.text == "Example 1 is odd.; line 1 of one of the files"
    found = placed(told(None, "Example 1 is odd.", "validation_file"), folder)
    assert found.row is not None
    assert found.row.shown == "data.jsonl:7"


def test_an_example_of_either_file_is_the_one_with_the_fault(folder: Path) -> None:
    write(folder, "validation", [chat(USER, ANSWER, weight=1)], [("data.jsonl", 7, 1)])
    found = placed(told(None, 'Example 1 contains an extra "weight".', None), folder)
    assert found.row is not None
    assert (found.row.shown, found.pointer) == ("data.jsonl:7", "/weight")


MISSING = "Example 2, message {} Discriminator 'role' is missing in value"
NAMELESS = {"content": "Hi"}


@pytest.mark.parametrize(
    ("row", "says", "at"),
    [
        (chat(USER, ANSWER, weight=1), 'Example 2 contains an extra "weight".', "/weight"),
        (chat(USER, ANSWER, **{"a/b": 1}), 'Example 2 contains an extra "a/b".', "/a~1b"),
        (chat(USER, ANSWER | {"weigth": 1}), 'Example 2 contains an extra "weigth".', "/messages/1/weigth"),
        (chat(USER | {"x": 1}, ANSWER | {"x": 1}), 'Example 2 contains an extra "x".', ""),
        (chat(USER | {"x": 1}, ANSWER, ANSWER | {"x": 1}), 'Example 2, message 3 has an extra "x".', "/messages/2/x"),
        (chat(USER, NAMELESS, ANSWER), MISSING.format(2), "/messages/1"),
        (chat(USER, NAMELESS, ANSWER), MISSING.format(1), "/messages/1"),
        (chat(NAMELESS, USER, NAMELESS), MISSING.format(3), "/messages/2"),
        (chat(USER, NAMELESS, NAMELESS), MISSING.format(2), ""),
        (chat(USER, "no message", ANSWER), MISSING.format(2), "/messages/1"),
        (
            {"input": chat(USER), "preferred_output": [NAMELESS], "non_preferred_output": [ANSWER]},
            MISSING.format(1),
            "/preferred_output/0",
        ),
        (chat(USER, {"role": "assistant"}), "Example 2, message 2 is missing key 'content'", "/messages/1"),
        (chat(USER, ANSWER), "Example 2 is missing key 'input'", ""),
        (
            chat(USER, {"role": "assistant", "content": [{"type": "text", "text": "a <|fim_suffix|> b"}]}),
            "Example 2 message contains an invalid token: <|fim_suffix|>.",
            "/messages/1/content/0/text",
        ),
        (
            chat(USER, {"role": "bot", "content": ""}),
            "Example 2, message 1 Input tag 'bot' found using 'role' does not match any of the expected tags",
            "/messages/1/role",
        ),
        (
            chat({"role": "system", "content": "Be."}, USER),
            "Example 2: System messages are not supported",
            "/messages/0",
        ),
    ],
)
def test_the_place_in_the_row_is_found_where_there_is_one(tmp_path: Path, row: Any, says: str, at: str) -> None:
    found = placed(told(None, says, "training_file"), only(tmp_path, row))
    assert found.row is not None
    assert (found.row.shown, found.pointer) == ("data.jsonl:8", at)
    assert f"data.jsonl:8{f' {at}' if at else ''} (line 2 of train.jsonl" in found.text
    assert found.hint


def test_a_message_whose_place_is_not_proven_is_told_as_the_provider_counts(tmp_path: Path) -> None:
    found = placed(told(None, "Example 2, message 2 is odd.", None), only(tmp_path, chat(USER, ANSWER)))
    assert found.text.endswith("data.jsonl:8 (line 2 of train.jsonl, message 2 as the provider counts)")


def test_the_column_of_invalid_json_is_told(tmp_path: Path) -> None:
    says = NOT_JSON.replace("1273", "2")
    assert placed(told(None, says, None), only(tmp_path, {})).text.endswith("(line 2 of train.jsonl, column 79)")


def test_flagged_lines_are_told_as_rows(folder: Path) -> None:
    found = placed(told("invalid_training_file", TRAINING + SAFETY, None), folder)
    assert [one.shown for one in found.flagged] == ["data.jsonl:3", "data.jsonl:3"]
    assert found.text.endswith("; flagged: data.jsonl:3")
    assert "--set moderation=refuse" in found.hint


@pytest.mark.parametrize("says", ["Example 99 is odd.", "Example 0 is odd.", TRAINING, "Flagged lines: 99, 100"])
def test_a_line_that_was_not_handed_in_is_left_open(folder: Path, says: str) -> None:
    found = placed(told(None, says, None), folder)
    assert (found.row, found.flagged, found.pointer) == (None, (), "")
    assert found.text.startswith(" ".join(says.split()))


@pytest.mark.parametrize("left", [b"", b"{", b"[1]\n", b'{"role":5}\n', None])
def test_a_folder_that_no_longer_tells_leaves_the_place_open(tmp_path: Path, left: bytes | None) -> None:
    if left is not None:
        (tmp_path / "uploaded.jsonl").write_bytes(left)
        (tmp_path / "train.jsonl").write_bytes(left)
    found = placed(told(None, 'Example 1 contains an extra "weight".', None), tmp_path)
    assert (found.row, found.pointer) == (None, "")
    assert 'Example 1 contains an extra "weight".; line 1 of' in found.text


@pytest.mark.parametrize(("error", "means"), [one[1:] for one in SEEN], ids=[one[0] for one in SEEN])
def test_every_kind_says_what_to_do(folder: Path, error: tuple[str, str, str], means: dict[str, Any]) -> None:
    found = placed(told(*error), folder)
    assert found.hint
    assert str(found) == found.text

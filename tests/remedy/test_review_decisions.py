"""Decisions: read strictly, and a new label that is where the old one was, with everything else as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit.engine.batch import again
from audit.errors import InputError
from audit.model import PointerEdit, Record, Source
from audit.read.fields import label_of
from audit.read.shapes import detect
from audit.remedy.edits import apply_edits
from audit.remedy.review.decisions import Decision, read_decisions, relabelled, relabelling, written
from audit.rule import Fields

ID = "0" * 32


def record(data: dict[str, Any]) -> Record:
    raw = json.dumps(data).encode()
    shape = detect(data)
    assert shape is not None
    return Record(
        source=Source(path="a.jsonl"), line=1, offset=0, raw=raw, data=data, shape=shape.name, chat=shape.read(data)
    )


def chat(answer: Any, **metadata: Any) -> Record:
    messages = [{"role": "user", "content": "Good?"}, {"role": "assistant", "content": answer}]
    return record({"messages": messages, **({"metadata": metadata} if metadata else {})})


def after(given: Record, *edits: PointerEdit | None) -> Any:
    """The row with the edits, as it is read from its new bytes."""
    applied = apply_edits(given.raw, [edit for edit in edits if edit is not None])
    assert applied.raw is not None
    assert not applied.deferred
    return again(applied.raw)


# ----------------------------------------------------------------------------- the file


def test_decisions_are_read_as_they_were_written(tmp_path: Path) -> None:
    decisions = [
        Decision(row_id=f"{ID}#1", action="keep", reviewers=("a", "b"), note="sure; ünd"),
        Decision(row_id=f"{ID}#2", action="relabel", label="good"),
    ]
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(b"".join(written(decisions)) + b"\n")
    assert list(read_decisions(path).values()) == decisions


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "is no decision"),
        ('{"row_id": "x", "action": "burn"}', "is no decision"),
        ('{"action": "keep"}', "is no decision"),
        ('{"row_id": "x", "action": "keep", "lable": "good"}', "is no decision"),
        ('{"row_id": "x", "action": "relabel"}', "relabel needs a label"),
        ('{"row_id": "x", "action": "drop", "label": "good"}', "drop takes no label"),
        ('{"row_id": "y", "action": "keep"}', "y is decided twice"),
        ("row_id,decision", "is no decision"),
    ],
)
def test_a_line_that_is_no_decision_is_named(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text('{"row_id": "y", "action": "keep"}\n' + line + "\n")
    with pytest.raises(InputError) as caught:
        read_decisions(path)
    assert f"{path}:2" in caught.value.what
    assert why in caught.value.what


def test_a_missing_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.jsonl"):
        read_decisions(tmp_path / "none.jsonl")


# ----------------------------------------------------------------------------- another label


def test_a_label_that_is_the_answer_keeps_the_white_space_around_it() -> None:
    row = chat(" bad\n")
    edit = relabelled(row, Fields(), "good")
    assert edit == PointerEdit("replace", "/messages/1/content", " good\n")
    assert after(row, edit)["messages"][1]["content"] == " good\n"


def test_a_label_in_a_part_of_the_answer_is_replaced_there() -> None:
    row = chat([{"type": "text", "text": "bad"}])
    assert relabelled(row, Fields(), "good") == PointerEdit("replace", "/messages/1/content/0/text", "good")


def test_the_preferred_answer_is_the_one_that_is_relabelled() -> None:
    row = record(
        {
            "prompt": [{"role": "user", "content": "?"}],
            "chosen": [{"role": "assistant", "content": "bad"}],
            "rejected": [{"role": "assistant", "content": "worse"}],
        }
    )
    edit = relabelled(row, Fields(), "good")
    assert after(row, edit)["chosen"][0]["content"] == "good"


@pytest.mark.parametrize("path", ["metadata.label", "/metadata/label", "label"])
def test_a_label_in_a_field_is_found_however_its_path_is_written(path: str) -> None:
    row = chat("a long answer", label="bad")
    assert relabelled(row, Fields(label=path), "good") == PointerEdit("replace", "/metadata/label", "good")


def test_a_key_with_dots_in_it_is_found() -> None:
    row = chat("a long answer", **{"a.b": "bad"})
    assert relabelled(row, Fields(label="metadata.a.b"), "good") == PointerEdit("replace", "/metadata/a.b", "good")


@pytest.mark.parametrize(("old", "label", "new"), [(0, "1", 1), (True, "false", False), ("0", "1", "1"), (0, "x", "x")])
def test_a_number_stays_a_number_where_it_can(old: object, label: str, new: object) -> None:
    edit = relabelled(chat("-", label=old), Fields(label="metadata.label"), label)
    assert edit is not None
    assert (type(edit.value), edit.value) == (type(new), new)


def test_a_pattern_says_which_part_of_the_answer_is_the_label() -> None:
    fields = Fields(label_pattern=r"Label: (\w+)")
    row = chat("Hm.\nLabel: bad (sure)")
    edit = relabelled(row, fields, "good")
    assert edit == PointerEdit("replace", "/messages/1/content", "Hm.\nLabel: good (sure)")


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        (chat("one\ntwo"), Fields()),  # too long for a label
        (chat("bad"), Fields(label="metadata.label")),  # no such field
        (chat("nothing"), Fields(label_pattern=r"Label: (\w+)")),
        (chat([{"type": "text", "text": "b"}, {"type": "text", "text": "ad"}]), Fields()),
        (chat(None), Fields()),
    ],
)
def test_where_there_is_no_label_in_one_place_nothing_is_done(row: Record, fields: Fields) -> None:
    assert relabelled(row, fields, "good") is None
    assert relabelling(row, fields, "good") == ()


def test_a_label_that_the_pattern_would_not_read_back_is_refused() -> None:
    assert relabelled(chat("Label: bad"), Fields(label_pattern=r"Label: (\w+)"), "not good") is None


def test_an_answer_that_repeats_the_label_of_a_field_changes_with_it() -> None:
    fields = Fields(label="metadata.label")
    row = chat("bad", label="bad")
    mended = after(row, *relabelling(row, fields, "good"))
    assert (mended["metadata"]["label"], mended["messages"][1]["content"]) == ("good", "good")
    assert label_of(record(mended), fields) == "good"
    explained = chat("It is bad.", label="bad")
    assert len(relabelling(explained, fields, "good")) == 1

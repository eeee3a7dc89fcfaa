"""What the PRV rules find: rows without an origin, files that changed, answers that a model wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.cli import main
from audit.errors import ConfigError
from audit.model import Result


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def row(answer: str = "Hello.", **metadata: Any) -> dict[str, Any]:
    said = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": answer}]}
    return {**said, "metadata": metadata} if metadata else said


def check(code: str, *rows: Any, **options: Any) -> Result:
    Path("a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return audit.check("a.jsonl", select=[code], rules={code: options} if options else {})


# ----------------------------------------------------------------------------- PRV951


def test_rows_without_an_origin_are_reported_once_for_each_field() -> None:
    result = check("PRV951", *[row() for _ in range(30)], row(source="x", license="MIT"))
    assert [(f.evidence["field"], f.evidence["rows"], f.scope) for f in result.findings] == [
        ("license", 30, "file"),
        ("source", 30, "file"),
    ]


@pytest.mark.parametrize("name", ["license", "licence", "license_id"])
def test_either_spelling_of_licence_will_do(name: str) -> None:
    assert check("PRV951", row(source="x", **{name: "MIT"})).findings == ()


def test_fields_at_the_top_of_a_row_count() -> None:
    assert check("PRV951", {**row(), "source": "x", "license": "MIT"}).findings == ()


@pytest.mark.parametrize("empty", ["", "  ", None, []])
def test_an_empty_value_says_nothing(empty: Any) -> None:
    (found,) = check("PRV951", row(source=empty, license="MIT")).findings
    assert found.evidence["field"] == "source"


def test_a_prohibited_licence_is_an_error_in_its_row() -> None:
    options = {"prohibited": ["CC-BY-NC-4.0"]}
    result = check("PRV951", row(source="x", license="MIT"), row(source="x", licence="cc-by-nc-4.0"), **options)
    (found,) = result.findings
    assert (found.severity.value, found.place.line) == ("error", 2)


def test_what_is_required_can_be_chosen() -> None:
    (found,) = check("PRV951", row(source="x"), required=["source", "consent"]).findings
    assert found.evidence["field"] == "consent"


@pytest.mark.parametrize("odd", [{"metadata": "x"}, {"metadata": [1]}, {"metadata": {"source": {"a": 1}}}, [1], 3])
def test_rows_of_any_form_are_judged(odd: Any) -> None:
    check("PRV951", odd, prohibited=["x"])


# ----------------------------------------------------------------------------- PRV952


def locked() -> None:
    Path("a.jsonl").write_text(json.dumps(row()) + "\n", encoding="utf-8")
    assert main(["baseline", "a.jsonl", "--lock", "audit.lock.json", "--quiet"]) == 0


def judged(*paths: str) -> Result:
    return audit.check(list(paths), select=["PRV952"], rules={"PRV952": {"lock": "audit.lock.json"}})


def test_data_as_it_was_locked_is_silent() -> None:
    locked()
    result = judged("a.jsonl")
    assert result.findings == ()
    assert [(m.name, m.value, m.n) for m in result.measures] == [("provenance.locked_files", 1, 1)]


def test_one_byte_more_is_found() -> None:
    locked()
    Path("a.jsonl").write_text(json.dumps(row()) + "\n\n", encoding="utf-8")
    (found,) = judged("a.jsonl").findings
    assert "has changed since it was locked" in found.message


def test_added_and_missing_files_are_found() -> None:
    locked()
    Path("b.jsonl").write_text(json.dumps(row()) + "\n", encoding="utf-8")
    messages = [found.message for found in judged("b.jsonl").findings]
    assert len(messages) == 2
    assert any("a.jsonl is in the lock and not in the data" in message for message in messages)
    assert any("not in the lock" in message for message in messages)


def test_the_lock_holds_no_folder_of_the_machine(tmp_path: Path) -> None:
    locked()
    assert str(tmp_path) not in Path("audit.lock.json").read_text(encoding="utf-8")


def test_without_a_lock_the_rule_is_skipped_with_a_reason() -> None:
    locked()
    result = audit.check("a.jsonl", select=["PRV952"])
    (skipped,) = (skipped for skipped in result.rules_skipped if skipped.code == "PRV952")
    assert skipped.reason == "no lock is named: [rules.PRV952] lock = FILE"


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "x"}', '{"files": []}'])
def test_a_broken_lock_is_an_error(content: str) -> None:
    locked()
    Path("audit.lock.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError):
        judged("a.jsonl")


def test_rows_from_python_are_not_in_a_lock() -> None:
    locked()
    result = audit.check([row()], select=["PRV952"], rules={"PRV952": {"lock": "audit.lock.json"}})
    assert len(result.findings) == 2


# ----------------------------------------------------------------------------- PRV953

MODEL = "As an AI language model, I have no favourite."


@pytest.mark.parametrize(
    "declared",
    [
        {"synthetic": True},
        {"audit": {"synthetic": True}},
        {"generator": "some-model"},
        {"source": "synthetic"},
        {"source": "self-instruct"},
        {"source": "generated by gpt-4"},
    ],
)
def test_rows_that_declare_it_are_counted_and_silent(declared: dict[str, Any]) -> None:
    result = check("PRV953", row(MODEL, **declared), row())
    assert result.findings == ()
    assert {m.name: m.value for m in result.measures} == {
        "provenance.synthetic_rows": 0.5,
        "provenance.undeclared_rows": 0.0,
    }


@pytest.mark.parametrize(
    "answer",
    [
        MODEL,
        "as a large language model I cannot",
        "I'm ChatGPT.",
        "My knowledge cutoff is 2021.",
        "I am an AI language model",
    ],
)
def test_answers_in_which_a_model_speaks_of_itself_are_reported_once(answer: str) -> None:
    (found,) = check("PRV953", row(answer), row(answer, source="mail"), row()).findings
    assert found.evidence == {"rows": 3, "declared": 0, "undeclared": 2}


@pytest.mark.parametrize(
    "answer", ["As a model of virtue, she gave.", "The language model is small.", "I am a teacher.", "An AI assistant."]
)
def test_people_who_speak_of_models_are_not(answer: str) -> None:
    assert check("PRV953", row(answer)).findings == ()


def test_a_user_who_quotes_a_model_is_not() -> None:
    said = {"messages": [{"role": "user", "content": MODEL}, {"role": "assistant", "content": "Who said that?"}]}
    assert check("PRV953", said).findings == ()

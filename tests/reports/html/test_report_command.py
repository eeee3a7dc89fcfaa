"""What ``audit report`` reads, writes and returns."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from audit.cli import main

GOOD = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
BAD = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUDIT_")]:
        monkeypatch.delenv(name, raising=False)
    Path("train.jsonl").write_text(json.dumps(GOOD) + "\n" + json.dumps(BAD) + "\n", encoding="utf-8")


def saved(*more: str) -> str:
    assert main(["check", "train.jsonl", "--save", "run", "--quiet", *more]) in (0, 1)
    return "run"


def test_data_is_checked_and_reported_whatever_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "train.jsonl", "-o", "r.html"]) == 0
    assert capsys.readouterr().out == "wrote r.html: FAIL\n"
    assert "FMT104" in Path("r.html").read_text(encoding="utf-8")


def test_without_a_name_the_report_has_a_name_of_its_own() -> None:
    assert main(["report", "train.jsonl"]) == 0
    assert Path("audit-report.html").is_file()


def test_a_saved_result_gives_the_report_of_its_check() -> None:
    assert main(["report", "train.jsonl", "-o", "now.html", "-o", "now.json"]) == 0
    saved()
    for source in ("run", "run/result.json", "now.json"):
        assert main(["report", source, "-o", "then.html"]) == 0
        assert Path("then.html").read_bytes() == Path("now.html").read_bytes()


def test_any_form_is_written_from_a_saved_result() -> None:
    assert main(["report", saved(), "-o", "a.md", "-o", "a.json", "-o", "a.html"]) == 0
    assert Path("a.json").read_bytes() == Path("run/result.json").read_bytes()


def test_excerpts_are_left_out_when_the_data_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    saved()
    Path("train.jsonl").write_text(json.dumps(BAD) + "\n", encoding="utf-8")
    assert main(["report", "run", "-o", "r.html"]) == 0
    assert "train.jsonl is gone or not what was judged" in capsys.readouterr().err
    assert "<mark>" not in Path("r.html").read_text(encoding="utf-8")


def test_excerpts_can_be_left_out() -> None:
    assert main(["report", "train.jsonl", "--no-excerpts", "-o", "r.html"]) == 0
    assert "<mark>" not in Path("r.html").read_text(encoding="utf-8")


def test_a_result_that_was_changed_after_it_was_saved_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(saved()) / "result.json"
    path.write_text(path.read_text().replace('"FAIL"', '"PASS"'))
    assert main(["report", "run"]) == 2
    assert "is not the file that manifest.json lists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{\n  "schema": "audit.result/1",\n  "rows": ', "is no saved result"),
        (
            '{\n  "schema": "audit.result/1", "verdict": "PASS", "rules_run": [],\n  "rows": "many"\n}',
            "this version cannot read",
        ),
        ('{\n  "schema": "audit.result/99"\n}', "its schema is 'audit.result/99'"),
        ('{"schema": "audit.result/99"}', "its schema is 'audit.result/99'"),
        ('{\n  "name": "something else"\n}', "it names no schema"),
        ("", "is no saved result"),
        ("\x00\x01", "is no saved result"),
        ('{"a":' * 100_000, "is no saved result"),
    ],
)
def test_a_broken_or_foreign_document_is_an_error(content: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.json").write_text(content, encoding="utf-8")
    assert main(["report", "other.json", "-o", "r.html"]) == 2
    assert said in capsys.readouterr().err
    assert not Path("r.html").exists()


@pytest.mark.parametrize(
    "rows", [json.dumps([GOOD, BAD]), json.dumps(GOOD) + "\n" + json.dumps(BAD) + "\n", json.dumps(BAD)]
)
def test_rows_in_a_json_file_are_data(rows: str) -> None:
    Path("rows.json").write_text(rows, encoding="utf-8")
    assert main(["report", "rows.json", "-o", "r.html", "--quiet"]) == 0


def test_two_judgements_of_data_make_no_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", saved(), "train.jsonl"]) == 2
    assert "2 results of data were named" in capsys.readouterr().err


def test_nothing_to_report_and_unwritable_files_are_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 2
    assert "no data was named" in capsys.readouterr().err
    assert main(["report", "train.jsonl", "-o", "no/such/folder/r.html"]) == 2
    assert main(["report", "train.jsonl", "-o", "train.jsonl"]) == 2
    assert main(["report", "missing.jsonl"]) == 2


def test_a_report_replaces_the_one_before() -> None:
    Path("r.html").write_text("old " * 1_000_000)
    assert main(["report", "train.jsonl", "-o", "r.html"]) == 0
    assert Path("r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in Path().iterdir() if "tmp" in path.name] == []


def test_a_policy_is_judged_when_it_is_named() -> None:
    assert main(["report", "train.jsonl", "--policy", "default", "-o", "r.html"]) == 0
    text = Path("r.html").read_text(encoding="utf-8")
    assert "demands of the policy default" in text


def test_a_result_without_a_verdict_is_no_result(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bare.json").write_text('{"schema": "audit.result/1"}', encoding="utf-8")
    assert main(["report", "bare.json", "-o", "r.html"]) == 2
    assert "is no whole result" in capsys.readouterr().err


def test_flags_that_would_judge_a_saved_result_otherwise_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    content = '{"schema": "audit.result/1", "verdict": "PASS", "rows": 0, "rules_run": []}'
    Path("saved.json").write_text(content, encoding="utf-8")
    assert main(["report", "saved.json", "--policy", "strict", "-o", "r.html"]) == 2
    assert "cannot change a saved result" in capsys.readouterr().err


def test_a_sidecar_is_not_overwritten_with_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    row = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    Path("rows.jsonl").write_text(row, encoding="utf-8")
    Path("groups.csv").write_text("line,sex\n1,f\n", encoding="utf-8")
    Path("audit.toml").write_text('[attributes.sex]\nsidecar = "groups.csv"\n', encoding="utf-8")
    assert main(["report", "rows.jsonl", "-o", "groups.csv", "--quiet"]) == 2
    assert "is an input" in capsys.readouterr().err
    assert Path("groups.csv").read_text(encoding="utf-8") == "line,sex\n1,f\n"

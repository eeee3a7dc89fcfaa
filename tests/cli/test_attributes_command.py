"""``audit attributes``: what it shows, and that a template that was filled in is read back."""

from __future__ import annotations

import csv
import gzip
import json
import tomllib
from pathlib import Path

import pytest

import audit
from audit.cli import main

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(count: int, name: str = "a.jsonl") -> None:
    lines = []
    for index in range(count):
        messages = [
            {"role": "system", "content": "Decide."},
            {"role": "user", "content": f"=Application {index // 2}"},
            {"role": "assistant", "content": "yes"},
        ]
        lines.append(json.dumps({"messages": messages, "metadata": {"sex": ["f", "F", "m", "?"][index % 4]}}))
    Path(name).write_text("\n".join([*lines, "{broken", ""]))


def configured(text: str) -> None:
    Path("audit.toml").write_text(text)


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["attributes", "show", "a.jsonl", "--format", "json", *words]) == 0
    tables: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return tables


def test_show_prints_groups_and_how_they_are_spelt(capsys: pytest.CaptureFixture[str]) -> None:
    rows(8)
    configured('[attributes.sex]\nfield = "metadata.sex"\nreference = { f = 0.5, m = 0.5 }\n')
    assert main(["attributes", "show", "a.jsonl"]) == 0
    assert capsys.readouterr().out == (
        "sex (declared, field metadata.sex): 9 rows\n"
        "group    n    share  reference\n"
        "F        4  44.44 %    50.00 %\n"
        "m        2  22.22 %    50.00 %\n"
        "unknown  3  33.33 %          -\n"
        'one group: F ("F" 2, "f" 2)\n'
        'note: taken for unknown: "?" 2\n'
    )


def test_a_template_is_filled_in_and_read_back_by_line_and_by_row_id(capsys: pytest.CaptureFixture[str]) -> None:
    rows(8)
    assert main(["attributes", "template", "a.jsonl", "--attribute", "race", "-o", "groups.csv"]) == 0
    with open("groups.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["file", "line", "row_id", "race", "preview"]
    assert [entry["line"] for entry in table] == [str(line) for line in range(1, 10)]
    assert [entry["row_id"].partition("#")[2] for entry in table] == ["1", "2"] * 4 + ["1"]
    assert table[0]["preview"] == "'=Application 0"
    for index, entry in enumerate(table):
        entry["race"] = "xyz"[index % 3]
    with open("groups.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    for join in ("", 'join = "row_id"\n'):
        configured(f'[attributes.race]\nsidecar = "groups.csv"\n{join}')
        (found,) = shown(capsys)
        assert [(entry["group"], entry["n"]) for entry in found["groups"]] == [("x", 3), ("y", 3), ("z", 3)]  # type: ignore[attr-defined]
        assert found["notes"] == []


def test_a_template_holds_what_is_known_already() -> None:
    rows(4)
    configured('[attributes.sex]\nfield = "metadata.sex"\n[attributes.g]\nlexicon = "gender"\n')
    assert main(["attributes", "template", "a.jsonl", "-o", "one.csv"]) == 0
    with open("one.csv", newline="") as file:
        assert [entry["sex"] for entry in csv.DictReader(file)] == ["f", "F", "m", "?", ""]
    for join in ("line", "row_id"):
        configured(f'[attributes.sex]\nsidecar = "one.csv"\njoin = "{join}"\n')
        assert main(["attributes", "template", "a.jsonl", "-o", f"{join}.csv"]) == 0
        assert Path(f"{join}.csv").read_bytes() == Path("one.csv").read_bytes()


def test_neither_an_input_nor_what_was_filled_in_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    rows(4)
    configured('[attributes.sex]\nsidecar = "groups.csv"\n')
    Path("groups.csv").write_text("line,sex\n1,F\n2,M\n")
    Path("done.csv").write_text("line,sex\n1,F\n")
    for output, words in (("a.jsonl", ["--force"]), ("groups.csv", ["--force"]), ("done.csv", [])):
        before = Path(output).read_bytes()
        assert main(["attributes", "template", "a.jsonl", "-o", output, *words]) == 2
        assert Path(output).read_bytes() == before
    assert "done.csv exists" in capsys.readouterr().err
    assert main(["attributes", "template", "a.jsonl", "-o", "done.csv", "--force"]) == 0


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["show", "a.jsonl"], "no attribute is configured"),
        (["template", "a.jsonl"], "no attribute to fill in"),
        (["show"], "no data was named"),
        (["template", "a.jsonl", "--attribute", "line"], "an attribute cannot be called line"),
        (["list", "a.jsonl"], "is not one of show, template"),
    ],
)
def test_what_cannot_be_done_is_said(words: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows(1)
    assert main(["attributes", *words, "--isolated"]) == 2
    assert what in capsys.readouterr().err


def test_the_help_names_both_words_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attributes", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "protected attribute" in text
    assert "sensitive feature" in text


def test_init_puts_many_numbers_into_bands() -> None:
    people = [{"prompt": f"q {i}", "completion": "a", "age": 18 + i, "income_group": i * i} for i in range(60)]
    Path("a.jsonl").write_text("\n".join(map(json.dumps, people)))
    assert main(["init", "a.jsonl"]) == 0
    written = tomllib.loads(Path("audit.toml").read_text())["attributes"]
    assert written["age"] == {"field": "age", "bands": [25, 40, 65]}
    assert written["income_group"] == {"field": "income_group", "bands": [225, 900, 2020]}
    assert main(["attributes", "show"]) == 0


def test_sidecars_and_lexicons_are_in_the_evidence() -> None:
    rows(4)
    Path("groups.csv").write_text("line,sex\n1,F\n2,M\n")
    tables = {"sex": {"sidecar": "groups.csv"}, "gender": {"lexicon": "gender"}}
    result = audit.check("a.jsonl", select=["ENC"], sections={"attributes": tables})
    assert set(result.evidence.inputs) == {"a.jsonl", "groups.csv", "lexicon gender"}


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_real_spellings_of_one_group_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    data = gzip.decompress((SHARED / "chat" / "names-demographics.jsonl.gz").read_bytes())
    Path("a.jsonl").write_bytes(data)
    configured('[attributes.ethnicity]\nfield = "metadata.ethnicity"\n')
    (found,) = shown(capsys)
    assert found["similar"] == [
        ["ASIAN AND PACIFIC ISLANDER", "ASIAN AND PACI"],
        ["BLACK NON HISPANIC", "BLACK NON HISP"],
        ["WHITE NON HISPANIC", "WHITE NON HISP"],
    ]
    assert sum(entry["n"] for entry in found["groups"]) == found["rows"] == 34_958  # type: ignore[attr-defined]

"""The embedded example is reproducible, and what was planted in it is found."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from audit.demo import write
from audit.errors import OutputError

COPIES = ("exact-duplicate", "near-duplicate")
LINE_FAMILIES = ("ENC", "FMT", "TCL", "TOK")


@pytest.fixture(scope="module")
def regenerated(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loans")
    subprocess.run([sys.executable, str(root / "examples" / "loan_decisions.py"), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def truth(root: Path) -> list[dict[str, object]]:
    lines = (root / "examples" / "loan_decisions.truth.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_packaged_example_is_what_the_script_writes(regenerated: Path, root: Path) -> None:
    packed = (root / "audit" / "demo" / "data" / "loans.jsonl.gz").read_bytes()
    assert gzip.decompress(packed) == (regenerated / "loans.jsonl").read_bytes()


def test_the_truth_file_is_what_the_script_writes(regenerated: Path, root: Path) -> None:
    stored = root / "examples" / "loan_decisions.truth.jsonl"
    assert stored.read_bytes() == (regenerated / "truth.jsonl").read_bytes()


def test_the_example_is_laid_out_once_and_left_alone_after_that(tmp_path: Path) -> None:
    data = write(tmp_path / "new" / "folder")
    before = {path.name: path.stat().st_mtime_ns for path in data.parent.iterdir()}
    assert write(data.parent) == data
    assert set(before) == {"loans.jsonl", "audit.toml", "README.txt"}
    assert {path.name: path.stat().st_mtime_ns for path in data.parent.iterdir()} == before


def test_a_users_file_of_the_same_name_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text("mine = true\n", encoding="utf-8")
    with pytest.raises(OutputError, match=r"audit\.toml exists"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["audit.toml"]


def test_a_folder_that_cannot_be_made_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError) as caught:
        write(tmp_path / "file" / "below")
    assert caught.value.hint


def test_the_example_has_the_size_the_imbalance_and_the_skew_it_announces(
    regenerated: Path, truth: list[dict[str, object]]
) -> None:
    lines = (regenerated / "loans.jsonl").read_bytes().split(b"\n")[:-1]
    broken = {row["line"] for row in truth if str(row["code"]).startswith(LINE_FAMILIES)}
    rows = [json.loads(line) for number, line in enumerate(lines, start=1) if number not in broken]
    answers = [row["messages"][-1]["content"].split(".")[0].lower() for row in rows]
    assert len(lines) == 3000
    assert answers == [row["metadata"]["label"] for row in rows]
    assert 3 < answers.count("approved") / answers.count("declined") < 5
    assert 0.3 < sum(row["metadata"]["sex"] == "female" for row in rows) / len(rows) < 0.37
    assert approval_rate(rows, "sex", "female") < 0.8 * approval_rate(rows, "sex", "male")
    assert approval_rate(rows, "age_band", "18-24") < 0.95 * approval_rate(rows, "age_band", "35-49")


def approval_rate(rows: list[dict[str, dict[str, str]]], attribute: str, group: str) -> float:
    labels = Counter(row["metadata"]["label"] for row in rows if row["metadata"][attribute] == group)
    return labels["approved"] / labels.total()


def test_every_planted_line_is_found_by_the_rule_that_should_find_it(
    tmp_path: Path, truth: list[dict[str, object]]
) -> None:
    import audit

    result = audit.check(str(write(tmp_path)), target="openai-sft", max_tokens=2048)
    found = {(finding.place.line, finding.code) for finding in result.findings}
    planted = {(row["line"], row["code"]) for row in truth if str(row["code"]).startswith(LINE_FAMILIES)}
    assert planted - found == set()


def test_every_planted_copy_is_found_beside_what_it_copies(tmp_path: Path, truth: list[dict[str, object]]) -> None:
    import audit

    result = audit.check(str(write(tmp_path)), select=["DUP401", "DUP403"])
    pairs = {(frozenset((f.place.line, f.related[0].line)), f.code) for f in result.findings}
    copies = {(frozenset((row["line"], row["of"])), row["code"]) for row in truth if row["defect"] in COPIES}
    assert len(copies) == 120
    assert copies - pairs == set()


def test_lines_without_a_planted_fault_have_no_finding(tmp_path: Path, truth: list[dict[str, object]]) -> None:
    import audit

    result = audit.check(str(write(tmp_path)), target="openai-sft", max_tokens=2048, select=list(LINE_FAMILIES))
    planted = {row["line"] for row in truth}
    alarms = [finding for finding in result.findings if finding.scope == "row" and finding.place.line not in planted]
    assert alarms == []


def test_the_configuration_of_the_example_names_its_own_file(root: Path) -> None:
    config = tomllib.loads((root / "audit" / "demo" / "data" / "audit.toml").read_text(encoding="utf-8"))
    assert config["data"]["files"] == ["loans.jsonl"]
    assert config["data"]["target"] == "openai-sft"
    assert set(config["attributes"]) == {"sex", "age_band"}


def test_the_demo_tells_the_story_up_to_the_gate_where_training_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from audit.cli import main
    from audit.errors import MissingExtra

    def missing() -> None:
        raise MissingExtra("training needs torch, which is not installed", hint="pip install it")

    monkeypatch.setattr("audit.train.installed.check_installed", missing)
    assert main(["demo", str(tmp_path / "here"), "--quiet"]) == 0
    told = capsys.readouterr().out
    for number, stage in enumerate(("check", "fix", "split", "balance", "gate", "train"), start=1):
        assert f"\n{number} {stage}: " in f"\n{told}"
    assert "approved for female 65.3 % of 974, male 84.9 % of 2,012" in told
    assert "models are trained on the rows and judged by what they answer" in told
    assert (tmp_path / "here" / "audit-run" / "report.html").exists()


def test_a_flag_of_the_check_is_refused_without_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from audit.cli import main

    assert main(["demo", str(tmp_path / "here"), "--format", "concise"]) == 2
    assert "audit demo --check" in capsys.readouterr().err
    assert not (tmp_path / "here").exists()

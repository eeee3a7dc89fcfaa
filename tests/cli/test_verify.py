"""``audit verify`` on the command line: what it says and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.cli import main
from audit.train.runs.record import Record


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run in a folder named ``run``."""
    monkeypatch.chdir(tmp_path)
    folder = Path("run")
    folder.mkdir()
    (folder / "a.json").write_text("1")
    (folder / "b.json").write_text("2")
    with Record.begin(folder) as record:
        record.add("began", {})
        record.finish({})
    return folder


def test_an_intact_run_is_exit_code_0(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "run"]) == 0
    seal = (run / "record.sha256").read_text()
    assert capsys.readouterr().out == f"run is as it was recorded: 4 lines, 2 files\nseal {seal}"
    assert main(["verify", "run", "--expect", seal]) == 0


def test_the_first_mismatch_is_in_the_first_line_and_exit_code_1(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "a.json").write_text("3")
    (run / "b.json").unlink()
    (run / "c\x1b[31m").write_text("")
    assert main(["verify", "run"]) == 1
    assert capsys.readouterr().out == (
        "run is not as it was recorded: a.json was changed: the same number of bytes, another sha256 (2 more below)\n"
        "  b.json is missing\n"
        "  c\\x1b[31m is not in the record\n"
    )


def test_an_unfinished_run_is_exit_code_3(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("other").mkdir()
    with Record.begin(Path("other")) as record:
        record.add("began", {})
    assert main(["verify", "other"]) == 3
    assert capsys.readouterr().out.startswith("other is unfinished: 1 line ")


def test_the_answer_as_json_has_a_schema_and_every_mismatch(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "a.json").unlink()
    assert main(["verify", "run", "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["state"]) == ("audit.verification/1", "mismatch")
    assert told["mismatches"] == [{"name": "a.json", "what": "is missing"}]


def test_what_cannot_be_judged_is_exit_code_2(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "nowhere"]) == 2
    assert "nowhere holds no record of a run" in capsys.readouterr().err
    assert main(["verify", "run", "--expect", "12"]) == 2
    assert "is no sha256" in capsys.readouterr().err

"""``audit split`` on the command line: flags, what is printed, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.cli import main

WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jetty")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Is {one} like {other} in any way that counts?"},
                {"role": "assistant", "content": ("Yes.", "No.")[number % 2]},
            ],
            "metadata": {"sex": "fm"[number % 3 == 0], "user": number // 2},
        }
        for number, (one, other) in enumerate((one, other) for one in WORDS for other in WORDS)
    ]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "audit.toml").write_text('[attributes.sex]\nfield = "metadata.sex"\n')
    return tmp_path / "data.jsonl"


def test_a_split_shows_files_units_strata_and_certificate(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["split", "data.jsonl", "--stratify", "label,sex"]) == 0
    said = capsys.readouterr().out
    assert "train.jsonl         80  80.00 %  80.00 %" in said
    assert "strata: 4 of 4 within one row, or their largest unit, of the shares" in said
    assert (
        "SPL501, SPL502 and 7 reasons to keep rows together, looked for in the 100 rows of the written files: 0" in said
    )
    assert said.endswith("written to data.split\n")
    assert (data.parent / "data.split" / "manifest.json").is_file()


def test_flags_win_over_the_configuration(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data.parent / "audit.toml").write_text(
        '[split]\ntrain = 0.5\nvalid = 0.25\ntest = 0.25\ngroup = "metadata.user"\n'
    )
    assert main(["split", "data.jsonl", "--format", "json", "--dry-run"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["shares"] == {"train": 0.5, "validation": 0.25, "test": 0.25}
    assert told["settings"]["group"] == ["metadata.user"]
    flags = ["--train", "3", "--valid", "1", "--test", "1", "--group", "metadata.sex"]
    assert main(["split", "data.jsonl", "--format", "json", "--dry-run", *flags]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["shares"] == {"train": 0.6, "validation": 0.2, "test": 0.2}
    assert told["settings"]["group"] == ["metadata.sex"]


def test_a_dry_run_writes_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["split", "data.jsonl", "--dry-run", "--group", "metadata.user"]) == 0
    assert "nothing was written (--dry-run)" in capsys.readouterr().out
    assert not (data.parent / "data.split").exists()


def test_two_splits_and_a_folder_of_ones_own(data: Path) -> None:
    assert main(["split", "data.jsonl", "-o", "here", "--train", "0.9", "--test", "0.1", "--seed", "7"]) == 0
    assert sorted(path.name for path in (data.parent / "here").iterdir()) == [
        "assignment.jsonl", "manifest.json", "test.jsonl", "train.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--train", "0.8"], "at least two splits"),
        (["--train", "0.8", "--test", "0.1"], "less than 1"),
        (["--stratify", "sexx"], "cannot stratify by 'sexx'"),
        (["--group", "metadata.usr"], "no row has"),
        (["--template", "metadata.usr"], "no row has"),
        (["--group", ""], "group names nothing"),
        (["--stratify", "label", "--stratify", ""], "stratify names nothing"),
        (["--template", " "], "template names nothing"),
        (["-o", ""], "-o names no folder"),
        (["-o", "data.jsonl"], "is a file"),
    ],
)
def test_what_cannot_be_done_is_said_and_exits_with_2(
    data: Path, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["split", "data.jsonl", *words]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "hint:" in said
    assert sorted(path.name for path in data.parent.iterdir()) == ["audit.toml", "data.jsonl"]


def test_no_data_is_an_error(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["split"]) == 2
    assert "no data was named" in capsys.readouterr().err


def test_the_closing_line_is_on_standard_error_unless_quiet(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["split", "data.jsonl", "--dry-run", "--color", "never"]) == 0
    assert capsys.readouterr().err.startswith("100 rows in ")
    assert main(["split", "data.jsonl", "--dry-run", "--quiet"]) == 0
    assert capsys.readouterr().err == ""

"""``audit export`` on the command line: flags, what is printed, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audit.cli import main
from tests.train.exported import rows_of_chats, write_rows

TOML = """\
[fairness]
not_applicable = { reason = "made up", owner = "A. Jones", expires = 2099-01-01 }

[data]
weight = "metadata.weight"

[train]
suffix = "x"
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit.toml").write_text(TOML)
    return write_rows(tmp_path / "chats.jsonl", rows_of_chats(40))


WORDS = [
    "export",
    "chats.jsonl",
    "--to",
    "trl",
    "-o",
    "out",
    "--model",
    "org/model",
    "--quiet",
    "--waive",
    "A. Jones: ok",
]


def test_an_export_is_shown(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--hold-out", "0.2", "--set", "lr=0.001", "--lowering", "oversample"]) == 0
    shown = capsys.readouterr().out
    assert "chats for Hugging Face TRL" in shown
    assert "weights of train became copies (oversample): up to 4 of a row" in shown
    assert "changed: batch_size = 32 as per_device_train_batch_size = 8, gradient_accumulation_steps = 4" in shown
    assert "not carried: suffix: only a provider reads it" in shown
    assert "written to out; train there with: trl sft --config trl.yaml" in shown
    told = json.loads((data.parent / "out" / "export.json").read_text())
    assert told["schema"] == "audit.export/1"
    assert main(WORDS) == 2
    assert "--force replaces what it wrote" in capsys.readouterr().err
    assert main([*WORDS, "--force"]) == 0


def test_a_dry_run_as_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "chats.jsonl", "--to", "axolotl", "--model", "org/model", "--dry-run", "--format", "json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["dry_run"] is True
    assert told["export"]["gate"] is None
    assert sorted(path.name for path in data.parent.iterdir()) == ["audit.toml", "chats.jsonl"]


def test_the_gate_fails_with_exit_code_1(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(data, rows_of_chats(6) * 4)
    assert main(WORDS[:-2]) == 1
    assert "the gate says FAIL" in capsys.readouterr().err
    assert not (data.parent / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export"], "no data was named"),
        (["export", "chats.jsonl"], "--to names no trainer"),
        (["export", "chats.jsonl", "--to", "trl"], "-o names no folder"),
        (["export", "chats.jsonl", "--to", "trl", "-o", "out"], "no model was named"),
        (["export", "chats.jsonl", "--to", "tlr", "-o", "out", "--model", "m"], "there is no export to 'tlr'"),
        (["export", "chats.jsonl", "--to", "trl", "-o", "out", "--model", "m", "--set", "lrr=1"], "no setting 'lrr'"),
        (["export", "chats.jsonl", "--to", "trl", "-o", "out", "--model", "m", "--lowering", "x"], "lowering"),
        (["export", "none.jsonl", "--to", "trl", "-o", "out", "--model", "m"], "none.jsonl"),
        (["export", "chats.jsonl", "--to", "trl", "-o", "chats.jsonl", "--model", "m"], "is a file"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    data: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert not (data.parent / "out").exists()


def test_an_export_loads_no_torch(data: Path) -> None:
    script = (
        "import sys; from audit.cli import main; "
        f"code = main({WORDS!r}); "
        "print(code, sorted({'torch', 'transformers', 'openai'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=data.parent)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_file_is_not_both_data_and_validation(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--validation", "chats.jsonl"]) == 2
    assert "chats.jsonl is named as data and as --validation" in capsys.readouterr().err

"""``audit train`` on the command line: flags, what is printed, exit codes."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audit.cli import main
from audit.config.settings import Settings
from audit.train.options import read_options
from tests.train.run_chats import write_chats

SMALL = (
    "--set", "width=16", "--set", "layers=1", "--set", "heads=2", "--set", "vocabulary=300", "--set", "threads=1",
    "--set", "energy=off", "--hold-out", "0.3", "--jobs", "1",
)  # fmt: skip
TOML = """\
[attributes.sex]
field = "metadata.sex"

[fairness]
not_applicable = { reason = "made up", owner = "A. Jones", expires = 2099-01-01 }

[train]
epochs = 9
"""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit.toml").write_text(TOML)
    return write_chats(tmp_path / "chats.jsonl")


def test_a_run_is_shown_and_can_be_repeated(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "chats.jsonl", "-o", "run", "--max-steps", "4", *SMALL]) == 0
    shown = capsys.readouterr()
    assert "gate: PASS by policy default" in shown.out
    assert "4 steps of 4, training loss" in shown.out
    assert "best weights in run/model; seal " in shown.out
    assert "step 4/4  val loss" in shown.err
    assert main(["train", "--replay", "3", "-o", "run", "--quiet"]) == 0
    assert "equal: loss" in capsys.readouterr().out
    assert main(["train", "chats.jsonl", "-o", "run", "--resume", "--max-steps", "4", *SMALL]) == 0
    assert "run is finished: 4 steps; nothing was done" in capsys.readouterr().out


def test_a_run_as_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "chats.jsonl", "-o", "run", "--max-steps", "2", "--quiet", "--format", "json", *SMALL]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    told = json.loads(shown.out)
    assert (told["schema"], told["verdict"], told["steps"]) == ("audit.train/1", "PASS", 2)
    assert told["seal"] == (data.parent / "run" / "record.sha256").read_text().strip()


def test_the_gate_fails_with_exit_code_1_unless_it_is_waived(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_chats(data, repeats=2)
    words = ["train", "chats.jsonl", "-o", "run", "--max-steps", "1", *SMALL]
    assert main(words) == 1
    shown = capsys.readouterr()
    assert "the gate says FAIL by policy default, so nothing was done: redundant rows" in shown.err
    assert '--waive "who: why"' in shown.err
    assert not (data.parent / "run").exists()
    assert main([*words, "--waive", "A. Jones: on purpose"]) == 0
    assert "gate: FAIL by policy default (redundant rows), waived by A. Jones: on purpose" in capsys.readouterr().out


def test_a_dry_run_tells_what_it_would_take_and_writes_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(data.parent.iterdir())
    assert main(["train", "chats.jsonl", "--dry-run", *SMALL]) == 0
    shown = capsys.readouterr().out
    for part in ("trained parameters for each trained token", "memory: about", "time: about", "assistant", "sex"):
        assert part in shown
    assert "nothing was trained and nothing was written (--dry-run)" in shown
    assert main(["train", "chats.jsonl", "--dry-run", "--format", "json", *SMALL]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "audit.plan/1"
    assert sorted(data.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["chats.jsonl"], "-o names no folder"),
        (["-o", "run"], "no data was named"),
        (["chats.jsonl", "-o", "run", "--set", "lrr=1"], "there is no setting 'lrr'"),
        (["chats.jsonl", "-o", "run", "--lr", "fast"], "[train]"),
        (["chats.jsonl", "-o", "run", "--waive", "me"], "both who waives and why"),
        (["chats.jsonl", "-o", "chats.jsonl"], "is a file"),
        (["chats.jsonl", "-o", "."], "holds files that are no run's"),
        (["chats.jsonl", "-o", "run", "--early-stopping", "loss"], "needs validation rows"),
        (["chats.jsonl", "-o", "run", "--replay", "0"], "counted from 1"),
        (["chats.jsonl", "-o", "run", "--replay", "1", "--dry-run"], "cannot be done at once"),
    ],
)
def test_what_cannot_be_done_is_said_and_exits_with_2(
    data: Path, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(data.parent.iterdir())
    assert main(["train", *words, "--jobs", "1"]) == 2
    shown = capsys.readouterr().err
    assert why in shown
    assert sorted(data.parent.iterdir()) == before


@pytest.mark.parametrize("asked", [[], ["--set", "curve=0.5, 1"]])
def test_shares_train_a_curve_wherever_they_are_named(data: Path, asked: list[str]) -> None:
    from audit.cli.settings_flags import settings_from
    from audit.cli.train import _curve, _plan, _train, _way, arguments

    parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS)
    arguments(parser)
    words = ["chats.jsonl", "-o", "run", *asked]
    plain = parser.parse_args(["chats.jsonl", "-o", "run"])
    assert _way(plain, settings_from(plain, ["chats.jsonl"])) is _train
    if not asked:
        (data.parent / "audit.toml").write_text(TOML + "curve = [0.5, 1.0]\n")
    args, planned = parser.parse_args(words), parser.parse_args([*words, "--dry-run"])
    assert _way(args, settings_from(args, ["chats.jsonl"])) is _curve
    assert _way(planned, settings_from(planned, ["chats.jsonl"])) is _plan


def test_the_command_line_wins_over_the_file(data: Path) -> None:
    from audit.cli.train import arguments, given_options

    parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS)
    arguments(parser)
    given = given_options(parser.parse_args(["--epochs", "2", "--set", "betas=0.9,0.95", "--curve", "0.5, 1"]))
    options = read_options(Settings(sections={"train": {"epochs": 9, "lr": 0.5}}), given)
    assert (options.epochs, options.lr, options.betas, options.curve) == (2, 0.5, (0.9, 0.95), (0.5, 1.0))


def test_sigterm_ends_a_process_with_143_and_says_how_to_go_on(data: Path, root: Path) -> None:
    words = ["train", str(data), "-o", "run", "--set", "save_every=0.1", "--quiet", "--epochs", "4000", *SMALL]
    command = [sys.executable, "-c", f"import sys; from audit.cli import main; sys.exit(main({words!r}))"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=data.parent,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    metrics = data.parent / "run" / "metrics.jsonl"
    until = time.monotonic() + 90
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "interrupted after step" in out
    assert "--resume goes on from there" in out

"""The fixture ``audit_gate``: what a failing test prints, and that pytest starts as fast as without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit.pytest_plugin import judge_files

GOOD = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
BAD = {"messages": [{"role": "user", "content": "Hi"}]}
TEST = """
def test_the_training_data_is_sound(audit_gate):
    audit_gate("train.jsonl", "ugly.toml").raise_for_verdict()
"""
UGLY = '[[clause]]\nkind = "findings"\nname = "structure"\ndemand = "none"\ncodes = ["FMT"]\n'


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ugly.toml").write_text(UGLY, encoding="utf-8")


def write(*rows: object) -> str:
    Path("train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return "train.jsonl"


def run_pytest() -> subprocess.CompletedProcess[str]:
    Path("test_it.py").write_text(TEST, encoding="utf-8")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "audit.pytest_plugin", "-p", "no:cacheprovider", "test_it.py"]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environ, encoding="utf-8")


def test_a_test_with_sound_data_passes() -> None:
    write(GOOD)
    done = run_pytest()
    assert done.returncode == 0, done.stdout


def test_a_failing_test_prints_the_table() -> None:
    write(GOOD, BAD)
    done = run_pytest()
    assert done.returncode == 1
    assert "structure  no error" in done.stdout
    assert "FMT104 at train.jsonl:2" in done.stdout


def test_the_configuration_is_the_one_of_the_command_line() -> None:
    write(GOOD, BAD)
    Path("audit.toml").write_text('[gate]\npolicy = "ugly.toml"\n[check]\nignore = ["FMT104"]\n', encoding="utf-8")
    assert judge_files("train.jsonl").verdict == "NOT_ASSESSED"
    assert judge_files("train.jsonl", "ugly.toml", isolated=True).verdict == "FAIL"


def test_settings_are_laid_over_the_configuration() -> None:
    write(GOOD, BAD)
    assert judge_files(Path("train.jsonl"), "ugly.toml", extend_select=["ENC010"]).gate is not None
    assert "ENC010" in judge_files(["train.jsonl"], "ugly.toml", extend_select=["ENC010"]).rules_run


def test_an_undecided_gate_is_raised_with_what_would_settle_it() -> None:
    with pytest.raises(AssertionError, match="not_applicable = ") as caught:
        judge_files(write(GOOD), "default").raise_for_verdict()
    assert str(caught.value).startswith("NOT_ASSESSED by policy default")


def test_a_result_without_a_policy_is_raised_by_its_findings() -> None:
    import audit

    audit.check(write(GOOD)).raise_for_verdict()
    with pytest.raises(AssertionError, match=r"FMT104 at train\.jsonl:1"):
        audit.check(write(BAD)).raise_for_verdict()


def test_the_plugin_loads_nothing_but_itself() -> None:
    program = (
        "import pytest, sys; before = set(sys.modules); import audit.pytest_plugin; "
        "print(sorted(name for name in set(sys.modules) - before if name.partition('.')[0] != 'audit'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stdout.strip() == "[]"

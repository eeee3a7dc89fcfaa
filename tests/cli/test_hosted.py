"""``audit train --provider`` on the command line: what is printed, exit codes, what is refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audit.cli import main
from audit.train import verify
from audit.train.runs.record import Record
from tests.cli.hosted_story import MODEL, TOML, check_whole, entry, lay_out, words
from tests.train.provider.process import Provider, provider
from tests.train.run_chats import write_chats


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(lay_out(tmp_path / "it"))
    return tmp_path / "it"


def key_of(server: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", server.key)


def test_the_whole_story_is_shown(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider(tmp_path) as server:
        key_of(server, monkeypatch)
        assert main(words(server, "--suffix", "colours", "--epochs", "2")) == 0
        shown = capsys.readouterr()
        check_whole(server, place / "run")
        assert server.state()["jobs"][0]["hyperparameters"]["n_epochs"] == 2
        assert main(words(server, "--suffix", "colours", "--epochs", "2", "--resume", "--format", "json")) == 0
        again = json.loads(capsys.readouterr().out)
    assert "gate: PASS by policy default" in shown.out
    assert "model: ft:gpt-4o-mini-2024-07-18:test-org:colours:job0001" in shown.out
    assert "next: audit evaluate --model tuned=run test.jsonl -o run.evaluation" in shown.out
    assert "step 10 of 12  loss 0.1818" in shown.err
    assert "the job is running" in shown.err
    assert (again["schema"], again["already"], again["status"]) == ("audit.hosted/1", True, "succeeded")
    assert again["seal"] == (place / "run" / "record.sha256").read_text().strip()
    assert again["checkpoints"][-1]["step_number"] == 8
    assert server.key not in shown.out + shown.err


def test_quiet_says_nothing_on_standard_error(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider(tmp_path) as server:
        key_of(server, monkeypatch)
        assert main(words(server, "--quiet")) == 0
    assert capsys.readouterr().err == ""


def test_a_run_is_left_when_the_job_was_made_and_followed_later(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider(tmp_path) as server:
        key_of(server, monkeypatch)
        assert main(words(server, "--no-wait")) == 0
        shown = capsys.readouterr().out
        assert "the job goes on at the provider: ftjob-0001 (validating_files)" in shown
        assert verify(place / "run").state == "unfinished"
        assert main(words(server)) == 2
        assert "--resume goes on with it" in capsys.readouterr().err
        assert main(words(server, "--resume")) == 0
        check_whole(server, place / "run")


def test_a_job_is_looked_at_paused_resumed_and_cancelled(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider(tmp_path, statuses=["queued", "running", "running", "running", "running", "running"]) as server:
        key_of(server, monkeypatch)
        assert main(words(server, "--no-wait")) == 0
        capsys.readouterr()
        for action, status in (("pause", "paus"), ("status", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
            assert main(["train", "-o", "run", "--job", action]) == 0
            assert f"job ftjob-0001 at {server.url}: {status}" in capsys.readouterr().out
        assert main(words(server, "--resume")) == 2
        assert "job ftjob-0001: cancelled" in capsys.readouterr().out
        check_whole(server, place / "run")
        assert entry(place / "run", "finished")["tuned"] is None
        assert main(words(server, "--resume")) == 2
        assert "is finished: job ftjob-0001 cancelled; nothing was done" in capsys.readouterr().out


def test_a_failed_job_names_the_row_and_exits_with_2(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = (
        "The job failed due to a file format error in the training file. Invalid file format. "
        'Example 3 contains an extra "x\x1b[2J".'
    )
    error = {"code": "invalid_file_format", "message": said, "param": "training_file"}
    with provider(tmp_path, error=error) as server:
        key_of(server, monkeypatch)
        assert main(words(server)) == 2
        shown = capsys.readouterr()
        check_whole(server, place / "run")
        assert "job ftjob-0001: failed" in shown.out
        assert "chats.jsonl:3" in shown.out
        assert "\x1b" not in shown.out + shown.err
        assert main(["report", "run", "-o", "r.html"]) == 0
        assert capsys.readouterr().out == "wrote r.html: data PASS; run run: its job failed\n"
        assert "audit of the data of run: its job failed</title>" in Path("r.html").read_text()
        server.scenario(error=None)
        assert main(words(server, "--force")) == 0  # a job that failed is not taken up again
        assert [job["status"] for job in server.state()["jobs"]] == ["failed", "succeeded"]


def test_what_is_refused_before_anything_is_handed_in_leaves_no_file_and_no_job(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider(tmp_path) as server:
        key_of(server, monkeypatch)
        past = {MODEL: {"shutdown_date": "2026-01-01"}}
        refused: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
            ({"models": past}, ("--as-of", "2026-02-01"), MODEL),
            ({"models": {}, "flagged": "Question 3"}, (), "chats.jsonl:"),
            ({"flagged": None}, ("--max-cost", "0.01"), "--max-cost"),
        ]
        for scenario, more, why in refused:
            server.scenario(**scenario)
            assert main(words(server, *more)) == 2
            assert why in capsys.readouterr().err
            assert server.state()["files"] == server.state()["jobs"] == []
            assert not (place / "run").exists()


def test_the_gate_fails_with_exit_code_1_and_nobody_is_asked(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_chats(place / "chats.jsonl", repeats=2)
    with provider(tmp_path) as server:
        key_of(server, monkeypatch)
        assert main(words(server)) == 1
        assert server.requests() == []
        assert not (place / "run").exists()
    assert "the gate says FAIL by policy default, so nothing was done" in capsys.readouterr().err


def test_a_dry_run_asks_nobody_needs_no_key_and_writes_nothing(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    before = sorted(place.iterdir())
    with provider(tmp_path) as server:
        assert main(words(server, "--dry-run")) == 0
        shown = capsys.readouterr().out
        assert main(words(server, "--dry-run", "--format", "json")) == 0
        assert json.loads(capsys.readouterr().out)["schema"] == "audit.hosted-plan/1"
        assert server.requests() == []
    assert "would hand in" in shown
    assert "nothing was handed in, nobody was asked and nothing was written (--dry-run)" in shown
    assert sorted(place.iterdir()) == before


def test_a_run_at_a_provider_needs_no_torch_and_its_dry_run_no_client(place: Path) -> None:
    line = ["train", "chats.jsonl", "--provider", "openai", "--model", MODEL, "--dry-run", "--jobs", "1"]
    line += ["--base-url", "http://127.0.0.1:9/v1"]
    code = (
        "import sys\n"
        "from audit.cli import main\n"
        f"assert main({line!r}) == 0\n"
        "assert not {'torch', 'transformers', 'openai'} & set(sys.modules)\n"
        "import audit.train.hosted.running\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


AT_OPENAI = ("chats.jsonl", "-o", "run", "--provider", "openai", "--model", MODEL, "--as-of", "2026-11-22")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ((*AT_OPENAI, "--search"), "--search needs a model on this machine"),
        ((*AT_OPENAI, "--curve", "0.5,1"), "--curve needs a model on this machine"),
        ((*AT_OPENAI, "--replay", "1"), "--replay needs a model on this machine"),
        ((*AT_OPENAI, "--lr", "0.1"), "lr"),
        ((*AT_OPENAI, "--set", "provider=opnai"), "provider must be one of local, openai, azure"),
        (("chats.jsonl", "--provider", "openai", "--model", MODEL), "-o names no folder"),
        (("-o", "run", "--provider", "openai", "--model", MODEL), "no data was named"),
        (("chats.jsonl", "-o", "run", "--suffix", "x"), "suffix is a setting of a run at a provider"),
        (("chats.jsonl", "-o", "run", "--set", "attempt=2"), "attempt is a setting of a run at a provider"),
        (("--job", "status"), "-o names no folder"),
        (("chats.jsonl", "-o", "run", "--job", "status"), "takes no data"),
        (("-o", "nowhere", "--job", "status"), "holds no record.jsonl"),
        (("-o", "run", "--job", "status", "--dry-run"), "cannot be done at once"),
        (("-o", "run", "--job", "status", "--model", MODEL), "--job takes no model"),
        (("-o", "run", "--job", "status", "--resume"), "--job takes no resume"),
        (("-o", "run", "--job", "status", "--set", "timeout=soon"), "[train]"),
    ],
)
def test_what_cannot_be_done_is_said_and_exits_with_2(
    place: Path, line: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *line]) == 2
    assert why in capsys.readouterr().err
    assert not (place / "run").exists()


def test_a_provider_in_the_configuration_is_never_taken_for_this_machine_by_audit_run(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "audit.toml").write_text(f'{TOML}\n[data]\nfiles = ["chats.jsonl"]\n\n[train]\nprovider = "openai"\n')
    assert main(["run"]) == 2
    assert "[train] provider is openai, and what was asked for is done on this machine" in capsys.readouterr().err


def test_provider_local_is_this_machine(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "audit.toml").write_text(f'{TOML}\n[train]\nprovider = "openai"\n')
    small = ("width=16", "layers=1", "heads=2", "vocabulary=300", "threads=1", "energy=off", "max_steps=1")
    sets = [word for one in small for word in ("--set", one)]
    assert main(["train", "chats.jsonl", "-o", "run", "--provider", "local", "--quiet", "--jobs", "1", *sets]) == 0
    assert "1 step of 1" in capsys.readouterr().out
    more = ["--model", MODEL, "--base-url", "http://127.0.0.1:9/v1", "--jobs", "1", "--resume"]
    assert main(["train", "chats.jsonl", "-o", "run", "--provider", "openai", *more]) == 2
    assert "is one on this machine, and a provider was named" in capsys.readouterr().err


def test_a_run_at_a_provider_is_not_gone_on_with_on_this_machine(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider(tmp_path) as server:
        key_of(server, monkeypatch)
        assert main(words(server, "--no-wait")) == 0
        assert main(["train", "chats.jsonl", "-o", "run", "--resume"]) == 2
        assert "run holds a run at a provider, and none was named" in capsys.readouterr().err


def test_two_processes_cannot_write_one_run(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider(tmp_path) as server:
        key_of(server, monkeypatch)
        assert main(words(server, "--no-wait")) == 0
        asked = len(server.requests())
        with Record.resume(place / "run"):
            assert main(words(server, "--resume")) == 2
        assert "another process is writing the run in run" in capsys.readouterr().err
        assert len(server.requests()) == asked


def test_an_address_that_only_a_record_names_is_not_given_the_key(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider(tmp_path) as server:
        key_of(server, monkeypatch)
        assert main(words(server, "--no-wait")) == 0
    record = place / "run" / "record.jsonl"
    lines = record.read_text().replace("http://127.0.0.1", "http://elsewhere.test").splitlines()
    previous, chained = "0" * 64, []
    for line in lines:
        told = {**json.loads(line), "previous": previous}
        chained.append(json.dumps(told, sort_keys=True, separators=(",", ":")) + "\n")
        previous = hashlib.sha256(chained[-1].encode()).hexdigest()
    record.write_text("".join(chained))
    assert main(["train", "-o", "run", "--job", "status"]) == 2
    assert "and nobody named that address" in capsys.readouterr().err


def test_azure_is_asked_at_its_own_path_with_its_own_key(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with provider(tmp_path) as server:
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", server.key)
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.azure_url)
        line = ["train", "chats.jsonl", "-o", "run", "--provider", "azure", "--model", MODEL, "--jobs", "1"]
        assert main([*line, "--set", "poll_seconds=0.01"]) == 0
        shown = capsys.readouterr().out
        assert main(["train", "-o", "run", "--job", "status"]) == 0
        assert len(server.state()["jobs"]) == 1
    assert f"at {server.azure_url}/openai/v1\n" in shown
    assert "no text was shown to a moderation: Azure has no such endpoint" in shown

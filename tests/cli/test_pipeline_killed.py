"""``audit run`` killed at any moment and started again: what is finished stays, and the bytes are the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from audit.cli import main
from audit.cli.pipeline.running import STAGES
from audit.evidence import file_sha256
from tests.cli.pipeline_example import CONFIG, TO_THE_GATE, contents, lay_out, manifest, needs_training, times

LONGER = CONFIG.replace("max_steps = 12", "max_steps = 30\nsave_every = 0.5").replace(
    'by = ["label", "sex"]', 'by = ["label", "sex"]\ncap = 5.0'
)


class Killed(BaseException):
    """Nothing is told of it, and nothing that it leaves is put in order."""


@pytest.mark.parametrize("stage", TO_THE_GATE)
def test_killed_in_a_stage_and_started_again_the_bytes_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Any
) -> None:
    whole, cut = lay_out(tmp_path / "a"), lay_out(tmp_path / "b")
    run = type(STAGES[stage]).run
    landed = []

    def killed(self: Any, job: Any) -> Any:
        run(self, job)
        landed.append(stage)
        raise Killed

    words = ("--until", stage, "--quiet")
    monkeypatch.chdir(cut)
    with monkeypatch.context() as patch:
        patch.setattr(type(STAGES[stage]), "run", killed)
        with pytest.raises(Killed):
            main(["run", *words])
    assert landed == [stage]
    assert manifest(cut)["begun"]["name"] == stage
    assert main(["run", *words]) == 0
    monkeypatch.chdir(whole)
    assert main(["run", *words]) == 0
    assert contents(cut) == contents(whole)


def resumed_at(run: Path) -> list[int]:
    """The steps from which a run was gone on with, by its record."""
    entries = [json.loads(line) for line in (run / "record.jsonl").read_bytes().splitlines()]
    return [entry["data"]["step"] for entry in entries if entry["kind"] == "resumed"]


def killed_at(cut: Path, run: Path) -> None:
    """Start a pipeline, and kill its process when a run has a second checkpoint. Fails where it ended before."""
    command = [sys.executable, "-m", "audit", "run", "audit.toml", "--quiet"]
    process = subprocess.Popen(command, cwd=cut, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list((run / "checkpoints").glob("*/progress.json"))) < 2:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert not (run / "record.sha256").exists()


@needs_training
@pytest.mark.timeout(300)
def test_killed_in_training_what_is_finished_stays_and_what_is_half_trained_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = lay_out(tmp_path / "a", config=LONGER), lay_out(tmp_path / "b", config=LONGER)
    raw, remediated = cut / "audit-run" / "train" / "raw-0", cut / "audit-run" / "train" / "remediated-0"
    killed_at(cut, remediated)
    before = {path: path.stat().st_mtime_ns for path in raw.rglob("*") if path.is_file()}
    monkeypatch.chdir(cut)
    code = main(["run", "--quiet"])
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert resumed_at(raw) == []
    assert len(resumed_at(remediated)) == 1
    assert resumed_at(remediated)[0] > 0
    monkeypatch.chdir(whole)
    assert main(["run", "--quiet"]) == code
    assert contents(cut) == contents(whole)

    kept = times(cut)  # an altered record and one seed more: the other run and its answers stay
    record = remediated / "record.jsonl"
    record.write_bytes(record.read_bytes().replace(b"tiny", b"tony"))
    lay_out(cut, "[run]\nseeds = [0, 1]\n", config=LONGER)
    monkeypatch.chdir(cut)
    main(["run", "--quiet"])
    again = times(cut)
    stays = [name for name in kept if "/train/raw-0/" in name or "/predictions/raw-0" in name]
    assert len(stays) > 10
    assert {name: again[name] for name in stays} == {name: kept[name] for name in stays}
    assert (remediated / "record.sha256").read_text(encoding="utf-8").split()[0] == file_sha256(record)
    assert b"tony" not in record.read_bytes()

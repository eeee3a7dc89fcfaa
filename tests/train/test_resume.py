"""A run that is killed at random moments ends as if nobody had touched it: real processes, SIGKILL, many kills."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audit.train.runs.verify import verify
from tests.train.run_chats import hashes, record_lines, write_chats

KILLS = 8

ATTEMPTS = """
import os, random, signal, sys, time
from pathlib import Path
import msgspec, torch
from audit.train.runs.running import train
from tests.train.run_chats import OPTIONS, SETTINGS

data, root, kills, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
options = msgspec.structs.replace(OPTIONS, epochs=2.5, batch_size=4, token_budget=120, save_every=0.05, keep=3)
torch.set_num_threads(1)
folder = root / "killed"
metrics = folder / "metrics.jsonl"


def size():
    return metrics.stat().st_size if metrics.exists() else 0


def attempt():
    process = os.fork()
    if process == 0:
        try:
            train([data], folder, options=options, settings=SETTINGS, resume=True)
        except BaseException as error:
            print("failed:", repr(error), getattr(error, "hint", ""), flush=True)
            os._exit(1)
        os._exit(0)
    return process


def uninterrupted():
    process = os.fork()
    if process == 0:
        train([data], root / "whole", options=options, settings=SETTINGS)
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0


uninterrupted()
chance = random.Random(seed)
whole = (root / "whole" / "metrics.jsonl").stat().st_size
killed = 0
while killed < kills:
    process, before = attempt(), size()
    wanted = before + chance.random() * 2.4 * whole / kills
    until = time.monotonic() + 60
    ended = 0
    while not ended and size() < wanted and time.monotonic() < until:
        time.sleep(0.001)
        ended = os.waitpid(process, os.WNOHANG)[0]
    if ended:
        break
    time.sleep(chance.random() * 0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    killed += 1
    print("killed", size(), flush=True)
process = attempt()
assert os.waitpid(process, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="the attempts are forked")
def test_a_run_killed_again_and_again_ends_as_the_uninterrupted_one(tmp_path: Path, root: Path) -> None:
    data = write_chats(tmp_path / "chats.jsonl", rows=60)
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(data), str(tmp_path), str(KILLS), "20260101"],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("killed") >= KILLS // 2, done.stdout
    assert "failed" not in done.stdout
    whole, killed = hashes(tmp_path / "whole"), hashes(tmp_path / "killed")
    assert killed == whole
    assert verify(tmp_path / "killed").state == "intact"
    entries = [one for one in record_lines(tmp_path / "killed") if one["kind"] not in ("resumed", "cut", "measured")]
    assert entries == [one for one in record_lines(tmp_path / "whole") if one["kind"] != "measured"]
    resumed = [one["data"] for one in record_lines(tmp_path / "killed") if one["kind"] == "resumed"]
    assert len(resumed) >= KILLS // 2
    assert len({json.dumps(one) for one in resumed}) > 1

"""Predictions in batches that are killed: after every request and behind everything that is kept, and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.train.asked import questions, read, write
from tests.train.provider import forking
from tests.train.provider.process import Provider, provider

pytest.importorskip("openai")
MODEL = "gpt-4o-mini-2024-07-18"
CHILD = """
import openai
import audit.train.prediction.running
from audit.cli.arguments import build_parser
from audit.cli.commands import BY_NAME
from audit.train.prediction import batch_lines
from tests.train.provider import forking, waits
from tests.train.provider.folders import TUNED, hosted_run
build_parser(BY_NAME["predict"])
waits.wait_for_nothing()
batch_lines.MOST_REQUESTS = 3
forking.warm = lambda: None
forking.serve()
"""


class Attempts(forking.Attempts):
    """Predictions one after the other, each in a process that may be killed; three requests fill a file."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD], cwd=forking.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            bufsize=1,
        )  # fmt: skip


@pytest.fixture(scope="module")
def attempts() -> Iterator[Attempts]:
    made = Attempts()
    yield made
    made.close()


def words(server: Provider, data: Path, *more: str) -> list[str]:
    asked_of = ["--model", MODEL, "--endpoint", server.url, "--batch", "--batch-poll-seconds", "0.01"]
    return ["predict", str(data), "-o", "out.jsonl", *asked_of, "--isolated", "--quiet", *more]


def check_made_once(server: Provider, folder: Path) -> None:
    found = server.state()["batches"]
    inputs = [one for one in server.state()["files"] if one["purpose"] == "batch"]
    assert [one["request_counts"]["total"] for one in found] == [3, 2]
    assert len({one["input_file_id"] for one in found}) == len(inputs) == 2
    assert [line["error"] for line in read(folder / "out.jsonl")] == [None] * 5


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_killed_after_every_request_in_turn_there_is_one_batch_of_each_file(tmp_path: Path, attempts: Attempts) -> None:
    data = write(tmp_path / "in.jsonl", questions(5))
    killed = 0
    for at in range(1, 40):
        folder = tmp_path / str(at)
        folder.mkdir()
        with provider(folder, batch_statuses=["validating", "completed"]) as server:
            server.fault("*", nth=at, do="kill-after", pid=folder / forking.PID)
            first = attempts.run(folder, *words(server, data), OPENAI_API_KEY=server.key)
            if first.code == 0:
                break
            assert first.code == -signal.SIGKILL
            again = attempts.run(folder, *words(server, data, "--resume"), OPENAI_API_KEY=server.key)
            assert again.code == 0, again.err
            check_made_once(server, folder)
            killed = at
    assert killed >= 12


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_killed_at_everything_that_is_kept_there_is_one_batch_of_each_file(tmp_path: Path, attempts: Attempts) -> None:
    data = write(tmp_path / "in.jsonl", questions(5))
    killed = 0
    for at in range(1, 40):
        folder = tmp_path / str(at)
        folder.mkdir()
        with provider(folder, batch_statuses=["validating", "completed"]) as server:
            env = {"OPENAI_API_KEY": server.key}
            first = attempts.run(folder, *words(server, data), **env, **{forking.KILL_AT_WRITE: str(at)})
            if first.code == 0:
                break
            assert first.code == -signal.SIGKILL
            more = ["--resume"] if (folder / "out.jsonl.state.json").exists() else []
            again = attempts.run(folder, *words(server, data, *more), **env)
            assert again.code == 0, again.err
            check_made_once(server, folder)
            killed = at
    assert killed >= 6


def environment(server: Provider) -> dict[str, str]:
    return {**os.environ, "OPENAI_API_KEY": server.key, "PYTHONPATH": str(forking.ROOT)}


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_ctrl_c_says_that_the_batch_goes_on(tmp_path: Path) -> None:
    with provider(tmp_path / "server", batch_statuses=["in_progress"]) as server:
        interrupted(server, tmp_path)


def interrupted(server: Provider, tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(2))
    command = [sys.executable, "-m", "audit", *words(server, data)]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(server), stdout=subprocess.PIPE, text=True) as child:
        while not server.state()["batches"]:
            Event().wait(0.01)
        while sum(path.startswith("/batches/") for _, path, *_ in server.requests()) < 3:
            Event().wait(0.01)
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
        assert child.stdout is not None
        out = child.stdout.read()
    assert "interrupted: 1 batch goes on at the provider, and --batch --resume fetches what was paid for" in out
    assert "billed at the provider's batch price" in out

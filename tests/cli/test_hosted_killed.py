"""A run at a provider that is killed at any moment and started again: one job, one file per role, nothing lost."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.hosted_story import check_whole, lay_out, words
from tests.train.provider.forking import KILL_AT_WRITE, PID, Attempts, attempts
from tests.train.provider.process import Provider, provider

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")

PARTS = 4
REQUESTS = 24
"""Requests of a whole conversation, at least: the last part goes on until nothing is left to be killed."""
WRITES = 33
EVERY = 3
"""One in so many writes is tried in a test; all were once."""


@pytest.fixture(scope="module")
def warm() -> Iterator[Attempts]:
    with attempts() as made:
        yield made


def until_it_ends(warm: Attempts, server: Provider, folder: Path, **env: str) -> list[int]:
    """The exit codes of all attempts, the later ones with --resume."""
    codes = [warm.run(folder, *words(server), OPENAI_API_KEY=server.key, **env).code]
    while codes[-1] < 0:
        codes.append(warm.run(folder, *words(server, "--resume"), OPENAI_API_KEY=server.key).code)
    return codes


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_behind_any_request_and_started_again_there_is_one_job_and_one_file_per_role(
    tmp_path: Path, warm: Attempts, part: int
) -> None:
    number, killed = part + 1, 0
    while True:
        folder = lay_out(tmp_path / str(number))
        with provider(folder) as server:
            server.fault("*", nth=number, do="kill-after", pid=folder / PID)
            codes = until_it_ends(warm, server, folder)
            check_whole(server, folder / "run")
        if codes == [0]:
            break
        assert codes == [-signal.SIGKILL, 0]
        killed += 1
        number += PARTS
    assert killed >= REQUESTS // PARTS


@pytest.mark.parametrize("first", [1, 1 + EVERY])
def test_killed_behind_a_write_and_started_again_there_is_one_job_and_one_file_per_role(
    tmp_path: Path, warm: Attempts, first: int
) -> None:
    for number in range(first, WRITES + 1, 2 * EVERY):
        folder = lay_out(tmp_path / str(number))
        with provider(folder) as server:
            codes = until_it_ends(warm, server, folder, **{KILL_AT_WRITE: str(number)})
            check_whole(server, folder / "run")
        assert codes == [-signal.SIGKILL, 0]


def test_a_job_that_is_listed_late_is_found_by_the_run_that_was_killed(tmp_path: Path, warm: Attempts) -> None:
    folder = lay_out(tmp_path / "it")
    with provider(tmp_path, hidden=9) as server:
        server.fault("POST /fine_tuning/jobs", do="kill-after", pid=folder / PID)
        assert until_it_ends(warm, server, folder) == [-signal.SIGKILL, 0]
        check_whole(server, folder / "run")


def test_killed_when_the_job_has_failed_already_it_is_not_made_again(tmp_path: Path, warm: Attempts) -> None:
    folder = lay_out(tmp_path / "it")
    with provider(tmp_path, statuses=["failed"], error={"code": "x", "message": "No.", "param": None}) as server:
        server.fault("POST /fine_tuning/jobs", do="kill-after", pid=folder / PID)
        assert until_it_ends(warm, server, folder) == [-signal.SIGKILL, 2]
        check_whole(server, folder / "run")


def test_the_provider_is_killed_and_comes_back_while_the_job_runs(tmp_path: Path, warm: Attempts) -> None:
    folder = lay_out(tmp_path / "it")
    with provider(tmp_path) as server:
        server.fault("GET /fine_tuning/jobs/*", nth=2, do="die")
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(until_it_ends, warm, server, folder)
            _wait_for(lambda: len(server.requests()) > 0 and not _answers(server))
            server.restart()
            codes = running.result(60)
        if codes != [0]:  # it was away for longer than the retries last
            assert codes == [2]
            assert warm.run(folder, *words(server, "--resume"), OPENAI_API_KEY=server.key).code == 0
        check_whole(server, folder / "run")


def _answers(server: Provider) -> bool:
    import socket

    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", server.port)) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_waiting_and_not_the_job_and_it_is_said_how_to_follow_and_to_end_it(
    tmp_path: Path, warm: Attempts, number: signal.Signals, code: int
) -> None:
    folder = lay_out(tmp_path / "it")
    with provider(tmp_path, statuses=["validating_files", "running"]) as server:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(warm.run, folder, *words(server), OPENAI_API_KEY=server.key)
            _wait_for(lambda: any("/events" in path for _, path, _, _ in server.requests()))
            os.kill(int((folder / PID).read_text()), number)
            ended = running.result(60)
        assert ended.code == code
        assert "interrupted; the job goes on at the provider: ftjob-0001" in ended.out
        assert "follow it: the same command with --resume" in ended.out
        assert "end it: audit train -o run --job cancel" in ended.out
        assert "Traceback" not in ended.err
        assert server.state()["jobs"][0]["status"] == "running"
        key = {"OPENAI_API_KEY": server.key}
        assert warm.run(folder, "train", "-o", "run", "--job", "cancel", **key).code == 0
        assert warm.run(folder, *words(server, "--resume"), **key).code == 2
        check_whole(server, folder / "run")


def _wait_for(what: object, longest: float = 30.0) -> None:
    assert callable(what)
    until = time.monotonic() + longest
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.01)

"""A warm process that runs one command line of ``audit`` after the other, each in a child that may be killed.

``python -m tests.train.provider.forking``: reads a line of JSON for each command line and answers with one. Everything
is imported once; a child is a copy, so that an attempt costs milliseconds and not seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[3]
PID: Final = "attempt.pid"
"""The file in the folder of an attempt with the number of its process, for whoever is to kill it."""

KILL_AT_WRITE: Final = "KILL_AT_WRITE"
"""A variable for ``Attempts.run``: the attempt kills itself when it has put so many things on the disk."""


class Attempt(NamedTuple):
    """How a command line ended: its exit code (negative: killed by that signal), and what it printed."""

    code: int
    out: str
    err: str


class Attempts:
    """The warm process, as a test uses it. Command lines run in ``folder``."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.train.provider.forking"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, folder: Path, *words: str, **env: str) -> Attempt:
        """The outcome of one command line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "words": words, "env": env}) + "\n")
        self._process.stdin.flush()
        code = json.loads(self._process.stdout.readline())["code"]
        return Attempt(code, (folder / "out.txt").read_text(), (folder / "err.txt").read_text())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@contextmanager
def attempts() -> Iterator[Attempts]:
    """The warm process while the block lasts."""
    made = Attempts()
    try:
        yield made
    finally:
        made.close()


def serve() -> None:
    """Run what is asked for on standard input, until that ends."""
    warm()
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(asked)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def warm() -> None:
    """Load what a hosted run needs, and let it wait for nothing."""
    from importlib import import_module

    from audit.cli.arguments import build_parser
    from audit.cli.commands import BY_NAME
    from tests.train.provider.waits import wait_for_nothing

    for name in ("openai", "audit.cli.hosted_text", "audit.train.hosted.running"):
        import_module(name)

    build_parser(BY_NAME["train"])
    _practise()
    wait_for_nothing()


def _practise() -> None:
    """Judge and prepare some rows, so that rules, lexicons and tokenizers are there before the first child is."""
    from audit.cli import main
    from tests.train.run_chats import write_chats

    with TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        data = str(write_chats(Path(folder) / "chats.jsonl", rows=12))
        words = ["train", data, "--dry-run", "--provider", "openai", "--model", "gpt-4o-mini-2024-07-18"]
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            main(["gate", data, "--isolated", "--jobs", "1"])
            main([*words, "--base-url", "http://127.0.0.1:9/v1", "--isolated", "--jobs", "1"])


def _killed_at_write(number: int) -> None:
    """Kill this process behind its ``number``-th fsync."""
    sync, done = os.fsync, 0

    def synced(descriptor: int) -> None:
        nonlocal done
        sync(descriptor)
        done += 1
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = synced


def _child(asked: dict[str, Any]) -> None:
    from audit.cli import main

    code = 70
    try:
        os.chdir(asked["folder"])
        Path(PID).write_text(str(os.getpid()))
        os.environ.update(asked["env"])
        if number := int(os.environ.pop(KILL_AT_WRITE, "0")):
            _killed_at_write(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a test may run where it is ignored
        for name, number in (("out.txt", 1), ("err.txt", 2)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
        os.close(0)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        code = main(asked["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - the child must end here, whatever happened
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()

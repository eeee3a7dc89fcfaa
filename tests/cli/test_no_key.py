"""The key of a provider is in its environment variable and in the requests, and nowhere else."""

from __future__ import annotations

import base64
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

pytest.importorskip("openai")

from audit.cli import main
from audit.train.protocol import files
from audit.train.protocol.connection import Connection
from tests.cli.hosted_story import lay_out, words
from tests.train.provider.process import ROOT, Provider, provider
from tests.train.provider.waits import wait_for_nothing

KEY: Final = "sk-distinctive-Zq7+pA/9xW2vL0mN4kR8"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider that repeats the key wherever it can."""
    monkeypatch.chdir(lay_out(tmp_path / "it"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    wait_for_nothing(monkeypatch)
    with provider(tmp_path, key=KEY, echo_key=True) as made:
        yield made


def check_no_key(folder: Path, *texts: str) -> None:
    """No text and no file below a folder holds the key, or the part of it that nothing else has."""
    for text in texts:
        assert "distinctive" not in text
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            assert b"distinctive" not in path.read_bytes(), path
            assert "distinctive" not in path.name


def test_a_run_whose_server_repeats_the_key_keeps_it_nowhere(
    server: Provider, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert main(words(server)) == 0
        assert main(["train", "-o", "run", "--job", "status", "--base-url", server.url]) == 0
        assert main(["verify", "run"]) == 0
    shown = capsys.readouterr()
    assert any("[key]" in path.read_text(errors="replace") for path in Path("run").iterdir() if path.is_file())
    assert caplog.records
    check_no_key(Path("run"), shown.out, shown.err, caplog.text)
    check_no_key(Path("run"), *(repr(record.__dict__) for record in caplog.records))


FAULTS: Final = [
    {"match": "POST /fine_tuning/jobs", "do": "status", "status": status, "times": 0, "body": {
        "error": {"message": f"No: {KEY}", "code": KEY, "param": KEY, "type": KEY}}}
    for status in (400, 401, 403, 404, 429, 500)
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault["status"]))
def test_an_error_that_repeats_the_key_does_not_show_it(
    server: Provider, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], fault: dict[str, Any]
) -> None:
    server.fault(**fault)
    with caplog.at_level(logging.DEBUG):
        assert main(words(server, "--set", "retries=0")) == 2
    shown = capsys.readouterr()
    assert "[key]" in shown.err
    check_no_key(Path("run"), shown.out, shown.err, caplog.text)


def test_a_job_that_fails_for_the_key_does_not_show_it(server: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    server.scenario(error={"code": KEY, "message": f'Example 2 contains an extra "{KEY}".', "param": KEY})
    assert main(words(server)) == 2
    shown = capsys.readouterr()
    assert "[key]" in shown.out
    check_no_key(Path("run"), shown.out, shown.err)


def test_a_wrong_key_is_not_shown(
    server: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTHER_KEY", "sk-distinctive-but-of-somebody-else")
    assert main(words(server, "--key-variable", "OTHER_KEY")) == 2
    shown = capsys.readouterr()
    assert "check the key in the environment variable OTHER_KEY" in shown.err
    check_no_key(Path.cwd(), shown.out, shown.err)


def test_a_password_in_the_address_is_kept_nowhere(server: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    secret = server.url.replace("http://", "http://user:distinctive@")
    told = [secret if word == server.url else word for word in words(server, "--set", "retries=0")]
    sent = base64.b64encode(b"user:distinctive").decode()  # in place of the key (RFC 7617)
    body = {"error": {"message": f"No: distinctive, Basic {sent}", "code": sent, "param": "distinctive"}}
    for match in ("GET /models/*", "POST /moderations"):
        server.no_faults()
        server.scenario(key=f"Basic {sent}", echo_key=False)
        server.fault(match, do="status", status=401, times=0, body=body)
        assert main(told) == 2
        shown = capsys.readouterr()
        assert "No: [key], Basic [key]" in shown.err
        assert sent not in shown.err
        check_no_key(Path.cwd(), shown.out, shown.err)


def test_a_key_in_the_place_of_its_variable_is_not_repeated(
    server: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["rows.jsonl", "--endpoint", server.url, "--key-variable", KEY]
    for command in (
        words(server, "--key-variable", KEY),
        words(server, "--key-variable", KEY, "--dry-run"),
        ["predict", *asked, "--model", "m", "-o", "out.jsonl"],
        ["evaluate", asked[0], "--model", "raw=m", "--endpoint", f"raw={server.url}", *asked[3:], "-o", "report"],
    ):
        assert main(command) == 2
        shown = capsys.readouterr()
        assert "the name of an environment variable" in shown.err
        check_no_key(Path.cwd(), shown.out, shown.err)
    assert server.requests() == []


def test_what_the_client_logs_when_it_is_asked_to_holds_no_key(server: Provider) -> None:
    told = {**os.environ, "OPENAI_LOG": "debug", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "audit", *words(server, "--no-wait")],
        env=told,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Sending HTTP Request: POST" in done.stderr
    check_no_key(Path("run"), done.stdout, done.stderr)


def test_no_traceback_holds_the_key(server: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours, wherever it is met: in the frames of the run, of the connection and of the client."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a mistake")

    for where, name in ((files, "file_sha256"), (Connection, "plain"), (Connection, "_waited")):
        with monkeypatch.context() as patched:
            patched.setattr(where, name, broken)
            if name == "_waited":
                server.fault("GET /models/*", do="status", status=500)
            with pytest.raises(ZeroDivisionError) as raised:
                main(words(server, "--force"))
        check_traceback(raised.value)


def test_no_traceback_from_within_the_client_holds_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(httpx2.Client, "send", broken)
    with (
        Connection(base_url="http://127.0.0.1:1/v1", retries=0) as connection,
        pytest.raises(ZeroDivisionError) as raised,
    ):
        connection.read(lambda client: client.models.list(), "asking")
    check_traceback(raised.value)


def check_traceback(error: BaseException) -> None:
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert "distinctive" not in "".join(told.format())

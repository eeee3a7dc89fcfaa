"""What ``audit train --provider`` says and returns when the provider cannot or will not; nothing is paid twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

pytest.importorskip("openai")

from audit.cli import main
from tests.cli.hosted_story import MODEL, check_whole, lay_out, words
from tests.train.provider.process import Provider, provider
from tests.train.provider.waits import wait_for_nothing

CREATE: Final = "POST /fine_tuning/jobs"
RETRIEVE: Final = "GET /fine_tuning/jobs/*"
UPLOAD: Final = "POST /files"
GOES_ON: Final = "the same command with --resume goes on where this ended"


class Shown(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Shown]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.chdir(lay_out(tmp_path / "it"))
    with provider(tmp_path) as made:
        monkeypatch.setenv("OPENAI_API_KEY", made.key)
        yield made


@pytest.fixture
def run(server: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command, whose waits are short."""
    wait_for_nothing(monkeypatch)

    def called(*more: str) -> Shown:
        code = main(words(server, "--set", "retries=1", *more))
        shown = capsys.readouterr()
        return Shown(code, shown.out, shown.err)

    return called


def error(message: Any = None, code: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "param": None, "type": "invalid_request_error", **more}}


def posts(server: Provider, path: str = "/fine_tuning/jobs") -> int:
    return sum((method, asked) == ("POST", path) for method, asked, *_ in server.requests())


def goes_on(server: Provider, run: Run) -> None:
    """After the trouble the run ends as if there had been none: one job, one file for each role."""
    server.no_faults()
    again = run("--resume")
    assert again.code == 0, again.err
    check_whole(server, Path("run"))


# ----------------------------------------------------------------------------- statuses

NO_MONEY: Final = error(
    "You exceeded your current quota, please check your plan and billing details.", "insufficient_quota"
)
STATUSES: Final = [
    (429, error("Rate limit reached.", "rate_limit_exceeded"), "says Rate limit reached. (429, rate_limit_exceeded,",
     f"wait for a while; {GOES_ON}"),
    (429, NO_MONEY, "please check your plan and billing details. (429, insufficient_quota,",
     f"the account has no credit left: add some; {GOES_ON}"),
    (401, error("Incorrect API key provided: sk-t****cdef.", "invalid_api_key"), "says Incorrect API key provided",
     "check the key in the environment variable OPENAI_API_KEY"),
    (403, error("You are not allowed to sample from this model."), "says You are not allowed to sample",
     "the account, or its key, may not do this: whoever manages it can grant it"),
    (404, error("The model does not exist.", "model_not_found"), "says The model does not exist. (404, model_not_f",
     "check the model's name and the address"),
    (400, error(), "(400,", "what the provider names must change first"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("match", "status", "body", "says", "hint"),
    [*((CREATE, *one) for one in STATUSES), *((UPLOAD, *one) for one in STATUSES[:2])],
)
def test_a_refusal_says_what_to_do_and_the_run_goes_on_later(
    server: Provider, run: Run, match: str, status: int, body: dict[str, Any], says: str, hint: str
) -> None:
    server.fault(match, do="status", status=status, body=body, times=0)
    shown = run()
    assert shown.code == 2
    assert says in shown.err
    assert hint in shown.err
    assert "Traceback" not in shown.err
    assert server.state()["jobs"] == []
    path, tries = match.split()[1], 2 if "Rate" in says else 1
    assert posts(server, path) == tries
    goes_on(server, run)


def test_a_server_that_fails_once_is_not_noticed(server: Provider, run: Run) -> None:
    server.fault(UPLOAD, do="status", status=500)
    server.fault(RETRIEVE, do="status", status=502)
    server.fault("GET /files/*", do="status", status=503)
    assert run().code == 0
    check_whole(server, Path("run"))


def test_a_server_that_asks_for_an_hour_is_not_waited_for(server: Provider, run: Run) -> None:
    server.fault(CREATE, do="status", status=429, headers={"retry-after": "3600"}, times=0)
    assert run().code == 2
    assert posts(server) == 1
    goes_on(server, run)


# ----------------------------------------------------------------------------- nobody knows whether it was done


@pytest.mark.parametrize("do", ["status", "drop", "garble", "hang"])
def test_a_job_of_which_nobody_knows_is_not_made_again_unasked(server: Provider, run: Run, do: str) -> None:
    server.fault(CREATE, do=do, status=500)
    shown = run(*(("--set", "timeout=2") if do == "hang" else ()))
    assert (shown.code, posts(server)) == (2, 1)
    assert "creating the job: " in shown.err
    assert "nobody knows whether it was done, and nothing is listed yet" in shown.err
    assert f"wait a minute: {GOES_ON}" in shown.err
    goes_on(server, run)


@pytest.mark.parametrize("do", ["status-after", "drop-after", "garble-after", "hang-after"])
def test_a_job_that_was_made_without_an_answer_is_followed(server: Provider, run: Run, do: str) -> None:
    server.fault(CREATE, do=do, status=500)
    shown = run(*(("--set", "timeout=2") if do == "hang-after" else ()))
    assert (shown.code, posts(server)) == (0, 1)
    check_whole(server, Path("run"))


def test_a_job_that_is_listed_too_late_is_followed_the_next_time(server: Provider, run: Run) -> None:
    server.scenario(hidden=20)  # a look may be two requests, and there are eight of them in a minute
    server.fault(CREATE, do="drop-after")
    assert run().code == 2
    goes_on(server, run)
    assert posts(server) == 1


def test_a_server_that_is_gone_while_the_job_runs_loses_nothing(server: Provider, run: Run) -> None:
    server.fault(RETRIEVE, nth=2, do="drop", times=0)
    shown = run()
    assert (shown.code, len(server.state()["jobs"])) == (2, 1)
    assert f"no connection to {server.url}" in shown.err
    assert GOES_ON in shown.err
    goes_on(server, run)
    assert posts(server) == 1


def test_no_answer_in_time_while_the_job_runs_loses_nothing(server: Provider, run: Run) -> None:
    server.fault(RETRIEVE, nth=2, do="hang", times=0)
    shown = run("--set", "timeout=2")
    assert shown.code == 2
    assert "gave no answer in time" in shown.err
    goes_on(server, run)
    assert posts(server) == 1


def test_a_byte_now_and_then_does_not_hold_the_command(server: Provider, run: Run) -> None:
    server.fault("GET /fine_tuning/jobs/*/events", do="drip", times=0)
    shown = run("--set", "timeout=2")
    assert shown.code == 2
    assert "asking for the job's events" in shown.err
    assert "gave no answer in time" in shown.err
    goes_on(server, run)


def test_nobody_is_there(server: Provider, run: Run) -> None:
    server.kill()
    shown = run()
    assert shown.code == 2
    assert f"no connection to {server.url}" in shown.err
    assert "check the address" in shown.err
    assert not Path("run").exists()


@pytest.mark.parametrize("match", ["GET /models/*", "POST /moderations", UPLOAD, "GET /files", RETRIEVE])
def test_a_page_is_no_answer(server: Provider, run: Run, match: str) -> None:
    server.fault(match, do="garble", times=0)
    shown = run()
    assert shown.code == 2
    assert "Traceback" not in shown.err
    assert len(server.state()["jobs"]) <= 1
    server.no_faults()
    assert run("--resume").code == 0
    check_whole(server, Path("run"))


# ----------------------------------------------------------------------------- odd jobs


def test_an_error_of_nulls_on_a_healthy_job_is_none(server: Provider, run: Run) -> None:
    server.scenario(null_error=True)
    shown = run()
    assert shown.code == 0
    check_whole(server, Path("run"))


def test_a_job_that_fails_with_an_error_of_nulls_says_that_nobody_knows_why(server: Provider, run: Run) -> None:
    server.scenario(error={"code": None, "message": None, "param": None})
    shown = run()
    assert shown.code == 2
    assert "job ftjob-0001: failed" in shown.out
    assert "the provider does not say why" in shown.out


def test_states_that_nobody_knows_are_told_and_waited_for(server: Provider, run: Run) -> None:
    server.scenario(statuses=["validating_files", "paused", "resting", "running", "succeeded"])
    shown = run()
    assert shown.code == 0
    assert "the job is paused; it goes on after `audit train -o run --job resume`" in shown.err
    assert "the job is 'resting', which this version does not know; it is waited for" in shown.err
    check_whole(server, Path("run"))


def test_a_model_that_the_provider_does_not_know_is_refused_before_anything_is_handed_in(
    server: Provider, run: Run
) -> None:
    server.scenario(models={MODEL: None})
    shown = run()
    assert shown.code == 2
    assert MODEL in shown.err
    assert (server.state()["files"], server.state()["jobs"]) == ([], [])


def test_an_upload_that_is_refused_names_the_row(server: Provider, run: Run) -> None:
    server.scenario(file_statuses=["uploaded", "error"], file_details="Example 3 cannot be parsed.")
    shown = run()
    assert shown.code == 2
    assert "Example 3 cannot be parsed." in shown.err
    assert "chats.jsonl:3" in shown.err
    assert server.state()["jobs"] == []


REFUSALS: Final = [
    ("invalid_file_format", 'Invalid file format. Example 5 contains an extra "weight".', "chats.jsonl:5", "FMT110"),
    ("invalid_training_file", "Invalid file format. Example 4, message 2 Discriminator 'role' is missing in value",
     "chats.jsonl:4", "FMT103"),
    ("invalid_training_file", "Example 2 message contains an invalid token: <|fim_suffix|>.", "chats.jsonl:2",
     "TOK307"),
    ("invalid_training_file", "This file failed moderation safety checks. Flagged lines: 3, 7", "chats.jsonl:3, ",
     "--set moderation=refuse"),
    ("invalid_n_examples", "Training file has 7 example(s), but must have at least 10 examples", "at least 10",
     "FMT114"),
    ("server_error", "The dog ate it.", "The dog ate it.", "the provider's words are all that is known"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "says", "where", "hint"), REFUSALS, ids=lambda one: one[:30])
def test_a_job_that_fails_names_the_row_and_what_to_do(
    server: Provider, run: Run, code: str, says: str, where: str, hint: str
) -> None:
    server.scenario(error={"code": code, "message": says, "param": "training_file"})
    shown = run()
    told = " ".join(shown.out.split())
    assert shown.code == 2
    assert says in told
    assert where in told
    assert hint in told


def test_the_client_logs_nothing(server: Provider, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="audit"):
        assert run("--quiet").err == ""
    assert [record for record in caplog.records if record.name.startswith("audit")] == []

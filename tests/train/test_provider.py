"""The stand-in provider does what it is told to: states that OpenAI's file does not know, refusals, faults, and a
memory that outlives it. What of it OpenAI describes is held against that in ``test_provider_contract``."""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("openai", reason="the package openai is not installed")

import openai
from openai import OpenAI

from tests.train.provider.conversation import BASE, batch_lines, client_of, followed, job_of, lines, rows, upload
from tests.train.provider.process import ROOT, Provider, provider

FORMAT = "The job failed due to a file format error in the training file. Invalid file format. "
INVALID = "The job failed due to an invalid training file. Invalid file format. "


class Pair(NamedTuple):
    """A provider, and a client of it."""

    server: Provider
    client: OpenAI


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[Pair]:
    with provider(tmp_path) as server:
        client = client_of(server.url, server.key)
        yield Pair(server, client)
        client.close()


def test_a_paused_job_says_so_until_it_goes_on(direct: Pair) -> None:
    jobs = direct.client.fine_tuning.jobs
    made = job_of(direct.client, upload(direct.client, lines(rows(12))))
    assert str(jobs.pause(made.id).status) == "pausing"
    assert [str(jobs.retrieve(made.id).status) for _ in range(2)] == ["paused", "paused"]
    jobs.resume(made.id)
    assert followed(direct.client, made.id).status == "succeeded"


def test_a_result_file_may_be_base64(direct: Pair) -> None:
    direct.server.scenario(result="base64")
    ended = followed(direct.client, job_of(direct.client, upload(direct.client, lines(rows(12)))).id)
    assert base64.b64decode(direct.server.content(ended.result_files[0])).startswith(b"step,train_loss,")


@pytest.mark.parametrize(
    ("some", "code", "text"),
    [
        (rows(7), "invalid_n_examples", "Training file has 7 example(s), but must have at least 10 examples"),
        (
            [*rows(9), {**rows(1)[0], "weight": 1}],
            "invalid_file_format",
            FORMAT + 'Example 10 contains an extra "weight".',
        ),
        (
            [*rows(9), {"messages": [{"role": "user", "content": "a"}, {"content": "b"}]}],
            "invalid_training_file",
            INVALID + "Example 10, message 2 Discriminator 'role' is missing in value",
        ),
        (
            [*rows(9), {"messages": [{"role": "user", "content": "a<|fim_suffix|>"}]}],
            "invalid_file_format",
            FORMAT + "Example 10 message contains an invalid token: <|fim_suffix|>.",
        ),
        (
            [*rows(9), {"tools": []}],
            "invalid_file_format",
            FORMAT + 'Example 10 is missing key "messages".',
        ),
        (
            [{"text": "a"}] * 10,
            "invalid_file_format",
            "Unexpected file format, expected either prompt/completion pairs or chat messages.",
        ),
    ],
)
def test_a_file_that_cannot_be_trained_on_fails_the_job_with_the_words_of_the_real_server(
    direct: Pair, some: list[dict[str, Any]], code: str, text: str
) -> None:
    failed = followed(direct.client, job_of(direct.client, upload(direct.client, lines(some))).id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert (failed.error.code, failed.error.message, failed.error.param) == (code, text, "training_file")


def test_a_line_that_is_no_json_fails_thejob_of(direct: Pair) -> None:
    data = lines(rows(11)) + b'{"messages": [}\n'
    failed = followed(direct.client, job_of(direct.client, upload(direct.client, data)).id)
    assert "Example 12 cannot be parsed. Error: line contains invalid json: " in failed.error.message
    assert failed.error.message.endswith("(line 12)")


def test_a_file_of_the_wrong_method_fails_thejob_of(direct: Pair) -> None:
    identity = upload(direct.client, lines(rows(12)))
    failed = followed(direct.client, job_of(direct.client, identity, method={"type": "dpo"}).id)
    assert failed.error.message == (
        f"Input file {identity} is in the fine-tune-chat format, but the specified fine-tuning job is not using "
        "'supervised' as the training method (provided method=dpo)."
    )


def test_a_flagged_validation_file_fails_thejob_of(direct: Pair) -> None:
    direct.server.scenario(flagged="question 2")
    training, validation = upload(direct.client, lines(rows(12)[3:] * 2)), upload(direct.client, lines(rows(4)))
    failed = followed(direct.client, job_of(direct.client, training, validation_file=validation).id)
    assert failed.error.message.startswith("This validation file was blocked because too many examples were flagged")
    assert "following categories: hate." in failed.error.message


def test_a_file_that_is_no_jsonl_is_refused_when_it_is_handed_in_and_a_mark_is_for_azure(direct: Pair) -> None:
    with pytest.raises(openai.BadRequestError, match="Line 1 is not a dictionary"):
        upload(direct.client, lines(rows(1)).decode().encode("utf-16"))
    marked = b"\xef\xbb\xbf" + lines(rows(12))
    with pytest.raises(openai.BadRequestError, match="Line 1 is not a dictionary"):
        upload(direct.client, marked)
    azure = client_of(f"{direct.server.azure_url}/openai/v1", direct.server.key)
    assert followed(azure, job_of(azure, upload(azure, marked)).id).status == "succeeded"
    azure.close()


def test_nobody_gets_in_without_the_key(direct: Pair) -> None:
    stranger = client_of(direct.server.url, "sk-wrong")
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()
    stranger.close()


def test_an_expired_batch_has_half_of_the_answers(direct: Pair) -> None:
    direct.server.scenario(batch_statuses=["in_progress", "expired"])
    handed_in = upload(direct.client, batch_lines(BASE, ["a", "b", "c", "d"]), "batch", "batch.jsonl")
    made = direct.client.batches.create(
        input_file_id=handed_in, endpoint="/v1/chat/completions", completion_window="24h"
    )
    ended = direct.client.batches.retrieve(made.id)
    assert ended.status == "expired"
    output, errors = (direct.server.content(str(one)) for one in (ended.output_file_id, ended.error_file_id))
    assert (output.count(b"\n"), errors.count(b"batch_expired")) == (2, 2)


# ---------------------------------------------------------------------- what goes wrong on purpose


def test_the_server_remembers_everything_when_it_is_killed(direct: Pair) -> None:
    made = job_of(direct.client, upload(direct.client, lines(rows(12))))
    direct.server.restart()
    assert followed(direct.client, made.id).status == "succeeded"
    assert len(direct.server.state()["jobs"]) == 1


def test_a_fault_is_for_the_request_that_it_names_and_no_other(direct: Pair) -> None:
    direct.server.fault("GET /files/*", nth=2, do="status", status=503)
    identity = upload(direct.client, lines(rows(12)))
    direct.client.files.retrieve(identity)
    direct.client.files.content(identity)
    with pytest.raises(openai.InternalServerError):
        direct.client.files.retrieve(identity)
    direct.client.files.retrieve(identity)
    assert [status for _, path, status, _ in direct.server.requests() if path == f"/files/{identity}"] == [
        200,
        503,
        200,
    ]


@pytest.mark.parametrize(
    ("do", "error"),
    [
        ("status", openai.InternalServerError),
        ("drop", openai.APIConnectionError),
        ("hang", openai.APITimeoutError),
    ],
)
@pytest.mark.parametrize("after", [False, True])
def test_a_request_that_fails_is_carried_out_only_where_the_fault_says_so(
    direct: Pair, do: str, error: type[Exception], after: bool
) -> None:
    training = upload(direct.client, lines(rows(12)))
    direct.server.fault("POST /fine_tuning/jobs", do=f"{do}-after" if after else do)
    with pytest.raises(error):
        job_of(direct.client.with_options(timeout=0.3), training)
    assert len(direct.server.state()["jobs"]) == int(after)


def test_a_dripping_answer_comes_in_the_end(direct: Pair) -> None:
    direct.server.fault("GET /models/*", do="drip", seconds=0.3, every=0.1)
    assert direct.client.models.retrieve(BASE).id == BASE


def test_a_job_can_be_listed_late(direct: Pair) -> None:
    direct.server.scenario(hidden=2)
    job_of(direct.client, upload(direct.client, lines(rows(12))), metadata={"audit_run": "a"})
    found = [len(list(direct.client.fine_tuning.jobs.list(metadata={"audit_run": "a"}))) for _ in range(4)]
    assert found == [0, 0, 1, 1]


def test_the_key_is_repeated_where_the_scenario_says_so(direct: Pair) -> None:
    direct.server.scenario(echo_key=True)
    made = job_of(direct.client, upload(direct.client, lines(rows(12))))
    assert direct.server.key in made.organization_id
    with pytest.raises(openai.NotFoundError, match=direct.server.key):
        direct.client.files.retrieve("file-9999")


def test_a_client_is_killed_after_its_request_was_carried_out(direct: Pair) -> None:
    story = "import sys, openai; openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2]).files.delete(sys.argv[3])"
    identity = upload(direct.client, lines(rows(12)))
    command = [sys.executable, "-c", story, direct.server.url, direct.server.key, identity]
    process = subprocess.Popen(command)
    direct.server.fault("DELETE /files/*", do="kill-after", pid=process.pid)
    assert process.wait(60) == -signal.SIGKILL
    assert direct.server.state()["files"] == []


def test_a_server_that_dies_has_done_what_it_was_asked_for_or_nothing(direct: Pair) -> None:
    training = upload(direct.client, lines(rows(12)))
    for at, do in enumerate(("die", "die-after")):
        direct.server.fault("POST /fine_tuning/jobs", do=do)
        with pytest.raises(openai.APIConnectionError):
            job_of(direct.client, training)
        direct.server.restart()
        assert len(direct.server.state()["jobs"]) == at


def test_many_requests_at_a_time_do_not_get_into_each_others_way(direct: Pair) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda count: upload(direct.client, lines(rows(count))), range(1, 33)))
    assert sorted(made) == [f"file-{number:04}" for number in range(1, 33)]
    assert [direct.server.content(one) for one in made] == [lines(rows(count)) for count in range(1, 33)]


def test_the_server_knows_nothing_of_what_it_judges_and_needs_no_package() -> None:
    story = (
        "import sys, tests.train.provider.server as it; "
        "sys.exit(str(sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", story], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.strip() == "['__main__', 'tests']"

"""The stand-in provider speaks OpenAI's protocol: the real client talks to it through Prism, which holds every request
and every answer against OpenAI's own OpenAPI file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

pytest.importorskip("openai", reason="the package openai is not installed")

import openai
from openai import OpenAI

from tests.train.provider.conversation import BASE, batch_lines, client_of, followed, job_of, lines, rows, upload
from tests.train.provider.prism import UNDESCRIBED, Proxied, Watch
from tests.train.provider.process import Provider

pytestmark = pytest.mark.timeout(240)  # the first test of the file waits for npm and Prism


class Pair(NamedTuple):
    """A provider, Prism before it, and the client that talks through Prism."""

    server: Provider
    watch: Watch
    client: OpenAI


@pytest.fixture
def pair(proxied: Proxied) -> Iterator[Pair]:
    """The provider and Prism of the whole file, and a client of its own."""
    client = client_of(proxied.watch.url, proxied.server.key)
    yield Pair(*proxied, client)
    client.close()


@pytest.fixture
def job(pair: Pair) -> Any:
    """A job that has just been made."""
    return job_of(pair.client, upload(pair.client, lines(rows(12))))


def test_the_base_model_is_known(pair: Pair) -> None:
    pair.server.scenario(models={BASE: {"shutdown_date": "2027-01-14"}})
    assert pair.client.models.retrieve(BASE).shutdown_date is not None
    pair.server.scenario(models={})
    assert pair.client.models.retrieve(BASE).shutdown_date is None
    assert BASE in {one.id for one in pair.client.models.list()}


def test_a_file_is_handed_in_found_looked_at_fetched_and_deleted(pair: Pair) -> None:
    data = lines(rows(12))
    identity = upload(pair.client, data)
    assert identity in {one.id for one in pair.client.files.list(purpose="fine-tune", limit=10_000)}
    assert pair.client.files.retrieve(identity).bytes == len(data)
    assert pair.client.files.content(identity).read() == data
    assert pair.client.files.delete(identity).deleted
    assert identity not in {one.id for one in pair.client.files.list(purpose="fine-tune")}


def test_files_are_listed_page_after_page_the_newest_first(pair: Pair) -> None:
    made = [upload(pair.client, lines(rows(number))) for number in range(1, 6)]
    assert [one.id for one in pair.client.files.list(limit=2)][:5] == made[::-1]


def test_a_listing_without_files_is_one(pair: Pair) -> None:
    assert list(pair.client.files.list(purpose="vision")) == []


def test_a_file_is_handed_in_in_parts(pair: Pair) -> None:
    data = lines(rows(30))
    told: dict[str, Any] = {"filename": "big.jsonl", "bytes": len(data), "mime_type": "text/jsonl"}
    made = pair.client.uploads.create(**told, purpose="fine-tune")
    parts = [pair.client.uploads.parts.create(made.id, data=piece).id for piece in (data[:700], data[700:])]
    file = pair.client.uploads.complete(made.id, part_ids=parts).file
    assert file is not None
    assert pair.server.content(file.id) == data


def test_an_upload_can_be_cancelled(pair: Pair) -> None:
    told: dict[str, Any] = {"filename": "big.jsonl", "bytes": 1, "mime_type": "text/jsonl"}
    made = pair.client.uploads.create(**told, purpose="fine-tune")
    assert pair.client.uploads.cancel(made.id).status == "cancelled"


def test_a_job_goes_from_its_making_to_an_answer_of_the_tuned_model(pair: Pair) -> None:
    training, validation = (upload(pair.client, lines(rows(count))) for count in (12, 4))
    made = job_of(pair.client, training, validation_file=validation, suffix="demo", seed=7, metadata={"audit_run": "a"})
    ended = followed(pair.client, made.id)
    assert (ended.status, ended.error, ended.seed) == ("succeeded", None, 7)
    assert ended.trained_tokens > 0
    assert "demo" in ended.fine_tuned_model
    table = pair.client.files.content(ended.result_files[0]).read().decode().splitlines()
    assert table[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert table[1].endswith(",,"), "nothing is validated at the first step"
    assert not table[4].endswith(",")
    asked = pair.client.chat.completions.create(
        model=ended.fine_tuned_model, messages=[{"role": "user", "content": "question 3"}], temperature=0, seed=1
    )
    assert asked.choices[0].message.content == "answer 3"


def test_a_job_of_preferences_is_one_too(pair: Pair) -> None:
    asked = {"messages": [{"role": "user", "content": "which"}]}
    good, bad = ([{"role": "assistant", "content": text}] for text in ("this", "that"))
    row = {"input": asked, "preferred_output": good, "non_preferred_output": bad}
    method = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}
    made = job_of(pair.client, upload(pair.client, lines([row] * 10)), method=method)
    assert followed(pair.client, made.id).status == "succeeded"


def test_a_job_is_found_by_its_metadata(pair: Pair) -> None:
    training = upload(pair.client, lines(rows(12)))
    made = [job_of(pair.client, training, metadata={"audit_run": name}).id for name in ("one", "other")]
    assert [one.id for one in pair.client.fine_tuning.jobs.list(metadata={"audit_run": "one"})] == made[:1]
    assert [one.id for one in pair.client.fine_tuning.jobs.list(limit=1)][:2] == made[::-1]


def test_events_come_page_after_page_the_newest_first(pair: Pair, job: Any) -> None:
    followed(pair.client, job.id)
    told = list(pair.client.fine_tuning.jobs.list_events(job.id, limit=4))
    assert len({one.id for one in told}) == len(told) == 20
    assert told[-1].message == f"Created fine-tuning job: {job.id}"
    assert told[0].message == "The job has successfully completed"
    assert sum(one.type == "metrics" for one in told) == 12


def test_checkpoints_name_models_that_answer(pair: Pair, job: Any) -> None:
    followed(pair.client, job.id)
    made = list(pair.client.fine_tuning.jobs.checkpoints.list(job.id, limit=1))
    assert [one.step_number for one in made] == [8, 4]
    asked = pair.client.chat.completions.create(
        model=made[1].fine_tuned_model_checkpoint, messages=[{"role": "user", "content": "question 1"}]
    )
    assert asked.choices[0].message.content == "answer 1"


def test_a_job_is_paused_resumed_and_cancelled(pair: Pair, job: Any) -> None:
    # What a job is called while it is paused is not in OpenAI's file; its example of an answer says "queued".
    pair.server.scenario(pause_statuses=["queued"])
    jobs = pair.client.fine_tuning.jobs
    jobs.pause(job.id)
    assert [jobs.retrieve(job.id).status for _ in range(3)] == ["queued"] * 3
    assert jobs.resume(job.id).status == "validating_files"
    assert jobs.cancel(job.id).status == "cancelled"
    assert jobs.retrieve(job.id).status == "cancelled"
    pair.server.scenario(pause_statuses=None)


def test_texts_are_moderated(pair: Pair) -> None:
    pair.server.scenario(flagged={"bomb": "violence"})
    first, second = pair.client.moderations.create(input=["a bomb", "a boat"], model="omni-moderation-latest").results
    assert (first.flagged, first.categories.violence, second.flagged) == (True, True, False)
    pair.server.scenario(flagged=None)


def test_a_batch_is_answered_in_another_order(pair: Pair) -> None:
    questions = [f"question {at}" for at in range(8)]
    handed_in = upload(pair.client, batch_lines(BASE, questions), "batch", "batch.jsonl")
    made = pair.client.batches.create(
        input_file_id=handed_in, endpoint="/v1/chat/completions", completion_window="24h", metadata={"audit_batch": "a"}
    )
    assert made.status == "validating"
    states = [pair.client.batches.retrieve(made.id) for _ in range(3)]
    assert [one.status for one in states] == ["in_progress", "finalizing", "completed"]
    assert made.id in {one.id for one in pair.client.batches.list(limit=1)}
    output = states[-1].output_file_id
    assert output is not None
    told = pair.client.files.content(output).text.splitlines()
    assert len(told) == 8
    assert '"r0"' not in told[0] or '"r1"' not in told[1]


def test_a_batch_that_fails_says_which_line(pair: Pair) -> None:
    data = batch_lines(BASE, ["a", "b"]).replace(b'"r1"', b'"r0"')
    handed_in = upload(pair.client, data, "batch", "batch.jsonl")
    made = pair.client.batches.create(input_file_id=handed_in, endpoint="/v1/chat/completions", completion_window="24h")
    failed = pair.client.batches.retrieve(made.id)
    assert failed.status == "failed"
    assert failed.errors is not None
    assert [(one.line, one.code) for one in failed.errors.data or []] == [(2, "duplicate_custom_id")]


def test_a_batch_is_cancelled_with_what_it_has(pair: Pair) -> None:
    handed_in = upload(pair.client, batch_lines(BASE, ["a", "b"]), "batch", "batch.jsonl")
    made = pair.client.batches.create(input_file_id=handed_in, endpoint="/v1/chat/completions", completion_window="24h")
    assert pair.client.batches.cancel(made.id).status == "cancelling"
    ended = pair.client.batches.retrieve(made.id)
    assert (ended.status, ended.output_file_id is None, ended.error_file_id is None) == ("cancelled", False, False)


def test_a_refusal_is_described_by_nothing_and_else_no_violation(pair: Pair) -> None:
    with pytest.raises(openai.NotFoundError):
        pair.client.fine_tuning.jobs.retrieve("ftjob-9999")
    (refused,) = pair.watch.seen
    assert [told.endswith(UNDESCRIBED) for told in refused.violations] == [True]


def test_prism_reports_a_request_that_the_openapi_file_does_not_allow(one_proxied: Proxied) -> None:
    client = client_of(one_proxied.watch.url, one_proxied.server.key)
    training = upload(client, lines(rows(12)))
    one_proxied.watch.seen.clear()
    with pytest.raises(openai.UnprocessableEntityError):
        job_of(client, training, suffix="x" * 65)
    client.close()
    (refused,) = one_proxied.watch.violations
    assert "suffix must NOT have more than 64 characters" in refused.violations[0]


def test_prism_reports_an_answer_that_the_openapi_file_does_not_allow(one_proxied: Proxied) -> None:
    client = client_of(one_proxied.watch.url, one_proxied.server.key)
    one_proxied.watch.seen.clear()
    one_proxied.server.scenario(models={BASE: {"created": "yesterday"}})
    with pytest.raises(openai.InternalServerError):
        client.models.retrieve(BASE)
    one_proxied.server.scenario(models={})
    client.close()
    (refused,) = one_proxied.watch.violations
    assert "created must be integer" in refused.violations[0]

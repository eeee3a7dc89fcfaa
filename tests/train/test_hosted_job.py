"""The parts of a hosted run that ask nobody: which job is ours, its key, its events, its figures, its cost."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from audit.train.hosted.events import event_of, in_order, line_of
from audit.train.hosted.job import MARK, Wanted, key_of, living
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.results import cost_of, error_of, table_of
from audit.train.runs.hosting import HostedBegun, HostedFile, job_command

HEADER = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,0.5,0.5,,\n"


def wanted(**more: Any) -> Wanted:
    begun = HostedBegun(
        provider="openai", address="http://a", key_variable="K", model="gpt-4o-mini", method="supervised", key="k" * 64,
        **more,
    )  # fmt: skip
    return Wanted(begun=begun, file_ids={"train": "file-1"}, handed_in=frozenset({"file-0", "file-1"}))


def job(**more: Any) -> dict[str, Any]:
    told = {"id": "j", "status": "running", "model": "gpt-4o-mini-2024-07-18", "training_file": "file-1"}
    return {**told, "validation_file": None, "seed": 0, **more}


@pytest.mark.parametrize(
    ("told", "ours"),
    [
        (job(metadata={MARK: "k" * 64}, training_file="file-9"), True),
        (job(metadata={MARK: "x" * 64}), False),
        (job(), True),
        (job(metadata={"team": "a"}), True),
        (job(metadata=None), True),
        (job(training_file="file-2"), False),
        (job(validation_file="file-2"), False),
        (job(model="gpt-4o"), False),
        (job(model="openai/gpt-4o-mini-2024-07-18"), True),
        (job(training_file="file-0"), True),
        (job(seed=7), False),
        (job(method={"type": "dpo"}), False),
        (job(method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 5}}}), False),
        (job(method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}), True),
        (job(method="supervised", metadata=[]), True),
        (job(seed=None), True),
        (job(validation_file=""), True),
        (job(method={"type": None}), True),
        (job(user_provided_suffix="theirs"), False),
        (job(hyperparameters={"n_epochs": 3}), False),
        (job(hyperparameters={"n_epochs": 2}), True),
    ],
)
def test_a_job_is_ours_by_its_key_or_by_model_files_and_settings(told: dict[str, Any], ours: bool) -> None:
    assert wanted(hyperparameters={"n_epochs": 2}).is_ours(told) is ours


def test_a_job_without_a_key_is_none_of_another_attempt() -> None:
    assert living([job(status="failed"), job(id="b")]) == job(id="b")
    assert living([job(id="b")], marked=True) is None


def test_nothing_that_was_not_asked_for_is_sent() -> None:
    assert wanted().arguments == {
        "model": "gpt-4o-mini", "training_file": "file-1", "seed": 0, "metadata": {MARK: "k" * 64},
        "method": {"type": "supervised"},
    }  # fmt: skip


def test_the_key_follows_from_bytes_settings_and_address_alone() -> None:
    files = {"train": HostedFile(name="train.jsonl", sha256="a" * 64, bytes=1, rows=1)}
    options = HostedOptions(model="m")
    key = key_of(files, options, "supervised", "http://a")
    same = msgspec.structs.replace(options, poll_seconds=1.0, timeout=2.0, retries=9, wait=False, moderation="off")
    assert key_of(files, same, "supervised", "http://a") == key
    other = {"train": msgspec.structs.replace(files["train"], sha256="b" * 64)}
    for changed in (
        key_of(other, options, "supervised", "http://a"),
        key_of(files, options, "dpo", "http://a"),
        key_of(files, options, "supervised", "http://b"),
        key_of(files, msgspec.structs.replace(options, attempt=2), "supervised", "http://a"),
    ):
        assert changed != key
    assert len(key) == 64


@pytest.mark.parametrize(
    ("raw", "content", "noted"),
    [
        (HEADER, HEADER, False),
        (b"\xef\xbb\xbf" + HEADER, b"\xef\xbb\xbf" + HEADER, False),
        (base64.b64encode(HEADER), HEADER, False),
        (base64.encodebytes(HEADER), HEADER, False),
        (b"<html>", b"<html>", True),
        (b"", b"", True),
        (base64.b64encode(b"other"), base64.b64encode(b"other"), True),
    ],
)
def test_a_result_is_a_table_or_base64_of_one_or_kept_as_it_came(raw: bytes, content: bytes, noted: bool) -> None:
    found = table_of(raw)
    assert (found.content, bool(found.note)) == (content, noted)


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (None, None),
        ({}, None),
        ({"code": None, "message": None, "param": None}, None),
        ({"code": "x", "message": None}, {"code": "x", "message": None}),
        ("broken", {"message": "broken"}),
        (["x"], None),
    ],
)
def test_an_error_of_nulls_is_none(error: Any, found: Any) -> None:
    assert error_of({"error": error}) == found


def test_the_cost_is_that_of_the_trained_tokens_at_the_quoted_price() -> None:
    assert cost_of(2_000_000, {"per_million": 3.0}) == 6.0
    assert cost_of(None, {"per_million": 3.0}) is None
    assert cost_of(5, {}) is None
    assert cost_of(5, {"per_million": 10**400}) is None


@pytest.mark.parametrize("newest_first", [True, False])
def test_events_are_put_in_order_whatever_the_server_begins_with(newest_first: bool) -> None:
    events = [event_of({"id": f"e{at}", "created_at": at // 2, "message": None}) for at in range(6)]
    listed = events[::-1] if newest_first else events
    assert [one["id"] for one in in_order([*listed, listed[-1]])] == [f"e{at}" for at in range(6)]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"step": 10, "total_steps": 100, "train_loss": 0.52}, "step 10 of 100  loss 0.52"),
        ({"step": 1, "valid_loss": 1.5}, "step 1  validation loss 1.5"),
        ({"train_loss": "much"}, "as it was said"),
        ({"step": 10**400, "train_loss": 10**400, "valid_loss": True}, "as it was said"),
        (None, "as it was said"),
    ],
)
def test_figures_are_told_in_a_line(data: Any, line: str) -> None:
    assert line_of(event_of({"id": "e", "type": "metrics", "message": "as it was said", "data": data})) == line


def test_events_without_an_id_are_known_by_their_content_and_long_ones_are_told_in_part() -> None:
    told = {"created_at": 5, "message": "x" * 10_000}
    event = event_of(told)
    assert in_order([event, event_of({**told, "id": None})]) == [event]
    assert len(line_of(event)) < 600


@pytest.mark.parametrize("at", [float("nan"), 10**400, "soon", None])
def test_a_time_that_is_none_puts_an_event_first_and_breaks_nothing(at: Any) -> None:
    events = [event_of({"id": "b", "created_at": 5}), event_of({"id": "a", "created_at": at})]
    assert [one["id"] for one in in_order(events)] == ["a", "b"]


def test_the_command_for_a_job_names_an_address_that_nobody_knows_and_a_folder_as_a_shell_takes_it() -> None:
    assert job_command("run", "openai", "http://127.0.0.1:9/v1", "status") == "audit train -o run --job status"
    assert job_command("my run", "openai", "https://elsewhere.test/v1", "cancel") == (
        "audit train -o 'my run' --base-url https://elsewhere.test/v1 --job cancel"
    )

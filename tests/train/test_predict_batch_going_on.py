"""Predictions in batches that are gone on with, of hosted runs and arms: no batch is made twice, nothing is kept that
nobody may know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.cli.predict import _rendered
from audit.errors import InputError, UsageError
from audit.train.prediction.batch_notes import BatchAccount
from audit.train.prediction.running import PredictReport, predict
from audit.train.protocol.failures import ProviderError
from tests.train.asked import asked, chat, options, questions, write
from tests.train.in_batches import MODEL, asked_provider, batches, given, interrupting, lines, live, made
from tests.train.provider.folders import TUNED, hosted_run
from tests.train.provider.process import Provider

pytest.importorskip("openai")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with asked_provider(tmp_path / "server", monkeypatch) as made:
        yield made


# ----------------------------------------------------------------------------- going on


@pytest.mark.parametrize("on", ["resume", "force"])
def test_a_batch_that_was_made_but_is_not_listed_yet_is_not_made_again(
    tmp_path: Path, server: Provider, on: str
) -> None:
    data = write(tmp_path / "in.jsonl", questions(3))
    server.scenario(hidden_batches=14)
    server.fault("POST /batches", do="drop-after")
    with pytest.raises(ProviderError, match="nobody knows whether it was done"):
        asked(data, tmp_path / "out.jsonl", **given(server))
    assert asked(data, tmp_path / "out.jsonl", **{on: True}, **given(server)).failed == {}
    assert made(server, "/batches") == 1


def test_who_stops_waiting_fetches_the_answers_later(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(5))
    first = predict([str(data)], tmp_path / "out.jsonl", options=options(**given(server)), told=interrupting(1))
    assert first.partial
    assert first.batches is not None
    assert (first.batches.batches, first.batches.waiting) == (1, 1)
    with pytest.raises(UsageError, match="paid for twice"):
        asked(data, tmp_path / "out.jsonl", resume=True, **live(server))
    report = asked(data, tmp_path / "out.jsonl", resume=True, **given(server))
    assert (report.answers, report.failed, made(server, "/batches")) == (5, {}, 1)


def test_the_same_questions_with_force_take_up_the_batch_that_is_there(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(5))
    predict([str(data)], tmp_path / "out.jsonl", options=options(**given(server)), told=interrupting(1))
    report = asked(data, tmp_path / "out.jsonl", force=True, **given(server))
    assert (report.answers, made(server, "/batches"), made(server, "/files")) == (5, 1, 1)
    asked(data, tmp_path / "other.jsonl", **given(server, max_new_tokens=3))
    assert made(server, "/batches") == 2


# ----------------------------------------------------------------------------- the models of hosted runs, and arms


@pytest.mark.parametrize("batch", [False, True])
def test_a_hosted_run_is_asked_where_it_was_made(
    tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch, batch: bool
) -> None:
    monkeypatch.setenv("AUDIT_TEST_KEY", server.key)
    monkeypatch.delenv("OPENAI_API_KEY")
    server.scenario(models={TUNED: {}})
    hosted_run(tmp_path / "run", address=server.url)
    data = write(tmp_path / "in.jsonl", questions(3))
    model = {"model": str(tmp_path / "run"), "batch": batch, "batch_poll_seconds": 0.01}
    report = asked(data, tmp_path / "out.jsonl", **model)
    assert (report.failed, report.arm, report.asked_at) == ({}, "run", server.url)
    state = json.loads((tmp_path / "out.jsonl.state.json").read_text())["asked"]
    assert (state["endpoint"], state["model"]) == (server.url, TUNED)
    assert len(batches(server)) == batch


def test_a_hosted_run_without_a_model_and_one_that_was_changed_are_refused(tmp_path: Path) -> None:
    hosted_run(tmp_path / "failed", status="failed", error={"code": "x", "message": "no"})
    with pytest.raises(InputError, match=r"made no model: job .* failed \(x\): no"):
        options(model=str(tmp_path / "failed"))
    hosted_run(tmp_path / "run")
    record = tmp_path / "run" / "record.jsonl"
    record.write_bytes(record.read_bytes().replace(b"127.0.0.1:9/v1", b"127.0.0.1:7/v1"))
    with pytest.raises(InputError, match=r"record\.jsonl line"):
        options(model=str(tmp_path / "run"), batch=True)


def test_azure_asks_for_the_name_of_a_deployment(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run", provider="azure")
    with pytest.raises(UsageError, match="Azure is asked for a deployment") as raised:
        options(model=str(tmp_path / "run"))
    assert "--model DEPLOYMENT" in str(raised.value.hint)


def test_an_evaluation_asks_its_arms_in_batches_and_stands_as_when_it_asks_live(
    tmp_path: Path, server: Provider
) -> None:
    from tests.train import reaudit_chats

    rows = reaudit_chats.rows(100, 12)
    data = write(tmp_path / "test.jsonl", rows)
    server.scenario(answers={row["messages"][1]["content"]: row["messages"][2]["content"] for row in rows})
    more: dict[str, Any] = {"data": data, "endpoints": (f"remote={server.url}",), "most": 3}
    reaudit_chats.evaluated(tmp_path / "live", f"remote={MODEL}", **more)
    assert not batches(server)
    report = reaudit_chats.evaluated(tmp_path / "batch", f"remote={MODEL}", batch=True, batch_poll_seconds=0.01, **more)
    assert len(batches(server)) == 2  # the questions, and those with another group in them
    assert not report.unable
    for name in ("remote-0.jsonl", "remote-0.swap.jsonl"):
        assert lines(tmp_path / "batch" / "predictions" / name) == lines(tmp_path / "live" / "predictions" / name)
    again = reaudit_chats.evaluated(tmp_path / "batch", f"remote={MODEL}", **more)
    assert again.scored == report.scored == 1


# ----------------------------------------------------------------------------- what is refused, and what is kept


def test_a_batch_needs_somebody_to_hand_it_to(tmp_path: Path, server: Provider) -> None:
    with pytest.raises(UsageError, match="no --endpoint"):
        options(model="m", batch=True)
    with pytest.raises(UsageError, match="--batch-poll-seconds must be above 0"):
        options(model="m", endpoint="http://localhost:1", batch=True, batch_poll_seconds=0)
    data = write(tmp_path / "in.jsonl", questions(1))
    more: dict[str, Any] = {"model": "m", "batch": True, "batch_poll_seconds": 0.01}
    with pytest.raises(UsageError, match="knows no batches"):
        asked(data, tmp_path / "out.jsonl", endpoint=f"{server.url}/of-others", **more)


def test_a_key_that_is_wrong_ends_it_and_is_never_kept(
    tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-another-secret-key"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    server.scenario(echo_key=True)
    data = write(tmp_path / "in.jsonl", questions(2))
    with pytest.raises(ProviderError, match="Incorrect API key") as raised:
        asked(data, tmp_path / "out.jsonl", **given(server))
    left = "".join(path.read_text() for path in tmp_path.glob("out*"))
    assert secret not in f"{raised.value} {raised.value.hint} {left}"


def test_nothing_of_prompts_is_kept_in_the_notes(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", [chat("a secret prompt", "x")])
    asked(data, tmp_path / "out.jsonl", **given(server))
    notes = (tmp_path / "out.jsonl.batches.jsonl").read_text()
    assert [json.loads(line)["type"] for line in notes.splitlines()] == ["planned", "handed", "ended"]
    assert not [word for word in ("secret", server.key, server.url) if word in notes]


def test_notes_of_other_questions_are_refused(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(2))
    predict([str(data)], tmp_path / "out.jsonl", options=options(**given(server)), told=interrupting(1))
    notes = tmp_path / "out.jsonl.batches.jsonl"
    notes.write_bytes(notes.read_bytes().replace(b"[1,0]", b"[9,0]"))
    with pytest.raises(InputError, match="is of other questions"):
        asked(data, tmp_path / "out.jsonl", resume=True, **given(server))


def test_the_account_names_the_address_and_what_was_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    account = BatchAccount(batches=2, odd={"strangers": 1, "repeated": 2})
    report = PredictReport(output="o", arm="m", rows=3, answers=3, batches=account, asked_at="http://127.0.0.1:9/v1")
    assert "".join(_rendered(report, "text")) == (
        "3 rows asked, 3 answers of m in o\n"
        "  asked at http://127.0.0.1:9/v1, where the run was made\n"
        "  2 batches, billed at the provider's batch price\n"
        "  1 line of results of something that was not asked: passed over\n"
        "  2 lines of results of what was answered already: passed over\n"
    )


def test_the_report_of_live_predictions_says_nothing_of_batches(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(1))
    report: PredictReport = asked(data, tmp_path / "out.jsonl", **live(server))
    assert report.batches is None
    assert not list(tmp_path.glob("*.batches.jsonl"))

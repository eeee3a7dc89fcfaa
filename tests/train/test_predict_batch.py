"""Predictions in batches, against a provider that is a process of its own: the answers are those of asking live, and no
batch is ever made twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.cli.predict import _rendered
from audit.errors import InputError, UsageError
from audit.train import endpoints
from audit.train.prediction import batch_lines
from audit.train.prediction.batch_notes import BatchAccount
from audit.train.prediction.running import PredictReport, predict
from audit.train.protocol.failures import ProviderError
from tests.train.asked import asked, chat, options, questions, read, write
from tests.train.provider.folders import TUNED, hosted_run
from tests.train.provider.process import Provider, provider

pytest.importorskip("openai")
MODEL = "gpt-4o-mini-2024-07-18"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setattr(endpoints, "FIRST_WAIT", 0.01)
    with provider(tmp_path / "server") as made:
        monkeypatch.setenv("OPENAI_API_KEY", made.key)
        yield made


def given(server: Provider, **more: Any) -> dict[str, Any]:
    return {"model": f"m={MODEL}", "endpoint": server.url, "batch": True, "batch_poll_seconds": 0.01, **more}


def live(server: Provider, **more: Any) -> dict[str, Any]:
    return given(server, **more) | {"batch": False}


def lines(path: Path) -> list[bytes]:
    """The bytes of the predictions without the seconds that they took."""
    return re.sub(rb'"seconds":[0-9.]+', b'"seconds":null', path.read_bytes()).split(b"\n")


def batches(server: Provider) -> list[dict[str, Any]]:
    return server.state()["batches"]


def made(server: Provider, what: str) -> int:
    return sum((method, path) == ("POST", what) for method, path, *_ in server.requests())


def interrupting(after: int = 0) -> Callable[[int, int], None]:
    """Stands for somebody who has waited long enough."""
    times = [0]

    def told(done: int, wanted: int) -> None:
        times[0] += 1
        if times[0] > after:
            raise KeyboardInterrupt

    return told


# ----------------------------------------------------------------------------- the same as live


def test_answers_are_those_of_asking_live(tmp_path: Path, server: Provider) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    rows = [*questions(12), chat("tools?", "x", tools=tools), {"messages": []}, chat("tôt \u2028 ✓", "x")]
    data = write(tmp_path / "in.jsonl", rows)
    more: dict[str, Any] = {"samples": 2, "temperature": 0.5, "logprobs": True, "max_new_tokens": 4}
    asked(data, tmp_path / "live.jsonl", **live(server, **more))
    report = asked(data, tmp_path / "batch.jsonl", **given(server, **more))
    assert (report.answers, report.failed) == (30, {"no_messages": 2})
    assert report.batches is not None
    assert (report.batches.batches, report.batches.waiting, report.batches.odd) == (1, 0, {})
    assert lines(tmp_path / "batch.jsonl") == lines(tmp_path / "live.jsonl")
    assert not re.search(rb'"seconds":[^n]', (tmp_path / "batch.jsonl").read_bytes())
    states = [json.loads((tmp_path / f"{name}.jsonl.state.json").read_text())["asked"] for name in ("live", "batch")]
    assert states[0] == states[1]


def test_requests_are_cut_into_files_that_are_small_enough(
    tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_lines, "MOST_REQUESTS", 5)
    data = write(tmp_path / "in.jsonl", questions(12))
    asked(data, tmp_path / "out.jsonl", **given(server))
    assert [one["request_counts"]["total"] for one in batches(server)] == [5, 5, 2]
    monkeypatch.setattr(batch_lines, "MOST_BYTES", 700)
    rows = [*questions(4), chat("long " * 200, "x")]
    report = asked(write(tmp_path / "in.jsonl", rows), tmp_path / "small.jsonl", **given(server))
    sizes = [len(server.content(one["input_file_id"])) for one in batches(server)[3:]]
    assert sizes
    assert max(sizes) <= 700
    assert report.failed == {"refused": 1}
    assert [line["output"] is None for line in read(tmp_path / "small.jsonl")] == [False] * 4 + [True]


def test_errors_of_rows_read_as_those_of_asking_live(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(3))
    server.scenario(models={MODEL: None})
    report = asked(data, tmp_path / "out.jsonl", **given(server))
    assert report.failed == {"refused": 3}
    (error, *_) = [line["error"] for line in read(tmp_path / "out.jsonl")]
    assert error.startswith("refused: Error code: 404 - {'error': {'message': 'The model ")


def test_a_model_that_wants_the_newer_limit_is_asked_once_more(tmp_path: Path, server: Provider) -> None:
    server.scenario(refuse_max_tokens=True)
    data = write(tmp_path / "in.jsonl", questions(30))
    report = asked(data, tmp_path / "out.jsonl", **given(server))
    assert (report.answers, report.failed, len(batches(server))) == (30, {}, 2)
    bodies = [json.loads(line)["body"] for line in server.content(batches(server)[1]["input_file_id"]).splitlines()]
    assert {("max_tokens" in body, body["max_completion_tokens"]) for body in bodies} == {(False, 128)}
    report = asked(data, tmp_path / "live.jsonl", **live(server))
    assert (report.answers, report.failed) == (30, {})
    assert lines(tmp_path / "live.jsonl") == lines(tmp_path / "out.jsonl")
    statuses = [status for _, path, status, _ in server.requests() if path == "/chat/completions"]
    assert statuses.count(200) == 30
    assert statuses.count(400) <= 4 * endpoints.AHEAD + 4  # those that were under way when it was learnt


# ----------------------------------------------------------------------------- what does not end well


def test_what_an_expired_batch_did_not_come_to_is_asked_again(tmp_path: Path, server: Provider) -> None:
    server.scenario(batch_statuses=["validating", "in_progress", "expired"])
    data = write(tmp_path / "in.jsonl", questions(10))
    first = asked(data, tmp_path / "out.jsonl", **given(server))
    assert (first.answers, first.failed, first.passing) == (10, {"expired": 5}, 5)
    server.scenario(batch_statuses=["completed"])
    again = asked(data, tmp_path / "out.jsonl", resume=True, **given(server))
    assert (again.found, again.failed) == (5, {})
    assert [one["request_counts"]["total"] for one in batches(server)] == [10, 5]
    asked(data, tmp_path / "live.jsonl", **live(server))
    assert lines(tmp_path / "out.jsonl") == lines(tmp_path / "live.jsonl")


def test_a_cancelled_batch_gives_what_came_and_asking_goes_on_live(tmp_path: Path, server: Provider) -> None:
    server.scenario(batch_statuses=["cancelling", "cancelled"])
    data = write(tmp_path / "in.jsonl", questions(6))
    assert asked(data, tmp_path / "out.jsonl", **given(server)).failed == {"expired": 3}
    report = asked(data, tmp_path / "out.jsonl", resume=True, **live(server))
    assert (report.found, report.failed, len(batches(server))) == (3, {}, 1)


def test_what_was_begun_live_goes_on_in_a_batch(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(8))
    server.fault("POST /chat/completions", nth=4, do="status", times=0, status=500)
    first = asked(data, tmp_path / "out.jsonl", retries=0, concurrency=1, **live(server))
    assert first.passing == 5
    server.no_faults()
    report = asked(data, tmp_path / "out.jsonl", resume=True, **given(server))
    assert (report.found, report.failed) == (3, {})
    assert batches(server)[0]["request_counts"]["total"] == 5


def test_a_batch_that_failed_names_the_rows(tmp_path: Path, server: Provider) -> None:
    problem = {"code": "invalid_json_line", "line": 2, "message": "This line is not parseable.", "param": None}
    errors = [problem, {"code": "x", "line": 99, "message": "y"}, {"code": "", "line": None, "message": ""}, "no", None]
    server.scenario(batch_statuses=["validating", "failed"], batch_errors=errors)
    data = write(tmp_path / "in.jsonl", [{"messages": []}, *questions(3)])
    with pytest.raises(ProviderError, match=r"batch batch_\d+ failed") as raised:
        asked(data, tmp_path / "out.jsonl", **given(server))
    assert f"{data}:3 (line 2 of the batch): This line is not parseable. (invalid_json_line)" in str(raised.value)
    assert "line 99 of the batch: y (x); no reason is given" in str(raised.value)
    server.scenario(batch_statuses=None, batch_errors=None)
    report = asked(data, tmp_path / "out.jsonl", resume=True, **given(server))
    assert (report.failed, len(batches(server))) == ({"no_messages": 1}, 2)


def test_a_batch_for_which_there_is_no_room_is_handed_in_when_another_has_ended(
    tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_lines, "MOST_REQUESTS", 3)
    full = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached.", "line": None, "param": None}
    data = write(tmp_path / "in.jsonl", questions(6))
    server.scenario(batch_statuses=["validating", "failed"], batch_errors=[full])
    with pytest.raises(ProviderError, match="Enqueued token limit"):
        asked(data, tmp_path / "alone.jsonl", **given(server))
    server.scenario(batch_statuses=["validating", "validating", "in_progress", "completed"])
    turned_away = [True]

    def told(done: int, wanted: int) -> None:
        if turned_away and len(batches(server)) == 3:  # the first of the two is under way
            turned_away.clear()
            server.scenario(batch_statuses=["validating", "failed"])

    def later(done: int, wanted: int) -> None:
        told(done, wanted)
        if done >= 3:
            server.scenario(batch_statuses=None)

    report = predict([str(data)], tmp_path / "out.jsonl", options=options(**given(server)), told=later)
    assert (report.answers, report.failed) == (6, {})
    assert [one["status"] for one in batches(server)] == ["failed"] * 2 + ["completed", "failed", "completed"]


def test_a_status_that_nobody_knows_is_waited_for(tmp_path: Path, server: Provider) -> None:
    server.scenario(batch_statuses=["validating", "pondering", "pondering", "finalizing", "completed"])
    data = write(tmp_path / "in.jsonl", questions(3))
    assert asked(data, tmp_path / "out.jsonl", **given(server)).failed == {}


def test_odd_lines_of_results_are_counted_and_what_stands_is_joined(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(4))
    server.scenario(batch_statuses=["validating", "in_progress", "completed"])
    with pytest.MonkeyPatch.context():
        first = predict([str(data)], tmp_path / "out.jsonl", options=options(**given(server)), told=interrupting())
    assert first.partial
    batch = finished(server)
    told = server.content(batch["output_file_id"]).splitlines()
    stranger = told[0].replace(b'"custom_id": "', b'"custom_id": "other')
    error = json.dumps({"custom_id": json.loads(told[1])["custom_id"], "error": {"code": "x", "message": "late"}})
    odd = [error.encode(), told[1], told[2], told[2], stranger, b"{broken", b"", b"[1]", b'{"custom_id": 3}', told[3]]
    rewrite(server, batch["output_file_id"], b"\n".join(odd) + b"\n")
    report = asked(data, tmp_path / "out.jsonl", resume=True, **given(server))
    assert report.batches is not None
    assert report.batches.odd == {"strangers": 1, "repeated": 2, "garbled": 3}
    assert report.failed == {"server": 1}  # of the first request nothing came
    answers = {line["row_id"]: line["error"] for line in read(tmp_path / "out.jsonl")}
    assert sorted(error is None for error in answers.values()) == [False, True, True, True]


def finished(server: Provider) -> dict[str, Any]:
    """The one batch, looked at until it has ended."""
    from tests.train.provider.conversation import client_of

    client = client_of(server.url, server.key)
    while client.batches.retrieve(batches(server)[0]["id"]).status != "completed":
        pass
    client.close()
    return batches(server)[0]


def rewrite(server: Provider, identity: str, data: bytes) -> None:
    server.store._rows("UPDATE contents SET bytes = ? WHERE id = ?", data, identity)


def test_results_that_are_a_page_are_not_taken_for_the_answers(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(4))
    server.fault("GET /files/*/content", do="garble")
    with pytest.raises(ProviderError, match="are none"):
        asked(data, tmp_path / "out.jsonl", **given(server))
    assert asked(data, tmp_path / "out.jsonl", resume=True, **given(server)).failed == {}
    assert len(batches(server)) == 1


@pytest.mark.parametrize("fault", ["status", "drop-after", "garble-after"])
@pytest.mark.parametrize("match", ["POST /files", "POST /batches", "GET /batches", "GET /batches/*", "GET /files/**"])
def test_no_fault_of_the_server_makes_a_second_batch(tmp_path: Path, server: Provider, fault: str, match: str) -> None:
    data = write(tmp_path / "in.jsonl", questions(4))
    server.fault(match, do=fault)
    try:
        report = asked(data, tmp_path / "out.jsonl", **given(server))
    except ProviderError:
        report = asked(data, tmp_path / "out.jsonl", resume=True, **given(server))
    assert (report.answers, report.failed) == (4, {})
    inputs = [one for one in server.state()["files"] if one["purpose"] == "batch"]
    assert (len(batches(server)), len(inputs)) == (1, 1)


# ----------------------------------------------------------------------------- going on


def test_a_batch_that_was_made_but_is_not_listed_yet_is_not_made_again(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(3))
    server.scenario(hidden_batches=6)
    server.fault("POST /batches", do="drop-after")
    with pytest.raises(ProviderError, match="nobody knows whether it was done"):
        asked(data, tmp_path / "out.jsonl", **given(server))
    assert asked(data, tmp_path / "out.jsonl", resume=True, **given(server)).failed == {}
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

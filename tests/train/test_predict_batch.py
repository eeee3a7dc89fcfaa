"""Predictions in batches, against a provider that is a process of its own: the answers are those of asking live,
whatever the provider makes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.train import endpoints
from audit.train.prediction import batch_lines
from audit.train.prediction.running import predict
from audit.train.protocol.failures import ProviderError
from tests.train.asked import asked, chat, options, questions, read, write
from tests.train.in_batches import MODEL, asked_provider, batches, finished, given, interrupting, lines, live, rewrite
from tests.train.provider.process import Provider

pytest.importorskip("openai")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with asked_provider(tmp_path / "server", monkeypatch) as made:
        yield made


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

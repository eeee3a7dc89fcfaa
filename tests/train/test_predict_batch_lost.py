"""Batches that go astray: results that are gone, two processes at once, a provider that is away for a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.cli.predict import _rendered
from audit.errors import OutputError
from audit.train.prediction import batched
from audit.train.prediction.batch_notes import held
from audit.train.prediction.running import predict
from audit.train.protocol.failures import ProviderError
from audit.train.protocol.waiting import LONGEST_OUTAGE, Waiting
from tests.train.asked import asked, options, questions, write
from tests.train.in_batches import asked_provider, batches, given, interrupting, live, made
from tests.train.provider.process import Provider

pytest.importorskip("openai")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with asked_provider(tmp_path / "server", monkeypatch) as made:
        yield made


@pytest.mark.parametrize("fault", [{"do": "status", "status": 404}, {"do": "garble"}])
def test_results_that_are_gone_end_it_once_and_are_asked_again_knowingly(
    tmp_path: Path, server: Provider, fault: dict[str, Any]
) -> None:
    data = write(tmp_path / "in.jsonl", questions(4))
    server.fault("GET /files/*/content", times=2, **fault)
    with pytest.raises(ProviderError, match="the answers to 4 requests are lost") as raised:
        asked(data, tmp_path / "out.jsonl", **given(server))
    assert "pays again" in str(raised.value.hint)
    report = asked(data, tmp_path / "out.jsonl", resume=True, **given(server))
    assert (report.answers, report.failed, len(batches(server))) == (4, {}, 2)


def test_results_that_are_a_page_are_fetched_once_more(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(4))
    server.fault("GET /files/*/content", do="garble")
    assert asked(data, tmp_path / "out.jsonl", **given(server)).failed == {}
    assert len(batches(server)) == 1


def test_a_batch_that_has_answers_and_names_no_file_is_not_paid_again_unasked(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(4))
    told = {"id": "batch_1", "object": "batch", "status": "completed", "request_counts": {"total": 4, "completed": 4}}
    server.fault("GET /batches/*", do="status", status=200, body=told, times=0)
    with pytest.raises(ProviderError, match="it names no file"):
        asked(data, tmp_path / "out.jsonl", **given(server))
    server.no_faults()
    report = asked(data, tmp_path / "out.jsonl", resume=True, **live(server))
    assert (report.failed, len(batches(server))) == ({}, 1)


def test_two_processes_do_not_ask_for_one_file_at_once(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(2))
    with held(tmp_path / "out.jsonl", always=True), pytest.raises(OutputError, match="another process is writing"):
        asked(data, tmp_path / "out.jsonl", **given(server))
    assert not batches(server)
    assert not list(tmp_path.glob("*.batches.jsonl"))


def test_of_two_batches_that_were_made_at_once_the_younger_is_cancelled(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(4))
    server.scenario(hidden_batches=5)  # listed when the second has been made
    predict([str(data)], tmp_path / "one.jsonl", options=options(**given(server)), told=interrupting())
    server.scenario(hidden_batches=0)
    report = asked(data, tmp_path / "two.jsonl", **given(server))
    assert (report.answers, report.failed, made(server, "/batches")) == (4, {}, 2)
    assert [one["status"] for one in batches(server)] == ["completed", "cancelling"]
    assert asked(data, tmp_path / "one.jsonl", resume=True, **given(server)).failed == {}


def test_a_provider_that_is_away_for_a_while_is_waited_for(tmp_path: Path, server: Provider) -> None:
    data = write(tmp_path / "in.jsonl", questions(3))
    server.fault("GET /batches/*", do="status", status=503, times=7)
    report = asked(data, tmp_path / "out.jsonl", retries=0, **given(server))
    assert (report.failed, report.batches and report.batches.outages) == ({}, 1)
    assert "  1 time the provider could not be asked for a while" in "".join(_rendered(report, "text"))


def test_waits_grow_and_a_provider_that_is_away_for_a_day_is_given_up() -> None:
    waits: list[float] = []
    outages: list[ProviderError] = []
    waiting = Waiting(30.0, waits.append, outages.append)
    for _ in range(7):
        assert waiting.look(lambda: "open") == "open"
        waiting.wait()
    assert waits == [1, 2, 4, 8, 16, 30, 30]

    def away() -> str:
        raise ProviderError("connection", "no connection")

    def waited_for() -> None:
        while waiting.look(away) is None:
            waiting.wait()

    with pytest.raises(ProviderError):
        waited_for()
    assert len(outages) == 1
    assert LONGEST_OUTAGE <= sum(waits[7:]) <= LONGEST_OUTAGE + 300
    assert max(waits) == 300


def test_who_interrupts_while_a_batch_is_made_is_told_that_it_may_be_there(
    tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batched, "handed_in", interrupted)
    data = write(tmp_path / "in.jsonl", questions(2))
    report = asked(data, tmp_path / "out.jsonl", **given(server))
    assert "interrupted: 1 batch may be under way there, and --batch --resume" in "".join(_rendered(report, "text"))


@pytest.mark.parametrize("batch", [True, False])
def test_force_names_the_batches_that_it_leaves_behind(tmp_path: Path, server: Provider, batch: bool) -> None:
    data = write(tmp_path / "in.jsonl", questions(3))
    predict([str(data)], tmp_path / "out.jsonl", options=options(**given(server)), told=interrupting())
    report = asked(data, tmp_path / "out.jsonl", force=True, max_new_tokens=3, **(given(server) | {"batch": batch}))
    assert report.batches is not None
    assert report.batches.left == (batches(server)[0]["id"],)
    assert f"may still be billed: {report.batches.left[0]}" in "".join(_rendered(report, "text"))


def test_requests_that_a_killed_process_left_are_taken_away(tmp_path: Path, server: Provider) -> None:
    left = tmp_path / ".out.jsonl.batching"
    left.mkdir()
    (left / "requests-1.jsonl").write_text("a prompt")
    asked(write(tmp_path / "in.jsonl", questions(2)), tmp_path / "out.jsonl", **given(server))
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == [
        "out.jsonl", "out.jsonl.batches.jsonl", "out.jsonl.state.json",
    ]  # fmt: skip

"""What must not be paid for twice, and what a run that is gone on with may not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from audit.errors import InputError, OutputError, UsageError
from audit.train import train, verify
from audit.train.hosted import carrying
from audit.train.hosted.acting import job_of_run
from audit.train.hosted.scratch import scratch_beside
from audit.train.options import TrainOptions
from audit.train.protocol.failures import ProviderError
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.record import Record
from tests.train.hosted_rows import MODEL
from tests.train.hosted_runs import kept, trained
from tests.train.provider.asking import KEY
from tests.train.provider.process import Provider
from tests.train.provider.waits import wait_for_nothing
from tests.train.run_chats import SETTINGS

CREATE = "POST /fine_tuning/jobs"


@pytest.fixture(autouse=True)
def _ready(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_nothing(monkeypatch)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


# ----------------------------------------------------------------------------- one job


def in_doubt(server: Provider, run: Path) -> None:
    """A run whose job is made and listed late, and that was not told so."""
    server.scenario(hidden=30)
    server.fault(CREATE, do="drop-after")
    with pytest.raises(ProviderError, match="nobody knows whether it was done"):
        trained(server, run)


def test_replacing_a_run_whose_job_is_in_doubt_looks_for_it_as_long_as_going_on_does(
    tmp_path: Path, server: Provider
) -> None:
    in_doubt(server, tmp_path / "run")
    assert trained(server, tmp_path / "run", force=True).job == "ftjob-0001"
    assert len(server.state()["jobs"]) == 1


def test_the_doubt_outlives_a_replacement_that_was_killed_before_it_had_looked(
    tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_doubt(server, tmp_path / "run")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(carrying, "stored", killed)
        assert trained(server, tmp_path / "run", force=True).interrupted == "SIGINT"
    assert trained(server, tmp_path / "run", resume=True).job == "ftjob-0001"
    assert len(server.state()["jobs"]) == 1


def test_of_two_jobs_that_were_made_at_the_same_time_the_younger_is_cancelled_and_the_older_followed(
    tmp_path: Path, server: Provider
) -> None:
    server.scenario(hidden=9)  # the first request that sees it is the one behind the second job
    trained(server, tmp_path / "a", wait=False)
    report = trained(server, tmp_path / "b")
    assert [job["status"] for job in server.state()["jobs"]] == ["succeeded", "cancelled"]
    assert (report.job, report.adopted, report.status) == ("ftjob-0001", True, "succeeded")
    assert any("job ftjob-0002, which this run had made, is cancelled" in note for note in report.notes)
    assert verify(tmp_path / "b").state == "intact"
    assert trained(server, tmp_path / "a", resume=True).job == "ftjob-0001"


def unmarked(server: Provider, seed: int = 0) -> None:
    """A job of somebody who names no run, on the file that is at the provider."""
    file = server.state()["jobs"][0]["training_file"]
    with OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
        client.fine_tuning.jobs.create(model=MODEL, training_file=file, seed=seed)


def test_while_a_job_is_in_doubt_one_on_the_same_file_stops_the_run(tmp_path: Path, server: Provider) -> None:
    trained(server, tmp_path / "earlier", epochs=2, wait=False)
    server.fault(CREATE, do="drop")
    with pytest.raises(ProviderError, match="nobody knows"):
        trained(server, tmp_path / "run")
    unmarked(server, seed=7)
    with pytest.raises(ProviderError, match="job ftjob-0002 is trained on the same file"):
        trained(server, tmp_path / "run", resume=True)
    assert len(server.state()["jobs"]) == 2


def test_a_job_without_a_key_is_taken_up_and_it_is_said_that_it_bears_none(tmp_path: Path, server: Provider) -> None:
    trained(server, tmp_path / "earlier", epochs=2, wait=False)
    unmarked(server)
    report = trained(server, tmp_path / "run")
    assert (report.job, report.adopted) == ("ftjob-0002", True)
    assert any("bears no key of this run" in note for note in report.notes)
    assert len(server.state()["jobs"]) == 2


def test_a_listing_that_is_too_long_to_look_through_makes_no_job(
    tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(server, tmp_path / "a", epochs=1, wait=False)
    trained(server, tmp_path / "b", epochs=2, wait=False)
    monkeypatch.setattr("audit.train.hosted.job.LISTED", 1)
    with pytest.raises(ProviderError, match="lists more than 1 jobs"):
        trained(server, tmp_path / "c", epochs=3)
    assert len(server.state()["jobs"]) == 2


def test_the_id_of_a_job_is_told_where_the_record_cannot_take_it(
    tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Record.add

    def full(record: Record, kind: str, data: Any) -> Any:
        if kind == "job":
            raise OutputError("record.jsonl cannot be written", hint="is there space left?")
        return add(record, kind, data)

    with monkeypatch.context() as patched:
        patched.setattr(Record, "add", full)
        with pytest.raises(OutputError) as raised:
            trained(server, tmp_path / "run")
    assert "job ftjob-0001 goes on at the provider" in str(raised.value.hint)
    with pytest.raises(InputError, match="may have been made, and its id is not in the record"):
        job_of_run(tmp_path / "run", "status")
    assert trained(server, tmp_path / "run", resume=True).job == "ftjob-0001"
    assert len(server.state()["jobs"]) == 1


# ----------------------------------------------------------------------------- going on


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"hold_out": 0.2}, "the setting hold_out is 0.2 and was 0.0"),
        ({"lowering": "refuse"}, "the setting lowering is refuse and was resample"),
        ({"moderation": "warn"}, "the setting moderation is warn and was off"),
        ({"base_url": "http://127.0.0.1:9/v1"}, "the address is http://127.0.0.1:9/v1 and was"),
    ],
)
def test_a_finished_run_is_not_that_of_other_options(
    tmp_path: Path, finished: tuple[Provider, Path], changed: dict[str, Any], why: str
) -> None:
    server, run = finished
    with pytest.raises(ResumeRefused, match=why):
        trained(server, run, resume=True, **changed)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tests.train.provider.process import provider

    place = tmp_path_factory.mktemp("finished")
    with provider(place) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        trained(server, place / "run")
        yield server, place / "run"


def test_a_run_that_is_gone_on_with_keeps_the_options_that_it_began_with(tmp_path: Path, server: Provider) -> None:
    run = tmp_path / "run"
    trained(server, run, wait=False)
    trained(server, run, resume=True, timeout=30.0)
    assert json.loads((run / "config.json").read_text())["options"]["timeout"] == 60.0


def test_a_run_whose_model_has_gone_since_is_refused_before_anything_is_handed_in(
    tmp_path: Path, server: Provider
) -> None:
    server.fault("POST /files", do="status", status=400, body={"error": {"message": "not now"}})
    with pytest.raises(ProviderError, match="not now"):
        trained(server, tmp_path / "run")
    server.scenario(models={MODEL: None})
    with pytest.raises(UsageError, match=MODEL):
        trained(server, tmp_path / "run", resume=True)
    assert server.state()["files"] == server.state()["jobs"] == []


def test_a_run_on_this_machine_does_not_take_up_one_at_a_provider(finished: tuple[Provider, Path]) -> None:
    _, run = finished
    with pytest.raises(ResumeRefused, match="holds a run at a provider, and none was named"):
        train(str(run.parent / "chats.jsonl"), run, options=TrainOptions(), settings=SETTINGS, resume=True)


# ----------------------------------------------------------------------------- events


def test_a_page_without_a_list_of_events_takes_none_away(tmp_path: Path, server: Provider) -> None:
    run = tmp_path / "run"
    body = {"object": "list", "data": None, "has_more": False}
    server.fault("GET /fine_tuning/jobs/*/events", nth=3, do="status", status=200, body=body, times=0)
    heard: list[str] = []
    report = trained(server, run, told=heard.append)
    assert (report.status, report.events) == ("succeeded", len(kept(run)))
    assert report.events > 0
    lack = [line for line in heard if "the events of the job are not all there" in line]
    assert len(lack) == 1
    assert "no list of entries" in lack[0]
    assert lack[0] in report.notes
    assert verify(run).state == "intact"


@pytest.mark.parametrize("what", ["events", "checkpoints", "content"])
@pytest.mark.parametrize("status", [404, 405, 500, 501])
def test_a_job_that_has_ended_is_sealed_whatever_the_provider_does_not_hand_out(
    tmp_path: Path, server: Provider, what: str, status: int
) -> None:
    server.fault(f"GET /**/{what}", do="status", status=status, body={"error": {"message": "no such thing"}}, times=0)
    report = trained(server, tmp_path / "run")
    assert (report.status, report.finished, report.is_failed) == ("succeeded", True, False)
    assert any("no such thing" in note for note in report.notes)


# ----------------------------------------------------------------------------- what is prepared


def test_what_a_killed_process_left_beside_the_run_is_swept_by_the_next_attempt(
    tmp_path: Path, server: Provider
) -> None:
    left = tmp_path / ".run.preparing"
    left.mkdir()
    (left / "train.jsonl").write_text("rows")
    trained(server, tmp_path / "run", wait=False)
    assert not left.exists()


def test_two_processes_do_not_prepare_the_same_run(tmp_path: Path) -> None:
    with scratch_beside(tmp_path / "run"):
        with (
            pytest.raises(OutputError, match="another process is writing the run in"),
            scratch_beside(tmp_path / "run"),
        ):
            pass
        assert (tmp_path / ".run.preparing").is_dir()
    assert list(tmp_path.iterdir()) == []

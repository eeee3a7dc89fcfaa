"""Runs at a provider, with the real client and a real server: what is taken up, made, kept and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.config.settings import Settings
from audit.errors import ConfigError, UsageError
from audit.train import verify
from audit.train.hosted.acting import job_of_run
from audit.train.hosted.options import HostedOptions
from audit.train.options import HOSTED_ONLY, TrainOptions, read_options
from audit.train.protocol.connection import Connection
from audit.train.protocol.failures import ProviderError
from audit.train.runs.identity import ResumeRefused
from tests.train.hosted_runs import kept, trained
from tests.train.provider.asking import KEY
from tests.train.provider.process import Provider
from tests.train.provider.waits import wait_for_nothing
from tests.train.run_chats import write_chats


@pytest.fixture(autouse=True)
def _ready(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_nothing(monkeypatch)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


# ----------------------------------------------------------------------------- one job


def test_a_second_folder_with_the_same_data_and_settings_follows_the_job_and_pays_nothing(
    tmp_path: Path, server: Provider
) -> None:
    said: list[str] = []
    trained(server, tmp_path / "a")
    report = trained(server, tmp_path / "b", told=said.append)
    assert report.adopted
    assert report.tuned == "ft:gpt-4o-mini-2024-07-18:test-org::job0001"
    assert "job ftjob-0001 has the same files and settings: it is followed, and nothing is paid again" in said
    assert len(server.state()["jobs"]) == 1
    assert verify(tmp_path / "b").state == "intact"


def test_another_attempt_is_another_job(tmp_path: Path, server: Provider) -> None:
    trained(server, tmp_path / "a")
    report = trained(server, tmp_path / "b", attempt=2)
    assert not report.adopted
    assert [job["id"] for job in server.state()["jobs"]] == ["ftjob-0001", "ftjob-0002"]
    assert len([file for file in server.state()["files"] if file["purpose"] == "fine-tune"]) == 1


def test_another_setting_is_another_job(tmp_path: Path, server: Provider) -> None:
    trained(server, tmp_path / "a")
    assert trained(server, tmp_path / "b", epochs=2).job == "ftjob-0002"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_that_came_to_nothing_is_not_taken_up_by_another_run(
    tmp_path: Path, server: Provider, status: str
) -> None:
    server.scenario(statuses=["queued", status])
    assert trained(server, tmp_path / "a").status == status
    server.scenario(statuses=None)
    assert trained(server, tmp_path / "b").job == "ftjob-0002"


def test_a_server_that_knows_no_filter_by_metadata_makes_no_second_job_and_takes_up_no_strange_one(
    tmp_path: Path, server: Provider
) -> None:
    server.scenario(metadata_filter=False)
    assert trained(server, tmp_path / "a", epochs=1).job == "ftjob-0001"
    assert trained(server, tmp_path / "b", epochs=2).job == "ftjob-0002"
    assert trained(server, tmp_path / "c", epochs=1).job == "ftjob-0001"


def test_where_nobody_knows_whether_the_job_was_made_it_is_not_made_again(tmp_path: Path, server: Provider) -> None:
    server.fault("POST /fine_tuning/jobs", do="drop")
    with pytest.raises(ProviderError, match="nobody knows whether it was done"):
        trained(server, tmp_path / "run")
    assert server.state()["jobs"] == []
    assert trained(server, tmp_path / "run", resume=True).status == "succeeded"
    assert len(server.state()["jobs"]) == 1


def test_an_answer_that_is_lost_on_the_way_makes_no_second_job(tmp_path: Path, server: Provider) -> None:
    server.fault("POST /fine_tuning/jobs", do="drop-after")
    assert trained(server, tmp_path / "run").job == "ftjob-0001"
    assert len(server.state()["jobs"]) == 1


def test_a_page_in_place_of_the_job_makes_no_second_one(tmp_path: Path, server: Provider) -> None:
    server.fault("POST /fine_tuning/jobs", do="garble-after")
    assert trained(server, tmp_path / "run").job == "ftjob-0001"
    assert len(server.state()["jobs"]) == 1


def test_a_job_that_is_gone_is_not_made_again_by_itself(tmp_path: Path, server: Provider) -> None:
    trained(server, tmp_path / "run", wait=False)
    server.fault(
        "GET /fine_tuning/jobs/*", do="status", status=404, body={"error": {"message": "No such job"}}, times=0
    )
    with pytest.raises(ProviderError, match="no longer knows job ftjob-0001") as caught:
        trained(server, tmp_path / "run", resume=True)
    assert caught.value.hint == "--force makes another, which is paid for again"
    assert len(server.state()["jobs"]) == 1


def test_a_file_that_was_deleted_meanwhile_is_handed_in_again(tmp_path: Path, server: Provider) -> None:
    refused = {"error": {"message": "no", "code": "bad"}}
    server.fault("POST /fine_tuning/jobs", do="status", status=400, body=refused)
    with pytest.raises(ProviderError, match="no"):
        trained(server, tmp_path / "run")
    with Connection("openai", base_url=server.url) as connection:
        connection.client.files.delete("file-0001")
    report = trained(server, tmp_path / "run", resume=True)
    assert report.files["train"].id != "file-0001"
    assert report.status == "succeeded"


# ----------------------------------------------------------------------------- how it ends


def test_a_failed_job_whose_error_is_of_nulls_says_that_nobody_knows_why(tmp_path: Path, server: Provider) -> None:
    server.scenario(statuses=["queued", "failed"], error={"code": None, "message": None, "param": None})
    report = trained(server, tmp_path / "run")
    assert report.is_failed
    assert report.failure is not None
    assert report.failure.text == "the provider does not say why"


def test_an_error_of_nulls_on_a_job_that_is_well_is_none(tmp_path: Path, server: Provider) -> None:
    server.scenario(null_error=True)
    report = trained(server, tmp_path / "run")
    assert (report.status, report.failure) == ("succeeded", None)


def test_a_status_that_nobody_knows_is_told_once_and_waited_for(tmp_path: Path, server: Provider) -> None:
    said: list[str] = []
    server.scenario(statuses=["queued", "dreaming", "dreaming", "running", "succeeded"])
    assert trained(server, tmp_path / "run", told=said.append).status == "succeeded"
    assert said.count("the job is 'dreaming', which this version does not know; it is waited for") == 1


def test_a_paused_job_is_waited_for_and_it_is_said_how_to_go_on(tmp_path: Path, server: Provider) -> None:
    said: list[str] = []
    run = tmp_path / "run"
    server.scenario(statuses=["running"] * 3 + ["succeeded"])
    trained(server, run, wait=False)
    assert job_of_run(run, "pause").status in ("pausing", "paused")

    def told(line: str) -> None:
        said.append(line)
        if line.startswith("the job is paused"):
            job_of_run(run, "resume")

    assert trained(server, run, resume=True, told=told).status == "succeeded"
    assert f"the job is paused; it goes on after `audit train -o {run} --job resume`" in said


def test_figures_in_base64_are_kept_as_the_table_that_they_are(tmp_path: Path, server: Provider) -> None:
    server.scenario(result="base64")
    trained(server, tmp_path / "run")
    assert (tmp_path / "run" / "result.csv").read_text().startswith("step,train_loss")


@pytest.mark.parametrize(
    ("result", "note"),
    [("none", "names no file with the figures"), ("garbled", "is no table that is known; result.csv holds it")],
)
def test_a_job_without_its_figures_is_no_failure(tmp_path: Path, server: Provider, result: str, note: str) -> None:
    server.scenario(result=result)
    report = trained(server, tmp_path / "run")
    assert report.status == "succeeded"
    assert any(note in one for one in report.notes)


def test_a_server_without_checkpoints_is_no_failure(tmp_path: Path, server: Provider) -> None:
    body = {"error": {"message": "Not found"}}
    server.fault("GET /fine_tuning/jobs/*/checkpoints", do="status", status=404, body=body, times=0)
    report = trained(server, tmp_path / "run")
    assert report.checkpoints == ()
    assert any("the checkpoints of the job could not be listed" in note for note in report.notes)


def test_events_of_many_pages_are_kept_once_each_the_oldest_first(tmp_path: Path, server: Provider) -> None:
    server.scenario(steps=260, statuses=["queued", "running", "running", "succeeded"])
    said: list[str] = []
    report = trained(server, tmp_path / "run", told=said.append)
    assert [one["id"] for one in kept(tmp_path / "run")] == [one["id"] for one in server.state()["events"]]
    assert report.events == len(server.state()["events"]) > 260
    assert said.count("step 7 of 260  loss 0.25  accuracy 0.8889") == 1


def test_a_torn_line_of_a_killed_run_is_not_kept(tmp_path: Path, server: Provider) -> None:
    run = tmp_path / "run"
    trained(server, run, wait=False)
    (run / "events.jsonl").write_bytes(b'{"id":"ftevent-9999","message":"never"}\n{"id":"ft')
    trained(server, run, resume=True)
    assert [one["id"] for one in kept(run)] == [one["id"] for one in server.state()["events"]]


# ----------------------------------------------------------------------------- what is refused


def test_other_data_is_refused(tmp_path: Path, server: Provider) -> None:
    run = tmp_path / "run"
    trained(server, run, wait=False)
    write_chats(tmp_path / "chats.jsonl", rows=13)
    with pytest.raises(ResumeRefused, match=r"the data file chats\.jsonl is \w+ and was"):
        trained(server, run, resume=True)
    assert len(server.state()["jobs"]) == 1


@pytest.mark.parametrize("ended", [False, True])
def test_other_settings_are_refused(tmp_path: Path, server: Provider, ended: bool) -> None:
    run = tmp_path / "run"
    trained(server, run, wait=ended)
    with pytest.raises(ResumeRefused, match="the setting epochs is 4 and was None"):
        trained(server, run, resume=True, epochs=4)


def test_how_often_and_how_long_it_is_asked_may_change(tmp_path: Path, server: Provider) -> None:
    trained(server, tmp_path / "run", wait=False)
    assert trained(server, tmp_path / "run", resume=True, poll_seconds=0.02, timeout=30.0, retries=0).finished


def test_another_address_is_refused(tmp_path: Path, server: Provider) -> None:
    trained(server, tmp_path / "run", wait=False)
    with pytest.raises(ResumeRefused, match="the address is"):
        trained(server, tmp_path / "run", resume=True, base_url=server.url.replace("/v1", "/v2"))
    same = server.url.replace("127.0.0.1", "LOCALHOST").replace("/v1", "//v1/")
    assert trained(server, tmp_path / "run", resume=True, base_url=same).finished


def test_flagged_rows_that_were_altered_since_are_refused(tmp_path: Path, server: Provider) -> None:
    run = tmp_path / "run"
    server.scenario(flagged="Question 3")
    trained(server, run, wait=False, moderation="warn")
    assert "Question 3" not in (run / "moderation.jsonl").read_text() != ""
    (run / "moderation.jsonl").write_text("")
    with pytest.raises(ResumeRefused, match=r"moderation\.jsonl in .* is not as it was recorded"):
        trained(server, run, resume=True, moderation="warn")


def test_a_file_that_was_changed_in_the_folder_is_not_what_is_handed_in(tmp_path: Path, server: Provider) -> None:
    run = tmp_path / "run"
    server.fault("POST /files", do="status", status=400, body={"error": {"message": "not now"}})
    with pytest.raises(ProviderError, match="not now"):
        trained(server, run)
    whole = (run / "train.jsonl").read_bytes()
    (run / "train.jsonl").write_bytes(whole.replace(b"red", b"bad"))
    trained(server, run, resume=True)
    assert (run / "train.jsonl").read_bytes() == whole
    assert server.content("file-0001") == whole


def test_a_file_that_is_refused_when_it_is_handed_in_is_told_with_the_row(tmp_path: Path, server: Provider) -> None:
    said = "Expected file to have JSONL format, where every line is a JSON dictionary. Line 2 is not a dictionary."
    server.fault("POST /files", do="status", status=400, body={"error": {"message": said}})
    with pytest.raises(ProviderError, match=r"chats\.jsonl:2"):
        trained(server, tmp_path / "run")


def test_a_local_run_takes_no_setting_of_a_provider() -> None:
    assert frozenset(HostedOptions.__struct_fields__) - {*TrainOptions.__struct_fields__, "provider"} == HOSTED_ONLY
    with pytest.raises(ConfigError, match="suffix is a setting of a run at a provider"):
        read_options(Settings(sections={"train": {"suffix": "x"}}))
    with pytest.raises(UsageError, match="provider is azure"):
        read_options(Settings(sections={"train": {"provider": "azure"}}))
    assert read_options(Settings(sections={"train": {"provider": "azure"}}), {"provider": "local"}) == TrainOptions()

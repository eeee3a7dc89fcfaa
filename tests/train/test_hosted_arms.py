"""A finished hosted run is an arm of an evaluation: asked where its record says, known by what its record says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.cli import main
from audit.errors import AuditError, InputError, UsageError
from audit.outputs.differences import differences
from audit.train.evaluation.arms import Replicate, replicates_of
from audit.train.evaluation.facts import facts_of, is_run, kept_for_testing, trained_files
from audit.train.evaluation.options import EvaluateOptions
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.running import train_hosted
from audit.train.prediction.options import options_from as predict_options
from audit.train.runs.curve import curve_of
from audit.train.runs.folder import EVENTS, RESULT, UPLOADS
from audit.train.runs.hosted_curve import metrics_of
from audit.train.runs.hosting import asked_at, is_hosted
from audit.train.runs.telling import training_of
from audit.train.runs.verify import verify
from tests.train.provider.folders import BASE, JOB_ID, ROWS_OF_RUN, STEPS, TUNED, hosted_run
from tests.train.provider.process import provider
from tests.train.reaudit_chats import SETTINGS, evaluated, rows, write
from tests.train.served import Server, completion, serving

ADDRESS = "http://127.0.0.1:9/v1"
ELSEWHERE = "https://llm.example.com/v1"
RESULT_HEAD = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"


def arm(model: object, endpoint: str = "") -> Replicate:
    endpoints = (f"tuned={endpoint}",) if endpoint else ()
    return replicates_of(EvaluateOptions(models=(f"tuned={model}",), endpoints=endpoints))[0]


def asked(tmp_path: Path, server: Server, *models: str, **given: Any) -> Any:
    return evaluated(tmp_path / "e", *models, counterfactual=False, **given)


# ----------------------------------------------------------------------------- who is asked


def test_a_hosted_run_is_asked_at_its_address_under_the_name_of_its_tuned_model(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run", address=ADDRESS, seed=7)
    one = arm(tmp_path / "run")
    assert (one.endpoint, one.model, one.key_variable, one.seed) == (ADDRESS, TUNED, "AUDIT_TEST_KEY", 7)
    assert (one.run_folder, one.facts.kind, one.facts.folder) == (tmp_path / "run", "run", "run")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("failed", {"code": "invalid_n_examples", "message": "Training file has 7 example(s)"},
         f"job {JOB_ID} failed (invalid_n_examples): Training file has 7"),
        ("failed", {"code": None, "message": None, "param": None}, f"made no model: job {JOB_ID} failed"),
        ("cancelled", None, f"job {JOB_ID} cancelled"),
        (None, None, f"has no model yet: job {JOB_ID} has not been seen to end"),
    ],
)  # fmt: skip
def test_a_run_without_a_model_is_refused_with_how_it_ended(
    tmp_path: Path, status: str | None, error: dict[str, Any] | None, words: str
) -> None:
    hosted_run(tmp_path / "run", status=status, error=error)
    with pytest.raises(InputError) as raised:
        arm(tmp_path / "run")
    assert words in raised.value.what


def test_an_address_that_nobody_named_is_given_neither_prompts_nor_key(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run", address=ELSEWHERE)
    with pytest.raises(UsageError) as raised:
        arm(tmp_path / "run")
    assert ELSEWHERE in raised.value.what
    assert arm(tmp_path / "run", ELSEWHERE).key_variable == "AUDIT_TEST_KEY"


def test_an_address_in_the_providers_own_variable_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosted_run(tmp_path / "run", address=ELSEWHERE)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{ELSEWHERE}/")
    assert arm(tmp_path / "run").endpoint == ELSEWHERE


def test_the_providers_own_address_needs_no_naming(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run", address="https://api.openai.com/v1")
    assert asked_at(tmp_path / "run").address == "https://api.openai.com/v1"


def test_another_server_that_is_named_is_not_given_the_key_of_the_run(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run")
    one = arm(tmp_path / "run", "http://localhost:1/v1")
    assert (one.endpoint, one.key_variable, one.model) == ("http://localhost:1/v1", None, TUNED)


def test_an_arm_at_azure_is_asked_under_the_name_of_its_deployment(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run", provider="azure")
    with pytest.raises(UsageError, match="Azure is asked for a deployment"):
        arm(tmp_path / "run", ADDRESS)
    one = arm(f"{tmp_path / 'run'},deployment=mine", ADDRESS)
    assert (one.model, one.endpoint, one.facts.kind, one.run_folder) == ("mine", ADDRESS, "run", tmp_path / "run")
    with pytest.raises(UsageError, match="is none"):
        arm("m,deployment=mine", ADDRESS)


def test_a_name_too_long_for_a_folder_is_that_of_a_model() -> None:
    name = "m" * 300
    assert (arm(name, ADDRESS).model, arm(name).model) == (name, name)
    assert predict_options({"endpoint": ADDRESS}, name).model == name


def test_batches_are_not_asked_of_models_in_this_process(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--batch is for arms"):
        evaluated(tmp_path / "e", "base=some/model", batch=True)


def test_a_record_with_a_changed_line_is_refused(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run")
    record = tmp_path / "run" / "record.jsonl"
    record.write_bytes(record.read_bytes().replace(ADDRESS.encode(), b"http://127.0.0.1:8/v1"))
    with pytest.raises(AuditError, match="does not follow from the line before"):
        arm(tmp_path / "run")


@pytest.mark.parametrize("hosted", [{}, {"provider": "other"}, 7, [], {"provider": "openai", "files": {"train": 1}}])
def test_a_record_of_another_make_is_an_error_and_no_crash(tmp_path: Path, hosted: Any) -> None:
    from audit.train.runs.folder import begin

    with begin(tmp_path / "run", {}) as record:
        record.add("model", {"identity": {}, "hosted": hosted})
    assert is_hosted(tmp_path / "run")
    with pytest.raises(InputError):
        asked_at(tmp_path / "run")
    with pytest.raises(InputError):
        training_of(tmp_path / "run")


def test_an_evaluation_asks_the_server_with_the_key_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("AUDIT_TEST_KEY", "sk-of-the-run")
    with serving(lambda *_: completion("no")) as server:
        hosted_run(tmp_path / "run", address=server.url)
        report = asked(tmp_path, server, f"tuned={tmp_path / 'run'}")
        assert {one["model"] for one in server.asked} == {TUNED}
        assert set(server.keys) == {"Bearer sk-of-the-run"}
    evaluation = report.evaluation
    assert evaluation.runs == {"tuned-0": "../run"}
    assert evaluation.arms[0].curve
    assert f"tuned-0 was asked at {server.url} as {TUNED}, which the record of its run names" in evaluation.notes
    written = b"".join(path.read_bytes() for path in (tmp_path / "e").rglob("*") if path.is_file())
    assert b"sk-of-the-run" not in written


def test_a_real_run_is_trained_verified_and_evaluated_beside_the_training_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    folder = tmp_path / "run"
    write(tmp_path / "train.jsonl", rows(0, 80))
    with provider(tmp_path / "state") as server:
        monkeypatch.setenv("OPENAI_API_KEY", server.key)
        options = HostedOptions(model=BASE, base_url=server.url, hold_out=0.2, poll_seconds=0.01)
        done = train_hosted(
            [str(tmp_path / "train.jsonl")], folder, options=options, settings=SETTINGS, waive="A: test"
        )
        report = evaluated(tmp_path / "e", f"tuned={folder}", data=tmp_path / "train.jsonl", counterfactual=False)
    assert verify(folder, expect=done.seal).state == "intact"
    told = training_of(folder)
    assert told.hosted is not None
    assert told.hosted.tuned == done.tuned == json.loads((folder / "job.json").read_text())["fine_tuned_model"]
    assert told.hosted.hyperparameters["n_epochs"] == 3
    assert set(told.groups["sex"]) == {"female", "male"}
    assert len(told.curve) > 2
    evaluation = report.evaluation
    assert [one.name for one in evaluation.trained_on] == ["train.jsonl"]
    assert evaluation.split == "validation"  # what the run held out, and not what it was trained on
    assert not [note for note in evaluation.notes if "was trained on" in note]
    assert any(note.endswith(f"--model base={BASE} --endpoint base={server.url}") for note in evaluation.notes)


# ----------------------------------------------------------------------------- what is known of it


def test_the_facts_of_a_hosted_run_are_those_of_its_record(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    hosted_run(folder)
    facts = facts_of(folder, "tuned")
    assert (is_run(folder), facts.identity["base"], facts.weighted) == (True, BASE, False)
    assert not kept_for_testing(folder)
    assert {name: (one.sha256, len(one.others)) for name, one in trained_files(folder).items()} == {
        "train.jsonl": ("ef" * 32, 0)
    }


def test_runs_of_the_same_rows_in_other_numbers_differ_in_row_weights_alone(tmp_path: Path) -> None:
    hosted_run(tmp_path / "raw")
    hosted_run(tmp_path / "weighted", copies=2)
    arms = [facts_of(tmp_path / name, name) for name in ("raw", "weighted")]
    assert differences(arms, "weighted", "raw").only == "row weights"


def test_runs_that_are_equal_do_not_differ(tmp_path: Path) -> None:
    for name in ("raw", "other"):
        hosted_run(tmp_path / name)
    arms = [facts_of(tmp_path / name, name) for name in ("raw", "other")]
    assert differences(arms, "other", "raw").differs == ()


# ----------------------------------------------------------------------------- its curve


def test_the_curve_comes_from_the_events_with_the_loss_of_all_validation_rows(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run")
    curve = curve_of(tmp_path / "run", whole=True)
    assert [one.step for one in curve] == list(range(1, STEPS + 1))
    assert [one.train_loss for one in curve] == [2.0 / step for step in range(1, STEPS + 1)]
    assert {one.step: one.validation_loss for one in curve if one.validation_loss} == {
        3: 2.2 / 3,
        6: 2.2 / 6,
        9: 2.2 / 9,
    }


def test_a_results_file_goes_before_the_events(tmp_path: Path) -> None:
    lines = [RESULT_HEAD, "1,1.5,0.5,,", "2,1.25,0.5,1.75,0.4", "3,1.0,0.6,,"]
    hosted_run(tmp_path / "run", result="\n".join(lines))
    told = [tuple(one) for one in metrics_of(tmp_path / "run")]
    assert told == [(1, 1.5, None), (2, 1.25, 1.75), (3, 1.0, None)]
    evaluated_at = [(one.step, one.train_loss, one.validation_loss) for one in curve_of(tmp_path / "run")]
    assert evaluated_at == [(2, 1.375, 1.75)]


def test_a_results_file_that_is_none_leaves_the_events(tmp_path: Path) -> None:
    for number, result in enumerate(("", "c3RlcCx0cmFpbl9sb3Nz", "a,b\n1,2\n", "step,train_loss\nx,1\n0,1\n1.5,1\n")):
        folder = tmp_path / str(number)
        hosted_run(folder, result=result)
        assert len(metrics_of(folder)) == STEPS


def test_losses_of_a_batch_at_every_step_become_about_forty_means(tmp_path: Path) -> None:
    lines = [RESULT_HEAD, *(f"{step},1.0,0.5,{step % 2},0.4" for step in range(1, 401))]
    hosted_run(tmp_path / "run", result="\n".join(lines))
    curve = curve_of(tmp_path / "run")
    assert [one.step for one in curve] == list(range(10, 401, 10))
    assert {one.validation_loss for one in curve} == {0.5}


@given(
    content=st.binary(max_size=200), head=st.sampled_from([b"", b"step,train_loss,valid_loss\n", b"\xef\xbb\xbfstep\n"])
)
def test_no_results_file_and_no_events_are_a_crash(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, head: bytes
) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / RESULT).write_bytes(head + content)
    (folder / EVENTS).write_bytes(content)
    assert all(one.step >= 1 for one in metrics_of(folder))
    curve_of(folder, whole=True)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    )
)
def test_figures_of_another_kind_say_nothing(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.mktemp("run")
    events = [
        {"type": "metrics", "data": {"step": value, "train_loss": 1}},
        {"type": "metrics", "data": {"step": 1, "train_loss": value, "valid_loss": value}},
        {"type": value, "data": {"step": 2}},
        {"type": "metrics", "data": value},
        value,
    ]
    (folder / EVENTS).write_text("".join(json.dumps(one) + "\n" for one in events))
    assert {one.step for one in metrics_of(folder)} >= {1}
    curve_of(folder, whole=True)


# ----------------------------------------------------------------------------- what a report is told


def test_a_report_is_told_what_the_provider_did_and_no_figure_that_nobody_took(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run")
    told = training_of(tmp_path / "run", arm="tuned")
    assert told.hosted is not None
    assert (told.model, told.method, told.steps, told.rows, told.state) == (
        BASE, "supervised", STEPS, ROWS_OF_RUN, "finished",
    )  # fmt: skip
    assert (told.hosted.job, told.hosted.tuned, told.hosted.status) == (JOB_ID, TUNED, "succeeded")
    assert [(file.role, file.id, len(file.sha256)) for file in told.hosted.files] == [
        ("train", "file-train", 64), ("validation", "file-validation", 64),
    ]  # fmt: skip
    assert (told.parameters, told.planned, told.peak_memory_bytes, told.energy_kwh) == (0, 0, None, None)


def test_a_run_that_still_goes_on_is_told_as_far_as_it_went(tmp_path: Path) -> None:
    hosted_run(tmp_path / "run", status=None)
    told = training_of(tmp_path / "run")
    assert told.hosted is not None
    assert (told.state, told.hosted.job, told.hosted.status, told.seal) == ("started", JOB_ID, "", "")


# ----------------------------------------------------------------------------- the commands around it


def test_training_at_a_provider_ends_without_an_evaluation_whatever_splits_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.jsonl", rows(0, 60))
    write(tmp_path / "test.jsonl", rows(100, 20))
    (tmp_path / "audit.toml").write_text(
        '[data]\nlabel = "metadata.label"\nsplits = {train = "train.jsonl", test = "test.jsonl"}\n'
        "[train]\npoll_seconds = 0.01\n"
    )
    with provider(tmp_path / "state") as server:
        monkeypatch.setenv("OPENAI_API_KEY", server.key)
        asked = ["--provider", "openai", "--base-url", server.url, "--model", BASE, "--waive", "A: test", "--quiet"]
        assert main(["train", "--config", "audit.toml", *asked, "-o", "run"]) == 0
        assert not [path for _, path, _, _ in server.requests() if "chat" in path]
    assert not (tmp_path / "run.evaluation").exists()
    assert kept_for_testing(tmp_path / "run")
    assert main(["verify", "run"]) == 0
    with (tmp_path / "run" / UPLOADS["train"]).open("ab") as file:
        file.write(b"{}\n")
    assert main(["verify", "run"]) == 1


def test_a_dry_run_says_what_openai_would_charge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    write(tmp_path / "train.jsonl", rows(0, 60))
    asked = ["--provider", "openai", "--model", BASE, "--epochs", "3", "--as-of", "2026-11-22", "--dry-run"]
    assert main(["train", str(tmp_path / "train.jsonl"), *asked]) == 0
    assert re.search(r"\d tokens.* x 3 epochs \(as asked for\): about \d+\.\d\d USD", capsys.readouterr().out)


# ----------------------------------------------------------------------------- its record


def test_a_hosted_run_is_as_it_was_recorded_until_an_uploaded_file_is_altered(tmp_path: Path) -> None:
    seal = hosted_run(tmp_path / "run")
    assert verify(tmp_path / "run", expect=seal).state == "intact"
    with (tmp_path / "run" / UPLOADS["train"]).open("r+b") as file:
        file.seek(20)
        file.write(b"X")
    found = verify(tmp_path / "run")
    assert (found.state, found.first.name if found.first else "") == ("mismatch", UPLOADS["train"])

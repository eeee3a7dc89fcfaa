"""A whole run: what it writes, what it refuses, and that equal runs leave equal bytes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from audit.errors import InputError, OutputError, UsageError
from audit.train.core.state import Evaluation, Progress, StepLog
from audit.train.models.loading import load
from audit.train.models.sheet import ModelSheet
from audit.train.runs import running
from audit.train.runs.gating import GateDecision, GateFailed
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.report import TrainReport
from audit.train.runs.running import train
from audit.train.runs.verify import verify
from tests.train.run_chats import OPTIONS, SETTINGS, hashes, record_lines, write_chats

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chats(tmp_path_factory.mktemp("data") / "chats.jsonl")


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainReport]:
    """A run that nobody interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return folder, train([str(data)], folder, options=OPTIONS, settings=SETTINGS)


class Stopper:
    """A listener that sends this process a signal after a step."""

    total: int | None = None

    def __init__(self, step: int, number: signal.Signals) -> None:
        self.step, self.number = step, number

    def stepped(self, log: StepLog) -> None:
        if log.step == self.step:
            os.kill(os.getpid(), self.number)

    def evaluated(self, evaluation: Evaluation, progress: Progress) -> None:
        pass


def test_a_run_leaves_a_folder_that_verifies(whole: tuple[Path, TrainReport]) -> None:
    folder, report = whole
    assert verify(folder, expect=report.seal).state == "intact"
    assert {path.name for path in folder.iterdir()} == {
        "accounting.json", "checkpoints", "config.json", "gate.json", "machine.json", "metrics.jsonl", "model",
        "record.jsonl", "record.sha256", "rows.jsonl", "timing.jsonl", "tokenizer",
    }  # fmt: skip


def test_the_report_tells_how_it_went(whole: tuple[Path, TrainReport]) -> None:
    _, report = whole
    assert (report.verdict, report.finished, report.interrupted) == ("PASS", True, "")
    assert report.steps == report.planned > 8
    assert report.splits["train"].used + report.splits["validation"].used == 60
    assert report.last_loss is not None
    assert report.first_loss is not None
    assert report.last_loss < report.first_loss
    assert report.best is not None
    assert report.best.value == min(one.loss for one in report.evaluations)
    assert report.weights == "best"
    assert report.spent.seconds > 0
    assert report.spent.energy_method == "not measured: turned off"
    assert msgspec.json.decode(msgspec.json.encode(report), type=TrainReport).seal == report.seal


def test_the_model_can_be_read_back(whole: tuple[Path, TrainReport]) -> None:
    folder, report = whole
    loaded = load(str(folder), allow_download=False, device="cpu")
    assert sum(one.numel() for one in loaded.model.parameters()) == report.parameters


def test_every_row_is_accounted_for(whole: tuple[Path, TrainReport]) -> None:
    folder, _ = whole
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rows] == list(range(1, 61))
    assert {row["file"] for row in rows} == {"chats.jsonl"}
    assert {row["outcome"] for row in rows} == {"used"}
    assert len({row["row_id"] for row in rows}) == 60


def test_equal_runs_leave_equal_bytes(data: Path, whole: tuple[Path, TrainReport], tmp_path: Path) -> None:
    folder, _ = whole
    train([str(data)], tmp_path / "again", options=OPTIONS, settings=SETTINGS)
    assert hashes(tmp_path / "again") == hashes(folder)
    differing = [
        one["kind"]
        for one, other in zip(record_lines(folder), record_lines(tmp_path / "again"), strict=True)
        if one != other
    ]
    assert differing == ["measured"]


def test_nothing_of_the_rows_or_of_this_machine_is_written(data: Path, whole: tuple[Path, TrainReport]) -> None:
    folder, _ = whole
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".jsonl") and "tokenizer" not in path.name:
            content = path.read_text()
            assert "what colour" not in content, path
            assert str(data.parent) not in content, path
            assert str(folder) not in content, path


@pytest.mark.parametrize(("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")])
def test_a_signal_ends_the_run_after_its_step_and_it_can_be_gone_on_with(
    number: signal.Signals, name: str, data: Path, whole: tuple[Path, TrainReport], tmp_path: Path
) -> None:
    folder, before = tmp_path / "run", signal.getsignal(number)
    report = train([str(data)], folder, options=OPTIONS, settings=SETTINGS, live=Stopper(7, number))
    assert (report.interrupted, report.steps, report.finished, report.seal) == (name, 7, False, "")
    assert signal.getsignal(number) == before
    assert verify(folder).state == "unfinished"
    again = train([str(data)], folder, options=OPTIONS, settings=SETTINGS, resume=True)
    assert again.finished
    assert again.resumed == (7,)
    uninterrupted = hashes(whole[0])
    for name_of, sha256 in hashes(folder).items():
        if not name_of.startswith("checkpoints/"):
            assert sha256 == uninterrupted[name_of], name_of


def test_a_finished_run_says_so_when_it_is_resumed(data: Path, whole: tuple[Path, TrainReport]) -> None:
    folder, report = whole
    again = train([str(data)], folder, options=OPTIONS, settings=SETTINGS, resume=True)
    assert again.already
    assert again.seal == report.seal


def test_data_that_fails_the_gate_is_not_trained_on(tmp_path: Path) -> None:
    path = write_chats(tmp_path / "twice.jsonl", repeats=2)
    with pytest.raises(GateFailed, match="redundant rows"):
        train([str(path)], tmp_path / "run", options=OPTIONS, settings=SETTINGS)
    assert not (tmp_path / "run").exists()


def test_a_waiver_is_recorded(tmp_path: Path) -> None:
    path = write_chats(tmp_path / "twice.jsonl", rows=24, repeats=2)
    options = replace(OPTIONS, max_steps=2)
    report = train([str(path)], tmp_path / "run", options=options, settings=SETTINGS, waive="A. Jones: on purpose")
    assert report.verdict == "FAIL"
    assert report.waiver is not None
    told = json.loads((tmp_path / "run" / "gate.json").read_text())
    assert told["waiver"] == {"who": "A. Jones", "why": "on purpose"}
    assert next(one["data"] for one in record_lines(tmp_path / "run") if one["kind"] == "gate") == told


def test_an_earlier_run_is_replaced_only_when_asked(data: Path, tmp_path: Path) -> None:
    options, folder = replace(OPTIONS, max_steps=2), tmp_path / "run"
    train([str(data)], folder, options=options, settings=SETTINGS)
    with pytest.raises(OutputError, match="holds a run already"):
        train([str(data)], folder, options=options, settings=SETTINGS)
    other = replace(options, max_steps=3)
    assert train([str(data)], folder, options=other, settings=SETTINGS, force=True).steps == 3
    assert verify(folder).state == "intact"


def test_a_folder_of_other_things_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("...")
    with pytest.raises(OutputError, match="no run's"):
        train([str(data)], tmp_path / "mine", options=OPTIONS, settings=SETTINGS, force=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_early_stopping_needs_validation_rows(data: Path, tmp_path: Path) -> None:
    options = replace(OPTIONS, hold_out=0.0, early_stopping="loss")
    with pytest.raises(UsageError, match="needs validation rows"):
        train([str(data)], tmp_path / "run", options=options, settings=SETTINGS)
    assert not (tmp_path / "run").exists()


def test_another_run_is_not_gone_on_with(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train([str(data)], folder, options=OPTIONS, settings=SETTINGS, live=Stopper(5, signal.SIGTERM))
    before = hashes(folder, without=())
    faster = replace(OPTIONS, lr=0.5)
    with pytest.raises(ResumeRefused, match=r"the setting lr is 0\.5 and was 0\.001"):
        train([str(data)], folder, options=faster, settings=SETTINGS, resume=True)
    shorter = write_chats(tmp_path / "chats.jsonl", rows=59)
    with pytest.raises(ResumeRefused, match="the number of"):
        train([str(shorter)], folder, options=OPTIONS, settings=SETTINGS, resume=True)
    spaced = tmp_path / "other" / "chats.jsonl"
    spaced.parent.mkdir()
    spaced.write_text(data.read_text().replace('{"messages"', '{ "messages"'))
    with pytest.raises(ResumeRefused, match=r"the data file chats\.jsonl is"):
        train([str(spaced)], folder, options=OPTIONS, settings=SETTINGS, resume=True)
    assert hashes(folder, without=()) == before


def test_a_finished_run_is_not_taken_for_another(data: Path, whole: tuple[Path, TrainReport], tmp_path: Path) -> None:
    folder, _ = whole
    with pytest.raises(ResumeRefused, match=r"the setting batch_size is 4 and was 8"):
        train([str(data)], folder, options=replace(OPTIONS, batch_size=4), settings=SETTINGS, resume=True)
    with pytest.raises(ResumeRefused, match="the setting token_budget is 100 and was 200"):
        train([str(data)], folder, options=replace(OPTIONS, token_budget=100), settings=SETTINGS, resume=True)
    shorter = write_chats(tmp_path / "chats.jsonl", rows=59)
    with pytest.raises(ResumeRefused, match=r"the data file chats\.jsonl is"):
        train([str(shorter)], folder, options=OPTIONS, settings=SETTINGS, resume=True)
    other = write_chats(tmp_path / "others.jsonl")
    with pytest.raises(ResumeRefused, match=r"the data file others\.jsonl is .* and was not there"):
        train([str(data), str(other)], folder, options=OPTIONS, settings=SETTINGS, resume=True)


def test_data_that_changes_after_the_gate_judged_it_is_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_chats(tmp_path / "chats.jsonl")
    judge = running.pass_gate

    def judged_and_changed(*given: Any, **named: Any) -> GateDecision:
        decision = judge(*given, **named)
        write_chats(path, rows=61)
        return decision

    monkeypatch.setattr(running, "pass_gate", judged_and_changed)
    with pytest.raises(InputError, match=r"the data file chats\.jsonl changed after the gate judged it"):
        train([str(path)], tmp_path / "run", options=OPTIONS, settings=SETTINGS)
    assert not (tmp_path / "run").exists()


def test_rows_from_python_are_trained_on_as_they_were_judged(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in write_chats(tmp_path / "chats.jsonl", rows=24).read_text().splitlines()]
    options = replace(OPTIONS, max_steps=2)
    assert train(rows, tmp_path / "run", options=options, settings=SETTINGS).finished
    assert train(iter(rows), tmp_path / "run", options=options, settings=SETTINGS, resume=True).already
    with pytest.raises(ResumeRefused, match="the data file <rows> is"):
        train(rows[1:], tmp_path / "run", options=options, settings=SETTINGS, resume=True)


def test_a_signal_after_the_last_step_does_not_keep_the_run_from_its_end(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = running.save

    def asked_and_saved(*given: Any, **named: Any) -> ModelSheet:
        os.kill(os.getpid(), signal.SIGTERM)
        return write(*given, **named)

    monkeypatch.setattr(running, "save", asked_and_saved)
    report = train([str(data)], tmp_path / "run", options=replace(OPTIONS, max_steps=2), settings=SETTINGS)
    assert (report.finished, report.interrupted) == (True, "")
    assert verify(tmp_path / "run").state == "intact"


def test_a_checkpoint_that_a_crash_cut_off_is_told_of(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train([str(data)], folder, options=OPTIONS, settings=SETTINGS, live=Stopper(5, signal.SIGTERM))
    (folder / "checkpoints" / "step-00000005" / "manifest.json").unlink()
    report = train([str(data)], folder, options=OPTIONS, settings=SETTINGS, resume=True)
    assert report.finished
    assert [note for note in report.notes if "step-00000005 was passed over" in note]


def test_standard_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="read once"):
        train(["-"], tmp_path / "run", options=OPTIONS, settings=SETTINGS)

"""What an interrupted run refuses to go on from: everything that was changed, is missing or is not its own, by name."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch

from audit.errors import AuditError, OutputError
from audit.train.core.state import Evaluation, Progress, StepLog
from audit.train.runs.folder import begin
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.report import TrainReport
from audit.train.runs.running import train
from audit.train.runs.verify import verify
from tests.train.run_chats import OPTIONS, SETTINGS, hashes, write_chats

pytestmark = pytest.mark.usefixtures("one_thread")


class Killed(Exception):
    """The process ended, as it were."""


class Killer:
    """A listener that ends the run in a step, after its line was logged."""

    total: int | None = None

    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, log: StepLog) -> None:
        if log.step == self.step:
            raise Killed

    def evaluated(self, evaluation: Evaluation, progress: Progress) -> None:
        pass


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chats(tmp_path_factory.mktemp("data") / "chats.jsonl")


@pytest.fixture(scope="module")
def killed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed in its eighth step."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs") / "killed"
    with pytest.raises(Killed):
        train([str(data)], folder, options=OPTIONS, settings=SETTINGS, live=Killer(8))
    return folder


@pytest.fixture
def run(killed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(killed, tmp_path / "run")


def resume(data: Path, run: Path) -> TrainReport:
    return train([str(data)], run, options=OPTIONS, settings=SETTINGS, resume=True)


def swapped(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        text = (run / name).read_text()
        assert old in text
        (run / name).write_text(text.replace(old, new, 1))

    return change


def without(name: str, marked: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        lines = (run / name).read_text().splitlines(keepends=True)
        at = next(at for at, line in enumerate(lines) if marked in line)
        (run / name).write_text("".join(lines[:at] + lines[at + 1 :]))

    return change


def added(name: str, text: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        with (run / name).open("a") as file:
            file.write(text)

    return change


def as_folder(name: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return change


def newest(run: Path) -> Path:
    return max((run / "checkpoints").iterdir())


FAULTS: list[tuple[Callable[[Path], object], str]] = [
    (swapped("metrics.jsonl", '"accuracy":0.', '"accuracy":1.'), r"metrics\.jsonl is not as it was"),
    (without("metrics.jsonl", '"kind":"evaluation"'), r"metrics\.jsonl is not as it was"),
    (without("metrics.jsonl", '"step":3,'), r"metrics\.jsonl line \d is of step 4 where 3 belongs"),
    (lambda run: (run / "metrics.jsonl").write_text(""), r"metrics\.jsonl ends with step 0"),
    (lambda run: (run / "metrics.jsonl").unlink(), r"metrics\.jsonl ends with step 0"),
    (as_folder("metrics.jsonl"), r"holds metrics\.jsonl, which is no run's own"),
    (as_folder("timing.jsonl"), r"holds timing\.jsonl, which is no run's own"),
    (added("timing.jsonl", '{"kind":"step","seconds":1}\n'), r"timing\.jsonl line 10 was changed: .*attempt"),
    (added("timing.jsonl", "{\n"), r"timing\.jsonl line 10 cannot be read"),
    (swapped("record.jsonl", '"verdict":"PASS"', '"verdict":"FAIL"'), r"record\.jsonl line 3 \(data\) does not follow"),
    (without("record.jsonl", '"kind":"model"'), r"record\.jsonl has no line of kind 'model'"),
    (lambda run: shutil.rmtree(run / "checkpoints"), "metrics.jsonl goes beyond step 2, which was saved"),
    (lambda run: (newest(run) / "model.safetensors").unlink(), "step-00000007 cannot .* model.safetensors is missing"),
    (lambda run: os.truncate(newest(run) / "optimiser.safetensors", 90), "optimiser.safetensors was changed: 90 bytes"),
    (lambda run: (run / "notes.txt").write_text("mine"), "holds notes.txt, which is no run's own"),
    (lambda run: (run / "tokenizer" / "link").symlink_to("/"), "holds tokenizer/link, which is no run's own"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_a_fault_is_refused_by_name_before_the_first_step_and_nothing_is_changed(
    fault: Callable[[Path], object], said: str, data: Path, run: Path
) -> None:
    fault(run)
    before = hashes(run, without=())
    with pytest.raises(AuditError, match=said) as refused:
        resume(data, run)
    assert isinstance(refused.value, ResumeRefused | OutputError)
    assert hashes(run, without=()) == before


def test_a_checkpoint_of_a_run_whose_record_was_written_anew_is_refused(data: Path, run: Path, killed: Path) -> None:
    shutil.rmtree(run)
    with pytest.raises(Killed):
        train([str(data)], run, options=msgspec.structs.replace(OPTIONS, keep=9), settings=SETTINGS, live=Killer(1))
    shutil.copytree(killed / "checkpoints", run / "checkpoints")
    shutil.copy(killed / "metrics.jsonl", run / "metrics.jsonl")
    with pytest.raises(ResumeRefused, match=r"step-00000007 is of a run with another record\.jsonl"):
        resume(data, run)


def test_a_run_goes_on_from_an_older_checkpoint_when_the_damaged_one_is_deleted(data: Path, run: Path) -> None:
    (newest(run) / "model.safetensors").unlink()
    with pytest.raises(ResumeRefused) as refused:
        resume(data, run)
    assert f"delete {newest(run)} to go on" in str(refused.value.hint)
    shutil.rmtree(newest(run))
    (run / f".gate.json.{os.getpid()}.tmp").write_text("half")
    report = resume(data, run)
    assert report.finished
    assert report.resumed[0] < 7
    assert verify(run).state == "intact"


def test_two_runs_into_one_new_folder_do_not_both_begin(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"

    class Second(Killer):
        def stepped(self, log: StepLog) -> None:
            with pytest.raises(OutputError, match="another process is writing the run"):
                begin(run, {}, force=True)
            raise Killed

    with pytest.raises(Killed):
        train([str(data)], run, options=OPTIONS, settings=SETTINGS, live=Second(1))


def test_a_whole_run_holds_no_key_no_user_and_no_machine(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "OPENAI_API_KEY": "sk-0123456789abcdef",
        "HF_TOKEN": "hf_zyxwvutsrq",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "HOME": str(tmp_path / "home-of-anne"),
        "LOGNAME": "anne-elk",
        "USER": "anne-elk",
        "HOSTNAME": "annes-laptop",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(socket, "gethostname", lambda: "annes-laptop")
    assert getpass.getuser() == "anne-elk"
    run = tmp_path / "run"
    options = msgspec.structs.replace(OPTIONS, max_steps=4, evaluate_every=0.1, save_every=0.1)
    with pytest.raises(Killed):
        train([str(data)], run, options=options, settings=SETTINGS, live=Killer(3))
    report = train([str(data)], run, options=options, settings=SETTINGS, resume=True)
    assert report.resumed == (2,)
    files = [path for path in run.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".safetensors", ".jsonl", ".json"}
    for path in files:
        content = path.read_bytes()
        for secret in (*secrets.values(), str(data.parent), str(tmp_path), os.getcwd()):
            assert secret.encode() not in content, (path.name, secret)

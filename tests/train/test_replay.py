"""A step of a recorded run is repeated bit for bit, or the first difference is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from audit.errors import InputError, UsageError
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.replay import replay
from audit.train.runs.running import train
from tests.train.run_chats import OPTIONS, SETTINGS, hashes, write_chats

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chats(tmp_path_factory.mktemp("data") / "chats.jsonl")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    train([str(data)], folder, options=OPTIONS, settings=SETTINGS)
    return folder


def last_step(run: Path) -> int:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return max(int(line["step"]) for line in lines)


def test_a_step_from_the_start_is_equal_and_nothing_is_changed(run: Path, data: Path) -> None:
    before = hashes(run, without=())
    found = replay(run, 2, [str(data)], settings=SETTINGS)
    assert found.equal, found.difference
    assert found.start == 0
    assert found.loss is not None
    assert hashes(run, without=()) == before


def test_the_last_step_is_repeated_from_a_checkpoint_and_its_weights_are_equal(run: Path, data: Path) -> None:
    step = last_step(run)
    found = replay(run, step, [str(data)], settings=SETTINGS)
    assert found.equal, found.difference
    assert 0 < found.start < step
    assert found.weights_compared


def test_a_line_that_was_changed_is_named(run: Path, data: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    lines = (copy / "metrics.jsonl").read_text().splitlines()
    told = json.loads(lines[1])
    told["loss"] += 1e-9
    lines[1] = json.dumps(told)
    (copy / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    found = replay(copy, 2, [str(data)], settings=SETTINGS)
    assert (found.equal, found.differs_at) == (False, 2)
    assert found.difference.startswith("loss is ")


def test_other_data_and_other_options_are_refused(run: Path, tmp_path: Path, data: Path) -> None:
    shorter = write_chats(tmp_path / "chats.jsonl", rows=50)
    with pytest.raises(ResumeRefused, match="training"):
        replay(run, 2, [str(shorter)], settings=SETTINGS)
    with pytest.raises(ResumeRefused, match="the setting lr"):
        replay(run, 2, [str(data)], given={"lr": "0.5"}, settings=SETTINGS)


def test_the_recorded_names_are_looked_for_beside_the_run(
    run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"chats\.jsonl, is neither here nor beside the run"):
        replay(run, 1, settings=SETTINGS)
    shutil.copy(data, tmp_path / "chats.jsonl")
    assert replay(run, 1, settings=SETTINGS).equal


def test_files_of_splits_are_found_again_as_those_of_their_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_chats(tmp_path / "b.jsonl", rows=24)
    write_chats(tmp_path / "a.jsonl", rows=32, first=100)
    write_chats(tmp_path / "held.jsonl", rows=12, first=200)
    monkeypatch.chdir(tmp_path)
    settings = msgspec.structs.replace(SETTINGS, splits=(("validation", "held.jsonl"),))
    options = msgspec.structs.replace(OPTIONS, hold_out=0.0, max_steps=3)
    train(["b.jsonl", "a.jsonl"], "run", options=options, settings=settings)
    found = replay("run", 3, settings=SETTINGS)
    assert found.equal, found.difference
    write_chats(tmp_path / "held.jsonl", rows=11, first=200)
    with pytest.raises(UsageError, match=r"held\.jsonl, is neither here nor beside the run as it was"):
        replay("run", 3, settings=SETTINGS)


def test_a_step_is_not_repeated_by_several_processes(run: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="a step is repeated by one process, and 2 were begun"):
        replay(run, 1, [str(data)], settings=SETTINGS)


def test_a_step_that_was_not_taken_and_a_folder_without_a_run_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="step 999 was asked for"):
        replay(run, 999, settings=SETTINGS)
    with pytest.raises(InputError, match="holds no run"):
        replay(tmp_path, 1, settings=SETTINGS)

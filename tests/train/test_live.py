"""What is seen of training while it goes."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from audit.cli.progress import duration
from audit.cli.train_progress import EvaluationLines, LiveLine, live_for
from audit.errors import MissingExtra
from audit.train.core.state import Evaluation, GroupScore, Progress, StepLog, Worst
from audit.train.runs.tensorboard import TENSORBOARD_FOLDER, TensorBoardWriter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def step(number: int, **more: Any) -> StepLog:
    values: dict[str, Any] = {
        "step": number, "epoch": 0, "loss": 2.5, "objective": 2.4, "lr": 1e-3, "grad_norm": 1.0, "weight": 32.0,
        "trained": 64, "tokens": 100, "padded": 120, "micro_batches": 4, "examples": (1, 2),
    }  # fmt: skip
    return StepLog(**(values | more))


def evaluation(at: int, worst: Worst | None = None, groups: Mapping[str, Mapping[str, GroupScore]] = {}) -> Evaluation:
    return Evaluation(
        step=at, n=40, tokens=200, loss=1.25, perplexity=3.49, accuracy=0.612, f1=0.581, worst=worst, groups=groups
    )


def test_the_line_tells_step_rate_time_left_and_the_last_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    clock, out = Clock(), Terminal()
    line = LiveLine(out, clock, total=100)
    line.evaluated(evaluation(10, Worst("sex", "F", 1.5)), Progress())
    for number in (10, 11, 12):
        clock.now += 1.0
        line.stepped(step(number))
    drawn = out.getvalue().split("\r")[-1].rstrip()
    assert drawn == (
        "step 12/100  epoch 1  loss 2.5000  lr 1.0e-03  150 tokens/s  ETA 1:28  val 1.2500  61.2 %  sex=F 1.5000"
    )


def test_the_line_is_drawn_at_most_ten_times_a_second_and_at_the_last_step() -> None:
    clock, out = Clock(), Terminal()
    line = LiveLine(out, clock, total=1000)
    for number in range(1, 1001):
        clock.now += 0.001
        line.stepped(step(number))
    assert 9 <= out.getvalue().count("\r") <= 11
    assert "step 1,000/1,000" in out.getvalue()


def test_a_cleared_line_leaves_blanks_only() -> None:
    clock, out = Clock(), Terminal()
    line = LiveLine(out, clock)
    line.clear()
    assert out.getvalue() == ""
    clock.now = 1.0
    line.stepped(step(1, loss=None))
    line.clear()
    assert out.getvalue().split("\r")[-2].strip() == ""


def test_elsewhere_there_is_one_line_for_each_evaluation() -> None:
    out = io.StringIO()
    lines = live_for(out)
    assert isinstance(lines, EvaluationLines)
    lines.total = 30
    lines.stepped(step(9))
    lines.evaluated(evaluation(10), Progress(step=10, best=1.25, best_step=10))
    lines.evaluated(evaluation(20), Progress(step=20, best=1.25, best_step=10))
    assert out.getvalue() == (
        "step 10/30  val loss 1.2500  accuracy 61.2 %  f1 0.581  best so far\n"
        "step 20/30  val loss 1.2500  accuracy 61.2 %  f1 0.581\n"
    )


def test_a_terminal_gets_the_live_line_and_quiet_gets_nothing() -> None:
    assert isinstance(live_for(Terminal()), LiveLine)
    assert isinstance(live_for(Terminal(), progress=False), EvaluationLines)
    assert live_for(Terminal(), quiet=True) is None


def test_a_group_name_cannot_steer_the_terminal() -> None:
    out = io.StringIO()
    EvaluationLines(out).evaluated(evaluation(1, Worst("sex", "\x1b[2J\u202eF" + "x" * 90, 1.5)), Progress())
    line = out.getvalue()
    assert line.count("\n") == 1
    assert line.removesuffix("\n").isprintable()
    assert len(line) < 200


@pytest.mark.parametrize(("seconds", "shown"), [(5, "0:05"), (750, "12:30"), (10925, "3:02:05")])
def test_durations_are_written_as_clocks_do(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_tensorboard_gets_every_scalar_and_drops_what_lies_behind_the_checkpoint(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder = tmp_path / TENSORBOARD_FOLDER
    groups = {"sex": {"F": GroupScore(20, 1.5, 0.6), "M": GroupScore(20, 1.0, 0.7)}}
    for after, steps in ((None, (1, 2, 3)), (2, (3, 4))):
        writer = TensorBoardWriter(folder, after=after)
        for number in steps:
            writer.stepped(step(number, loss=float(number)))
        writer.evaluated(evaluation(steps[-1], Worst("sex", "F", 1.5), groups), Progress())
        writer.close()
    found = accumulator.EventAccumulator(str(folder)).Reload()
    assert [event.step for event in found.Scalars("train/loss")] == [1, 2, 3, 4]
    assert [event.value for event in found.Scalars("train/loss")] == [1.0, 2.0, 3.0, 4.0]
    assert {"groups/sex=F/loss", "validation/worst_group_loss", "validation/f1"} <= set(found.Tags()["scalars"])


def test_tensorboard_drops_all_that_a_run_killed_before_its_first_checkpoint_wrote(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for steps in ((1, 2, 3), (1,)):
        writer = TensorBoardWriter(tmp_path, after=0)
        for number in steps:
            writer.stepped(step(number, loss=float(number)))
        writer.close()
    found = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in found.Scalars("train/loss")] == [1]


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtra) as error:
        TensorBoardWriter(tmp_path)
    assert error.value.hint == "pip install 'finetune-audit[tensorboard]'"

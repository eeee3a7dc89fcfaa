"""A dry run counts what training would count, measures what it would take, and leaves nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import UsageError
from audit.train.core.batches import Schedule
from audit.train.runs.memory import MicroBatch, Shape, available_memory, memory_needed
from audit.train.runs.plan import Plan
from audit.train.runs.planning import NOT_ASKED, plan, times_due
from audit.train.runs.running import train
from tests.train.run_chats import OPTIONS, SETTINGS, write_chats

MEASURED = """
import json, sys
import torch
from audit.train.core.learner import Learner
from audit.train.core.place import place_for
from audit.train.runs import planning
from audit.train.runs.assembling import assemble, parts_of
from pathlib import Path
from tests.train.run_chats import OPTIONS, SETTINGS
import msgspec

options = msgspec.structs.replace(OPTIONS, width=128, layers=4, heads=4, batch_size=64, token_budget=4096, dropout=0.0)
planned = planning.plan([sys.argv[1]], options=options, settings=SETTINGS)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"planned": planned.memory_needed, "program": planned.memory.program, "measured": 1024 * peak}))
"""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chats(tmp_path_factory.mktemp("data") / "chats.jsonl")


def test_a_plan_counts_what_the_run_counts(data: Path, tmp_path: Path) -> None:
    planned = plan([str(data)], options=OPTIONS, settings=SETTINGS)
    train([str(data)], tmp_path / "run", options=OPTIONS, settings=SETTINGS)
    recorded = json.loads((tmp_path / "run" / "accounting.json").read_text())
    assert recorded == json.loads(msgspec.json.encode(planned.accounting))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "step"]
    assert planned.steps == len(steps)
    assert planned.evaluations == len(lines) - len(steps)
    first = steps[: planned.steps_per_epoch]
    assert planned.micro_batches == sum(one["micro_batches"] for one in first) / len(first)
    assert planned.padding == pytest.approx(1 - sum(s["tokens"] for s in first) / sum(s["padded"] for s in first))


def test_a_plan_writes_nothing_and_says_what_is_needed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planned = plan([str(data)], options=OPTIONS, settings=SETTINGS)
    assert list(tmp_path.iterdir()) == []
    assert planned.parameters_per_trained_token == planned.parameters_trained / planned.trained_tokens
    assert planned.memory.gradients == 4 * planned.parameters_trained
    assert planned.memory.optimiser == 8 * planned.parameters_trained
    assert planned.duration is not None
    assert planned.duration.seconds > 0
    assert msgspec.json.decode(msgspec.json.encode(planned), type=Plan).memory == planned.memory


def test_without_a_probe_a_plan_is_the_same_every_time(data: Path) -> None:
    one, other = (plan([str(data)], options=OPTIONS, settings=SETTINGS, probe=False) for _ in range(2))
    memory = one.memory
    other = msgspec.structs.replace(other, memory=memory, memory_needed=memory.total, fits=memory.fits)
    assert one == other


@given(
    n=st.integers(1, 300),
    size=st.integers(1, 40),
    epochs=st.floats(0.05, 9),
    every=st.floats(0.01, 12),
    most=st.none() | st.integers(1, 60),
)
def test_evaluations_are_counted_as_if_every_step_were_asked(
    n: int, size: int, epochs: float, every: float, most: int | None
) -> None:
    schedule = Schedule(n, size, epochs, most)
    assert times_due(schedule, every) == sum(schedule.due(step, every) for step in range(1, schedule.total + 1))


def test_a_plan_of_very_many_steps_takes_no_longer(data: Path) -> None:
    planned = plan([str(data)], options=msgspec.structs.replace(OPTIONS, epochs=1e9), settings=SETTINGS, probe=False)
    assert planned.steps > 1e9
    assert planned.evaluations > 1e9


def test_a_plan_says_that_the_gate_was_not_asked(data: Path) -> None:
    planned = plan([str(data)], options=OPTIONS, settings=SETTINGS, probe=False)
    assert NOT_ASKED in planned.notes
    assert planned.memory.evaluation > 0


def test_a_plan_is_not_made_by_several_processes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="a dry run is made by one process"):
        plan([str(data)], options=OPTIONS, settings=SETTINGS)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak")
def test_the_memory_is_within_a_factor_of_two_of_what_is_measured(data: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(data)], capture_output=True, text=True, cwd=root, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert 0.5 <= told["planned"] / told["measured"] <= 2, told
    assert 0.5 <= (told["planned"] - told["program"]) / (told["measured"] - told["program"]) <= 2, told


def test_checkpointing_keeps_less_and_scores_more() -> None:
    shape = Shape(layers=4, hidden=64, inner=256, inner_kept=2, heads=4, vocabulary=1000)
    largest = MicroBatch(rows=4, length=128, logits=64)

    def needed(checkpointing: bool = False, scores_kept: bool = False) -> int:
        return memory_needed(
            shape,
            largest,
            parameter_bytes=0,
            trained=0,
            bytes_each=4,
            checkpointing=checkpointing,
            scores_kept=scores_kept,
        ).activations

    assert needed(checkpointing=True) < needed() < needed(scores_kept=True)


def test_the_memory_of_a_control_group_is_the_limit(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:       100 kB\nMemAvailable:    80 kB\n")
    assert available_memory(tmp_path / "meminfo", tmp_path) == 80 * 1024
    (tmp_path / "memory.max").write_text("50000\n")
    (tmp_path / "memory.current").write_text("20000\n")
    assert available_memory(tmp_path / "meminfo", tmp_path) == 30000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(tmp_path / "meminfo", tmp_path) == 80 * 1024
    assert available_memory(tmp_path / "none", tmp_path / "none") is None

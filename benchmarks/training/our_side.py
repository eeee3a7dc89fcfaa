"""One training run by this project, in a process of its own: prints one line of JSON. ``python -m
benchmarks.training.our_side BOUT.json``.

``fit`` is the core with the data, the model and nothing that writes; ``audit-train`` is the whole of `audit train`,
gate, records, checkpoints and energy included. Clocks are read where the first step begins and at the end of each.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks.training.material import SEED, Bout, Outcome

if TYPE_CHECKING:
    from audit.config.settings import Settings
    from audit.train.core.loop import Fitted, Parts
    from audit.train.core.state import Evaluation, Observer, Progress, Snapshot, StepLog
    from audit.train.options import TrainOptions


class Clock:
    """An observer that notes the clocks, and what the observer behind it takes where there is one."""

    def __init__(self, device: str, behind: Observer | None = None) -> None:
        self.device = device
        self.behind = behind
        self.ends: list[tuple[float, float]] = []
        self.logs: list[StepLog] = []
        self.observing = 0.0
        self.start = self._now()

    def stepped(self, log: StepLog) -> None:
        """A step has ended."""
        cpu = self._now()
        self.logs.append(log)
        if self.behind is not None:
            self._timed(self.behind.stepped, log)
        self.ends.append((cpu, time.perf_counter()))

    def evaluated(self, evaluation: Evaluation, progress: Progress) -> None:
        """An evaluation has ended."""
        if self.behind is not None:
            self._timed(self.behind.evaluated, evaluation, progress)

    def save(self, snapshot: Snapshot, best: bool) -> None:
        """Something is to be kept."""
        if self.behind is not None:
            self._timed(self.behind.save, snapshot, best)

    def end(self) -> None:
        """The run is over."""
        self.steps = self._now() - self.start

    def _timed(self, call: Callable[..., None], *given: object) -> None:
        before = time.process_time()
        call(*given)
        self.observing += time.process_time() - before

    def _now(self) -> float:
        """CPU seconds of this process since it began, when the device has done what it was told."""
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()
        return time.process_time()


def options_of(bout: Bout) -> TrainOptions:
    """The settings of a bout: those that TRL is given, all others the defaults."""
    from audit.train.options import TrainOptions, check_options

    options = TrainOptions(
        model=bout.model,
        method="full",
        max_length=bout.max_length,
        epochs=bout.epochs,
        max_steps=bout.max_steps if bout.max_steps > 0 else None,
        batch_size=bout.batch_size,
        lr=bout.lr,
        schedule="constant",
        warmup=0.0,
        weight_decay=0.0,
        clip=1.0,
        precision="bf16" if bout.variant.endswith("bf16") else "fp32",
        threads=bout.threads,
        device=bout.device,
        seed=SEED,
    )
    check_options(options)
    return options.settled


def settings_of(bout: Bout) -> Settings:
    """What `audit` goes by where no file says anything."""
    from audit.config.load import load_settings

    return load_settings({}, environ={}, cwd=Path(bout.folder), data=[bout.data], isolated=True, config=None)


def fitted(bout: Bout) -> tuple[Parts, Clock]:
    """Train with the core alone, on data and a model that are read as `audit train` reads them."""
    from audit.train.core.loop import fit
    from audit.train.core.place import place_for
    from audit.train.runs.assembling import assemble, parts_of

    options = options_of(bout)
    place = place_for(options)
    with TemporaryDirectory(dir=bout.folder) as tokenizer, place.applied():
        parts = parts_of(assemble(bout.data, options, settings_of(bout), Path(tokenizer)), place)
        clock = Clock(bout.device)
        fit(parts, clock)
        clock.end()
    return parts, clock


def recorded(bout: Bout) -> tuple[Parts, Clock]:
    """Train through the whole of `audit train`, with the clock between the loop and what keeps the records."""
    from audit.train.runs import running

    inner = running.fit
    seen: list[tuple[Parts, Clock]] = []

    def fit(parts: Parts, observer: Observer, *given: Any, **named: Any) -> Fitted:
        clock = Clock(bout.device, observer)
        told = inner(parts, clock, *given, **named)
        clock.end()
        seen.append((parts, clock))
        return told

    running.fit = fit
    with TemporaryDirectory(dir=bout.folder) as folder:
        running.train(
            bout.data,
            str(Path(folder, "run")),
            options=options_of(bout),
            settings=settings_of(bout),
            waive="benchmark: the trainer is measured, not the data",
        )
    return seen[0]


def outcome(bout: Bout) -> Outcome:
    """Run a bout and say what it took."""
    parts, clock = fitted(bout) if bout.variant.startswith("fit") else recorded(bout)
    lengths = parts.train.lengths
    behind = clock.logs[1:]
    return Outcome(
        variant=bout.variant,
        start=clock.start,
        cpu=clock.ends[-1][0] - clock.ends[0][0],
        wall=clock.ends[-1][1] - clock.ends[0][1],
        tokens=int(sum(lengths[list(log.examples)].sum() for log in behind)),
        trained=sum(log.trained for log in behind),
        padding=1 - sum(log.tokens for log in behind) / sum(log.padded for log in behind),
        memory=_peak(bout.device),
        losses=tuple(log.loss for log in clock.logs if log.loss is not None),
        strategy=parts.objective.strategy,
        parameters=parts.prepared.parameters.total,
        steps=clock.steps,
        observing=clock.observing,
    )


def _peak(device: str) -> int:
    """Bytes of memory at the highest, of the process or of the device."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


if __name__ == "__main__":
    # What is printed on the way goes to standard error; the answer is the only line of standard output.
    with contextlib.redirect_stdout(sys.stderr):
        answer = outcome(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Bout))
    print(msgspec.json.encode(answer).decode())

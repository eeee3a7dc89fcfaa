"""The observer of a run: every step and evaluation into the log, every checkpoint onto the disk, listeners told.

And what it left, taken up again where every byte of it is as it was. Decides nothing: when something is saved is the
loop's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from audit.train.core.state import Evaluation, Listener, Progress, Snapshot, StepLog
from audit.train.runs import checkpoint
from audit.train.runs.chain import RECORD, line_hash
from audit.train.runs.folder import CHECKPOINTS, METRICS, MODEL_ENTRY, check_own, sweep_temporary
from audit.train.runs.identity import Identity, ResumeRefused
from audit.train.runs.log import EVALUATION, STEP, Cut, MetricsLog, cut_after, steps_logged
from audit.train.runs.metering import check_timing


class Recorder:
    """Implements ``audit.train.core.state.Observer``. ``evaluations`` are those of this process."""

    def __init__(
        self, folder: Path, log: MetricsLog, identity: Identity, *, keep: int, listeners: Sequence[Listener] = ()
    ) -> None:
        self._folder = folder / CHECKPOINTS
        self._log = log
        self._identity = identity
        self._keep = keep
        self._listeners = listeners
        self._record = line_hash(folder, MODEL_ENTRY)

    def stepped(self, log: StepLog) -> None:
        """A line of the log."""
        self._log.append(STEP, log)
        for listener in self._listeners:
            listener.stepped(log)

    def evaluated(self, evaluation: Evaluation, progress: Progress) -> None:
        """A line of the log."""
        self._log.append(EVALUATION, evaluation)
        for listener in self._listeners:
            listener.evaluated(evaluation, progress)

    def save(self, snapshot: Snapshot, best: bool) -> None:
        """A checkpoint, after the lines of the log that it vouches for."""
        self._log.sync()
        logged = self._log.logged(self._record)
        checkpoint.save(self._folder, snapshot, self._identity, logged, keep=self._keep, best=best)


def take_up(
    folder: Path, identity: Identity, saves: Callable[[int], bool]
) -> tuple[checkpoint.Found | None, Snapshot | None, Cut]:
    """The newest checkpoint of an interrupted run whose record is held, what it holds, and what was cut off the log
    behind it; None and None where there is none yet. ``saves`` tells whether a checkpoint is due after a step.

    Raises ResumeRefused and OutputError naming what is damaged, missing, changed or no run's own. The log is cut last:
    what is refused is left as it was, but for what killed processes left half written.
    """
    check_own(folder)
    sweep_temporary(folder)
    check_timing(folder)
    found = checkpoint.newest(folder / CHECKPOINTS, identity)
    if found is None:
        _refuse_without_checkpoint(folder, saves)
        return None, None, cut_after(folder / METRICS, 0)
    if found.logged.record != line_hash(folder, MODEL_ENTRY):
        raise ResumeRefused(
            f"{found.path.name} is of a run with another {RECORD}", hint="train anew into another output folder"
        )
    start = checkpoint.load(found.path, identity)
    return found, start, cut_after(folder / METRICS, found.step, found.logged)


def _refuse_without_checkpoint(folder: Path, saves: Callable[[int], bool]) -> None:
    """Raise ResumeRefused where steps were taken after one that was saved, and nothing that was saved is there."""
    due = next((step for step in range(1, steps_logged(folder / METRICS)) if saves(step)), None)
    if due is not None:
        raise ResumeRefused(
            f"{METRICS} goes beyond step {due}, which was saved, and {CHECKPOINTS} holds no checkpoint",
            hint="restore the folder from a copy, or train anew into another output folder",
        )

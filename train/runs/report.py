"""What ``train`` hands back: how a run went, in figures. Renders nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from audit.model import Verdict
from audit.train.core.state import Evaluation
from audit.train.data.accounting import SplitAccount
from audit.train.runs.gating import TrainWaiver


class BestStep(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluation by which the weights were chosen: its step and the value of ``measure``."""

    step: int
    measure: str
    value: float


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What the run cost, all attempts of an interrupted one together; the peak memory is that of the last.
    ``energy_method`` says how the energy was measured, or why it was not (``energy_kwh`` is None then)."""

    attempts: int = 1
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int | None = None
    energy_kwh: float | None = None
    energy_method: str = ""


class TrainReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went.

    ``verdict`` is that of the gate under ``policy``, ``unmet`` the demands that were not met or not decided.
    ``splits`` counts rows and tokens. ``steps`` of ``planned`` were taken.
    ``stopped`` says why the run ended before, ``interrupted`` is the signal that ended it: then ``finished`` is False,
    and it can be resumed. ``weights`` says which weights are in ``model/``. ``seal`` is the hash that `audit verify`
    expects, "" while the run is not finished. ``resumed`` are the steps from which it went on. ``already``: it had been
    finished before, and nothing was done.
    """

    schema: str = "audit.train/1"
    version: str
    verdict: Verdict
    policy: str
    unmet: tuple[str, ...] = ()
    waiver: TrainWaiver | None = None
    model: str
    method: str
    task: str
    parameters: int
    parameters_trained: int
    splits: Mapping[str, SplitAccount]
    steps: int
    planned: int
    stopped: str = ""
    interrupted: Literal["", "SIGINT", "SIGTERM"] = ""
    finished: bool = False
    already: bool = False
    best: BestStep | None = None
    weights: Literal["best", "last", ""] = ""
    evaluations: tuple[Evaluation, ...] = ()
    first_loss: float | None = None
    last_loss: float | None = None
    resumed: tuple[int, ...] = ()
    spent: Spent = Spent()
    folder: str = ""
    seal: str = ""
    notes: tuple[str, ...] = ()

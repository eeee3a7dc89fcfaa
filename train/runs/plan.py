"""What a dry run hands back: what training would take and do. Computes nothing and renders nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from audit.train.data.accounting import Accounting
from audit.train.runs.memory import Memory, MicroBatch


class Duration(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate of the time: ``probed`` steps of the run were taken and thrown away, and the median of their seconds
    is multiplied by all steps. Evaluations are counted by their tokens, at a third of the cost of training on them
    (forward without backward: Kaplan et al. 2020, section 2.1)."""

    probed: int
    seconds_per_step: float
    seconds: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What ``audit train`` would do, and nothing of it done.

    ``options`` are those of the run, settled. ``accounting`` counts rows and tokens by split. ``denominator`` is what
    the loss is divided by. ``micro_batches`` is the mean number in an optimiser step of the first epoch, ``padding``
    the share of their tokens that is padding. ``parameters_per_trained_token`` is of trained parameters and of the
    trained tokens of one epoch, None where classes are predicted.
    """

    schema: str = "audit.plan/1"
    version: str
    model: str
    method: str
    task: str
    options: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    accounting: Accounting
    steps: int
    steps_per_epoch: int
    evaluations: int
    micro_batches: float
    padding: float
    token_budget: int
    denominator: float
    strategy: str
    parameters: int
    parameters_trained: int
    trained_tokens: int
    parameters_per_trained_token: float | None
    largest: MicroBatch
    memory: Memory
    memory_needed: int
    fits: bool | None
    duration: Duration | None
    device: str
    notes: tuple[str, ...] = ()

"""What a training run passes on while it goes: a step, an evaluation, how far it is, and all that a checkpoint holds.

No tensor library is imported here, so that records and listeners can be read without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    import torch


class StepLog(msgspec.Struct, frozen=True, kw_only=True):
    """One optimiser step, ``step`` counted from 1; ``epoch`` is the epoch it belongs to, counted from 0.

    ``loss`` is the weighted mean of the cross-entropy over the trained tokens of the batch, in nats (None where their
    weight is 0), ``objective`` the weighted sum over the run's constant denominator, which the gradient is of.
    ``weight`` is the sum of loss weights. ``trained`` counts the trained tokens, ``tokens`` all but padding, ``padded``
    padding too. ``grad_norm`` is taken before clipping. ``examples`` are indices of the training examples in the order
    in which they were drawn. ``skipped``: the summed weight was 0, and no step was taken.
    """

    step: int
    epoch: int
    loss: float | None
    objective: float
    lr: float
    grad_norm: float | None
    weight: float
    trained: int
    tokens: int
    padded: int
    micro_batches: int
    examples: tuple[int, ...]
    skipped: bool = False


class GroupScore(msgspec.Struct, frozen=True):
    """Of one group of the validation rows: examples, mean loss in nats, and accuracy as of the whole."""

    n: int
    loss: float
    accuracy: float


class Worst(msgspec.Struct, frozen=True):
    """The group with the highest loss among those that are large enough."""

    attribute: str
    group: str
    loss: float


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Measures on the validation rows after ``step``; every trained token counts once, whatever its weight.

    ``n`` counts examples, ``tokens`` trained tokens. ``loss`` is the mean cross-entropy in nats a token (a row for a
    classification head), ``perplexity`` its exponential. ``accuracy`` is of tokens (of rows with a classification
    head). ``exact`` is the share of examples of which every trained token is the most likely one. ``f1`` is the macro
    mean over classes and ``balanced_accuracy`` the mean recall of the classes, where rows have classes.
    """

    step: int
    n: int
    tokens: int
    loss: float
    perplexity: float
    accuracy: float
    exact: float | None = None
    f1: float | None = None
    balanced_accuracy: float | None = None
    groups: Mapping[str, Mapping[str, GroupScore]] = {}
    worst: Worst | None = None


FINISHED: Final = "finished"
"""Why a run ended that took all its steps."""
EARLY: Final = "early stopping"
"""Why a run ended whose measure no longer improved."""


class Progress(msgspec.Struct, frozen=True):
    """How far a run is: the last step taken, the best value of the measure that chooses and its step (0: none yet),
    evaluations since the measure of early stopping improved on ``watched``, and why the run ended ("" while it has
    not, and in what is saved when somebody stops it: such a run goes on)."""

    step: int = 0
    best: float | None = None
    best_step: int = 0
    stale: int = 0
    stopped: str = ""
    watched: float | None = None


class Snapshot(NamedTuple):
    """Everything a run needs to go on after a step: what is trained and the optimiser's state, both by name. The
    tensors are those of the run, which change with its next step: copy what is kept."""

    progress: Progress
    model: dict[str, torch.Tensor]
    optimiser: dict[str, torch.Tensor]


class Listener(Protocol):
    """Somebody who is told how training goes."""

    def stepped(self, log: StepLog) -> None:
        """After every step."""

    def evaluated(self, evaluation: Evaluation, progress: Progress) -> None:
        """After every evaluation."""


class Observer(Listener, Protocol):
    """The listener that keeps what is to be kept."""

    def save(self, snapshot: Snapshot, best: bool) -> None:
        """At save points, at every new best, when the run is asked to stop, and at the end; after the evaluation of
        that step. ``best``: these are the best weights so far."""

"""Which examples a step learns from, how they are cut into pieces that fit, and the tensors of a piece.

Everything here is a pure function of the examples, the seed and the step: a run that goes on after a kill draws the
same. No model is called.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from audit.errors import TrainingError
from audit.train.data.examples import Examples, Floats

PIECES: Final = 4
"""Micro-batches that a typical batch is cut into: 20 % padding at a batch of 16 chats against 59 % uncut, at the same
loss (measured, `docs/benchmarks.md`)."""
OVERHEAD: Final = 16
"""A further micro-batch costs as much as 1/16 of the token budget, whatever is in it: calls, small matrix products."""

Places = NDArray[np.int64]


def derived(*parts: int) -> int:
    """63 bits that depend on every part and their order; the same on every machine and in every release."""
    told = blake2b(",".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(told, "little") >> 1


@lru_cache(maxsize=2)
def order(seed: int, epoch: int, n: int) -> Places:
    """The permutation of ``n`` examples in which an epoch draws them: read-only.

    Sorted by raw output of PCG64, whose stream NumPy keeps from release to release (NEP 19), unlike ``permutation``.
    """
    keys = np.random.PCG64(derived(seed, epoch)).random_raw(n)
    places: Places = np.argsort(keys, kind="stable").astype(np.int64)
    places.flags.writeable = False
    return places


class Schedule(NamedTuple):
    """How many steps a run has and what each draws. The last batch of an epoch holds what is left."""

    n: int
    batch_size: int
    epochs: float = 1.0
    max_steps: int | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch."""
        return -(-self.n // self.batch_size)

    @property
    def total(self) -> int:
        """Steps of the run: every epoch begun is cut at the nearest step, and ``max_steps`` cuts the rest."""
        if not self.n:
            return 0
        steps = max(1, round(self.epochs * self.steps_per_epoch))
        return steps if self.max_steps is None else min(steps, self.max_steps)

    def epoch(self, step: int) -> int:
        """The epoch, from 0, that a step, from 1, belongs to."""
        return (step - 1) // self.steps_per_epoch

    def batch(self, step: int, seed: int) -> Places:
        """The examples of one step, in the order drawn."""
        place = (step - 1) % self.steps_per_epoch * self.batch_size
        return order(seed, self.epoch(step), self.n)[place : place + self.batch_size]

    def due(self, step: int, every: float) -> bool:
        """Whether something that happens each ``every`` epochs happens after this step; it does after the last one."""
        apart = max(1.0, every * self.steps_per_epoch)
        return step == self.total or math.floor(step / apart + 1e-9) > math.floor((step - 1) / apart + 1e-9)


def denominator(examples: Examples, schedule: Schedule) -> float:
    """C, what the summed loss of a batch is divided by in every step: the mean over the batches of an epoch of their
    summed loss weight.

    A denominator of each batch would cancel the weights in it: at a batch of one, weight 11 acts as 1 (measured).
    Raises TrainingError where nothing has a weight.
    """
    weight = math.fsum(examples.loss_weights().tolist())
    if not weight > 0:
        raise TrainingError(
            "nothing is to be learnt: the loss weights of all training rows sum to 0",
            hint="look at the weights of rows, messages, classes and groups",
        )
    return weight / schedule.steps_per_epoch


def reach(examples: Examples) -> Places:
    """Tokens of each sequence that a model has to read: up to the one before the last trained token, all of them where
    a class is predicted. What stands behind cannot change a loss of a model that reads forward."""
    if examples.is_classified:
        return examples.lengths
    owner, place = examples.trained_places()
    read = np.zeros(len(examples), np.int64)
    np.maximum.at(read, owner, place - examples.starts[owner])
    return read


def cut(lengths: Sequence[int] | Places, indices: Sequence[int] | Places, budget: int) -> tuple[tuple[int, ...], ...]:
    """``indices`` in micro-batches of at most ``budget`` tokens, padding included, longest first; a sequence that is
    longer than the budget stands alone. ``lengths`` are of all examples.

    Of all cuts of the sorted sequences the one with the least padding, a further micro-batch counted as a sixteenth of
    the budget.
    """
    chosen = np.asarray(indices, np.int64)
    widths = np.maximum(np.asarray(lengths, np.int64)[chosen], 1)
    chosen = chosen[by_length := np.lexsort((chosen, -widths))]
    widths = widths[by_length]
    n = len(chosen)
    cost = np.zeros(n + 1)  # of all from here on
    end = np.zeros(n, np.int64)  # of the micro-batch that begins here
    for start in range(n - 1, -1, -1):
        most = min(n, start + max(1, budget // int(widths[start])))
        totals = widths[start] * np.arange(1, most - start + 1) + cost[start + 1 : most + 1]
        best = int(np.argmin(totals))
        end[start] = start + 1 + best
        cost[start] = totals[best] + budget / OVERHEAD
    pieces = []
    start = 0
    while start < n:
        pieces.append(tuple(chosen[start : end[start]].tolist()))
        start = int(end[start])
    return tuple(pieces)


def auto_budget(lengths: Sequence[int] | Places, batch_size: int) -> int:
    """The token budget that cuts a typical batch into about four micro-batches, and holds the longest sequence."""
    widths = np.asarray(lengths, np.int64)
    if not len(widths):
        return 1
    return max(int(widths.max()), math.ceil(batch_size * float(widths.mean()) / PIECES))


class Batch(NamedTuple):
    """A micro-batch in tensors. Sequences are padded on the right with 0; a trained token is one with a weight.

    ``ids`` (sequences, width), ``lengths`` (sequences,) without padding. Of the trained tokens: ``positions`` where
    each is predicted, as a place in the flattened ``ids``; ``targets``; ``weights``; ``owner``, its sequence in the
    batch. Of the sequences: ``labels`` and ``row_weights``. ``weight`` is the sum of loss weights, ``trained`` counts
    what is predicted, ``tokens`` what is read, without padding.
    """

    indices: tuple[int, ...]
    ids: torch.Tensor
    lengths: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    owner: torch.Tensor
    labels: torch.Tensor
    row_weights: torch.Tensor
    weight: float
    trained: int
    tokens: int


def collate(
    examples: Examples, indices: Sequence[int], device: torch.device | str = "cpu", read: Places | None = None
) -> Batch:
    """The sequences as one micro-batch, in the order given. ``read`` is ``reach(examples)``, where it is at hand."""
    chosen = np.asarray(indices, np.int64)
    lengths = (reach(examples) if read is None else read)[chosen]
    width = max(1, int(lengths.max(initial=1)))
    ids = np.zeros((len(chosen), width), np.int64)
    positions, targets, weights, owner = [], [], [], []
    for row, (index, length) in enumerate(zip(chosen.tolist(), lengths.tolist(), strict=True)):
        tokens, counted = examples.tokens_of(index)
        ids[row, :length] = tokens[:length]
        trained = np.flatnonzero(counted[1 : length + 1])
        positions.append(trained + row * width)
        targets.append(tokens[trained + 1])
        weights.append(counted[trained + 1])
        owner.append(np.full(len(trained), row))
    labels = examples.labels[chosen].astype(np.int64)
    columns = tuple(np.concatenate(column) for column in (positions, targets, weights, owner))
    return _batch(tuple(chosen.tolist()), ids, lengths, columns, labels, examples.row_weights[chosen], device)


def _batch(
    indices: tuple[int, ...],
    ids: Places,
    lengths: Places,
    columns: tuple[NDArray[np.generic], ...],
    labels: Places,
    row_weights: Floats,
    device: torch.device | str,
) -> Batch:
    def tensor(column: NDArray[np.generic], kind: torch.dtype) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(column)).to(kind).to(device, non_blocking=True)

    positions, targets, weights, owner = columns
    by_token = len(positions) > 0 or not (labels >= 0).any()
    counted = weights.tolist() if by_token else np.where(labels >= 0, row_weights, 0.0).tolist()
    return Batch(
        indices,
        tensor(ids, torch.int64),
        tensor(lengths, torch.int64),
        tensor(positions, torch.int64),
        tensor(targets, torch.int64),
        tensor(weights, torch.float64),
        tensor(owner, torch.int64),
        tensor(labels, torch.int64),
        tensor(row_weights, torch.float64),
        weight=math.fsum(counted),
        trained=sum(1 for value in counted if value),
        tokens=int(lengths.sum()),
    )

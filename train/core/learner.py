"""One optimiser step: a pure function of the weights, the optimiser's state, the step's number and the parts of a run.

Draws, adds up gradients over micro-batches and processes, clips, steps. Evaluates and saves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import torch

from audit.errors import TrainingError
from audit.train.core.batches import Places, Schedule, collate, cut, derived, reach
from audit.train.core.objective import Objective
from audit.train.core.optimiser import LossScale, adamw, load_by_name, set_rate, state_by_name, trained_parameters
from audit.train.core.place import Place
from audit.train.core.rate import rate_at
from audit.train.core.state import Progress, Snapshot, StepLog
from audit.train.data.examples import Examples, Floats
from audit.train.models.prepared import Prepared
from audit.train.options import TrainOptions

_NAMED: Final = 5
"""Rows that an error names before it counts the rest."""


class Parts(NamedTuple):
    """What a run is made of. ``denominator`` and ``budget`` are fixed before its first step, ``options`` settled."""

    prepared: Prepared
    objective: Objective
    train: Examples
    validation: Examples | None
    schedule: Schedule
    denominator: float
    budget: int
    options: TrainOptions
    place: Place


class Learner:
    """Model and optimiser of a run, and how they take one step: a pure function of their state, the step and ``parts``.

    To be used within ``parts.place.applied()``, with the model where ``parts.place`` has it.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.model = parts.prepared.model
        self.objective = parts.objective._replace(place=parts.place)
        self.optimiser = adamw(self.model, parts.options)
        self.scale = LossScale(parts.place.half == torch.float16)
        self.parameters = list(trained_parameters(self.model).values())
        self.read: Places = reach(parts.train)
        self.weights: Floats = parts.train.loss_weights()
        self.counts: Places = parts.train.predicted

    def snapshot(self, progress: Progress) -> Snapshot:
        """All that the run needs to go on from here."""
        model = {name: one.detach() for name, one in trained_parameters(self.model).items()}
        return Snapshot(progress, model, state_by_name(self.optimiser, self.model) | self.scale.state())

    def load(self, snapshot: Snapshot) -> None:
        """Go back to where a snapshot was taken. Raises TrainingError where it is of another model."""
        load_weights(self.model, snapshot.model)
        self.scale.load(snapshot.optimiser)
        load_by_name(self.optimiser, self.model, self.scale.without(snapshot.optimiser))

    def step(self, step: int) -> StepLog:
        """Take one optimiser step, counted from 1, and say what it was.

        Raises TrainingError, before anything is changed, where a loss or the gradient is no number.
        """
        parts = self.parts
        drawn = parts.schedule.batch(step, parts.options.seed)
        counted = drawn[self.weights[drawn] > 0]
        pieces = cut(self.read, counted, parts.budget)
        rate = self._rate(step)
        totals, norm = self._gradients(step, pieces) if pieces else ([], None)
        taken = norm is not None and self._take(step, rate, pieces, totals, norm)
        self.optimiser.zero_grad(set_to_none=True)
        weight, total = math.fsum(self.weights[drawn].tolist()), math.fsum(totals)
        return StepLog(
            step=step,
            epoch=parts.schedule.epoch(step),
            loss=total / weight if pieces else None,
            objective=total / parts.denominator,
            lr=rate,
            grad_norm=norm if taken else None,
            weight=weight,
            trained=int(self.counts[drawn].sum()),
            tokens=int(self.read[counted].sum()),
            padded=sum(len(piece) * int(self.read[list(piece)].max()) for piece in pieces),
            micro_batches=len(pieces),
            examples=tuple(drawn.tolist()),
            skipped=not taken,
        )

    def _rate(self, step: int) -> float:
        options = self.parts.options
        return rate_at(
            step,
            self.parts.schedule.total,
            lr=options.lr or 0.0,
            schedule=options.schedule,
            warmup=options.warmup,
            floor=options.lr_floor,
        )

    def _gradients(self, step: int, pieces: Sequence[tuple[int, ...]]) -> tuple[list[float], float]:
        """Add up the gradients of all micro-batches, over all processes, clip them, and give the summed loss of each
        micro-batch and the norm before clipping."""
        place, world = self.parts.place, self.parts.place.world
        totals = torch.zeros(len(pieces), dtype=torch.float64, device=place.device)
        factor = self.scale.value / self.parts.denominator
        for piece in range(world.rank, len(pieces), world.size):
            place.seed(derived(self.parts.options.seed, step, piece))
            batch = collate(self.parts.train, pieces[piece], place.device, self.read)
            total = self.objective.total(batch)
            (total * factor).backward()
            totals[piece] = total.detach()
        world.sum_gradients(self.parameters)
        totals = world.summed(totals)
        self.scale.unscale(self.parameters)
        gradients = [one.grad for one in self.parameters if one.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.parts.options.clip:
            torch.nn.utils.clip_grads_with_norm_(self.parameters, self.parts.options.clip, norm)
        *told, length = torch.cat([totals, norm.double().reshape(1)]).tolist()  # the one wait for the device in a step
        return told, length

    def _take(
        self, step: int, rate: float, pieces: Sequence[tuple[int, ...]], totals: list[float], norm: float
    ) -> bool:
        """Let the optimiser take its step; False where a gradient overflowed in float16."""
        finite = math.isfinite(norm) and all(map(math.isfinite, totals))
        exhausted = self.scale.exhausted  # asked before an overflow halves it
        if not self.scale.may_step(finite):
            if not exhausted and all(map(math.isfinite, totals)):
                return False
            raise self._diverged(step, pieces, totals)
        set_rate(self.optimiser, rate)
        self.optimiser.step()
        return True

    def _diverged(self, step: int, pieces: Sequence[tuple[int, ...]], totals: list[float]) -> TrainingError:
        """Names the rows of the micro-batches whose loss is no number, or of all where only the gradient is none."""
        guilty = [piece for piece, total in zip(pieces, totals, strict=True) if not math.isfinite(total)]
        train = self.parts.train
        rows = sorted({index for piece in guilty or pieces for index in piece})
        names = [train.row_ids[i] if train.row_ids else f"row {train.rows[i]}" for i in rows]
        told = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        what = "the loss" if guilty else "the gradient"
        return TrainingError(
            f"{what} of step {step} is not a finite number, in the micro-batch of {told}",
            hint=f"a lower lr, more warmup{'' if self.parts.options.clip else ', clip = 1.0'} or another precision",
        )


def load_weights(model: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Put trained weights, by name, into a model. Raises TrainingError where they are of another one."""
    parameters = trained_parameters(model)
    if different := sorted(parameters.keys() ^ weights.keys()):
        raise TrainingError(f"the checkpoint and the model do not train the same: {different[0]}")
    with torch.no_grad():
        for name, one in parameters.items():
            if one.shape != weights[name].shape:
                raise TrainingError(f"the checkpoint's {name} has the shape {tuple(weights[name].shape)}")
            one.copy_(weights[name])

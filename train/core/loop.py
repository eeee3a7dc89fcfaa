"""The loop: steps, evaluations, when to save and when to stop. What it sees it passes on; it opens no file."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
import torch

from audit.errors import ConfigError
from audit.train.core.evaluation import evaluate
from audit.train.core.learner import Learner, Parts
from audit.train.core.state import EARLY, FINISHED, Evaluation, Observer, Progress, Snapshot
from audit.train.data.examples import Examples
from audit.train.options import Metric, TrainOptions


class Fitted(NamedTuple):
    """How a run ended, and its last evaluation (None where there was none since it began or went on)."""

    progress: Progress
    last: Evaluation | None


def fit(
    parts: Parts, observer: Observer, start: Snapshot | None = None, should_stop: Callable[[], str] = lambda: ""
) -> Fitted:
    """Train ``parts.prepared.model`` in place, from the beginning or from where ``start`` was taken.

    ``should_stop`` is asked after each step (and its evaluation) and says why the run should stop, or ""; what is saved
    then is a checkpoint like any other. Of several processes only the first calls the observer.

    Raises ConfigError where early stopping or the choice of the best weights has nothing to go by, TrainingError for a
    loss or gradient that is no number (the weights are then those of the step before).
    """
    check_measures(parts)
    with parts.place.applied():
        return _Run(parts, observer, start).to_the_end(should_stop)


def check_measures(parts: Parts) -> None:
    """Raise ConfigError where a measure that is asked for cannot be taken on the validation rows."""
    options = parts.options
    validation = parts.validation
    if validation is None or not (validation.loss_weights() > 0).any():
        if options.early_stopping is not None:
            raise ConfigError(
                f"[train] early_stopping = {options.early_stopping!r} needs validation rows, and there are none",
                hint="name a validation split, or set hold_out = 0.1",
            )
        return
    wanted = {options.early_stopping, options.choose}
    if "f1" in wanted and parts.objective.strategy != "classify":
        raise ConfigError("[train] f1 is measured with task = 'classify' only", hint="accuracy works for both tasks")
    if "worst_group_loss" in wanted and (largest := _largest_group(validation)) < options.min_group:
        raise ConfigError(
            f"[train] worst_group_loss needs a group of {options.min_group} validation rows; the largest has {largest}",
            hint="declare [attributes.NAME], hold out more rows, or lower min_group",
        )


def _largest_group(examples: Examples) -> int:
    counted = examples.loss_weights() > 0
    known = (codes[counted & (codes >= 0)] for codes in examples.groups.values())
    return max((int(np.bincount(codes).max(initial=0)) for codes in known), default=0)


class _Run:
    """A run under way: what changes from step to step."""

    def __init__(self, parts: Parts, observer: Observer, start: Snapshot | None) -> None:
        self.parts, self.observer = parts, observer
        self.model = parts.prepared.model
        parts.place.settle(self.model)
        self.model.train()
        self.learner = Learner(parts)
        self.progress = Progress()
        self.last: Evaluation | None = None
        if start is not None:
            self.learner.load(start)
            self.progress = start.progress

    def to_the_end(self, should_stop: Callable[[], str]) -> Fitted:
        schedule, options = self.parts.schedule, self.parts.options
        for step in range(self.progress.step + 1, schedule.total + 1):
            if self.progress.stopped:
                break
            log = self.learner.step(step)
            if self.first:
                self.observer.stepped(log)
            self.progress = msgspec.structs.replace(self.progress, step=step)
            best = schedule.due(step, options.evaluate_every) and self._evaluated(step)
            if step == schedule.total and not self.progress.stopped:
                self.progress = msgspec.structs.replace(self.progress, stopped=FINISHED)
            asked = self._asked(should_stop)
            if best or asked or self.progress.stopped or schedule.due(step, options.save_every):
                self._save(best)
            if asked and not self.progress.stopped:
                return Fitted(msgspec.structs.replace(self.progress, stopped=asked), self.last)
        return Fitted(self.progress, self.last)

    @property
    def first(self) -> bool:
        """Whether this process is the one that tells."""
        return self.parts.place.world.rank == 0

    def _evaluated(self, step: int) -> bool:
        """Evaluate, and say whether these are the best weights so far."""
        parts, options = self.parts, self.parts.options
        if parts.validation is None:
            return False
        self.last = evaluate(
            self.model,
            self.learner.objective,
            parts.validation,
            step=step,
            budget=parts.budget,
            min_group=options.min_group,
            world=parts.place.world,
        )
        self.progress, best = judged(self.progress, self.last, options)
        if self.first:
            self.observer.evaluated(self.last, self.progress)
        return best

    def _asked(self, should_stop: Callable[[], str]) -> str:
        """Why the run should stop, agreed on by all processes."""
        reason, world = should_stop(), self.parts.place.world
        if world.size > 1:
            asked = world.summed(torch.tensor([float(bool(reason))], device=self.parts.place.device))
            reason = reason or ("another process was asked to stop" if asked.item() else "")
        return reason

    def _save(self, best: bool) -> None:
        if self.first:
            self.observer.save(self.learner.snapshot(self.progress), best)


def measured(evaluation: Evaluation, metric: Metric) -> float | None:
    """The value of a measure in an evaluation, None where it could not be taken."""
    if metric == "worst_group_loss":
        return None if evaluation.worst is None else evaluation.worst.loss
    value: float | None = getattr(evaluation, metric)
    return value


def judged(progress: Progress, evaluation: Evaluation, options: TrainOptions) -> tuple[Progress, bool]:
    """The progress after an evaluation, and whether the weights are the best so far by ``options.choose``.

    The run stops early where the measure of ``early_stopping`` has not improved on its best value by more than
    ``min_delta`` in ``patience`` evaluations (Prechelt 1998, "Early Stopping, But When?").
    """
    choose = options.choose or "loss"
    value = measured(evaluation, choose)
    best = _improves(value, progress.best, choose, 0.0)
    if best:
        progress = msgspec.structs.replace(progress, best=value, best_step=evaluation.step)
    if options.early_stopping is None:
        return progress, best
    value = measured(evaluation, options.early_stopping)
    if _improves(value, progress.watched, options.early_stopping, options.min_delta):
        return msgspec.structs.replace(progress, watched=value, stale=0), best
    stale = progress.stale + 1
    stopped = EARLY if stale >= options.patience else ""
    return msgspec.structs.replace(progress, stale=stale, stopped=stopped), best


def _improves(value: float | None, best: float | None, metric: Metric, least: float) -> bool:
    if value is None or math.isnan(value):
        return False
    if best is None:
        return True
    return best - value > least if metric in ("loss", "worst_group_loss") else value - best > least

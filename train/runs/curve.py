"""Reads the course of a run out of its log: its losses by step and at its evaluations. Draws nothing.

That of a hosted run is read by ``audit.train.runs.hosted_curve`` and put together here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from audit.model import Json
from audit.rule.arms import CurvePoint
from audit.train.runs.folder import EVENTS, METRICS, RESULT
from audit.train.runs.hosted_curve import metrics_of
from audit.train.runs.log import EVALUATION, STEP, lines_of

MOST_POINTS: Final = 40
"""Points of a whole curve, beside the evaluations: the steps between two are one mean."""


class _Step(NamedTuple):
    """One step: its number, the sequences drawn up to it, its mean loss for each trained token, and the weight of
    these."""

    number: int
    drawn: int
    loss: float
    weight: float


def curve_of(folder: Path, sequences: int = 0, *, whole: bool = False) -> tuple[CurvePoint, ...]:
    """The losses of a run in nats a token: a point at every evaluation and, of a ``whole`` curve, between them at so
    many steps that about 40 come out; () where there are none.

    The training loss is the mean over the steps since the point before, in which each trained token counts as its
    weight; without ``sequences`` of the training split no epoch is known, and it is 0. Of a hosted run it is what the
    provider measured, every step counts alike, and no epoch is known.
    """
    hosted = not (folder / METRICS).is_file() and any((folder / name).is_file() for name in (RESULT, EVENTS))
    steps, validation = _hosted(folder) if hosted else _logged(folder)
    ends = set(validation)
    if whole and steps:
        width = max(1, -(-len(steps) // MOST_POINTS))
        ends |= {*range(width, len(steps) + 1, width), len(steps)}
    return tuple(_points(steps, sorted(ends), validation, sequences))


_Read = tuple[list[_Step], dict[int, float | None]]
"""The steps, and the loss of the validation rows by how many steps there were before it."""


def _logged(folder: Path) -> _Read:
    steps: list[_Step] = []
    validation: dict[int, float | None] = {}
    drawn = 0
    for line in lines_of(folder / METRICS):
        if line.get("kind") == STEP:
            drawn += len(line.get("examples", ()))
            loss, weight = _number(line, "loss", math.nan), _number(line, "weight", 0.0)
            steps.append(_Step(len(steps) + 1, drawn, loss, weight))
        elif line.get("kind") == EVALUATION:
            loss = _number(line, "loss", math.nan)
            validation[len(steps)] = None if math.isnan(loss) else loss
    return steps, validation


def _hosted(folder: Path) -> _Read:
    steps: list[_Step] = []
    validation: dict[int, float] = {}
    for one in metrics_of(folder):
        steps.append(_Step(one.step, 0, math.nan if one.train is None else one.train, 1.0))
        if one.validation is not None:
            validation[len(steps)] = one.validation
    return steps, _fewer(validation)


def _fewer(validation: Mapping[int, float]) -> dict[int, float | None]:
    """About 40 evaluations at most, each the mean of those since the one before: providers measure one batch of the
    validation rows at every step."""
    ends = sorted(validation)
    width = max(1, -(-len(ends) // MOST_POINTS))
    parts = [ends[at : at + width] for at in range(0, len(ends), width)]
    return {part[-1]: math.fsum(validation[end] for end in part) / len(part) for part in parts}


def _points(
    steps: Sequence[_Step], ends: Sequence[int], validation: Mapping[int, float | None], sequences: int
) -> Iterator[CurvePoint]:
    before = 0
    for end in ends:
        epoch = steps[end - 1].drawn / sequences if sequences and end else 0.0
        loss = _mean(steps[before:end])
        step = steps[end - 1].number if end else 0
        yield CurvePoint(step=step, epoch=epoch, train_loss=loss, validation_loss=validation.get(end))
        before = end


def _mean(steps: Sequence[_Step]) -> float | None:
    known = [one for one in steps if one.weight > 0 and math.isfinite(one.loss)]
    total = math.fsum(one.weight for one in known)
    return math.fsum(one.loss * one.weight for one in known) / total if total else None


def _number(line: Mapping[str, Json], name: str, otherwise: float) -> float:
    value = line.get(name)
    return float(value) if isinstance(value, int | float) else otherwise

"""A dry run: what training would take, counted and measured. Trains nothing that is kept and writes nothing."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch

from audit.api.preparing import override, prepared
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.engine.finish import TRAIN
from audit.evidence import tool_version
from audit.train.core.batches import Schedule, cut, reach
from audit.train.core.learner import Learner, Parts
from audit.train.core.loop import check_measures
from audit.train.core.place import Place, alone, place_for
from audit.train.data.examples import Examples
from audit.train.models.prepared import unwrapped
from audit.train.options import TrainOptions, check_options, read_options
from audit.train.runs.assembling import Assembled, assemble, parts_of
from audit.train.runs.gating import settings_of_gate
from audit.train.runs.identity import told_options
from audit.train.runs.memory import (
    Memory,
    MicroBatch,
    available_memory,
    memory_needed,
    resident_memory,
    shape_of,
)
from audit.train.runs.plan import Duration, Plan

PROBED: Final = 2
"""Steps that are timed, after one that is not: the first of a process is slower."""
NOT_ASKED: Final = "the gate was not asked, and may refuse this data; the time that it takes is left out"
FORWARD: Final = 1 / 3
"""What reading a token costs beside training on it (Kaplan et al. 2020, section 2.1: the backward pass costs twice the
forward one)."""


def plan(
    data: Any,
    *,
    options: TrainOptions | None = None,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    probe: bool = True,
    **config: Any,
) -> Plan:
    """What ``train`` would do with the same arguments: rows and tokens, steps, memory, time. The gate is not asked.

    Without ``probe`` no step is taken and no time is given. Raises what ``train`` raises for data and options that
    cannot be trained on.
    """
    settings = override(settings or Settings(), config)
    options = (options or read_options(settings)).settled
    check_options(options)
    alone("a dry run is made")
    data = list(data) if isinstance(data, Iterator) else data
    place = place_for(options)
    if place.device.type == "cpu":
        prepared(settings_of_gate(settings, options))  # what the gate loads stays in the process, and is counted
    with TemporaryDirectory(prefix="audit-plan-") as scratch:
        assembled = assemble(data, options, settings, Path(scratch), progress)
        with place.applied():
            parts = parts_of(assembled, place)
            check_measures(parts)
            return _plan_of(assembled, parts, probe=probe)


def _plan_of(assembled: Assembled, parts: Parts, *, probe: bool) -> Plan:
    options, model, schedule = parts.options, parts.prepared, parts.schedule
    pieces, padding = _pieces(parts)
    largest = _largest(parts, parts.train, [piece for step in pieces for piece in step])
    memory = _memory(assembled, parts, largest)
    trained = assembled.accounting.splits[TRAIN].trained
    evaluations = times_due(schedule, options.evaluate_every) if parts.validation is not None else 0
    return Plan(
        version=tool_version(),
        model=model.base.name,
        method=str(options.method),
        task=options.task,
        options=told_options(options),
        files={name: {"sha256": file.sha256, "rows": file.rows} for name, file in assembled.files.items()},
        accounting=assembled.accounting,
        steps=schedule.total,
        steps_per_epoch=schedule.steps_per_epoch,
        evaluations=evaluations,
        micro_batches=statistics.fmean(map(len, pieces)),
        padding=padding,
        token_budget=parts.budget,
        denominator=parts.denominator,
        strategy=parts.objective.strategy,
        parameters=model.parameters.total,
        parameters_trained=model.parameters.trained,
        trained_tokens=trained,
        parameters_per_trained_token=model.parameters.trained / trained if trained else None,
        largest=largest,
        memory=memory,
        memory_needed=memory.total,
        fits=memory.fits,
        duration=_duration(parts, evaluations) if probe else None,
        device=str(parts.place.device),
        notes=(NOT_ASKED, *assembled.accounting.notes),
    )


def times_due(schedule: Schedule, every: float) -> int:
    """How often ``schedule.due`` says yes in a run, without asking it for every step."""
    total = schedule.total
    apart = max(1.0, every * schedule.steps_per_epoch)
    regular = math.floor(total / apart + 1e-9)
    return regular + (math.floor((total - 1) / apart + 1e-9) == regular)  # the last step always counts


def _pieces(parts: Parts) -> tuple[list[tuple[tuple[int, ...], ...]], float]:
    """The micro-batches of every step of the first epoch, and the share of their tokens that is padding."""
    read, weights, seed = reach(parts.train), parts.train.loss_weights(), parts.options.seed
    found = []
    tokens = padded = 0
    for step in range(1, min(parts.schedule.steps_per_epoch, parts.schedule.total) + 1):
        drawn = parts.schedule.batch(step, seed)
        found.append(cut(read, drawn[weights[drawn] > 0], parts.budget))
        for piece in found[-1]:
            tokens += int(read[list(piece)].sum())
            padded += len(piece) * int(read[list(piece)].max())
    return found, 1 - tokens / padded if padded else 0.0


def _largest(parts: Parts, examples: Examples, pieces: Sequence[tuple[int, ...]]) -> MicroBatch:
    """The micro-batch with the most tokens, padding included, and the most logits that any has."""
    read, counts = reach(examples), examples.trained
    widest = max(pieces, key=lambda piece: len(piece) * int(read[list(piece)].max()))
    rows, length = len(widest), int(read[list(widest)].max())
    if parts.objective.strategy == "full":
        return MicroBatch(rows=rows, length=length, logits=rows * length)
    if parts.objective.strategy == "classify":
        return MicroBatch(rows=rows, length=length, logits=max(map(len, pieces)))
    return MicroBatch(rows=rows, length=length, logits=max(int(counts[list(piece)].sum()) for piece in pieces))


def _evaluated(parts: Parts) -> MicroBatch | None:
    """The largest micro-batch of the validation rows, None where none are read."""
    if parts.validation is None:
        return None
    pieces = cut(reach(parts.validation), np.flatnonzero(parts.validation.loss_weights() > 0), parts.budget)
    return _largest(parts, parts.validation, pieces) if pieces else None


def _memory(assembled: Assembled, parts: Parts, largest: MicroBatch) -> Memory:
    """Where the weights are loaded already, they are counted among what is free, and not in the program."""
    model, options = unwrapped(parts.prepared.model), parts.options
    classes = len(assembled.classes) if options.task == "classify" else 0
    config = model.config
    dropout = any(isinstance(module, torch.nn.Dropout) and module.p > 0 for module in model.modules())
    weights = sum(one.numel() * one.element_size() for one in model.parameters())
    on_device = parts.place.device.type == "cuda"
    free = _available(parts.place)
    return memory_needed(
        shape_of(config, classes),
        largest,
        parameter_bytes=weights,
        trained=parts.prepared.parameters.trained,
        bytes_each=parts.place.half.itemsize if parts.place.half is not None else parts.place.dtype.itemsize,
        checkpointing=options.gradient_checkpointing,
        # Dropout on the scores leaves only the kernel that keeps them; eager attention always does.
        scores_kept=dropout or getattr(config, "_attn_implementation", "") == "eager",
        program=0 if on_device else max(0, resident_memory() - weights),
        available=None if free is None else free + weights,
        evaluated=_evaluated(parts),
    )


def _available(place: Place) -> int | None:
    if place.device.type == "cuda":
        free: int = torch.cuda.mem_get_info(place.device)[0]
        return free
    return available_memory()


def _duration(parts: Parts, evaluations: int) -> Duration:
    """Take a few steps on the model, which is thrown away afterwards."""
    learner = Learner(parts)
    parts.place.settle(learner.model)
    learner.model.train()
    steps = range(1, min(1 + PROBED, parts.schedule.total) + 1)
    seconds, tokens = [], []
    for step in steps:
        began = time.perf_counter()
        tokens.append(learner.step(step).tokens)
        seconds.append(time.perf_counter() - began)
    timed = seconds[1:] or seconds
    each = statistics.median(timed)
    per_token = sum(timed) / max(1, sum(tokens[1:] or tokens))
    read = float(np.sum(reach(parts.validation))) if parts.validation is not None else 0.0
    return Duration(
        probed=len(timed),
        seconds_per_step=each,
        seconds=each * parts.schedule.total + evaluations * read * per_token * FORWARD,
    )

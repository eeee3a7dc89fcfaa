"""One training run, from data and settings to a sealed folder: gate, data, model, loop, record. Computes no gradient.

The order in which things happen, and what is refused before anything is written, is decided here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import msgspec
import torch

from audit.api.preparing import override
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.evidence import tool_version
from audit.train.core.learner import Parts, load_weights
from audit.train.core.loop import Fitted, check_measures, fit
from audit.train.core.place import Place, place_for
from audit.train.core.state import EARLY, FINISHED, Evaluation, Listener, Snapshot, StepLog
from audit.train.core.state import Progress as TrainProgress
from audit.train.data.canaries import CANARIES, draw_canaries
from audit.train.models.saving import save
from audit.train.options import TrainOptions, check_options, read_options
from audit.train.runs import checkpoint
from audit.train.runs.assembling import Assembled, assemble, identity_of, parts_of
from audit.train.runs.chain import canonical, read_entry
from audit.train.runs.ending import Begun, Ended, evaluations_in, report_of
from audit.train.runs.folder import (
    ACCOUNTING,
    CHECKPOINTS,
    CONFIG,
    GATE,
    METRICS,
    MODEL,
    MODEL_ENTRY,
    ROWS,
    TOKENIZER,
    begin,
    check_output,
)
from audit.train.runs.gating import GateDecision, pass_gate, read_waiver, recorded_decision
from audit.train.runs.hosting import refuse_hosted
from audit.train.runs.identity import Identity, refuse, told_options
from audit.train.runs.inputs import inputs_of
from audit.train.runs.log import MetricsLog
from audit.train.runs.metering import Meter, Timing, spent, write_machine
from audit.train.runs.record import Record
from audit.train.runs.recording import Recorder, take_up
from audit.train.runs.refusing import refuse_other_command, refuse_other_files, refuse_unjudged
from audit.train.runs.report import BestStep, TrainReport
from audit.train.runs.rows import row_line
from audit.train.runs.stopping import Signal, Stopping, stopping
from audit.train.runs.tensorboard import TENSORBOARD_FOLDER, TensorBoardWriter
from audit.writing import write_whole

Weights: TypeAlias = Literal["best", "last", ""]


class Live(Listener, Protocol):
    """A listener that is told before the first step how many there will be."""

    total: int | None


def train(
    data: Any,
    output: str | os.PathLike[str],
    *,
    options: TrainOptions | None = None,
    settings: Settings | None = None,
    waive: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Callable[[Progress], None] | None = None,
    live: Live | None = None,
    **config: Any,
) -> TrainReport:
    """Judge the data by the policy, train on it into the folder ``output``, and say how it went.

    ``data`` and ``config`` are as for ``audit.check``; ``options`` without which those of ``[train]`` count. ``waive``
    ("who: why") lets the run go on where the gate says FAIL. ``resume`` goes on with an interrupted run of the same
    command (it begins where there is none, and says so where it is finished), ``force`` replaces an earlier one.
    ``live`` is told of every step.

    Ctrl-C and SIGTERM while steps are taken end the run after the step, with a checkpoint: the report says so. After
    the last step they are passed over, and the run is brought to its end. Raises
    GateFailed, ResumeRefused, UsageError, ConfigError, InputError, OutputError, TrainingError and MissingExtra.
    """
    settings = override(settings or Settings(), config)
    options = (options or read_options(settings)).settled
    check_options(options)
    waiver, folder, inputs = read_waiver(waive), Path(output), inputs_of(data, settings, _beside(options))
    data = list(data) if isinstance(data, Iterator) else data
    place = place_for(options)
    with Meter(energy=options.energy, device=str(place.device)) as meter:
        state = check_output(folder, inputs, resume=resume, force=force)
        _meet(place)
        if state in ("started", "finished") and not force:
            refuse_hosted(folder)
        if state == "finished" and not force:
            refuse_other_command(folder, data, options, settings)
            return report_of(folder, spent(folder), already=True)
        going_on = state == "started" and not force
        if going_on:
            decision = recorded_decision(folder)
        else:
            decision = pass_gate(data, settings, waiver, progress, options=options)
        with TemporaryDirectory(prefix="audit-train-") as scratch:
            assembled = assemble(data, options, settings, Path(scratch), progress)
            return carry_out(assembled, folder, decision, place, meter, resume=going_on, force=force, live=live)


def _beside(options: TrainOptions) -> tuple[str | None, ...]:
    return (None if options.is_tiny else options.model, options.chat_template)


# ----------------------------------------------------------------------------- one run


class _Run(NamedTuple):
    """A run that is ready for its first step, or for the one after a checkpoint."""

    assembled: Assembled
    parts: Parts
    identity: Identity
    start: Snapshot | None


def carry_out(
    assembled: Assembled,
    folder: Path,
    decision: GateDecision,
    place: Place,
    meter: Meter,
    *,
    resume: bool = False,
    force: bool = False,
    live: Live | None = None,
) -> TrainReport:
    """Train what was assembled into ``folder``. A run that is there is gone on with (``resume``) or taken away
    (``force``).

    ``meter`` is entered; it is stopped when the model is written. Raises as ``train``.
    """
    if not resume:
        refuse_unjudged(decision, assembled.files)
    with place.applied():
        parts = parts_of(assembled, place)
        check_measures(parts)
        identity = identity_of(assembled, parts)
    if place.world.rank:
        return _follow(assembled, parts, identity, folder, resume=resume)
    if resume:
        record, start = _gone_on(assembled, parts, identity, folder, decision)
    else:
        record, start = _begun(assembled, parts, identity, folder, decision, force=force), None
    run = _Run(assembled, parts, identity, start)
    _meet(place)
    with record, stopping() as asked:  # to the seal: what is left to do after the last step is short
        write_machine(folder, identity.machine, meter.usage.energy_method)
        with Timing(folder, meter) as timing:
            fitted = _fitted(run, folder, timing, live, asked)
            interrupted = _interrupted(fitted, asked)
            weights: Weights = "" if interrupted else _chosen_weights(run, folder, fitted)
            sheet = None
            if not interrupted:
                sheet = save(parts.prepared, folder / TOKENIZER, folder / MODEL, assembled.options, assembled.classes)
            timing.ended(meter.stop())
        ended = _ended(run, folder, fitted, weights, sheet.merge_difference if sheet else None)
        if not interrupted:
            record.finish(msgspec.to_builtins(ended))
    _meet(place)
    return report_of(folder, spent(folder), ended=ended, interrupted=interrupted)


# ----------------------------------------------------------------------------- several processes


class _Silent:
    """The observer of a process that is not the first: that one keeps everything."""

    def stepped(self, log: StepLog) -> None:
        """Nothing."""

    def evaluated(self, evaluation: Evaluation, progress: TrainProgress) -> None:
        """Nothing."""

    def save(self, snapshot: Snapshot, best: bool) -> None:
        """Nothing."""


def _meet(place: Place) -> None:
    """Wait until all processes of the run are here."""
    place.world.summed(torch.zeros(1, device=place.device))


def _follow(assembled: Assembled, parts: Parts, identity: Identity, folder: Path, *, resume: bool) -> TrainReport:
    """The part of a process that is not the first: it computes its share of every step, and writes nothing."""
    _meet(parts.place)  # the first one has the folder ready
    found = checkpoint.newest(folder / CHECKPOINTS, identity) if resume else None
    start = checkpoint.load(found.path, identity) if found else None
    with stopping() as asked:
        fitted = fit(parts, _Silent(), start, asked)
        _meet(parts.place)  # it has written everything
    ended = Ended(steps=fitted.progress.step, stopped=fitted.progress.stopped)
    return report_of(folder, spent(folder), ended=ended, interrupted=_interrupted(fitted, asked))


# ----------------------------------------------------------------------------- beginning


def _begun(
    assembled: Assembled, parts: Parts, identity: Identity, folder: Path, decision: GateDecision, *, force: bool
) -> Record:
    """A new folder with everything that is known before the first step."""
    record = begin(folder, {"version": tool_version(), "options": told_options(parts.options)}, force=force)
    try:
        record.add("gate", decision)
        _describe(assembled, folder, decision)
        told = {"files": assembled.files, "order": list(assembled.files), "splits": assembled.accounting.splits}
        record.add("data", told)
        record.add(MODEL_ENTRY, {"identity": identity, "run": _begun_as(assembled, parts)})
    except BaseException:
        record.close()
        raise
    return record


def _gone_on(
    assembled: Assembled, parts: Parts, identity: Identity, folder: Path, decision: GateDecision
) -> tuple[Record, Snapshot | None]:
    """The folder of an interrupted run, with its log cut after its newest checkpoint. Raises ResumeRefused where this
    is another run, before anything is changed."""
    recorded = read_entry(folder, MODEL_ENTRY)["identity"]
    refuse(f"the run in {folder}", msgspec.convert(recorded, Identity), identity)
    refuse_other_files(
        read_entry(folder, "data")["files"], {name: file.sha256 for name, file in assembled.files.items()}
    )
    record = Record.resume(folder)
    try:
        found, start, cut = take_up(folder, identity, lambda step: parts.schedule.due(step, parts.options.save_every))
        _describe(assembled, folder, decision)
        passed = [one._asdict() for one in found.passed_over] if found else []
        record.add("resumed", {"step": found.step if found else 0, "cut": cut._asdict(), "passed_over": passed})
    except BaseException:
        record.close()
        raise
    return record, start


def _describe(assembled: Assembled, folder: Path, decision: GateDecision) -> None:
    """The files that say what is trained on what: the same for the same run."""
    shutil.rmtree(folder / TOKENIZER, ignore_errors=True)
    shutil.copytree(assembled.tokenizer_folder, folder / TOKENIZER)
    write_whole(folder / CONFIG, [canonical({"schema": "audit.config/1", "options": told_options(assembled.options)})])
    write_whole(folder / GATE, [canonical(decision)])
    write_whole(folder / ACCOUNTING, [canonical(assembled.accounting)])
    write_whole(folder / ROWS, map(row_line, assembled.outcomes))
    if assembled.options.canaries:
        write_whole(folder / CANARIES, map(canonical, draw_canaries(assembled.options)))


def _begun_as(assembled: Assembled, parts: Parts) -> Begun:
    prepared, options = parts.prepared, parts.options
    return Begun(
        base=msgspec.to_builtins(prepared.base),
        method=str(options.method),
        task=options.task,
        parameters=prepared.parameters.total,
        parameters_trained=prepared.parameters.trained,
        trained_names=prepared.trainable,
        classes=assembled.classes,
        planned=parts.schedule.total,
        steps_per_epoch=parts.schedule.steps_per_epoch,
        strategy=parts.objective.strategy,
        denominator=parts.denominator,
        token_budget=parts.budget,
        place=parts.place.described,
    )


# ----------------------------------------------------------------------------- training and ending


class _Clock:
    """The listener that writes down when each step was done."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing

    def stepped(self, log: StepLog) -> None:
        self._timing.lap(log.step)

    def evaluated(self, evaluation: Evaluation, progress: TrainProgress) -> None:
        """The next step tells."""


def _fitted(run: _Run, folder: Path, timing: Timing, live: Live | None, asked: Stopping) -> Fitted:
    """Take the steps that are left, or those until somebody asked to stop."""
    options, done = run.parts.options, run.start.progress.step if run.start else 0
    with contextlib.ExitStack() as stack:
        listeners: list[Listener] = [_Clock(timing)]
        if live is not None:
            live.total = run.parts.schedule.total
            listeners.append(live)
        if options.tensorboard:
            writer = TensorBoardWriter(folder / TENSORBOARD_FOLDER, after=done)
            stack.callback(writer.close)
            listeners.append(writer)
        log = stack.enter_context(MetricsLog(folder / METRICS))
        recorder = Recorder(folder, log, run.identity, keep=options.keep, listeners=listeners)
        return fit(run.parts, recorder, run.start, asked)


def _interrupted(fitted: Fitted, asked: Stopping) -> Signal:
    """The signal that ended a run before its end, "" where none did; one that came to another process only is told of
    as SIGTERM, which launchers send."""
    over = fitted.progress.stopped in (FINISHED, EARLY)
    return "" if over else asked.signal or "SIGTERM"


def _chosen_weights(run: _Run, folder: Path, fitted: Fitted) -> Weights:
    """Put the best weights into the model, where others are in it; which they are now."""
    best = fitted.progress.best_step
    if not best:
        return "last"
    if best != fitted.progress.step:
        kept = checkpoint.load(folder / CHECKPOINTS / checkpoint.name_of(best), run.identity)
        load_weights(run.parts.prepared.model, kept.model)
    return "best"


def _ended(run: _Run, folder: Path, fitted: Fitted, weights: Weights, merged: float | None) -> Ended:
    progress, options = fitted.progress, run.parts.options
    best = None
    if progress.best is not None:
        best = BestStep(step=progress.best_step, measure=options.choose or "loss", value=progress.best)
    return Ended(
        steps=progress.step,
        stopped="" if progress.stopped == FINISHED else progress.stopped,
        best=best,
        weights=weights,
        evaluations=evaluations_in(folder),
        merge_difference=merged,
    )

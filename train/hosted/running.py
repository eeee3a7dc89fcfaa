"""One hosted fine-tuning, from data and settings to a sealed folder: gate, files, job, events, record. Trains nothing.

The order in which things happen, and what is refused before anything is handed in or paid for, is decided here. Every
step is in the record before the next one, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from audit.api.preparing import override
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.evidence import file_sha256, tool_version
from audit.model import Json
from audit.train.hosted.carrying import carried_out
from audit.train.hosted.events import Told
from audit.train.hosted.job import hyperparameters_of, key_of, settings_of_job
from audit.train.hosted.lifecycle import standing
from audit.train.hosted.moderating import moderate
from audit.train.hosted.options import HostedOptions, check_options, read_options, told_options
from audit.train.hosted.preparing import Prepared, prepare
from audit.train.hosted.report import HostedReport, report_of
from audit.train.hosted.resuming import (
    hosted_run,
    recorded_options,
    refuse_other_command,
    refuse_other_run,
)
from audit.train.hosted.scratch import scratch_beside
from audit.train.protocol.connection import Connection
from audit.train.runs.chain import canonical
from audit.train.runs.folder import CONFIG, GATE, MODEL_ENTRY, MODERATION, begin, check_output
from audit.train.runs.gating import GateDecision, pass_gate, read_waiver, recorded_decision
from audit.train.runs.hosting import HOSTED, IN_DOUBT, HostedBegun, doubts_of
from audit.train.runs.inputs import inputs_of
from audit.train.runs.record import Record, is_finished
from audit.train.runs.refusing import refuse_unjudged
from audit.writing import write_whole

RESUMED: Final = "hosted_resumed"
"""The kind of an entry that says that a hosted run was gone on with."""
_PIECE: Final = 1 << 20


def train_hosted(
    data: Any,
    output: str | os.PathLike[str],
    *,
    options: HostedOptions | None = None,
    settings: Settings | None = None,
    waive: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Callable[[Progress], None] | None = None,
    told: Told | None = None,
    **config: Any,
) -> HostedReport:
    """Judge the data by the policy, have a provider fine-tune a model on it, and say how it went.

    ``data`` and ``config`` are as for ``audit.check``; ``options`` without which those of ``[train]`` count. ``waive``
    ("who: why") lets the run go on where the gate says FAIL. ``resume`` goes on with an interrupted run of the same
    command (it begins where there is none, and says so where it is finished), ``force`` replaces an earlier one. What
    happens is ``told``, a line at a time; it may hold what the provider said.

    A job with the same files and settings that is at the provider already is followed and not made again. A job that
    fails is no error here: the report says so. Ctrl-C ends the waiting and not the job; the report says so. Raises
    GateFailed, FlaggedRows, ResumeRefused, ProviderError, UsageError, ConfigError, InputError, OutputError and
    MissingExtra.
    """
    settings = override(settings or Settings(), config)
    options = options or read_options(settings)
    check_options(options)
    waiver, folder = read_waiver(waive), Path(output)
    data = list(data) if isinstance(data, Iterator) else data
    state = check_output(folder, inputs_of(data, settings), resume=resume, force=force)
    if state == "finished" and not force:
        refuse_other_command(folder, data, options, settings)
        return report_of(folder, already=True)
    going_on = state == "started" and not force
    with connected(options) as connection:
        with scratch_beside(folder) as scratch:
            if going_on:
                hosted_run(folder)
                decision = recorded_decision(folder)
                prepared = prepare(data, options, settings, scratch, progress)
                if is_finished(folder):  # by another process, since it was looked at
                    refuse_other_command(folder, data, options, settings)
                    return report_of(folder, already=True)
                record = _gone_on(_Ready(options, decision, prepared, scratch), folder, settings, connection)
            else:
                decision = pass_gate(data, settings, waiver, progress)
                prepared = prepare(data, options, settings, scratch, progress)
                refuse_unjudged(decision, prepared.read)
                begun = _found_out(prepared, options, settings, scratch, connection)
                record = _begun(_Ready(options, decision, prepared, scratch), folder, begun, force=force)
        with record:
            return carried_out(connection, record, folder, options, told or _silent)


def connected(options: HostedOptions) -> Connection:
    """A connection as the options ask for. Raises MissingExtra, UsageError."""
    return Connection(
        options.provider,
        base_url=options.base_url,
        key_variable=options.key_variable,
        timeout=options.timeout,
        retries=options.retries,
    )


def _silent(_: str) -> None:
    """Nobody listens."""


class _Ready(NamedTuple):
    """Rows that are ready to be handed in: the files lie in ``scratch``."""

    options: HostedOptions
    decision: GateDecision
    prepared: Prepared
    scratch: Path


# ----------------------------------------------------------------------------- beginning


def _found_out(
    prepared: Prepared, options: HostedOptions, settings: Settings, scratch: Path, connection: Connection
) -> HostedBegun:
    """What is known before anything is handed in: the last moment at which a run costs nothing."""
    lifecycle = standing(options, settings, connection)
    moderation = moderate(scratch, options, connection)
    account = dict(moderation.account())
    if (scratch / MODERATION).is_file():
        account["sha256"] = file_sha256(scratch / MODERATION)
    notes = (*prepared.notes, *lifecycle.notes, *filter(None, (moderation.note,)))
    return HostedBegun(
        provider=options.provider,
        address=connection.shown,
        key_variable=options.key_name,
        model=options.model,
        method=prepared.method,
        key=key_of(prepared.files, options, prepared.method, connection.shown),
        hyperparameters=hyperparameters_of(options),
        suffix=options.suffix,
        seed=options.seed,
        files=prepared.files,
        lifecycle=msgspec.to_builtins(lifecycle),
        quote=prepared.quote,
        moderation=account,
        lowering=prepared.lowering,
        notes=tuple(dict.fromkeys(notes)),
    )


def _begun(ready: _Ready, folder: Path, begun: HostedBegun, *, force: bool) -> Record:
    """A new folder with everything that is known before the first file is handed in."""
    options, prepared = ready.options, ready.prepared
    doubts = doubts_of(folder)
    told = {"version": tool_version(), "options": told_options(options)} | ({IN_DOUBT: doubts} if doubts else {})
    record = begin(folder, told, force=force)
    try:
        record.add("gate", ready.decision)
        _describe(ready, folder, told_options(options))
        record.add("data", {"files": prepared.read, "order": list(prepared.read), "splits": prepared.splits})
        config = settings_of_job(options, prepared.method)
        record.add(MODEL_ENTRY, {"identity": {"key": begun.key, "config": config}, HOSTED: begun})
    except BaseException:
        record.close()
        raise
    return record


def _describe(ready: _Ready, folder: Path, options: Mapping[str, Json]) -> None:
    """The files that say what is handed in and why it may be: the same for the same run."""
    for path in sorted(ready.scratch.iterdir()):
        write_whole(folder / path.name, _pieces(path))
    write_whole(folder / CONFIG, [canonical({"schema": "audit.config/1", "options": options})])
    write_whole(folder / GATE, [canonical(ready.decision)])


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece


# ----------------------------------------------------------------------------- going on


def _gone_on(ready: _Ready, folder: Path, settings: Settings, connection: Connection) -> Record:
    """The folder of an interrupted run. Raises ResumeRefused where this is another run, before anything is changed."""
    refuse_other_run(folder, ready.options, ready.prepared)
    run = hosted_run(folder)
    if run.job is None and not run.creating:
        standing(ready.options, settings, connection)  # days may have gone by since it was begun
    record = Record.resume(folder)
    try:
        _describe(ready, folder, recorded_options(folder))
        record.add(RESUMED, {"version": tool_version()})
    except BaseException:
        record.close()
        raise
    return record

"""One hosted fine-tuning, from data and settings to a sealed folder: gate, files, job, events, record. Trains nothing.

The order in which things happen, and what is refused before anything is handed in or paid for, is decided here. Every
step is in the record before the next one, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import msgspec

from audit.api.preparing import override
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.errors import InputError
from audit.evidence import file_sha256, tool_version
from audit.model import Json
from audit.train.hosted.events import Told, followed
from audit.train.hosted.job import (
    JobTold,
    Wanted,
    hyperparameters_of,
    jobs_like,
    key_of,
    living,
    made,
    retrieved,
    settings_of_job,
)
from audit.train.hosted.lifecycle import standing
from audit.train.hosted.moderating import moderate
from audit.train.hosted.options import HostedOptions, check_options, read_options, told_options
from audit.train.hosted.placing import placed
from audit.train.hosted.preparing import Prepared, prepare
from audit.train.hosted.refusals import refusal_of
from audit.train.hosted.report import HostedReport, report_of
from audit.train.hosted.results import concluded
from audit.train.protocol.connection import Connection
from audit.train.protocol.failures import ProviderError
from audit.train.protocol.files import READY, stored
from audit.train.runs.chain import canonical, read_entries, read_entry
from audit.train.runs.folder import CONFIG, GATE, MODEL_ENTRY, MODERATION, begin, check_output
from audit.train.runs.gating import GateDecision, pass_gate, read_waiver, recorded_decision
from audit.train.runs.hosting import (
    CREATING_ENTRY,
    FILE_ENTRY,
    HOSTED,
    JOB_ENTRY,
    HostedBegun,
    HostedRun,
    hosted_in,
)
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.inputs import inputs_of
from audit.train.runs.record import Record
from audit.train.runs.refusing import hashes_of, refuse_other_files, refuse_unjudged
from audit.writing import write_whole

RESUMED: Final = "hosted_resumed"
"""The kind of an entry that says that a hosted run was gone on with."""
_ANEW: Final = "or train anew into another output folder"
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
        _refuse_other_command(folder, data, options, settings)
        return report_of(folder, already=True)
    going_on = state == "started" and not force
    with connected(options) as connection, TemporaryDirectory(prefix="audit-train-") as place:
        scratch = Path(place)
        if going_on:
            _refuse_other_kind(folder)
            decision = recorded_decision(folder)
            prepared = prepare(data, options, settings, scratch, progress)
            record = _gone_on(_Ready(options, decision, prepared, scratch), folder, connection)
        else:
            decision = pass_gate(data, settings, waiver, progress)
            prepared = prepare(data, options, settings, scratch, progress)
            refuse_unjudged(decision, prepared.read)
            begun = _found_out(prepared, options, settings, scratch, connection)
            record = _begun(_Ready(options, decision, prepared, scratch), folder, begun, force=force)
        with record:
            return _carried_out(connection, record, folder, options, told or _silent)


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
    record = begin(folder, {"version": tool_version(), "options": told_options(options)}, force=force)
    try:
        record.add("gate", ready.decision)
        _describe(ready, folder)
        record.add("data", {"files": prepared.read, "order": list(prepared.read), "splits": prepared.splits})
        config = settings_of_job(options, prepared.method)
        record.add(MODEL_ENTRY, {"identity": {"key": begun.key, "config": config}, HOSTED: begun})
    except BaseException:
        record.close()
        raise
    return record


def _describe(ready: _Ready, folder: Path) -> None:
    """The files that say what is handed in and why it may be: the same for the same run."""
    for path in sorted(ready.scratch.iterdir()):
        write_whole(folder / path.name, _pieces(path))
    write_whole(folder / CONFIG, [canonical({"schema": "audit.config/1", "options": told_options(ready.options)})])
    write_whole(folder / GATE, [canonical(ready.decision)])


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece


# ----------------------------------------------------------------------------- going on


def _refuse_other_kind(folder: Path) -> HostedRun:
    run = hosted_in(read_entries(folder))
    if run is None:
        raise ResumeRefused(
            f"the run in {folder} is one on this machine, and a provider was named",
            hint=f"--provider local goes on with it, {_ANEW}",
        )
    return run


def _gone_on(ready: _Ready, folder: Path, connection: Connection) -> Record:
    """The folder of an interrupted run. Raises ResumeRefused where this is another run, before anything is changed."""
    begun = _refuse_other_kind(folder).begun
    options, prepared = ready.options, ready.prepared
    _refuse_other_job(folder, settings_of_job(options, prepared.method))
    if begun.address != connection.shown:
        raise _other(folder, "the address", connection.shown, begun.address, "--base-url")
    refuse_other_files(read_entry(folder, "data")["files"], {name: file.sha256 for name, file in prepared.read.items()})
    if begun.key != key_of(prepared.files, options, prepared.method, connection.shown):
        raise ResumeRefused(
            f"the run in {folder} cannot be gone on with: from the same data other files would be handed in now",
            hint=f"give settings and sidecars as they were when the run began, {_ANEW}",
        )
    record = Record.resume(folder)
    try:
        _check_moderation(folder, begun)
        _describe(ready, folder)
        record.add(RESUMED, {"version": tool_version()})
    except BaseException:
        record.close()
        raise
    return record


def _check_moderation(folder: Path, begun: HostedBegun) -> None:
    """Raise ResumeRefused where the rows that were flagged are no longer those that the record tells of."""
    recorded, path = begun.moderation.get("sha256"), folder / MODERATION
    now = file_sha256(path) if path.is_file() else None
    if now != recorded:
        raise ResumeRefused(f"{MODERATION} in {folder} is not as it was recorded", hint=f"put it back, {_ANEW}")


def _refuse_other_command(folder: Path, data: Any, options: HostedOptions, settings: Settings) -> None:
    """Raise ResumeRefused where the finished run of a folder is that of other settings or other data. The provider is
    not asked."""
    begun = _refuse_other_kind(folder).begun
    _refuse_other_job(folder, settings_of_job(options, options.method or begun.method))
    refuse_other_files(read_entry(folder, "data")["files"], hashes_of(data, settings))


def _refuse_other_job(folder: Path, now: Mapping[str, Json]) -> None:
    before = read_entry(folder, MODEL_ENTRY)["identity"]["config"]
    for name, value in now.items():
        if before.get(name) != value:
            raise _other(folder, f"the setting {name}", value, before.get(name), f"[train] {name}")


def _other(folder: Path, what: str, now: Json, before: Json, where: str) -> ResumeRefused:
    return ResumeRefused(
        f"the run in {folder} cannot be gone on with: {what} is {now} and was {before}",
        hint=f"{where}: set it back, {_ANEW}",
    )


# ----------------------------------------------------------------------------- carrying out


def _carried_out(
    connection: Connection, record: Record, folder: Path, options: HostedOptions, told: Told
) -> HostedReport:
    """Hand in, have the job made, wait, and seal. Every step that the record holds already is not done again."""
    status = ""
    try:
        job = _the_job(connection, record, folder, options, told)
        status = str(job["status"])
        if not options.wait:
            return report_of(folder, status=status)
        _wait_and_seal(connection, record, job, folder, options, told)
    except KeyboardInterrupt:
        return report_of(folder, status=status, interrupted="SIGINT")
    return report_of(folder)


def _wait_and_seal(
    connection: Connection, record: Record, job: JobTold, folder: Path, options: HostedOptions, told: Told
) -> None:
    """Follow the job to its end, keep what it leaves, and seal the record."""
    begun = _refuse_other_kind(folder).begun
    try:
        ended, events = followed(connection, str(job["id"]), folder, every=options.poll_seconds, told=told)
        end = concluded(connection, ended, folder, begun, events)
    except ProviderError as error:
        error.hint = "; ".join(filter(None, (f"job {job['id']} goes on at the provider", error.hint)))
        raise
    record.finish(msgspec.to_builtins(end))


def _the_job(connection: Connection, record: Record, folder: Path, options: HostedOptions, told: Told) -> JobTold:
    run = _refuse_other_kind(folder)
    if run.job is not None:
        return _known_job(connection, run.job)
    wanted = Wanted(begun=run.begun, file_ids=_uploaded(connection, record, run, folder, options, told))
    if not run.creating:
        there = jobs_like(connection, wanted)
        if (found := living(there, marked=options.attempt > 1)) is not None:
            record.add(JOB_ENTRY, {"id": found["id"], "adopted": True})
            told(f"job {found['id']} has the same files and settings: it is followed, and nothing is paid again")
            return found
        record.add(CREATING_ENTRY, {"key": run.begun.key, "passed_over": sorted(str(one["id"]) for one in there)})
    passed_over = frozenset(map(str, read_entry(folder, CREATING_ENTRY)["passed_over"]))
    job = made(connection, wanted, passed_over, doubtful=run.creating)
    record.add(JOB_ENTRY, {"id": job.it["id"], "adopted": False})
    told(f"job {job.it['id']} {'was made before this run was interrupted' if job.found else 'was made'}")
    return job.it


def _known_job(connection: Connection, identity: str) -> JobTold:
    """The job of the record. Raises ProviderError; one that is gone is not made again: it may have been paid for."""
    try:
        return retrieved(connection, identity)
    except ProviderError as error:
        if error.kind != "missing":
            raise
        raise ProviderError(
            "missing",
            f"{connection.shown} no longer knows job {identity}, and it is not made again by itself",
            hint="--force makes another, which is paid for again",
            code=error.code,
            status=error.status,
        ) from None


def _uploaded(
    connection: Connection, record: Record, run: HostedRun, folder: Path, options: HostedOptions, told: Told
) -> dict[str, str]:
    """The ids of the files by role. Those that the record knows are looked for; one that is gone is handed in again."""
    ids: dict[str, str] = {}
    for role, file in run.begun.files.items():
        known = run.file_ids.get(role)
        if known is not None and _is_there(connection, known):
            ids[role] = known
            continue
        told(f"handing in {file.name}: {file.rows:,} rows, {file.bytes:,} bytes")
        poll = min(2.0, options.poll_seconds)
        try:
            found = stored(connection, folder / file.name, role=role, purpose="fine-tune", poll=poll)
        except ProviderError as error:
            raise _with_place(error, role, folder) from None
        if found.sha256 != file.sha256:
            raise InputError(f"{folder / file.name} was changed while it was handed in", hint="train again")
        record.add(FILE_ENTRY, {"role": role, **found._asdict()})
        told(f"{file.name} is {found.id}{', which was there already' if found.found else ''}")
        ids[role] = found.id
    return ids


def _with_place(error: ProviderError, role: str, folder: Path) -> ProviderError:
    """A file that is refused when it is handed in, with the row where the provider says which."""
    refusal = refusal_of({"code": error.code, "message": error.said}) if error.kind == "refused" else None
    if refusal is None or refusal.example is None:
        return error
    place = placed(msgspec.structs.replace(refusal, role=role), folder)
    return ProviderError(
        "refused", f"{error.what}: {place.text}", hint=place.hint, code=error.code, status=error.status
    )


def _is_there(connection: Connection, identity: str) -> bool:
    what = "looking for an uploaded file"
    try:
        answer = connection.read(lambda client: client.files.retrieve(identity), what)
    except ProviderError as error:
        if error.kind == "missing":
            return False
        raise
    return connection.plain(answer, what).get("status") == READY

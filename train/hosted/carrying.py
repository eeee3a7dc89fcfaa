"""Carries a hosted run out: files, the job, waiting, the seal. What the record holds already is not done again.

Judges no row: the folder is as it was begun or gone on with, and its record is held.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from audit.errors import AuditError
from audit.model import Json
from audit.train.hosted.events import Told, followed
from audit.train.hosted.job import JobTold, Wanted, acted, jobs_like, living, made, older_twin, retrieved
from audit.train.hosted.options import HostedOptions
from audit.train.hosted.placing import placed
from audit.train.hosted.refusals import refusal_of
from audit.train.hosted.report import HostedReport, report_of
from audit.train.hosted.results import concluded
from audit.train.hosted.resuming import hosted_run
from audit.train.protocol.connection import Connection
from audit.train.protocol.failures import ProviderError
from audit.train.protocol.files import READY, stored
from audit.train.runs.chain import read_entry
from audit.train.runs.folder import UPLOADS
from audit.train.runs.hosting import CREATING_ENTRY, ENDED, FILE_ENTRY, JOB_ENTRY, HostedRun
from audit.train.runs.record import Record

_POLL: Final = 2.0
"""Seconds at most between two looks at a file that is being taken in."""


class _Latest:
    """The job as it was last told."""

    def __init__(self) -> None:
        self.job: JobTold | None = None

    def __call__(self, job: JobTold) -> None:
        self.job = job

    @property
    def status(self) -> str:
        return str(self.job["status"]) if self.job else ""


def carried_out(
    connection: Connection, record: Record, folder: Path, options: HostedOptions, told: Told
) -> HostedReport:
    """Hand in, have the job made, wait, and seal. Ctrl-C ends the waiting; the report says so. Raises ProviderError,
    InputError, OutputError."""
    latest = _Latest()
    try:
        latest(_the_job(connection, record, folder, options, told, latest))
        if not options.wait:
            return report_of(folder, status=latest.status)
        _wait_and_seal(connection, record, folder, options, told, latest)
    except KeyboardInterrupt as error:
        terminated = error.args == ("SIGTERM",)
        return report_of(folder, status=latest.status, interrupted="SIGTERM" if terminated else "SIGINT")
    except AuditError as error:
        if latest.job is not None:
            error.hint = "; ".join(filter(None, (_standing(latest.job), error.hint)))
        raise
    return report_of(folder)


def _standing(job: JobTold) -> str:
    if job["status"] in ENDED:
        return f"job {job['id']} has ended ({job['status']})"
    return f"job {job['id']} goes on at the provider"


def _wait_and_seal(
    connection: Connection, record: Record, folder: Path, options: HostedOptions, told: Told, latest: _Latest
) -> None:
    """Follow the job to its end, keep what it leaves, and seal the record."""
    run = hosted_run(folder)
    every = options.poll_seconds
    ended, events = followed(connection, str(run.job), folder, run.begun, every=every, told=told, stands=latest)
    record.finish(msgspec.to_builtins(concluded(connection, ended, folder, run.begun, events)))


# ----------------------------------------------------------------------------- the job


def _the_job(
    connection: Connection, record: Record, folder: Path, options: HostedOptions, told: Told, latest: _Latest
) -> JobTold:
    run = hosted_run(folder)
    if run.job is not None:
        return _only(connection, record, Wanted(begun=run.begun, file_ids={}), _known_job(connection, run.job), told)
    file_ids = _uploaded(connection, record, run, folder, options, told)
    wanted = Wanted(begun=run.begun, file_ids=file_ids, handed_in=run.handed_in)
    if not run.creating:
        there = jobs_like(connection, wanted)
        if (found := living(there.ours, marked=options.attempt > 1)) is not None:
            latest(found)
            record.add(JOB_ENTRY, {"id": found["id"], "adopted": True, **_unmarked(wanted, found)})
            told(f"job {found['id']} has the same files and settings: it is followed, and nothing is paid again")
            return found
        for other in there.alike:
            told(f"job {other['id']} is trained on the same file with other settings: another is made")
        before = [*there.ours, *([] if run.in_doubt else there.alike)]
        record.add(CREATING_ENTRY, {"key": run.begun.key, "passed_over": sorted(str(one["id"]) for one in before)})
    passed_over = frozenset(map(str, read_entry(folder, CREATING_ENTRY)["passed_over"]))
    job = made(connection, wanted, passed_over, doubtful=run.in_doubt)
    latest(job.it)
    unmarked = _unmarked(wanted, job.it) if job.found else {}
    record.add(JOB_ENTRY, {"id": job.it["id"], "adopted": False, **unmarked})
    told(f"job {job.it['id']} {'with these files and settings was made already' if job.found else 'was made'}")
    return _only(connection, record, wanted, job.it, told)


def _unmarked(wanted: Wanted, job: JobTold) -> dict[str, Json]:
    return {} if wanted.is_marked(job) else {"unmarked": True}


def _only(connection: Connection, record: Record, wanted: Wanted, job: JobTold, told: Told) -> JobTold:
    """The job, unless another process made one of the same run at the same time: the younger of two is cancelled at
    once, before it has cost anything, and the older one followed."""
    if job["status"] in ENDED or (older := older_twin(connection, wanted, job)) is None:
        return job
    given_up = str(job["id"])
    try:
        status = str(acted(connection, given_up, "cancel")["status"])
    except ProviderError as error:
        status = f"not cancelled ({error.what})"
    record.add(JOB_ENTRY, {"id": older["id"], "adopted": True, "given_up": given_up, "given_up_status": status})
    told(f"job {older['id']} was made at the same time: it is followed, and job {given_up} is {status}")
    return older


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


# ----------------------------------------------------------------------------- its files


def _uploaded(
    connection: Connection, record: Record, run: HostedRun, folder: Path, options: HostedOptions, told: Told
) -> dict[str, str]:
    """The ids of the files by role. Those that the record knows are looked for; one that is gone is handed in again."""
    ids: dict[str, str] = {}
    poll = min(_POLL, options.poll_seconds)
    for role, file in run.begun.files.items():
        known = run.file_ids.get(role)
        if known is not None and _is_there(connection, known):
            ids[role] = known
            continue
        path = folder / UPLOADS[role]
        told(f"handing in {path.name}: {file.rows:,} rows, {file.bytes:,} bytes")
        try:
            found = stored(connection, path, role=role, purpose="fine-tune", poll=poll, expected=file.sha256)
        except ProviderError as error:
            raise _with_place(error, role, folder) from None
        record.add(FILE_ENTRY, {"role": role, **found._asdict()})
        told(f"{path.name} is {found.id}{', which was there already' if found.found else ''}")
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

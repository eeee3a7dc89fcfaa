"""The job of a run folder: how it stands, and pausing, resuming or cancelling it. Changes nothing in the folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from audit.errors import InputError, UsageError
from audit.train.hosted.job import Action, JobTold, acted
from audit.train.protocol.connection import Connection
from audit.train.runs.chain import read_entries
from audit.train.runs.hosted_curve import count_of
from audit.train.runs.hosting import hosted_in, is_known_address, is_own_address
from audit.train.runs.record import is_finished


class JobStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How the job of a run stands: the provider's word, and the model that it made. ``sealed``: the run has seen it
    end, and keeps what it left."""

    schema: str = "audit.job/1"
    folder: str
    address: str
    job: str
    status: str
    tuned: str | None = None
    trained_tokens: int | None = None
    error: str = ""
    sealed: bool = False


def job_of_run(
    output: str | os.PathLike[str],
    action: Action,
    *,
    base_url: str | None = None,
    key_variable: str | None = None,
    timeout: float = 60.0,
    retries: int = 4,
) -> JobStanding:
    """Ask how the job of a run folder stands, or pause, resume or cancel it. The folder is not changed.

    ``base_url`` must be named where the record names an address that this machine does not know: the folder may have
    come from somebody else, and the key is sent there. ``key_variable`` None is that of the run at the run's own
    address. Raises InputError for a folder without a job, UsageError,
    ProviderError, MissingExtra.
    """
    folder = Path(output)
    run = hosted_in(read_entries(folder))
    if run is not None and run.job is None and run.creating:
        raise InputError(
            f"the job of the run in {folder} may have been made, and its id is not in the record",
            hint="the same command with --resume looks for it before it makes one",
        )
    if run is None or run.job is None:
        raise InputError(f"{folder} holds no hosted run with a job", hint="name the folder of `audit train --provider`")
    begun = run.begun
    if base_url is None and not is_known_address(begun.provider, begun.address):
        raise UsageError(
            f"the record in {folder} says that its job is at {begun.address}, and nobody named that address",
            hint="if it is right, name it with --base-url",
        )
    with Connection(
        begun.provider,
        base_url=base_url or begun.address,
        key_variable=key_variable or (begun.key_variable if is_own_address(begun, base_url) else None),
        timeout=timeout,
        retries=retries,
    ) as connection:
        job = acted(connection, run.job, action)
        return _standing(job, folder, connection)


def _standing(job: JobTold, folder: Path, connection: Connection) -> JobStanding:
    error, tuned = job.get("error"), job.get("fine_tuned_model")
    message = error.get("message") if isinstance(error, Mapping) else None
    return JobStanding(
        folder=str(folder),
        address=connection.shown,
        job=str(job["id"]),
        status=str(job["status"]),
        tuned=tuned if isinstance(tuned, str) else None,
        trained_tokens=count_of(job.get("trained_tokens")),
        error=str(message) if message else "",
        sealed=is_finished(folder),
    )

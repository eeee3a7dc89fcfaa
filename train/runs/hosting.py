"""What the record of a hosted run says: where the job is, what was handed in, how it ended. Asks nobody.

A hosted run has the folder and the record of any run (``audit.train.runs.folder``, ``record``). Its entry ``model`` has
a ``hosted`` beside its ``identity``; its entries ``file`` and ``job`` say what there is at the provider.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from audit.errors import InputError, UsageError
from audit.model import Json
from audit.train.protocol.connection import ADDRESS_VARIABLES, ADDRESSES, HERE, Provider, address_of, place_of
from audit.train.runs.chain import RECORD, Entry, chain_of, read_entries
from audit.train.runs.folder import BEGAN, MODEL_ENTRY
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.record import is_finished

HOSTED: Final = "hosted"
"""The key of an entry ``model`` that only a hosted run has."""
FILE_ENTRY, CREATING_ENTRY, JOB_ENTRY = "file", "creating", "job"
"""Kinds of entries: a file is at the provider; a job is about to be made; there is a job."""
IN_DOUBT: Final = "in_doubt"
"""The key of an entry ``began`` with the keys of jobs that an earlier run in the folder may have had made."""
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
ENDED: Final = frozenset({SUCCEEDED, FAILED, CANCELLED})
"""The only states of a job that are final; new ones (``paused``, ``pausing``) appear without notice."""


class HostedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is handed in: its name in the run's folder, the SHA-256 of its bytes, their number, its rows."""

    name: str
    sha256: str
    bytes: int
    rows: int


class HostedBegun(msgspec.Struct, frozen=True, kw_only=True):
    """What a hosted run is, recorded before anything is handed in.

    ``key`` is the hex SHA-256 of files and settings that the job bears in its metadata (``audit_run``).
    ``hyperparameters`` are those that were asked for. ``files`` are by role (``train``, ``validation``). ``lifecycle``,
    ``quote``, ``moderation`` and ``lowering`` are what was found out before, as JSON.
    """

    provider: Provider
    address: str
    key_variable: str
    model: str
    method: str
    key: str
    hyperparameters: Mapping[str, Json] = {}
    suffix: str | None = None
    seed: int = 0
    files: Mapping[str, HostedFile] = {}
    lifecycle: Mapping[str, Json] = {}
    quote: Mapping[str, Json] = {}
    moderation: Mapping[str, Json] = {}
    lowering: Mapping[str, Json] = {}
    notes: tuple[str, ...] = ()


class HostedEnded(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended. ``error`` is what the provider says of one that failed: ``code``, ``message``, ``param``.
    ``tuned`` is the name of the model that it made, ``cost`` what the trained tokens cost at the quoted price.
    ``notes`` are sentences on what was not as expected."""

    status: str
    job: str
    tuned: str | None = None
    trained_tokens: int | None = None
    cost: float | None = None
    error: Mapping[str, Json] | None = None
    checkpoints: int = 0
    events: int = 0
    notes: tuple[str, ...] = ()


class HostedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A hosted run as far as its record goes: ``file_ids`` by role, all that its files ever had (``handed_in``), the id
    of the ``job``, how it ended.

    ``creating``: the job was about to be made. ``in_doubt``: it may have been made, by this run or by one that it took
    the place of, and nobody has learnt its id.
    """

    begun: HostedBegun
    file_ids: Mapping[str, str] = {}
    handed_in: frozenset[str] = frozenset()
    job: str | None = None
    creating: bool = False
    in_doubt: bool = False
    ended: HostedEnded | None = None


class HostedModel(msgspec.Struct, frozen=True, kw_only=True):
    """Where the tuned model of a hosted run is asked: the base ``address``, its name there, and the environment
    variable with the key; None where the address is not that of the run."""

    provider: Provider
    address: str
    model: str
    key_variable: str | None


def is_hosted(folder: Path) -> bool:
    """Whether a folder holds the record of a hosted run."""
    try:
        is_run = (folder / RECORD).is_file()
    except OSError:  # too long for the name of a folder: that of a model at a server may be
        return False
    return is_run and any(entry.kind == MODEL_ENTRY and HOSTED in entry.data for entry in chain_of(folder).entries)


def hosted_in(entries: tuple[Entry, ...]) -> HostedRun | None:
    """What the entries of a record say of a hosted run; None where they are of none. Raises InputError where they say
    it in a way that is not known here."""
    try:
        return _hosted_in(entries)
    except (msgspec.ValidationError, KeyError) as error:
        raise InputError(f"{RECORD} is that of a hosted run and cannot be read: {error}") from None


def _hosted_in(entries: tuple[Entry, ...]) -> HostedRun | None:
    told: dict[str, Any] = {entry.kind: entry.data for entry in entries}
    if HOSTED not in told.get(MODEL_ENTRY, {}):
        return None
    ended, begun = told.get("finished"), msgspec.convert(told[MODEL_ENTRY][HOSTED], HostedBegun)
    return HostedRun(
        begun=begun,
        file_ids={str(one.data["role"]): str(one.data["id"]) for one in entries if one.kind == FILE_ENTRY},
        handed_in=frozenset(str(one.data["id"]) for one in entries if one.kind == FILE_ENTRY),
        job=str(told[JOB_ENTRY]["id"]) if JOB_ENTRY in told else None,
        creating=CREATING_ENTRY in told,
        in_doubt=begun.key in _doubts(told),
        ended=msgspec.convert(ended, HostedEnded) if ended else None,
    )


def doubts_of(folder: Path) -> tuple[str, ...]:
    """The keys of the jobs that a run in this folder, or an earlier one, may have had made without learning of it. ()
    where there is no such record. They outlive the run: who replaces it must look for these jobs for longer."""
    if not (folder / RECORD).is_file():
        return ()
    return tuple(sorted(_doubts({entry.kind: entry.data for entry in chain_of(folder).entries})))


def _doubts(told: Mapping[str, Any]) -> set[str]:
    keys = {str(key) for key in told.get(BEGAN, {}).get(IN_DOUBT, ())}
    key = str(told.get(MODEL_ENTRY, {}).get(HOSTED, {}).get("key"))
    if JOB_ENTRY in told:
        return keys - {key}
    return keys | ({key} if CREATING_ENTRY in told else set())


def refuse_hosted(folder: Path) -> None:
    """Raise ResumeRefused where a run on this machine is to go on with one at a provider."""
    if is_hosted(folder):
        raise ResumeRefused(
            f"{folder} holds a run at a provider, and none was named",
            hint="--provider as it was named there, --job status, or another output folder",
        )


def asked_at(folder: Path, named: str | None = None, deployment: str = "") -> HostedModel:
    """Where the tuned model of a finished hosted run is asked: at the address of its record, or at the one that the
    user ``named``. Azure asks for the ``deployment`` of a model in place of its name.

    Raises ResumeRefused for a record that is not as it was written; InputError for a folder of no hosted run, a run
    that has not ended, and a job that made no model, saying how it ended; UsageError for a model of Azure without the
    name of its deployment, which no record knows, and for a recorded address that is neither this machine nor the
    provider's own nor in its environment variable: the folder may have come from somebody else, and who is asked is
    given the prompts and the key.
    """
    run = hosted_in(read_entries(folder))
    if run is None:
        raise InputError(f"{folder} is the folder of no hosted run")
    if run.ended is None or not is_finished(folder):
        job = f"job {run.job} has not been seen to end" if run.job else "no job was made"
        raise InputError(f"the hosted run in {folder} has no model yet: {job}", hint="audit train --resume follows it")
    if run.ended.status != SUCCEEDED or not run.ended.tuned:
        raise InputError(f"the hosted run in {folder} made no model: {ending_of(run.ended)}")
    begun = run.begun
    if begun.provider == "azure" and not deployment:
        raise UsageError(
            f"Azure is asked for a deployment, and {folder} knows only the model {run.ended.tuned}",
            hint=f"deploy it, then --endpoint {named or begun.address} --model DEPLOYMENT; "
            "in an evaluation --model ARM=RUN,deployment=DEPLOYMENT",
        )
    if named is None and not is_known_address(begun.provider, begun.address):
        raise UsageError(
            f"the record in {folder} says that its model is at {begun.address}, and nobody named that address",
            hint="if it is right, name it with --endpoint",
        )
    is_own = is_own_address(begun, named)
    return HostedModel(
        provider=begun.provider,
        address=begun.address if is_own else str(named),
        model=deployment or run.ended.tuned,
        key_variable=begun.key_variable if is_own else None,
    )


def is_own_address(begun: HostedBegun, named: str | None) -> bool:
    """Whether the address that the user named, if any, is that of the run: only there its key counts."""
    return named is None or place_of(address_of(begun.provider, named)) == place_of(begun.address)


def is_known_address(provider: Provider, address: str) -> bool:
    """Whether an address is one that this machine's user has to do with, whatever a record says."""
    own = (ADDRESSES[provider], os.environ.get(ADDRESS_VARIABLES[provider]))
    known = {place_of(address_of(provider, one)) for one in own if one}
    return urlsplit(address).hostname in HERE or place_of(address) in known


def job_command(folder: Path | str, provider: Provider, address: str, action: str) -> str:
    """The command that acts on the job of a run's folder, as a shell takes it; with the address where that must be
    named."""
    words = ["audit", "train", "-o", str(folder)]
    words += [] if is_known_address(provider, address) else ["--base-url", address]
    return shlex.join([*words, "--job", action])


def ending_of(ended: HostedEnded) -> str:
    """How a job ended, in words: ``job ftjob-1 failed (invalid_training_file): The job failed due to ...``."""
    return f"job {ended.job} {ended.status}{reason_of(ended)}"


def reason_of(ended: HostedEnded) -> str:
    """Why a job ended, as it stands behind its status: `` (invalid_training_file): The job failed due to ...``."""
    error = ended.error or {}
    code, message = error.get("code"), error.get("message")
    text = f" ({code})" if isinstance(code, str) and code else ""
    return f"{text}: {message}" if isinstance(message, str) and message else text

"""What a hosted run hands back: where its job is, how it stands, what it cost and what to do next. Asks nobody."""

from __future__ import annotations

import shlex
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from audit.errors import InputError
from audit.evidence import tool_version
from audit.model import Json, Verdict
from audit.train.hosted.placing import Placed, placed
from audit.train.hosted.refusals import refusal_of
from audit.train.protocol.connection import Provider
from audit.train.runs.chain import SEAL, Entry, read_entries
from audit.train.runs.folder import HOSTED_CHECKPOINTS
from audit.train.runs.gating import GateDecision, TrainWaiver
from audit.train.runs.hosted_curve import told_metrics
from audit.train.runs.hosting import (
    ENDED,
    FAILED,
    FILE_ENTRY,
    JOB_ENTRY,
    SUCCEEDED,
    HostedEnded,
    HostedFile,
    HostedRun,
    hosted_in,
)

NO_REASON: Final = "the provider does not say why"
NO_REASON_HINT: Final = (
    "its dashboard may; the same command with --force makes another job, which may be paid for again"
)


Interruption: TypeAlias = Literal["", "SIGINT", "SIGTERM"]


class UploadedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was handed in, and its id at the provider ("" before). ``found``: it was there already."""

    name: str
    sha256: str
    bytes: int
    rows: int
    id: str = ""
    found: bool = False


class HostedReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a hosted run went, or how it stands.

    ``status`` is the provider's word for the job, "" where there is none yet. ``adopted``: the job was there already,
    made by another run with the same files and settings, and was not paid for again. ``interrupted`` is the signal that
    ended the waiting; the job goes on. ``finished``: the job has ended and the record is sealed. ``already``: that was
    so before, and nothing was done. ``failure`` says why a job failed, the row and what to do.
    ``splits`` are as in ``audit.train.data.accounting``, ``quote``, ``lifecycle``, ``moderation`` and ``lowering`` as
    found out before anything was handed in. ``cost`` is in dollars, at the quoted price. ``metrics`` are the last
    figures that the provider told. ``next`` is the command to go on with.
    """

    schema: str = "audit.hosted/1"
    version: str
    verdict: Verdict
    policy: str
    unmet: tuple[str, ...] = ()
    waiver: TrainWaiver | None = None
    provider: Provider
    address: str
    model: str
    method: str
    hyperparameters: Mapping[str, Json] = {}
    suffix: str | None = None
    seed: int = 0
    files: Mapping[str, UploadedFile] = {}
    splits: Mapping[str, Json] = {}
    lowering: Mapping[str, Json] = {}
    lifecycle: Mapping[str, Json] = {}
    quote: Mapping[str, Json] = {}
    moderation: Mapping[str, Json] = {}
    job: str = ""
    status: str = ""
    adopted: bool = False
    tuned: str | None = None
    trained_tokens: int | None = None
    cost: float | None = None
    metrics: Mapping[str, Json] = {}
    checkpoints: tuple[Mapping[str, Json], ...] = ()
    events: int = 0
    failure: Placed | None = None
    interrupted: Interruption = ""
    finished: bool = False
    already: bool = False
    folder: str = ""
    seal: str = ""
    next: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_failed(self) -> bool:
        """Whether the job has ended without a model: one that succeeded may name none."""
        return self.status in ENDED and (self.status != SUCCEEDED or (self.finished and not self.tuned))


def report_of(
    folder: Path,
    *,
    status: str = "",
    interrupted: Interruption = "",
    already: bool = False,
) -> HostedReport:
    """The report of the folder of a hosted run, as far as its record goes. ``status`` is that of a job which has not
    ended. Raises InputError for the folder of something else."""
    entries = read_entries(folder)
    run = hosted_in(entries)
    if run is None:
        raise InputError(f"{folder} is the folder of no hosted run")
    told: dict[str, Any] = {entry.kind: entry.data for entry in entries}
    decision = msgspec.convert(told["gate"], GateDecision)
    begun, ended = run.begun, run.ended or HostedEnded(status=status, job=run.job or "")
    seal = folder / SEAL
    return HostedReport(
        version=tool_version(),
        verdict=decision.verdict,
        policy=decision.policy,
        unmet=tuple(clause.name for clause in decision.clauses if clause.verdict != "PASS"),
        waiver=decision.waiver,
        provider=begun.provider,
        address=begun.address,
        model=begun.model,
        method=begun.method,
        hyperparameters=begun.hyperparameters,
        suffix=begun.suffix,
        seed=begun.seed,
        files=_files(begun.files, entries),
        splits=told["data"]["splits"],
        lowering=begun.lowering,
        lifecycle=begun.lifecycle,
        quote=begun.quote,
        moderation=begun.moderation,
        job=ended.job,
        status=ended.status,
        adopted=bool(told.get(JOB_ENTRY, {}).get("adopted")),
        tuned=ended.tuned,
        trained_tokens=ended.trained_tokens,
        cost=ended.cost,
        metrics=dict(next(iter(deque(told_metrics(folder), maxlen=1)), {})),
        checkpoints=_checkpoints(folder) if run.ended else (),
        events=ended.events,
        failure=_failure(ended, folder),
        interrupted=interrupted,
        finished=run.ended is not None,
        already=already,
        folder=str(folder),
        seal=seal.read_text().strip() if seal.is_file() else "",
        next=_next(run, folder),
        notes=(*begun.notes, *_taken_up(told.get(JOB_ENTRY, {})), *ended.notes),
    )


def _files(files: Mapping[str, HostedFile], entries: Sequence[Entry]) -> dict[str, UploadedFile]:
    stored = {str(entry.data.get("role")): entry.data for entry in entries if entry.kind == FILE_ENTRY}
    return {
        role: UploadedFile(
            name=file.name,
            sha256=file.sha256,
            bytes=file.bytes,
            rows=file.rows,
            id=str(stored.get(role, {}).get("id", "")),
            found=bool(stored.get(role, {}).get("found")),
        )
        for role, file in files.items()
    }


def _failure(ended: HostedEnded, folder: Path) -> Placed | None:
    """Why a job failed, with the place where that is known, and what to do about it."""
    if ended.status != FAILED:
        return None
    refusal = refusal_of(ended.error)
    return placed(refusal, folder) if refusal is not None else Placed(text=NO_REASON, hint=NO_REASON_HINT)


def _next(run: HostedRun, folder: Path) -> str:
    if run.ended is None or run.ended.status != SUCCEEDED or not run.ended.tuned:
        return ""
    return shlex.join(["audit", "evaluate", "--model", f"tuned={folder}", "test.jsonl", "-o", f"{folder}.evaluation"])


def _taken_up(job: Mapping[str, Json]) -> tuple[str, ...]:
    """A sentence on a job that bears no key, and on the second one that was made in the same moment."""
    if job.get("unmarked"):
        told = "it has the same files, and all that the provider tells of its settings is as asked for"
        return (f"job {job['id']} bears no key of this run: {told}",)
    if not job.get("given_up"):
        return ()
    told = f"another process made job {job['id']} at the same time: it is followed, and job {job['given_up']}"
    return (f"{told}, which this run had made, is {job['given_up_status']}",)


def _checkpoints(folder: Path) -> tuple[Mapping[str, Json], ...]:
    path = folder / HOSTED_CHECKPOINTS
    return tuple(msgspec.json.decode(path.read_bytes())) if path.is_file() else ()

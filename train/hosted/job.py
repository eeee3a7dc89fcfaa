"""The job at the provider: what is asked for, which job is ours, and that there is one. Waits for none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from audit.model import Json
from audit.train.hosted.options import OF_JOB, HostedOptions
from audit.train.protocol.connection import Connection, Made, pages
from audit.train.protocol.failures import ProviderError, garbled
from audit.train.runs.chain import canonical
from audit.train.runs.hosted_curve import number_of
from audit.train.runs.hosted_telling import hyperparameters_in
from audit.train.runs.hosting import CANCELLED, FAILED, HostedBegun, HostedFile

if TYPE_CHECKING:
    from openai import OpenAI

MARK: Final = "audit_run"
"""The name in a job's metadata under which it bears the key of its run."""
LISTED: Final = 2_000
"""Jobs that are looked through for one of ours where the server does not look itself."""
PAGE: Final = 100
"""Entries of a page of a listing (the protocol's most)."""
NOT_TAKEN: Final = frozenset({FAILED, CANCELLED})
"""Jobs in these states are not taken up by a new run: it makes another."""
_HYPERPARAMETERS: Final[Mapping[str, str]] = {
    "epochs": "n_epochs", "batch_size": "batch_size", "learning_rate_multiplier": "learning_rate_multiplier",
    "beta": "beta",
}  # fmt: skip
"""Our settings by the protocol's names (OpenAI's OpenAPI file, FineTuneSupervisedHyperparameters)."""

Action: TypeAlias = Literal["status", "pause", "resume", "cancel"]
JobTold: TypeAlias = dict[str, Json]
"""A job as the provider tells it, without the key: at least ``id`` and ``status``, both texts."""


def settings_of_job(options: HostedOptions, method: str) -> dict[str, Json]:
    """The settings that decide what job it is; ``method`` is the one that was settled on."""
    return {name: getattr(options, name) for name in OF_JOB} | {"method": method}


def key_of(files: Mapping[str, HostedFile], options: HostedOptions, method: str, address: str) -> str:
    """Hex SHA-256 of what makes two jobs the same: the bytes of the files, the settings, the address."""
    told = {
        "files": {role: file.sha256 for role, file in files.items()},
        "options": settings_of_job(options, method),
        "address": address,
    }
    return hashlib.sha256(canonical(told)).hexdigest()


def hyperparameters_of(options: HostedOptions) -> dict[str, Json]:
    """Those that somebody asked for, by the protocol's names; the provider chooses the others."""
    asked = {theirs: getattr(options, ours) for ours, theirs in _HYPERPARAMETERS.items()}
    return {name: value for name, value in asked.items() if value is not None}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The job of a run: what the run is, and the ids of its files by role."""

    begun: HostedBegun
    file_ids: Mapping[str, str]

    @property
    def arguments(self) -> dict[str, Any]:
        """What ``fine_tuning.jobs.create`` is given."""
        begun, method = self.begun, self.begun.method
        hyperparameters = {"hyperparameters": dict(begun.hyperparameters)} if begun.hyperparameters else {}
        told: dict[str, Any] = {
            "model": begun.model,
            "training_file": self.file_ids["train"],
            "seed": begun.seed,
            "metadata": {MARK: begun.key},
            "method": {"type": method} | ({method: hyperparameters} if hyperparameters else {}),
        }
        told |= {"validation_file": self.file_ids["validation"]} if "validation" in self.file_ids else {}
        return told | ({"suffix": begun.suffix} if begun.suffix else {})

    def is_ours(self, job: Mapping[str, Json]) -> bool:
        """Whether a job is that of this run: it bears the key, or, at a server that keeps no metadata, it trains the
        same model on the same file, and nothing else that it says of itself differs. What is null or empty was not
        said: a job that is taken for another one is paid for twice."""
        if (mark := _mark(job)) is not None:
            return bool(mark == self.begun.key)
        method = job.get("method")
        asked: dict[str, Json] = {
            "validation_file": self.file_ids.get("validation"),
            "seed": self.begun.seed,
            "user_provided_suffix": self.begun.suffix,
            "method": self.begun.method,
            **self.begun.hyperparameters,
        }
        told = {**job, **hyperparameters_in(job), "method": method.get("type") if isinstance(method, Mapping) else None}
        return (
            _same_model(self.begun.model, job.get("model"))
            and job.get("training_file") == self.file_ids.get("train")
            and all(told.get(name) in (None, "", value) for name, value in asked.items())
        )


def _mark(job: Mapping[str, Json]) -> Json:
    metadata = job.get("metadata")
    return metadata.get(MARK) if isinstance(metadata, Mapping) else None


def _same_model(asked: str, told: Json) -> bool:
    """A provider may name the snapshot behind a name: ``gpt-4o-mini`` becomes ``gpt-4o-mini-2024-07-18``."""
    return isinstance(told, str) and (told == asked or told.startswith(f"{asked}-2"))


# ----------------------------------------------------------------------------- asking


def told_job(connection: Connection, answer: object, what: str) -> JobTold:
    """An answer as a job. Raises ProviderError for what is none."""
    told = connection.plain(answer, what)
    identity, status = told.get("id"), told.get("status")
    if not (isinstance(identity, str) and identity and isinstance(status, str)):
        raise garbled(what, connection.shown, "no job")
    return told


def jobs_like(connection: Connection, wanted: Wanted) -> list[JobTold]:
    """All jobs of this run at the provider, the oldest first, in whatever state. Raises ProviderError."""
    what = "looking for the job"
    marked = _listed(connection, {"metadata": {MARK: wanted.begun.key}}, what)
    found = [job for job in marked if wanted.is_ours(job)]
    if not found:  # some servers know no filter by metadata, and some keep none
        found = [job for job in _listed(connection, {}, what) if wanted.is_ours(job)]
    return sorted(found, key=_age)


def _listed(connection: Connection, asked: Mapping[str, Any], what: str) -> list[JobTold]:
    def call(client: OpenAI) -> list[Any]:
        return pages(client.fine_tuning.jobs.list(limit=PAGE, **asked), LISTED)

    return [told_job(connection, one, what) for one in connection.read(call, what)]


def living(jobs: list[JobTold], *, marked: bool = False) -> JobTold | None:
    """The first job that did not fail and was not cancelled. ``marked``: only one that bears the key of its run, where
    an earlier attempt with the same files is not meant."""
    return next((job for job in jobs if job["status"] not in NOT_TAKEN and not (marked and _mark(job) is None)), None)


def made(connection: Connection, wanted: Wanted, passed_over: frozenset[str], *, doubtful: bool) -> Made[JobTold]:
    """The job of a run, which is made unless it is there. The ids ``passed_over`` are of earlier jobs that are not to
    be taken up. ``doubtful``: it may have been made before, and may not be listed yet.

    Raises ProviderError; of kind ``lost`` where nobody knows whether the job was made.
    """
    what = "creating the job"

    def find() -> JobTold | None:
        return next((job for job in jobs_like(connection, wanted) if job["id"] not in passed_over), None)

    def make(client: OpenAI) -> JobTold:
        return told_job(connection, client.fine_tuning.jobs.create(**wanted.arguments), what)

    return connection.made_once(find, make, what, paid=True, doubtful=doubtful)


def older_twin(connection: Connection, wanted: Wanted, job: JobTold) -> JobTold | None:
    """The oldest living job that bears the key of a run, where that is not ``job``: two processes that look at the same
    moment find nothing and both make one. They agree on which is the older. Raises ProviderError."""
    if _mark(job) is None:
        return None
    there = _listed(connection, {"metadata": {MARK: wanted.begun.key}}, "looking whether there is one job")
    return living(sorted((one for one in there if _mark(one) == wanted.begun.key and _age(one) < _age(job)), key=_age))


def retrieved(connection: Connection, identity: str, what: str = "asking how the job stands") -> JobTold:
    """The job as it is now. Raises ProviderError."""
    answer = connection.read(lambda client: client.fine_tuning.jobs.retrieve(identity), what)
    return told_job(connection, answer, what)


def acted(connection: Connection, identity: str, action: Action) -> JobTold:
    """Pause, resume or cancel a job, and say how it stands after that; ``status`` only asks. Raises ProviderError."""
    if action == "status":
        return retrieved(connection, identity)
    what = {"pause": "pausing the job", "resume": "resuming the job", "cancel": "cancelling the job"}[action]

    def call(client: OpenAI) -> object:
        jobs = client.fine_tuning.jobs
        return {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}[action](identity)

    try:
        return told_job(connection, connection.once(call, what), what)
    except ProviderError as error:
        if not error.is_unsettled:
            raise
    return retrieved(connection, identity)  # how it stands says whether it was done


def _age(job: JobTold) -> tuple[float, str]:
    return number_of(job.get("created_at")) or 0.0, str(job["id"])

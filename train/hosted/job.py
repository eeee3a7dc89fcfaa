"""The job at the provider: what is asked for, which job is ours, and that there is one. Waits for none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from audit.model import Json
from audit.train.hosted.options import OF_JOB, HostedOptions
from audit.train.protocol.connection import Connection, Made, pages, place_of
from audit.train.protocol.failures import ProviderError, garbled
from audit.train.runs.chain import canonical
from audit.train.runs.hosted_curve import number_of
from audit.train.runs.hosted_telling import hyperparameters_in
from audit.train.runs.hosting import CANCELLED, ENDED, FAILED, HostedBegun, HostedFile

if TYPE_CHECKING:
    from openai import OpenAI

MARK: Final = "audit_run"
"""The name in a job's metadata under which it bears the key of its run."""
LISTED: Final = 20_000
"""Jobs that are looked through for one of ours where the server does not look itself; with more nothing is made."""
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
        "address": place_of(address),
    }
    return hashlib.sha256(canonical(told)).hexdigest()


def hyperparameters_of(options: HostedOptions) -> dict[str, Json]:
    """Those that somebody asked for, by the protocol's names; the provider chooses the others."""
    asked = {theirs: getattr(options, ours) for ours, theirs in _HYPERPARAMETERS.items()}
    return {name: value for name, value in asked.items() if value is not None}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The job of a run: what the run is, and the ids of its files by role. ``handed_in`` are all ids that its files
    ever had: one that was deleted since may be that of the job."""

    begun: HostedBegun
    file_ids: Mapping[str, str]
    handed_in: frozenset[str] = frozenset()

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
        if _mark(job) is not None:
            return self.is_marked(job)
        method = job.get("method")
        asked: dict[str, Json] = {
            "validation_file": job.get("validation_file") if self._is_validation(job) else None,
            "seed": self.begun.seed,
            "user_provided_suffix": self.begun.suffix,
            "method": self.begun.method,
            **self.begun.hyperparameters,
        }
        told = {**job, **hyperparameters_in(job), "method": method.get("type") if isinstance(method, Mapping) else None}
        return (
            self.may_be_ours(job)
            and _same_model(self.begun.model, job.get("model"))
            and all(told.get(name) in (None, "", value) for name, value in asked.items())
        )

    def is_marked(self, job: Mapping[str, Json]) -> bool:
        """Whether a job bears the key of this run."""
        return bool(_mark(job) == self.begun.key)

    def may_be_ours(self, job: Mapping[str, Json]) -> bool:
        """Whether a job bears the key of this run; or none, and is trained on its file."""
        train = job.get("training_file")
        is_trained_on = isinstance(train, str) and (train == self.file_ids.get("train") or train in self.handed_in)
        return self.is_marked(job) or (_mark(job) is None and is_trained_on)

    def _is_validation(self, job: Mapping[str, Json]) -> bool:
        told = job.get("validation_file")
        return (
            isinstance(told, str)
            and "validation" in self.file_ids
            and told in {*self.handed_in, self.file_ids["validation"]}
        )


def _mark(job: Mapping[str, Json]) -> Json:
    metadata = job.get("metadata")
    return metadata.get(MARK) if isinstance(metadata, Mapping) else None


def _same_model(asked: str, told: Json) -> bool:
    """A provider may name the snapshot behind a name, ``gpt-4o-mini`` becomes ``gpt-4o-mini-2024-07-18``, and whose
    model it is: ``openai/gpt-4o-mini``."""
    names = (told, told.rpartition("/")[2]) if isinstance(told, str) else ()
    return any(name == asked or name.startswith(f"{asked}-2") for name in names)


# ----------------------------------------------------------------------------- asking


def told_job(connection: Connection, answer: object, what: str, asked: str | None = None) -> JobTold:
    """An answer as a job. Raises ProviderError for what is none, and for another job than the one ``asked`` for."""
    return _as_job(connection, connection.plain(answer, what), what, asked)


def _as_job(connection: Connection, told: dict[str, Json], what: str, asked: str | None = None) -> JobTold:
    identity, status = told.get("id"), told.get("status")
    if not (isinstance(identity, str) and identity and isinstance(status, str)):
        raise garbled(what, connection.shown, "no job")
    if asked not in (None, identity):
        raise garbled(what, connection.shown, "not the job that was asked for")
    return told


class Found(NamedTuple):
    """Jobs at the provider, the oldest first, in whatever state: those that are ``ours``, and those without a key that
    train on the same file and say something else of themselves."""

    ours: list[JobTold]
    alike: list[JobTold]


def jobs_like(connection: Connection, wanted: Wanted) -> Found:
    """The jobs of this run at the provider. Raises ProviderError, also where there are too many to look through."""
    what = "looking for the job"
    if marked := _listed(connection, {"metadata": {MARK: wanted.begun.key}}, what, wanted.is_ours):
        return Found(marked, [])
    listed = _listed(connection, {}, what, wanted.may_be_ours)  # some know no filter by metadata, and some keep none
    ours = [job for job in listed if wanted.is_ours(job)]
    return Found(ours, [job for job in listed if job not in ours and job["status"] not in NOT_TAKEN])


def _listed(
    connection: Connection, asked: Mapping[str, Any], what: str, fits: Callable[[JobTold], bool]
) -> list[JobTold]:
    """The jobs that fit, the oldest first; nothing is asked of what other jobs look like."""

    def call(client: OpenAI) -> list[Any]:
        return pages(client.fine_tuning.jobs.list(limit=PAGE, **asked), LISTED + 1)

    listed = connection.read(call, what)
    if len(listed) > LISTED:  # what is not seen would be taken for what is not there, and paid for again
        raise ProviderError(
            "refused",
            f"{what}: {connection.shown} lists more than {LISTED:,} jobs, and whether one is of this run is not known",
            hint="a key of a project with fewer jobs",
        )
    told = (connection.plain(one, what) for one in listed)
    return sorted((_as_job(connection, one, what) for one in told if fits(one)), key=_age)


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
        found = jobs_like(connection, wanted)
        if (job := next((job for job in found.ours if job["id"] not in passed_over), None)) is not None:
            return job
        for other in found.alike:
            if other["id"] not in passed_over:
                raise _maybe(other)
        return None

    def make(client: OpenAI) -> JobTold:
        return told_job(connection, client.fine_tuning.jobs.create(**wanted.arguments), what)

    return connection.made_once(find, make, what, paid=True, doubtful=doubtful)


def _maybe(job: JobTold) -> ProviderError:
    """A job that may be the one of which nobody has learnt the id: making another would pay for it twice."""
    return ProviderError(
        "lost",
        f"a job of this run may have been made, and job {job['id']} is trained on the same file; what the provider "
        "tells of its settings is not what was asked for",
        hint="cancel it at the provider if it is of no use, then the same command with --resume; to have another "
        "beside it, --set attempt=2 and another output folder",
    )


def older_twin(connection: Connection, wanted: Wanted, job: JobTold) -> JobTold | None:
    """The oldest living job that bears the key of a run, where that is not ``job``: two processes that look at the same
    moment find nothing and both make one. They agree on which is the older. Raises ProviderError."""
    if _mark(job) is None:
        return None
    what = "looking whether there is one job"
    there = _listed(connection, {"metadata": {MARK: wanted.begun.key}}, what, wanted.is_marked)
    return living([one for one in there if _age(one) < _age(job)])


def retrieved(connection: Connection, identity: str, what: str = "asking how the job stands") -> JobTold:
    """The job as it is now. Raises ProviderError."""
    answer = connection.read(lambda client: client.fine_tuning.jobs.retrieve(identity), what)
    return told_job(connection, answer, what, identity)


def acted(connection: Connection, identity: str, action: Action) -> JobTold:
    """Pause, resume or cancel a job, and say how it stands after that; ``status`` only asks. Raises ProviderError."""
    if action == "status":
        return retrieved(connection, identity)
    what = {"pause": "pausing the job", "resume": "resuming the job", "cancel": "cancelling the job"}[action]

    def call(client: OpenAI) -> object:
        jobs = client.fine_tuning.jobs
        return {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}[action](identity)

    try:
        return told_job(connection, connection.once(call, what), what, identity)
    except ProviderError as error:
        if not error.is_unsettled and error.kind != "refused":
            raise
        failed = error
    job = retrieved(connection, identity)  # how it stands says whether it was done, and why not
    if failed.is_unsettled:
        return job
    if job["status"] in ENDED:
        failed.hint = f"job {identity} has ended ({job['status']}): there is nothing to {action}"
    raise failed


def _age(job: JobTold) -> tuple[float, str]:
    return number_of(job.get("created_at")) or 0.0, str(job["id"])

"""What a job that has ended leaves: checkpoints, the table of its figures, the job itself. Waits for nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from audit.model import Json
from audit.train.hosted.events import Events
from audit.train.hosted.job import PAGE, JobTold
from audit.train.protocol.connection import Connection, pages
from audit.train.protocol.failures import ALONE, ProviderError
from audit.train.protocol.files import content
from audit.train.runs.chain import canonical
from audit.train.runs.folder import HOSTED_CHECKPOINTS, JOB, RESULT
from audit.train.runs.hosted_curve import count_of, number_of
from audit.train.runs.hosting import SUCCEEDED, HostedBegun, HostedEnded
from audit.writing import write_whole

MOST_CHECKPOINTS: Final = 10_000
_HEADER: Final = b"step,"
"""How the table of figures begins."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Table(NamedTuple):
    """The bytes of a result file as they are kept, and a sentence where they are not what is expected."""

    content: bytes
    note: str = ""


def concluded(connection: Connection, job: JobTold, folder: Path, begun: HostedBegun, events: Events) -> HostedEnded:
    """How a job ended. Writes the job, its checkpoints and the table of its figures into the run's folder; what the
    provider does not hand out is noted.

    Raises ProviderError where the provider cannot be asked at all, OutputError.
    """
    notes = [events.lack] if events.lack else []
    checkpoints = _checkpoints(connection, str(job["id"]), notes)
    write_whole(folder / HOSTED_CHECKPOINTS, [canonical(checkpoints)])
    if job["status"] == SUCCEEDED:
        _keep_table(connection, job, folder, notes)
    write_whole(folder / JOB, [canonical(job)])
    tuned, tokens = job.get("fine_tuned_model"), count_of(job.get("trained_tokens"))
    if job["status"] == SUCCEEDED and not (isinstance(tuned, str) and tuned):
        notes.append("the provider names no model, though it says that the job succeeded")
    if tokens is None and job.get("trained_tokens") is not None:
        notes.append("what the provider tells as the number of trained tokens is none")
    return HostedEnded(
        status=str(job["status"]),
        job=str(job["id"]),
        tuned=tuned if isinstance(tuned, str) and tuned else None,
        trained_tokens=tokens,
        cost=cost_of(tokens, begun.quote),
        error=error_of(job),
        checkpoints=len(checkpoints),
        events=len(events),
        notes=tuple(notes),
    )


def error_of(job: Mapping[str, Json]) -> dict[str, Json] | None:
    """What the provider says of a failure. Jobs that are well have been seen with an error of nulls: that is none."""
    error = job.get("error")
    if isinstance(error, str) and error:
        return {"message": error}
    if not isinstance(error, Mapping) or not any(value not in (None, "") for value in error.values()):
        return None
    return dict(error)


def cost_of(tokens: int | None, quote: Mapping[str, Json]) -> float | None:
    """What the trained tokens cost in dollars at the quoted price for a million; None without either."""
    price = number_of(quote.get("per_million"))
    return None if tokens is None or price is None else tokens * price / 1e6


# ----------------------------------------------------------------------------- checkpoints


def _checkpoints(connection: Connection, job: str, notes: list[str]) -> list[dict[str, Json]]:
    what = "asking for the job's checkpoints"
    try:
        answers = connection.read(
            lambda client: pages(client.fine_tuning.jobs.checkpoints.list(job, limit=PAGE), MOST_CHECKPOINTS), what
        )
    except ProviderError as error:
        if error.kind not in ALONE:
            raise
        notes.append(f"the checkpoints of the job could not be listed: {error.what}")
        return []
    told = {str(one.get("id")): one for one in (connection.plain(answer, what) for answer in answers)}
    return sorted(told.values(), key=lambda one: (number_of(one.get("step_number")) or 0.0, str(one.get("id"))))


# ----------------------------------------------------------------------------- the table of figures


def _keep_table(connection: Connection, job: JobTold, folder: Path, notes: list[str]) -> None:
    """Write the first result file. One that is not there is said to be, and no reason to lose the rest."""
    named = job.get("result_files")
    files = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
    if not files:
        notes.append("the provider names no file with the figures of the job")
        return
    try:
        raw = content(connection, files[0], "fetching the job's figures")
    except ProviderError as error:
        if error.kind not in ALONE:
            raise
        notes.append(f"the file with the figures of the job could not be fetched: {error.what}")
        return
    table = table_of(raw)
    text = table.content.decode("utf-8", "surrogateescape")
    write_whole(folder / RESULT, [str(connection.clean(text)).encode("utf-8", "surrogateescape")])
    if table.note:
        notes.append(table.note)


def table_of(raw: bytes) -> Table:
    """The table in the bytes of a result file: plain CSV, or CSV in base64, as OpenAI is known to hand it out
    (github.com/xing61/zzz-api, issue 21). What is neither stays as it is."""
    if _is_table(raw):
        return Table(raw)
    try:
        inner = base64.b64decode(b"".join(raw.split()), validate=True)
    except (binascii.Error, ValueError):
        inner = b""
    if _is_table(inner):
        return Table(inner)
    return Table(raw, f"the file with the figures of the job is no table that is known; {RESULT} holds it as it came")


def _is_table(raw: bytes) -> bool:
    return raw.removeprefix(_BYTE_ORDER_MARK).lstrip()[: len(_HEADER)].lower() == _HEADER

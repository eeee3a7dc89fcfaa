"""What a job says while it goes: its events, each kept once, and how it stands until it has ended. Makes no job."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from audit.model import Json
from audit.train.hosted.job import PAGE, JobTold, retrieved
from audit.train.protocol.connection import Connection, named_by_content, pages
from audit.train.protocol.failures import ALONE, ProviderError
from audit.train.runs.chain import canonical
from audit.train.runs.folder import EVENTS
from audit.train.runs.hosted_curve import METRICS_EVENT, count_of, figures_of, number_of, step_of
from audit.train.runs.hosting import ENDED, HostedBegun, job_command
from audit.train.runs.record import append_whole
from audit.writing import unwritable, write_whole

if TYPE_CHECKING:
    from openai import OpenAI

MOST_EVENTS: Final = 100_000
"""Events of a job that are listed at most: a listing that never ends would otherwise be followed for ever."""
MOST_TOLD: Final = 500
"""Characters of an event that are told; the file has more."""
FIELDS: Final = ("id", "created_at", "level", "type", "message", "data")
"""What is kept of an event."""
STATES: Final[Mapping[str, str]] = {
    "validating_files": "the provider looks at the files",
    "queued": "the job waits for its turn",
    "running": "the job is running",
    "pausing": "the job is being paused",
    "paused": "the job is paused; it goes on after `{command}`",
    "succeeded": "the job succeeded",
    "failed": "the job failed",
    "cancelled": "the job was cancelled",
}
"""What a status means. The protocol's documents name these; others appear without notice."""

Told = Callable[[str], None]
Event = dict[str, Json]


class Events:
    """The events of a job and the file that keeps them, one line of canonical JSON each, the oldest first.

    The provider is asked for all of them when the file is begun, so that what a killed process left there, whole or
    torn, is not relied upon. A server that does not tell them is no reason to lose the job: ``lack``
    says so then.
    """

    lack = ""

    def __init__(self, connection: Connection, job: str, folder: Path) -> None:
        self._connection = connection
        self._job = job
        self._path = folder / EVENTS
        self._kept: dict[str, Event] = {}
        self._oldest_first = False

    def begun(self) -> list[Event]:
        """All events until now; the file holds them. Raises ProviderError, OutputError."""
        if (listed := self._listed()) is None:
            if not self._path.exists():
                write_whole(self._path, [])
            return []
        self._oldest_first = is_oldest_first(listed)
        told = in_order(listed)
        ids = {str(event["id"]) for event in told}
        gone = [event for identity, event in self._kept.items() if identity not in ids]
        self._kept = {str(event["id"]): event for event in sorted((*gone, *told), key=_time)}
        write_whole(self._path, map(canonical, self._kept.values()))
        return [*self._kept.values()]

    def more(self) -> list[Event]:
        """Events that came since, appended to the file. Raises ProviderError, OutputError."""
        known = () if self._oldest_first else self._kept
        new = [event for event in in_order(self._listed(known) or []) if str(event["id"]) not in self._kept]
        if new:
            self._append(new)
            self._kept |= {str(event["id"]): event for event in new}
        return new

    def ended(self) -> list[Event]:
        """All events of a job that has ended: the file is in their order, whatever came late, and holds those that
        are no longer listed, too. Returns those that were not told before. Raises ProviderError, OutputError."""
        before, self.lack = set(self._kept), ""  # the file may be whole now, whatever failed on the way
        return [event for event in self.begun() if str(event["id"]) not in before]

    def __len__(self) -> int:
        return len(self._kept)

    def _append(self, events: list[Event]) -> None:
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(self._path, flags)
        except OSError as error:
            raise unwritable(str(self._path), error) from None
        try:
            for event in events:
                append_whole(descriptor, canonical(event), str(self._path))
        finally:
            os.close(descriptor)

    def _listed(self, known: Collection[str] = ()) -> list[Event] | None:
        """Events as the provider lists them, as far as a page on which none is new beside the ``known``; None where it
        does not."""
        what = "asking for the job's events"

        def call(client: OpenAI) -> list[Any]:
            return pages(client.fine_tuning.jobs.list_events(self._job, limit=PAGE), MOST_EVENTS, known)

        try:
            answers = self._connection.read(call, what)
        except ProviderError as error:
            if error.kind not in ALONE:
                raise
            self.lack = f"the events of the job are not all there: {error.what}"
            return None
        return [event_of(self._connection.plain(answer, what)) for answer in answers]


def event_of(told: Mapping[str, Json]) -> Event:
    """What is kept of an event; a message is a text, whatever the server sent."""
    event = {name: told.get(name) for name in FIELDS} | {"message": str(told.get("message") or "")}
    return event if event["id"] not in (None, "") else event | {"id": named_by_content(event)}


def in_order(events: list[Event]) -> list[Event]:
    """Events the oldest first, each once. Providers list the newest first; some that are only like them do not."""
    given = events if is_oldest_first(events) else events[::-1]
    unique = {str(event["id"]): event for event in given}
    return sorted(unique.values(), key=_time)


def is_oldest_first(events: list[Event]) -> bool:
    """Whether a listing begins with the oldest event."""
    return bool(events) and _time(events[0]) < _time(events[-1])


def _time(event: Event) -> float:
    return number_of(event.get("created_at")) or 0.0


def line_of(event: Event) -> str:
    """``step 10 of 100  loss 0.52`` of an event with figures, else its message, which may be cut."""
    data, message = event.get("data"), str(event["message"])
    message = message if len(message) <= MOST_TOLD else f"{message[:MOST_TOLD]}..."
    if event.get("type") != METRICS_EVENT or not isinstance(data, Mapping):
        return message
    step, total = step_of(data), count_of(data.get("total_steps"), 1)
    parts = [] if step is None else [f"step {step}{f' of {total}' if total else ''}"]
    return "  ".join((*parts, *figures_of(data))) or message


# ----------------------------------------------------------------------------- waiting


def followed(
    connection: Connection,
    job: str,
    folder: Path,
    begun: HostedBegun,
    *,
    every: float,
    told: Told,
    stands: Callable[[JobTold], None],
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[JobTold, Events]:
    """Wait until a job has ended; the job as it is then, and its events, which EVENTS holds.

    What happens is ``told``; ``stands`` is called with the job whenever it was asked for. A status that nobody knows is
    told, too, and waited for. Raises ProviderError where the provider can no longer be asked: the job goes on without
    us.
    """
    events = Events(connection, job, folder)
    status = lack = ""
    now = retrieved(connection, job)
    news = events.begun()
    while True:
        stands(now)
        for event in news:
            told(line_of(event))
        if now["status"] != status:
            status = str(now["status"])
            told(state_line(status, folder, begun))
        if events.lack and not lack:
            told(lack := events.lack)
        if status in ENDED:
            break
        sleep(every)
        now = retrieved(connection, job)
        news = events.more()
    for event in events.ended():
        told(line_of(event))
    return now, events


def state_line(status: str, folder: Path, begun: HostedBegun) -> str:
    """A status as a sentence, with what to do about it."""
    if status in STATES:
        return STATES[status].format(command=job_command(folder, begun.provider, begun.address, "resume"))
    return f"the job is {status!r}, which this version does not know; it is waited for"

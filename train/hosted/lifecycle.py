"""Whether a provider will still tune a model, and how long the tuned one answers: asked before anything is handed in.

Goes by the dated table of OpenAI's models, and by what a server says of its own. Uploads nothing and starts no job.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from audit.config.settings import Settings
from audit.errors import UsageError
from audit.tokens.models import Lifecycle, lifecycle
from audit.train.addresses import shown_address
from audit.train.hosted.options import HostedOptions
from audit.train.protocol.connection import Connection, address_of, is_openai, is_placed
from audit.train.protocol.failures import ProviderError

SOON: Final = 90
"""Days before a date from which it is told, as the rule TOK308 does."""
_OF_PLATFORM: Final = "gpt-4o"
"""A family that can be tuned for as long as OpenAI's platform takes jobs at all."""
_AZURE_NAME: Final = "check its name: Azure wants that of the base model, and not that of a deployment"
_OTHERWISE: Final = "train a model with open weights on this machine (--provider local), or name another provider"
State: TypeAlias = Literal["open", "closing", "unknown"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How long a model can be tuned and used, on the day ``as_of`` on which the job is made.

    ``shutdown`` is the day from which nothing runs on it, tuned models included; ``new_jobs_end`` the first day without
    new jobs; ``days_left`` counts to the earlier of both. ``state``: ``closing`` where there is a date, ``open`` where
    the table says that there is none, ``unknown`` where nobody says. ``source`` says who does.
    """

    model: str
    state: State
    as_of: date
    shutdown: date | None = None
    new_jobs_end: date | None = None
    days_left: int | None = None
    source: str = ""
    replacement: str | None = None
    notes: tuple[str, ...] = ()


class _Known(NamedTuple):
    """What is known of a model on a day, and who says so. ``address`` is "" where nobody named one."""

    model: str
    day: date
    address: str
    at_openai: bool
    is_azure: bool
    was_asked: bool
    table: Lifecycle
    shutdown: date | None
    new_jobs_end: date | None
    sources: tuple[str, ...]

    @property
    def replacement(self) -> str | None:
        return self.table.replacement if self.at_openai else None


def standing(options: HostedOptions, settings: Settings, connection: Connection | None) -> Standing:
    """How the model stands at the provider; without a connection by the table alone (a dry run asks nobody).

    The day is that of the settings, else today (UTC). OpenAI's own dates count where the address is OpenAI's; what a
    server says of its own model (``shutdown_date``) counts anywhere, and before the table.
    Raises UsageError for a model that is shut down, that takes no new jobs, or that the server does not know, and
    ProviderError where it cannot be asked.
    """
    told, notes = (None, ()) if connection is None else _told(options.model, connection)
    known = _known(options, settings.as_of or datetime.now(UTC).date(), connection, told)
    _refuse(known)
    dates = [one for one in (known.shutdown, known.new_jobs_end) if one is not None]
    is_open = known.at_openai and known.table.state == "open"
    return Standing(
        model=known.model,
        state="closing" if dates else "open" if is_open else "unknown",
        as_of=known.day,
        shutdown=known.shutdown,
        new_jobs_end=known.new_jobs_end,
        days_left=(min(dates) - known.day).days if dates else None,
        source="; ".join(known.sources),
        replacement=known.replacement,
        notes=(*notes, *_notes(known)),
    )


def shown_place(options: HostedOptions) -> str:
    """The address that the options mean, as it may be shown; "" where none is named and the provider has none of its
    own. Raises UsageError for what is no address."""
    place = options.provider, options.base_url
    return shown_address(address_of(*place)) if is_placed(*place) else ""


def is_openai_itself(options: HostedOptions) -> bool:
    """Whether the options mean OpenAI, whose calendar and prices are known, and no other server with its protocol."""
    return options.provider == "openai" and is_openai(shown_place(options))


def _told(model: str, connection: Connection) -> tuple[date | None, tuple[str, ...]]:
    """The day on which the server says that it ends the model, and what is to be noted."""
    what = f"looking {model} up"
    try:
        found = connection.plain(connection.read(lambda client: client.models.retrieve(model), what), what)
    except ProviderError as error:
        if error.kind != "missing":
            raise
        if error.code is None and not connection.is_openai:  # a server that lists no models has no word for it
            return None, (f"{connection.shown} does not say whether it has {model}",)
        raise UsageError(
            f"{connection.shown} does not know the model {model}",
            hint=_AZURE_NAME if connection.provider == "azure" else "check its name",
        ) from None
    said = found.get("shutdown_date")
    if said is None:
        return None, ()
    try:
        return date.fromisoformat(str(said)[:10]), ()
    except ValueError:
        return None, (f"{connection.shown} gives {model} a shutdown_date that is no day",)


def _known(options: HostedOptions, day: date, connection: Connection | None, told: date | None) -> _Known:
    shown = connection.shown if connection is not None else shown_place(options)
    at_openai = options.provider == "openai" and is_openai(shown)
    table, platform = lifecycle(options.model, day), lifecycle(_OF_PLATFORM, day)
    by_server = (f"shutdown_date of {shown}",) if told else ()
    by_table = (f"{platform.source}, table of {platform.table_as_of}",) if at_openai else ()
    return _Known(
        model=options.model,
        day=day,
        address=shown,
        at_openai=at_openai,
        is_azure=options.provider == "azure",
        was_asked=connection is not None,
        table=table,
        shutdown=told or (table.shutdown if at_openai else None),
        new_jobs_end=(table.new_jobs_end or platform.new_jobs_end) if at_openai else None,
        sources=by_server + by_table,
    )


def _refuse(known: _Known) -> None:
    """Raise UsageError where a date has come."""
    instead = f"; suggested in its place: {known.replacement}" if known.replacement else ""
    told = f"({'; '.join(known.sources)}; as of {known.day}){instead}"
    if known.shutdown is not None and known.shutdown <= known.day:
        raise UsageError(f"{known.model} was shut down on {known.shutdown} {told}", hint=_OTHERWISE)
    if known.new_jobs_end is not None and known.new_jobs_end <= known.day:
        raise UsageError(
            f"no new job is taken since {known.new_jobs_end}, for {known.model} or any model {told}", hint=_OTHERWISE
        )


def _notes(known: _Known) -> Iterator[str]:
    if known.shutdown is None:
        yield _without_day(known)
    elif (left := (known.shutdown - known.day).days) < SOON:
        instead = f"; suggested in its place: {known.replacement}" if known.replacement else ""
        yield f"{known.model} is shut down on {known.shutdown}, {_in_days(left)}, and the tuned model with it{instead}"
    if known.new_jobs_end is not None and (left := (known.new_jobs_end - known.day).days) < SOON:
        yield f"OpenAI takes no new jobs from {known.new_jobs_end} on, {_in_days(left)}"
    if not known.was_asked:
        yield f"the provider was not asked whether it has {known.model}"


def _without_day(known: _Known) -> str:
    if known.at_openai:
        table = f"(table of {known.table.table_as_of})"
        if known.table.dated_shutdown:
            return (
                f"{known.model} is shut down at the latest with the dated models of that name, on "
                f"{known.table.dated_shutdown} {table}"
            )
        return f"no day is known on which {known.model} is shut down {table}"
    if known.is_azure:
        return (
            f"when Azure retires {known.model} is not known here, and its list of models says so: training ends with "
            "the base model"
        )
    openai = f"; OpenAI itself shuts it down on {known.table.shutdown}" if known.table.shutdown else ""
    return f"{known.address} names no day on which {known.model} is shut down{openai}"


def _in_days(count: int) -> str:
    return f"in {count:,} day{'' if count == 1 else 's'}"

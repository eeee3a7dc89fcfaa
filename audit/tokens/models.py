"""What is known of a model from its name: encoding, longest training example, and until when it can be used.

Reads one dated data file; asks no provider and reads no clock.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec

State: TypeAlias = Literal["open", "closing", "closed", "shut down", "unknown"]


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model as its name resolves. ``base`` is the name without provider and fine-tuning parts.

    ``assumed`` is True where the name is not in the table and ``encoding`` is the default.
    ``max_tokens`` is the longest training example in tokens. ``shutdown`` is the day after which nothing runs on it.
    """

    name: str
    base: str
    encoding: str
    assumed: bool
    provider: str
    max_tokens: int | None = None
    shutdown: date | None = None
    replacement: str | None = None
    fine_tunable: bool = False
    open_weights: bool = False


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model stands on a day. ``new_jobs_end`` is the first day without new fine-tuning jobs for anybody.
    ``dated_shutdown`` is, for a name without a day of its own, the latest one of the dated models that it may stand for
    (``NAME-2024-07-18`` for ``NAME``).

    ``state``: ``shut down``, ``closed`` (for new fine-tuning jobs), ``closing`` (one of the dates lies ahead), ``open``
    (no date known), ``unknown`` (the model is not in the table, or its provider publishes no dates that we hold).
    """

    model: str
    as_of: date
    state: State
    shutdown: date | None = None
    new_jobs_end: date | None = None
    dated_shutdown: date | None = None
    replacement: str | None = None
    source: str = ""
    table_as_of: date

    @property
    def days_left(self) -> int | None:
        """Days until the earlier of the two dates, negative when it has passed; None when there is none."""
        dates = [day for day in (self.shutdown, self.new_jobs_end) if day is not None]
        return (min(dates) - self.as_of).days if dates else None


class _Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prefix: str
    encoding: str
    max_tokens: int | None = None
    shutdown: date | None = None
    replacement: str | None = None
    fine_tunable: bool = False
    open_weights: bool = False


class _Platform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    closed_to_new_users: date
    closed_to_idle_users: date
    closed_to_all: date
    source: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    as_of: date
    default_encoding: str
    sources: tuple[str, ...]
    platform: dict[str, _Platform]
    model: tuple[_Model, ...]


@lru_cache(maxsize=1)
def _table() -> _Table:
    text = files("audit.tokens").joinpath("data/models.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Table)


@lru_cache(maxsize=256)
def resolve_model(model: str) -> ModelInfo:
    """What is known of ``model``; never raises. Reads ``openai/NAME``, ``azure/NAME``, ``ft:NAME:org:suffix:id``."""
    provider, base = _base_name(model)
    table = _table()
    fits = [entry for entry in table.model if _matches(base, entry.prefix)]
    if not fits:
        return ModelInfo(
            name=model, base=base, encoding=table.default_encoding, assumed=True, provider=provider or "unknown"
        )
    entry = max(fits, key=lambda fit: len(fit.prefix))
    return ModelInfo(
        name=model,
        base=base,
        encoding=entry.encoding,
        assumed=False,
        provider=provider or "openai",
        max_tokens=entry.max_tokens,
        shutdown=entry.shutdown,
        replacement=entry.replacement,
        fine_tunable=entry.fine_tunable,
        open_weights=entry.open_weights,
    )


def _matches(base: str, prefix: str) -> bool:
    """Whether a prefix ends where a part of the name does: ``o1`` does not begin ``o10``, nor ``gpt-4`` ``gpt-4.7``."""
    return base.startswith(prefix) and (base[len(prefix) : len(prefix) + 1] in ("", "-", "@") or prefix.endswith("."))


def _base_name(model: str) -> tuple[str, str]:
    """(provider prefix or "", lower-case name of the base model)."""
    name = model.strip().lower()
    provider, slash, rest = name.rpartition("/")
    if slash:
        provider = provider.split("/", 1)[0]
        name = rest
    if name.startswith("ft:"):
        name = name[3:]
    return provider, name.split(":", 1)[0]


def lifecycle(model: str, as_of: date | None = None) -> Lifecycle:
    """Where the model stands on ``as_of`` (default: the day of the table), from the dated table only.

    Only OpenAI's own dates are held: for another provider's deployment of the same model the state is ``unknown``.
    """
    info, table = resolve_model(model), _table()
    day = as_of or table.as_of
    if info.assumed or info.provider != "openai":
        return Lifecycle(model=model, as_of=day, state="unknown", table_as_of=table.as_of)
    if info.open_weights:
        return Lifecycle(model=model, as_of=day, state="open", table_as_of=table.as_of)
    platform = table.platform["openai"]
    new_jobs_end = platform.closed_to_all if info.fine_tunable else None
    return Lifecycle(
        model=model,
        as_of=day,
        state=_state(day, info.shutdown, new_jobs_end),
        shutdown=info.shutdown,
        new_jobs_end=new_jobs_end,
        dated_shutdown=None if info.shutdown else _dated_shutdown(info.base),
        replacement=info.replacement,
        source=platform.source,
        table_as_of=table.as_of,
    )


def _dated_shutdown(base: str) -> date | None:
    dated = re.compile(rf"{re.escape(base)}-\d{{4}}-\d\d-\d\d")
    return max((one.shutdown for one in _table().model if one.shutdown and dated.fullmatch(one.prefix)), default=None)


def _state(day: date, shutdown: date | None, new_jobs_end: date | None) -> State:
    if shutdown is not None and day >= shutdown:
        return "shut down"
    if new_jobs_end is not None and day >= new_jobs_end:
        return "closed"
    return "closing" if shutdown or new_jobs_end else "open"

"""What the section on training says of runs at a provider: job, prices, dates, and what was handed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeGuard

from audit.model import Json
from audit.model.dossier import Hosted, Training
from audit.reports.html.blocks import Block, Cell, Table, Tone, facts
from audit.reports.html.charts import finite
from audit.reports.html.listed import folded
from audit.reports.html.words import NONE, count, scalar
from audit.reports.summary import plural

_TONES: Final[Mapping[str, Tone]] = {"succeeded": "good", "failed": "bad", "cancelled": "bad"}

Run = tuple[str, Training, Hosted]
"""What a run is called, the run, and what a provider did."""


def hosted(runs: Sequence[Training], names: Sequence[str]) -> Iterator[Block]:
    """The runs at a provider among some, each under its name; nothing where there is none."""
    found = [(name, run, run.hosted) for name, run in zip(names, runs, strict=True) if run.hosted is not None]
    if found:
        yield _jobs(found)
        yield _price(found)
        yield from _dates(found)
        yield from folded("What was handed to the provider", _handed_in(found))


def _jobs(runs: Sequence[Run]) -> Table:
    head = ("Run", "Provider", "Job", "Ended", "Tuned model")
    rows = tuple(
        (
            Cell(name),
            Cell(one.provider, one.address),
            Cell(one.job or NONE, code=bool(one.job)),
            Cell(one.status or "not seen to end", one.error, _TONES.get(one.status, "unsure")),
            Cell(one.tuned or NONE, plural(one.checkpoints, "checkpoint") if one.checkpoints else "", code=True),
        )
        for name, _, one in runs
    )
    return Table("What the provider made of it", head, rows)


def _price(runs: Sequence[Run]) -> Table:
    head = ("Run", "Tokens of an epoch, counted before", "Tokens charged", "Quoted", "Cost")
    rows = tuple(
        (
            Cell(name),
            Cell(_count(one.quote.get("tokens")), _counted(one.quote)),
            Cell(_count(one.trained_tokens), "over all epochs" if one.trained_tokens is not None else ""),
            Cell(_money(one.quote.get("cost"), one.quote), _priced(one.quote)),
            Cell(_money(one.cost, one.quote), "at the quoted price" if one.cost is not None else ""),
        )
        for name, _, one in runs
    )
    return Table("What the provider was to be paid", head, rows, right=(1, 2, 3, 4))


def _dates(runs: Sequence[Run]) -> Iterator[Block]:
    head = ("Run", "Base model", "Shut down on", "New jobs end on", "As of")
    rows = tuple(
        (
            Cell(name),
            Cell(scalar(known.get("model") or run.model)),
            Cell(_said(known, "shutdown"), _replaced(known) or _why(known)),
            Cell(_said(known, "new_jobs_end")),
            Cell(_said(known, "as_of"), scalar(known.get("source") or "")),
        )
        for name, run, one in runs
        if (known := one.lifecycle)
    )
    if rows:
        yield Table("Until when these models answer; a tuned model goes with its base model", head, rows)


def _handed_in(runs: Sequence[Run]) -> Iterator[Block]:
    head = ("Run", "For", "File", "Rows", "Bytes", "sha256", "Id at the provider")
    rows = tuple(
        (
            Cell(name),
            Cell(file.role),
            Cell(file.name, code=True),
            Cell(count(file.rows)),
            Cell(count(file.bytes)),
            Cell(file.sha256, code=True),
            Cell(file.id or NONE, code=bool(file.id)),
        )
        for name, _, one in runs
        for file in one.files
    )
    if rows:
        yield Table("Files that were handed in: rows without metadata and groups", head, rows, right=(3, 4))
    for name, _, one in runs:
        told = (("Moderation before", _moderation(one.moderation)), ("Row weights", _lowering(one.lowering)))
        if any(text for _, text in told):
            yield facts(("Run", name), *told)


def _moderation(told: Mapping[str, Json]) -> str:
    """What the provider's moderation said of the texts: it was asked before anything was handed in for training."""
    if why := told.get("skipped"):
        return f"not asked: {scalar(why)}"
    asked = told.get("asked")
    if not _is_number(asked):
        return ""
    unseen = told.get("not_shown")
    beside = f"; images, sounds and files not shown: {_count(unseen)}" if _is_number(unseen) and unseen else ""
    return f"{_count(asked)} texts shown, rows flagged: {_count(told.get('flagged_rows'))}{beside}"


def _lowering(told: Mapping[str, Json]) -> str:
    """What became of row weights, which a provider does not know."""
    rows, made = told.get("rows"), told.get("made")
    if not (_is_number(rows) and _is_number(made)):
        return ""
    text = f"{scalar(told.get('how') or 'lowered')}: {_count(rows)} rows became {_count(made)} lines"
    if _is_number(most := told.get("most")):
        text += f", at most {_count(most)} of one row"
    left = told.get("left_out")
    return f"{text}, {_count(left)} left out" if _is_number(left) and left else text


def _is_number(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: Json) -> str:
    return count(value) if _is_number(value) else NONE


def _money(value: Json, quote: Mapping[str, Json]) -> str:
    """An amount with its currency: in cents, in more digits where it is less than one."""
    if not _is_number(value) or not finite(value):
        return NONE
    amount = f"{value:,.2f}" if value >= 0.01 or not value else f"{value:.2g}"
    return f"{amount} {_text(quote, 'currency')}".rstrip()


def _counted(quote: Mapping[str, Json]) -> str:
    """How the tokens of the quote were counted, and how many epochs there are."""
    epochs = quote.get("epochs")
    told = [f"{_count(epochs)} epochs"] if _is_number(epochs) else []
    told += ["the provider chooses how many"] if quote.get("epochs_by") == "provider" else []
    return ", ".join((*told, "estimated") if quote.get("exact") is False else told)


def _priced(quote: Mapping[str, Json]) -> str:
    """By what price a quote was made, or why there is none."""
    if why := _text(quote, "unquoted"):
        return why
    day = _text(quote, "price_as_of")
    return f"{_count(quote.get('per_million'))} a million, as of {day}" if day else ""


def _text(told: Mapping[str, Json], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _said(told: Mapping[str, Json], name: str) -> str:
    value = told.get(name)
    return scalar(value) if value not in (None, "") else NONE


def _replaced(told: Mapping[str, Json]) -> str:
    replacement = told.get("replacement")
    return f"replaced by {scalar(replacement)}" if replacement else ""


def _why(told: Mapping[str, Json]) -> str:
    """Why there is no day, in the words of whoever looked."""
    notes = told.get("notes")
    return scalar(notes[0]) if not told.get("shutdown") and isinstance(notes, list | tuple) and notes else ""

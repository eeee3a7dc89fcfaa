"""A run at a provider, its dry run and its job as text for a terminal. Computes no figure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from audit.cli.progress import amount
from audit.reports.summary import plural
from audit.reports.text import columns
from audit.reports.visible import shortened, visible
from audit.train.runs.hosted_curve import figures_of, number_of, step_of
from audit.train.runs.hosting import ENDED, job_command

if TYPE_CHECKING:
    from audit.model import Json
    from audit.train.hosted.acting import JobStanding
    from audit.train.hosted.planning import HostedPlan
    from audit.train.hosted.report import HostedReport

LONGEST: Final = 60
LONGEST_REASON: Final = 2_000
"""Characters of what a provider says of a failure that are shown; the record has more."""
MOST_CHECKPOINTS: Final = 10
"""Checkpoints that are shown; the JSON form has all of them."""


def render(report: HostedReport) -> Iterator[str]:
    """The lines of a run, in pieces that end with a newline."""
    if report.already:
        yield f"{visible(report.folder)} is finished: job {visible(report.job)} {visible(report.status)}; "
        yield "nothing was done\n"
        yield from _end(report)
        return
    yield f"{visible(report.model)}, {report.method}, at {visible(report.address)}\n"
    yield from _gate(report)
    yield "\n"
    yield from _handed_in(report)
    yield from _prepared(report.quote, report.lowering)
    yield from _judged(report.moderation)
    yield from _notes(report.notes)
    yield "\n"
    yield from _end(report)


def _gate(report: HostedReport) -> Iterator[str]:
    unmet = f" ({visible(', '.join(report.unmet))})" if report.unmet else ""
    yield f"gate: {report.verdict} by policy {visible(report.policy)}{unmet}"
    if report.waiver is not None:
        yield f", waived by {visible(report.waiver.who)}: {visible(report.waiver.why)}"
    yield "\n"


def _handed_in(report: HostedReport) -> Iterator[str]:
    body = [
        [role, one.name, f"{one.rows:,}", amount(one.bytes), visible(one.id), "there already" if one.found else ""]
        for role, one in report.files.items()
    ]
    yield from columns(["handed in", "file", "rows", "bytes", "id", ""], body, right=(2, 3))


def _prepared(quote: Mapping[str, Json], lowering: Mapping[str, Json]) -> Iterator[str]:
    if how := lowering.get("how"):
        rows, made, most, before, after = (
            number_of(lowering.get(name)) or 0.0 for name in ("rows", "made", "most", "ess_before", "ess_after")
        )
        yield f"weights of rows ({visible(str(how))}): {rows:,.0f} rows stand in {made:,.0f} lines, one in up to "
        yield f"{most:,.0f}; the lines are worth {after:,.1f} rows of equal weight, the weights {before:,.1f}\n"
    yield from _quote(quote)


def _quote(quote: Mapping[str, Json]) -> Iterator[str]:
    tokens, epochs = quote.get("tokens"), quote.get("epochs")
    if isinstance(tokens, int) and isinstance(epochs, int | float):
        by = "as asked for" if quote.get("epochs_by") == "asked" else "as the provider would choose"
        exact = "" if quote.get("exact") else " (an estimate)"
        yield f"{tokens:,} tokens{exact} x {epochs:g} epoch{'' if epochs == 1 else 's'} ({by})"
        cost = quote.get("cost")
        if isinstance(cost, int | float):
            about = "at least" if quote.get("media") else "about"
            yield f": {about} {_money(cost, quote)}, by the prices of {visible(str(quote.get('price_as_of')))}"
        yield "\n"
    if quote.get("unquoted"):
        yield f"no cost is quoted: {visible(str(quote['unquoted']))}\n"


def _money(cost: float, quote: Mapping[str, Json]) -> str:
    shown = f"{cost:,.2f}" if cost >= 0.01 or cost == 0 else f"{cost:.2g}"
    return f"{shown} {visible(str(quote.get('currency') or 'USD'))}"


def _judged(moderation: Mapping[str, Json]) -> Iterator[str]:
    if asked := moderation.get("asked"):
        yield f"moderation: {plural(int(str(asked)), 'text')} asked about, "
        yield f"{plural(int(str(moderation.get('flagged_rows') or 0)), 'row')} flagged\n"


def _notes(notes: Sequence[str]) -> Iterator[str]:
    yield from (f"note: {visible(note)}\n" for note in notes)


# ----------------------------------------------------------------------------- how it ended


def _end(report: HostedReport) -> Iterator[str]:
    if not report.finished:
        yield from _going_on(report)
        return
    yield f"job {visible(report.job)}: {visible(report.status)}\n"
    if report.failure is not None:
        yield f"why: {shortened(report.failure.text, LONGEST_REASON)}\n"
        yield f"what to do: {visible(report.failure.hint)}\n"
    yield from _learned(report)
    if report.tuned:
        yield f"model: {visible(report.tuned)}\n"
    yield f"record in {visible(report.folder)}; seal {report.seal}\n"
    if report.next:
        yield f"next: {visible(report.next)}\n"


def _learned(report: HostedReport) -> Iterator[str]:
    if report.trained_tokens is not None:
        cost = f", {_money(report.cost, report.quote)} at the quoted price" if report.cost is not None else ""
        yield f"trained on {report.trained_tokens:,} tokens{cost}\n"
    if figures := _figures(report.metrics):
        yield f"last figures: {figures}\n"
    if report.checkpoints:
        body = [_checkpoint(one) for one in report.checkpoints[-MOST_CHECKPOINTS:]]
        yield from columns(["step", "checkpoint", "figures"], body, right=(0,))
    if (more := len(report.checkpoints) - MOST_CHECKPOINTS) > 0:
        yield f"... and {more:,} more\n"


def _checkpoint(one: Mapping[str, Json]) -> list[str]:
    metrics, name = one.get("metrics"), str(one.get("fine_tuned_model_checkpoint") or one.get("id"))
    figures = _figures(metrics) if isinstance(metrics, Mapping) else ""
    return [visible(str(one.get("step_number", ""))), shortened(name, LONGEST), figures]


def _figures(metrics: Mapping[str, Json]) -> str:
    step = step_of(metrics)
    return ", ".join(([] if step is None else [f"step {step:,}"]) + figures_of(metrics))


def _going_on(report: HostedReport) -> Iterator[str]:
    """What became of the job when nobody waits for it any more, and how to follow and how to end it."""
    if not report.job:
        yield "interrupted before the provider told the job's id; the same command with --resume looks for it first\n"
        return
    has_ended = report.status in ENDED
    stands = "the job has ended" if has_ended else "the job goes on at the provider"
    status = f" ({visible(report.status)})" if report.status else ""
    yield f"{'interrupted; ' if report.interrupted else ''}{stands}: {visible(report.job)}{status}\n"
    yield f"{'keep what it left' if has_ended else 'follow it'}: the same command with --resume\n"
    for meaning, action in (("look at it", "status"), ("end it", "cancel"))[: 1 if has_ended else 2]:
        yield f"{meaning}: {visible(job_command(report.folder, report.provider, report.address, action))}\n"


# ----------------------------------------------------------------------------- a dry run


def render_plan(plan: HostedPlan) -> Iterator[str]:
    """The lines of a dry run."""
    yield f"{visible(plan.model)}, {plan.method}{f', at {visible(plan.address)}' if plan.address else ''}\n\n"
    body = [[role, one.name, f"{one.rows:,}", amount(one.bytes)] for role, one in plan.files.items()]
    yield from columns(["would hand in", "file", "rows", "bytes"], body, right=(2, 3))
    for split, lost in plan.lost.items():
        for phrase, rows in lost.items():
            yield f"taken out of {visible(split)}: {visible(phrase)} ({plural(rows, 'row')})\n"
    yield from _prepared(plan.quote, plan.lowering)
    yield from _notes(plan.notes)
    yield "\nnothing was handed in, nobody was asked and nothing was written (--dry-run)\n"


# ----------------------------------------------------------------------------- a job


def render_job(job: JobStanding) -> Iterator[str]:
    """The lines of how a job stands."""
    yield f"job {visible(job.job)} at {visible(job.address)}: {visible(job.status)}\n"
    if job.error:
        yield f"why: {shortened(job.error, LONGEST_REASON)}\n"
    if job.trained_tokens is not None:
        yield f"trained on {job.trained_tokens:,} tokens\n"
    if job.tuned:
        yield f"model: {visible(job.tuned)}\n"
    if job.sealed:
        yield f"{visible(job.folder)} has seen it end, and is sealed\n"
        return
    ends = "keeps what it left" if job.status in ENDED else "follows it and keeps what it leaves"
    yield f"`audit train DATA --provider ... -o {visible(shlex.quote(job.folder))} --resume` {ends}\n"

"""A training run, a dry run and a repeated step as text for a terminal. Computes no figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from audit.cli.progress import amount
from audit.reports.summary import percent, plural
from audit.reports.text import columns
from audit.reports.visible import shortened, visible

if TYPE_CHECKING:
    from audit.train.core.state import Evaluation
    from audit.train.data.accounting import SplitAccount, Tally
    from audit.train.runs.plan import Plan
    from audit.train.runs.replay import Replay
    from audit.train.runs.report import TrainReport

LONGEST = 40
"""Characters of a name in a table."""
MOST_SHARES = 30
"""Roles, classes and groups of which the tokens are shown; the JSON form has all of them."""


def render(report: TrainReport) -> Iterator[str]:
    """The lines of a run, in pieces that end with a newline."""
    if report.already:
        yield f"{visible(report.folder)} is finished: {plural(report.steps, 'step')}; nothing was done\n"
        return
    yield f"{visible(report.model)}, {report.method}, {report.task}: "
    yield f"{report.parameters_trained:,} of {report.parameters:,} parameters trained\n"
    yield from _gate(report)
    yield "\n"
    yield from _rows(report.splits)
    yield "\n"
    yield from _steps(report)
    yield from _spent(report)
    yield from _notes(report.notes)
    yield f"\n{_closing(report)}\n"


def _notes(notes: Sequence[str]) -> Iterator[str]:
    yield from (f"note: {visible(note)}\n" for note in notes)


def _gate(report: TrainReport) -> Iterator[str]:
    unmet = f" ({visible(', '.join(report.unmet))})" if report.unmet else ""
    yield f"gate: {report.verdict} by policy {visible(report.policy)}{unmet}"
    if report.waiver is not None:
        yield f", waived by {visible(report.waiver.who)}: {visible(report.waiver.why)}"
    yield "\n"


def _rows(splits: Mapping[str, SplitAccount]) -> Iterator[str]:
    body = [[shortened(name, LONGEST), *(f"{number:,}" for number in _counts(one))] for name, one in splits.items()]
    yield from _told(("split", "rows", "kept", "cut", "tokens", "trained"), body, left=(0,))
    for name, one in splits.items():
        if one.weightless:
            yield f"left out of {visible(name)}: {plural(one.weightless, 'row')} that count for nothing\n"
        for reason, number in one.dropped.items():
            yield f"left out of {visible(name)}: {plural(number, 'row')}, {reason.replace('_', ' ')}\n"


def _counts(one: SplitAccount) -> tuple[int, ...]:
    return (one.rows, one.used, one.truncated, one.tokens, one.trained)


def _steps(report: TrainReport) -> Iterator[str]:
    ended = f" ({visible(report.stopped)})" if report.stopped else ""
    yield f"{plural(report.steps, 'step')} of {report.planned:,}{ended}"
    if report.first_loss is not None and report.last_loss is not None:
        yield f", training loss {report.first_loss:.4f} to {report.last_loss:.4f}"
    yield "\n"
    if report.resumed:
        yield f"resumed after step {', '.join(map(str, report.resumed))}\n"
    if report.evaluations:
        shown = [report.evaluations[0], *report.evaluations[1:][-1:]]
        best = report.best
        shown += [one for one in report.evaluations if best and one.step == best.step and one not in shown]
        yield "\n"
        yield from _evaluations(sorted(shown, key=lambda one: one.step), best.step if best else 0)
        if best is not None:
            measure = best.measure.replace("_", " ")
            of = plural(len(report.evaluations), "evaluation")
            yield f"best validation {measure} {best.value:.4f} at step {best.step:,}, of {of}\n"
        yield "\n"


def _evaluations(shown: Sequence[Evaluation], best: int) -> Iterator[str]:
    body = [
        [
            f"{one.step:,}{' best' if one.step == best else ''}",
            f"{one.n:,}",
            f"{one.loss:.4f}",
            f"{one.perplexity:,.2f}",
            percent(one.accuracy),
            "-" if one.f1 is None else f"{one.f1:.3f}",
            "-" if one.worst is None else shortened(f"{one.worst.attribute}={one.worst.group}", LONGEST),
            "-" if one.worst is None else f"{one.worst.loss:.4f}",
        ]
        for one in shown
    ]
    names = ("validation at step", "n", "loss", "perplexity", "accuracy", "f1", "worst group", "its loss")
    yield from _told(names, body, left=(0, 6))


def _told(names: Sequence[str], body: Sequence[Sequence[str]], *, left: Sequence[int]) -> Iterator[str]:
    """A table without the columns that say nothing; those of ``left`` hold words."""
    kept = [at for at in range(len(names)) if any(row[at] not in ("", "-", "0") for row in body)]
    right = [place for place, at in enumerate(kept) if at not in left]
    yield from columns([names[at] for at in kept], [[row[at] for at in kept] for row in body], right=right)


def _spent(report: TrainReport) -> Iterator[str]:
    spent = report.spent
    parts = [f"{spent.seconds:,.1f} s", f"{spent.cpu_seconds:,.1f} CPU s"]
    if spent.peak_memory_bytes is not None:
        parts.append(f"peak memory {amount(spent.peak_memory_bytes)}")
    energy = "energy" if spent.energy_kwh is None else f"{1000 * spent.energy_kwh:,.3f} Wh"
    if spent.energy_method:
        parts.append(f"{energy} ({visible(spent.energy_method)})")
    yield ", ".join(parts) + "\n"


def _closing(report: TrainReport) -> str:
    folder = visible(report.folder)
    if report.interrupted:
        return f"interrupted after step {report.steps:,}; the same command with --resume goes on from there"
    return f"{report.weights} weights in {folder}/model; seal {report.seal}"


# ----------------------------------------------------------------------------- a dry run


def render_plan(plan: Plan) -> Iterator[str]:
    """The lines of a dry run."""
    yield f"{visible(plan.model)}, {plan.method}, {plan.task}: "
    yield f"{plan.parameters_trained:,} of {plan.parameters:,} parameters trained\n\n"
    yield from _rows(plan.accounting.splits)
    yield from _shares(plan)
    yield f"\n{plural(plan.steps, 'step')} ({plan.steps_per_epoch:,} an epoch), "
    yield f"{plan.micro_batches:.1f} micro-batches each of up to {plan.token_budget:,} tokens, "
    yield f"{percent(plan.padding)} padding; {plural(plan.evaluations, 'evaluation')}\n"
    yield f"loss divided by {plan.denominator:,.6g}; logits: {plan.strategy}\n"
    if plan.parameters_per_trained_token is not None:
        yield f"{plan.parameters_per_trained_token:,.2f} trained parameters for each trained token\n"
    yield from _memory(plan)
    if plan.duration is not None:
        seconds, each = plan.duration.seconds, plan.duration.seconds_per_step
        probed = plural(plan.duration.probed, "step")
        yield f"time: about {seconds:,.0f} s for steps and evaluations (an estimate from {probed} of {each:.3f} s); "
        yield "start-up, reading, checkpoints and saving come on top\n"
    yield from _notes(plan.notes)
    yield "\nnothing was trained and nothing was written (--dry-run)\n"


def _memory(plan: Plan) -> Iterator[str]:
    memory = plan.memory
    names = ("parameters", "optimiser", "gradients", "activations", "logits", "freed", "program")
    shown = {"freed": "freed but not given back", "program": "program and rows"}
    parts = ", ".join(f"{shown.get(name, name)} {amount(getattr(memory, name))}" for name in names)
    if memory.evaluation:
        parts += f"; in an evaluation {amount(memory.evaluation)} for gradients, activations and logits"
    fits = {True: "fits", False: "DOES NOT FIT", None: "nobody can tell whether it fits"}[plan.fits]
    free = f" in the {amount(memory.available)} that are free" if memory.available is not None else ""
    yield f"memory: about {amount(plan.memory_needed)} ({parts}): {fits}{free}\n"


def _figures(one: Tally) -> tuple[str, str, str]:
    return (f"{one.rows:,}", f"{one.trained or 0:,}", f"{one.mass:,.1f}")


def _shares(plan: Plan) -> Iterator[str]:
    """Trained tokens of the training rows by role, class and group."""
    account = plan.accounting.splits["train"]
    body = [["role", name, "", f"{tokens:,}", ""] for name, tokens in account.by_role.items()]
    for of, tallies in (("class", account.by_class), *account.by_group.items()):
        body += [[shortened(of, LONGEST), shortened(name, LONGEST), *_figures(one)] for name, one in tallies.items()]
    yield "\n"
    yield from _told(("trained on", "", "rows", "tokens", "loss mass"), body[:MOST_SHARES], left=(0, 1))
    if more := len(body) - MOST_SHARES:
        yield f"... and {more:,} more\n" if more > 0 else ""


# ----------------------------------------------------------------------------- a repeated step


def render_replay(found: Replay) -> Iterator[str]:
    """The lines of a repeated step."""
    start = f"the checkpoint of step {found.start:,}" if found.start else "the start"
    yield f"repeated step {found.step:,} from {start}\n"
    if found.equal:
        weights = "; the weights equal those of its checkpoint" if found.weights_compared else ""
        yield f"equal: loss {found.loss}, norm of the gradient {found.grad_norm}, {found.tokens:,} tokens{weights}\n"
    else:
        yield f"differs at step {found.differs_at:,}: {visible(found.difference)}\n"

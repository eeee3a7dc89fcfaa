"""One plain sentence or two for each change between arms, made from its figures alone. Decides nothing."""

from __future__ import annotations

from typing import NamedTuple

from audit.rules.fairness.arm_changes import ArmComparison, FigureChange
from audit.rules.fairness.withheld import MOST_MISSING
from audit.statistics.replicates import LEAST_SEEDS
from audit.statistics.sentences import figure


class Subject(NamedTuple):
    """What a figure is about: the attribute ("" for none), what gaps are against, the least questions of a group, and
    the size of a change that counts as none."""

    attribute: str
    reference: str
    min_n: int
    same: float


def change_sentence(change: FigureChange, of: ArmComparison, about: Subject) -> str:
    """What became of the figure, how sure that is, and of what it speaks."""
    if change.change is None:
        return f"{_capital(_named(change, about))} is not estimable in both {of.against} and {of.arm}.{_left(change)}"
    parts = [_start(change, of, about), _follows(change, of, about), _share(change), "."]
    return "".join(parts) + _scope(change, of) + _worst(change) + _hidden(change) + _left(change)


def _named(change: FigureChange, about: Subject) -> str:
    title = f"the {change.metric.title}"
    if change.group is None:
        plain = f" ({change.metric.plain})" if change.metric.plain else ""
        return f"{title} by {about.attribute}{plain}" if about.attribute else title
    if change.metric.better == "nearer zero":
        return f"{title} of {change.group} to {about.reference}"
    return f"{title} of {change.group}"


def _start(change: FigureChange, of: ArmComparison, about: Subject) -> str:
    """How the figure moved; ``undecided`` is said behind it."""
    before, after = figure(change.before or 0.0), figure(change.after or 0.0)
    seeds = f", over {len(change.seeds)} seeds," if len(change.seeds) > 1 else ""
    start = f"From {of.against} to {of.arm}{seeds} {_named(change, about)}"
    if before == after:
        return f"{start} stays at {after}{_interval(change)}"
    signed = change.metric.better == "nearer zero"  # of which neither direction is up
    verb = "goes" if signed else "falls" if (change.change or 0.0) < 0 else "rises"
    return f"{start} {verb} from {before} to {after}{_interval(change)}"


def _interval(change: FigureChange) -> str:
    if change.interval is None:
        return ""
    low, high = change.interval
    return f" (a change of {figure(change.change or 0.0)}, {figure(low)} to {figure(high)})"


def _follows(change: FigureChange, of: ArmComparison, about: Subject) -> str:
    if of.missing > MOST_MISSING:
        return f", but {100 * of.missing:.1f} % of the questions lack an answer of one of them, so nothing is claimed"
    if change.few:
        if not about.attribute:
            return f", but that rests on {min(change.few.values()):,} questions where {about.min_n} are needed"
        listed = ", ".join(f"{name} {n}" for name, n in change.few.items())
        return f", but groups rest on fewer than {about.min_n} questions ({listed}), so nothing is claimed"
    if change.outcome == "reversed" or (change.outcome == "values only" and change.signs[0] * change.signs[1] < 0):
        side = "ahead of" if change.signs[1] > 0 else "behind"
        sizes = f"its size goes from {figure(abs(change.before or 0.0))} to {figure(abs(change.after or 0.0))}"
        return f": its sign is reversed, {change.group} is now {side} {about.reference}, and {sizes}"
    undecided = ", which does not decide whether it changed"
    if change.interval is not None and not change.interval[0] <= 0 <= change.interval[1]:
        undecided = ", which does not decide whether its size changed"
    return {
        "better": ", nearer to zero" if change.metric.better == "nearer zero" else ", which is better",
        "worse": ", further from zero" if change.metric.better == "nearer zero" else ", which is worse",
        "unchanged": f", which counts as unchanged (within {figure(about.same)})",
        "undecided": undecided,
    }.get(change.outcome, "")


def _share(change: FigureChange) -> str:
    if change.share is None or change.outcome in ("unchanged", "undecided"):
        return ""
    verb = "a fall" if change.share < 0 else "a rise"
    text = f": {verb} by {_percent(change.share)}"
    if change.share_interval is not None:
        ends = sorted(change.share_interval, key=abs)
        signed = change.share_interval[0] * change.share_interval[1] < 0
        shown = [f"{100 * end:+.0f} %" if signed else _percent(end) for end in ends]
        text += f" ({shown[0]} to {shown[1]})"
    if change.share_bound is not None and change.share_bound * change.share > 0:
        text += f", at least {_percent(change.share_bound)} with 95 % confidence"
    return text


def _scope(change: FigureChange, of: ArmComparison) -> str:
    if change.scope == "seeds":
        fixed = f" There is one {of.against}, which all of them are compared with." if of.fixed else ""
        return fixed
    if len(change.seeds) > 1 and change.scope == "these models":
        return " All seeds changed alike, which says nothing of the method: these models only."
    if len(change.seeds) == 1:
        if of.kind == "threshold":
            return " These two models only."
        return " These two models only: one pair cannot show an effect of the method."
    return f" Fewer than {LEAST_SEEDS} seeds give no interval of the method, so these are values of these models only."


def _worst(change: FigureChange) -> str:
    worst = change.worst
    if worst is None:
        return ""
    share = "" if not change.metric.share or worst.share is None else f", {100 * worst.share:+.0f} %"
    return (
        f" In the worst case, seed {worst.seed}, it goes from {figure(worst.before)} to {figure(worst.after)}{share}."
    )


def _hidden(change: FigureChange) -> str:
    """What an unsigned figure does not show."""
    if not change.hides:
        return ""
    return f" This size hides a reversed sign: {' and '.join(change.hides)}."


def _left(change: FigureChange) -> str:
    if not change.left_out:
        return ""
    names = ", ".join(change.left_out)
    return f" Left out, since it has no question that counts: {names}."


def _percent(share: float) -> str:
    return f"{100 * abs(share):.0f} %"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""A search and a learning curve as text: a table of runs, what was chosen, and how sure that is. Computes no figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from audit.reports.summary import plural
from audit.reports.text import columns
from audit.reports.visible import shortened, visible

if TYPE_CHECKING:
    from audit.train.search.report import CurvePoint, CurveReport, SearchReport, Slope, Trial
    from audit.train.search.scores import Figure

_LONGEST: Final = 40
_MOST_GROUPS: Final = 24
"""Groups in the table of a curve; the JSON form has all of them."""


def render_search(report: SearchReport) -> Iterator[str]:
    """The text form of a search, in pieces that end with a newline."""
    yield f"{report.method} search over {', '.join(report.space)}: {len(report.trials)} of {report.wanted} trials\n"
    yield f"chosen by {report.metric} on {plural(report.basis.validation_rows, 'validation row')}\n\n"
    if report.trials:
        names = sorted(report.space)
        head = ["trial", *names, "steps", report.metric, "95 % interval", ""]
        body = [_trial(report, trial, names) for trial in report.trials]
        yield from columns(head, body, right=(0, len(names) + 1, len(names) + 2))
    yield from _failures(report)
    yield from _choice(report)
    yield from _end(report.notes, report.interrupted)


def _trial(report: SearchReport, trial: Trial, names: Sequence[str]) -> list[str]:
    values = [shortened(_value(trial.values.get(name)), _LONGEST) for name in names]
    mark = "best" if trial.number == report.best else "as good" if trial.number in report.not_distinguishable else ""
    if trial.figure is None:
        return [str(trial.number), *values, "-", "-", "-", "failed"]
    figure, interval = _figure(trial.figure)
    return [str(trial.number), *values, f"{trial.steps:,}", figure, interval, mark]


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figure(figure: Figure) -> tuple[str, str]:
    interval = "-" if figure.interval is None else f"{figure.interval[0]:.4f} to {figure.interval[1]:.4f}"
    return f"{figure.value:.4f}", interval


def _failures(report: SearchReport) -> Iterator[str]:
    for trial in report.trials:
        if trial.failed:
            yield f"trial {trial.number} failed: {visible(trial.failed)}\n"


def _choice(report: SearchReport) -> Iterator[str]:
    best = report.chosen
    if best is None or best.figure is None:
        return
    of = f" ({visible(best.figure.of)})" if best.figure.of else ""
    yield f"\nbest: trial {best.number}, {report.metric}{of} {best.figure.value:.4f}, in {best.folder}\n"
    if alike := report.not_distinguishable:
        numbers = ", ".join(map(str, alike))
        yield f"not distinguishable from it on these rows: {'trial' if len(alike) == 1 else 'trials'} {numbers}\n"
    elif any(trial.figure is not None for trial in report.trials if trial.number != best.number):
        yield "every other trial that ended is worse by more than chance in these rows explains\n"


def render_curve(report: CurveReport) -> Iterator[str]:
    """The text form of a learning curve, in pieces that end with a newline."""
    yield f"learning curve: {len(report.points)} of {plural(len(report.shares), 'share')} of "
    yield f"{plural(report.basis.train_rows, 'training row')}, "
    yield f"measured on {plural(report.basis.validation_rows, 'validation row')}\n\n"
    if report.points:
        head = ["share", "rows", "trained tokens", "steps", "loss", "95 % interval"]
        yield from columns(head, [_point(point) for point in report.points], right=range(5))
        yield from _groups(report.points)
    if report.slopes:
        yield "\n"
        yield from (_slope(slope) for slope in report.slopes)
    yield from _end(report.notes, report.interrupted)


def _point(point: CurvePoint) -> list[str]:
    on = point.trained_on
    figure, interval = _figure(point.figures["loss"]) if "loss" in point.figures else ("-", "-")
    return [f"{point.share:g}", f"{on.rows:,}", f"{on.trained_tokens:,}", f"{point.steps:,}", figure, interval]


def _groups(points: Sequence[CurvePoint]) -> Iterator[str]:
    """The loss of each group at every share."""
    names = [(attribute, group) for attribute, groups in points[-1].groups.items() for group in groups]
    if not names:
        return
    body = []
    for attribute, group in names[:_MOST_GROUPS]:
        figures = [point.groups.get(attribute, {}).get(group) for point in points]
        rows = points[-1].groups[attribute][group].n
        losses = ["-" if figure is None else f"{figure.value:.4f}" for figure in figures]
        body.append([shortened(f"{attribute}={group}", _LONGEST), f"{rows:,}", *losses])
    head = ["loss of", "validation rows", *(f"at {point.share:g}" for point in points)]
    yield "\n"
    yield from columns(head, body, right=range(1, len(head)))
    if more := len(names) - len(body):
        yield f"... {plural(more, 'group')} more (--format json has all)\n"


def _slope(slope: Slope) -> str:
    return f"{visible(slope.sentence)}\n"


def _end(notes: Sequence[str], interrupted: str) -> Iterator[str]:
    yield from (f"note: {visible(note)}\n" for note in notes)
    if interrupted:
        yield "interrupted: the same command with --resume goes on\n"

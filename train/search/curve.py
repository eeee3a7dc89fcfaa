"""Learning curves: one model for each of several nested shares of the training rows, measured on the same rows.

Answers whether more rows would lower the loss, of all and of each group. Every model gets the same number of epochs, so
that a smaller share means fewer steps; each has its own constant denominator.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from audit.api.preparing import override
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.errors import UsageError
from audit.evidence import tool_version
from audit.train.options import TrainOptions, read_options
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.record import seal_folder
from audit.train.search.report import (
    CURVE_FILE,
    POINTS_FOLDER,
    Answer,
    CurvePoint,
    CurveReport,
    Slope,
    comparable,
    differing,
    read_curve_report,
    write_report,
)
from audit.train.search.scores import (
    INTERVALS,
    Difference,
    Figure,
    Measured,
    RowScores,
    by_group,
    difference,
    figure,
    figure_of,
    measured,
)
from audit.train.search.trainer import Trained, Trainer
from audit.train.search.training import SCRATCH, NamedLive, make_folder, trainer_over

NOTES: Final = (
    "every share is trained for the same epochs, so a smaller one takes fewer steps",
    "each share is one run with one seed: intervals tell the error of the validation rows, not that of another seed",
    "the tokenizer is that of all training rows at every share; class weights that are balanced are so in the share",
)


def curve(
    data: Any,
    output: str | os.PathLike[str],
    *,
    options: TrainOptions | None = None,
    settings: Settings | None = None,
    waive: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Callable[[Progress], None] | None = None,
    live: NamedLive | None = None,
    **config: Any,
) -> CurveReport:
    """Train on the shares of the training rows that ``options.curve`` names, and say what more rows brought.

    Arguments are as of ``audit.train.train``. Every share is a whole run in ``shares/0.25`` and so on; the gate is
    asked once. Raises UsageError for fewer than two shares, InputError without validation rows, and as ``run_curve``.
    """
    settings = override(settings or Settings(), config)
    options = options or read_options(settings)
    shares, folder = sorted(set(options.curve)), Path(output)
    if len(shares) < 2:
        raise UsageError("a learning curve needs two shares or more", hint="--curve 0.1,0.25,0.5,1")
    data = list(data) if isinstance(data, Iterator) else data
    make_folder(folder, CURVE_FILE, data, settings, resume=resume, force=force, parts=(POINTS_FOLDER, SCRATCH))
    laid = msgspec.structs.replace(options, curve=())
    with trainer_over(data, folder, laid, settings, waive=waive, progress=progress, live=live) as trainer:
        report = run_curve(shares, laid, trainer, folder, resume=resume)
    if report.finished:
        seal_folder(folder, report.schema)
    return report


def run_curve(
    shares: Sequence[float], options: TrainOptions, trainer: Trainer, folder: Path, *, resume: bool = False
) -> CurveReport:
    """Train on every one of ascending ``shares`` into ``folder/shares``; ``folder/curve.json`` is written after each.

    With ``resume`` the shares that are done are kept, if their figures come out again. Raises ResumeRefused naming what
    differs, and what training raises.
    """
    begun = CurveReport(
        version=tool_version(), interval=INTERVALS["loss"], shares=tuple(shares), basis=trainer.basis, notes=NOTES
    )
    kept = _kept(begun, folder) if resume else ()
    done = begun
    points: list[CurvePoint] = []
    scores: list[RowScores] = []
    for share in shares:
        known = kept[len(points)] if len(points) < len(kept) else None
        ended = trainer.run(options, folder / folder_of(share), name=f"share {share:g}", share=share)
        if ended.scores is None:
            return msgspec.structs.replace(begun, points=tuple(points), interrupted=ended.report.interrupted)
        point = _point(share, ended, ended.scores, options.min_group)
        if known is not None and comparable(point) != comparable(known):
            raise ResumeRefused(
                f"the share {share:g} no longer gives what {CURVE_FILE} says", hint="use another output folder"
            )
        points.append(point)
        scores.append(ended.scores)
        done = msgspec.structs.replace(begun, points=tuple(points), finished=len(points) == len(shares))
        if done.finished:
            slopes = tuple(slopes_of(points, scores, options.min_group))
            done = msgspec.structs.replace(done, slopes=slopes, notes=(*NOTES, *unfinished(points)))
        write_report(done, folder / CURVE_FILE)
    return done


def _kept(begun: CurveReport, folder: Path) -> tuple[CurvePoint, ...]:
    kept = read_curve_report(folder / CURVE_FILE)
    if kept is None:
        return ()
    if changed := differing(kept, begun, ("shares",)):
        raise ResumeRefused(
            f"the curve in {folder.name} cannot be resumed: changed since it began: {', '.join(changed)}",
            hint="set them back, or use another output folder",
        )
    return kept.points


def folder_of(share: float) -> str:
    """Where the run on a share lies: ``shares/0.25``."""
    return f"{POINTS_FOLDER}/{share!r}"


def _point(share: float, ended: Trained, scores: RowScores, min_group: int) -> CurvePoint:
    report = ended.report
    groups: dict[str, dict[str, Figure]] = {}
    for attribute, group, found in by_group(scores):
        groups.setdefault(attribute, {})[group] = figure_of(found)
    figures: dict[str, Figure] = {
        name: told for name in INTERVALS if (told := figure(scores, name, min_group=min_group))
    }
    return CurvePoint(
        share=share,
        folder=folder_of(share),
        trained_on=ended.trained_on,
        steps=report.steps,
        best_step=report.best.step if report.best else 0,
        figures=figures,
        groups=groups,
        seal=report.seal,
    )


# ----------------------------------------------------------------------------- what more rows would bring


def slopes_of(points: Sequence[CurvePoint], scores: Sequence[RowScores], min_group: int) -> list[Slope]:
    """The change of the loss from the last but one share to the last, for twice as many rows: of all validation rows,
    then of every group with rows in both. Intervals hold for all of them together (Bonferroni)."""
    before, after = scores[-2:]
    doublings = math.log2(points[-1].trained_on.rows / max(1, points[-2].trained_on.rows))
    if doublings <= 0:
        return []
    pairs: list[tuple[str, str, Measured, Measured]] = []
    whole = [measured(one, "loss", min_group=min_group) for one in (before, after)]
    if whole[0] is not None and whole[1] is not None:
        pairs.append(("", "", whole[0], whole[1]))
    earlier = {(attribute, group): found for attribute, group, found in by_group(before)}
    pairs += [
        (attribute, group, earlier[attribute, group], found)
        for attribute, group, found in by_group(after)
        if (attribute, group) in earlier
    ]
    span = (points[-2].share, points[-1].share)
    return [_slope(pair, doublings, span, min_group, len(pairs)) for pair in pairs]


def unfinished(points: Sequence[CurvePoint]) -> list[str]:
    """A note on the last two shares where a model was still improving when its steps ended: a smaller share has fewer
    of them, and what they would have brought is then part of the slope."""
    still = [f"{point.share:g}" for point in points[-2:] if point.best_step == point.steps]
    if not still:
        return []
    at = " and ".join(still)
    return [
        f"at the share of {at} the last step was the best, so a part of the change is that of more steps: raise epochs"
    ]


def _slope(
    pair: tuple[str, str, Measured, Measured],
    doublings: float,
    span: tuple[float, float],
    min_group: int,
    comparisons: int,
) -> Slope:
    attribute, group, before, after = pair
    change = difference(after, before, comparisons=comparisons)
    each = msgspec.structs.replace(
        change,
        value=change.value / doublings,
        interval=change.interval and (change.interval[0] / doublings, change.interval[1] / doublings),
    )
    enough = change.n >= min_group
    answer: Answer = _answer(each) if enough else "cannot be told"
    return Slope(
        attribute=attribute,
        group=group,
        n=change.n,
        per_doubling=each,
        answer=answer,
        sentence=_sentence(f"{attribute}={group}" if attribute else "all rows", each, answer, span, enough=enough),
    )


def _answer(each: Difference) -> Answer:
    if not each.told:
        return "cannot be told"
    return "lowered" if each.value < 0 else "raised"


def _sentence(of: str, each: Difference, answer: Answer, span: tuple[float, float], *, enough: bool) -> str:
    """``from 0.5 to 1 of the training rows, twice as many lowered the loss of sex=F by 0.12 nats [0.05, 0.19]``."""
    between = f"from {span[0]:g} to {span[1]:g} of the training rows"
    if answer != "cannot be told":
        low, high = sorted(map(abs, each.interval or (each.value, each.value)))
        by = f"{abs(each.value):.4f} nats [{low:.4f}, {high:.4f}]"
        return f"{between}, twice as many {answer} the loss of {of} by {by}"
    why = "" if enough else f" ({each.n} validation rows are too few)"
    bounds = "" if each.interval is None else " [{:+.4f}, {:+.4f}]".format(*each.interval)
    return f"{between}, it cannot be told whether twice as many change the loss of {of}{why}: {each.value:+.4f}{bounds}"

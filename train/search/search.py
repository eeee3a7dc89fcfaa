"""Hyper-parameter search: trains one model for each trial and chooses by a measure on the validation rows.

The test split is never read. What is claimed of the chosen trial is no more than paired differences on the same
validation rows tell; that other seeds would give the same order is not said.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from audit.api.preparing import override
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.errors import ConfigError, InputError
from audit.evidence import tool_version
from audit.train.options import Metric, TrainOptions, read_options
from audit.train.runs.folder import MODEL
from audit.train.runs.identity import ResumeRefused
from audit.train.runs.record import seal_folder
from audit.train.search.drawing import drawer_for
from audit.train.search.report import (
    SEARCH_FILE,
    TRIALS_FOLDER,
    SearchReport,
    Trial,
    comparable,
    differing,
    read_search_report,
    write_report,
)
from audit.train.search.scores import INTERVALS, Measured, RowScores, difference, figure, measured
from audit.train.search.space import HIGHER_IS_BETTER, SearchOptions, Values, read_search, with_values
from audit.train.search.trainer import Trained, Trainer, TrialFailed
from audit.train.search.training import SCRATCH, NamedLive, make_folder, trainer_over
from audit.writing import unwritable

FLATTERS: Final = (
    "the chosen trial is the best of {trials} on the same validation rows, so its figure flatters it: measure it on "
    "rows that nothing was chosen by"
)
ONE_SEED: Final = "every trial is one run with one seed: intervals tell the error of the validation rows alone"


def search(
    data: Any,
    output: str | os.PathLike[str],
    *,
    options: TrainOptions | None = None,
    settings: Settings | None = None,
    trials: int | None = None,
    waive: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Callable[[Progress], None] | None = None,
    live: NamedLive | None = None,
    **config: Any,
) -> SearchReport:
    """Try what ``[search]`` of the settings names and choose by the validation rows; the best model is ``model/``.

    Arguments are as of ``audit.train.train``; ``trials`` takes the place of ``[search] trials``. Every trial is a whole
    run in ``trials/0001`` and so on, the gate is asked once. Ctrl-C ends the search after the step, and ``resume`` goes
    on with it. Raises what training raises, and as ``run_search``.
    """
    settings = override(settings or Settings(), config)
    options = options or read_options(settings)
    asked, folder = read_search(settings, options, trials=trials), Path(output)
    data = list(data) if isinstance(data, Iterator) else data
    check_trials(asked, options)
    parts = (TRIALS_FOLDER, MODEL, SCRATCH)
    make_folder(folder, SEARCH_FILE, data, settings, resume=resume, force=force, parts=parts)
    laid = msgspec.structs.replace(options, choose=asked.metric, curve=())
    with trainer_over(data, folder, laid, settings, waive=waive, progress=progress, live=live) as trainer:
        report = run_search(asked, laid, trainer, folder, resume=resume)
    if report.finished:
        seal_folder(folder, report.schema)
    return report


def run_search(
    search: SearchOptions, options: TrainOptions, trainer: Trainer, folder: Path, *, resume: bool = False
) -> SearchReport:
    """Train every trial into ``folder/trials`` and choose; ``folder/search.json`` is written after each of them.

    With ``resume`` the trials that are done are kept, if their values and figures are those that come out again.
    Raises ResumeRefused (an InputError) naming what differs, ConfigError for values that do not go together or for a
    metric that the data does not have, and what training raises.
    """
    running = _Running(search, options, trainer, folder, _kept(search, trainer, folder) if resume else None)
    return running.to_the_end()


def check_trials(search: SearchOptions, options: TrainOptions) -> None:
    """Raise ConfigError where a trial that is known before the first is trained is not possible, and MissingExtra where
    optuna is needed and not there."""
    drawer = drawer_for(search, options.seed)
    if search.method != "optuna":
        while (values := drawer.next()) is not None:
            with_values(options, values)


def give_model(chosen: Path, target: Path) -> None:
    """Put copies of the files of a trial's model into the folder ``target``: whoever changes one must not change the
    trial, which is sealed. Raises OutputError."""
    try:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(chosen, target, copy_function=shutil.copyfile)
    except OSError as error:
        raise unwritable(str(target), error) from None


def _kept(search: SearchOptions, trainer: Trainer, folder: Path) -> SearchReport | None:
    """The search that was begun. Raises ResumeRefused where it was another one."""
    kept = read_search_report(folder / SEARCH_FILE)
    if kept is None:
        return None
    fresh = _begun(search, trainer)
    if changed := differing(kept, fresh, ("method", "metric", "wanted", "space")):
        raise ResumeRefused(
            f"the search in {folder.name} cannot be resumed: changed since it began: {', '.join(changed)}",
            hint="set them back, or use another output folder",
        )
    return kept


def _begun(search: SearchOptions, trainer: Trainer) -> SearchReport:
    space = {
        name: msgspec.to_builtins(spread) if isinstance(spread, msgspec.Struct) else list(spread)
        for name, spread in sorted(search.space.items())
    }
    return SearchReport(
        version=tool_version(),
        method=search.method,
        metric=search.metric,
        interval=INTERVALS[search.metric],
        wanted=search.trials,
        space=space,
        basis=trainer.basis,
    )


class _Running:
    """A search on its way: the trials that ended and what each made of the validation rows."""

    def __init__(
        self, search: SearchOptions, options: TrainOptions, trainer: Trainer, folder: Path, kept: SearchReport | None
    ) -> None:
        self._search = search
        self._options = options
        self._trainer = trainer
        self._folder = folder
        self._kept = kept.trials if kept else ()
        self._trials: list[Trial] = []
        self._measured: list[Measured | None] = []
        self._rows: RowScores | None = None

    def to_the_end(self) -> SearchReport:
        """All trials, one after the other."""
        drawer = drawer_for(self._search, self._trainer.basis.seed)
        while len(self._trials) < self._search.trials and (values := drawer.next()) is not None:
            ended = self._next(values)
            if ended is not None and ended.scores is None:
                return msgspec.structs.replace(self._report(), interrupted=ended.report.interrupted)
            drawer.tell(self._trials[-1].figure.value if self._trials[-1].figure else None)
            if len(self._trials) >= len(self._kept):  # what was kept stays on disk until it was all looked at
                self._write(self._report())
        report = msgspec.structs.replace(self._report(), finished=True)
        if not report.best:
            raise InputError(
                f"none of the {len(self._trials)} trials came to a model: {self._trials[0].failed}",
                hint="search smaller learning rates",
            )
        give_model(self._folder / TRIALS_FOLDER / f"{report.best:04d}" / MODEL, self._folder / MODEL)
        self._write(report)
        return report

    def _next(self, values: Values) -> Trained | None:
        """Train the next trial, or take up the one that was kept; None where it failed."""
        number = len(self._trials) + 1
        folder = self._folder / TRIALS_FOLDER / f"{number:04d}"
        options = with_values(self._options, values)
        kept = self._kept[number - 1] if number <= len(self._kept) else None
        try:
            if kept is not None and kept.failed:
                raise TrialFailed(kept.failed)
            ended = self._trainer.run(options, folder, name=f"trial {number}/{self._search.trials}")
        except ConfigError as error:  # the metric is laid over the options, as what chooses the best weights
            if error.what.startswith(f"[train] {self._search.metric} "):
                raise _undefined(self._search.metric, self._options.min_group) from None
            raise
        except TrialFailed as error:
            self._add(_bare(number, values, failed=error.what), None, kept)
            return None
        if ended.scores is not None:
            self._add(*self._judged(number, values, ended, ended.scores), kept)
        return ended

    def _add(self, trial: Trial, found: Measured | None, kept: Trial | None) -> None:
        if kept is not None and comparable(trial) != comparable(msgspec.structs.replace(kept, from_best=None)):
            raise ResumeRefused(
                f"trial {trial.number} no longer gives what {SEARCH_FILE} says of it", hint="use another output folder"
            )
        self._trials.append(trial)
        self._measured.append(found)

    def _judged(self, number: int, values: Values, ended: Trained, scores: RowScores) -> tuple[Trial, Measured | None]:
        self._check_rows(number, scores)
        least = self._options.min_group
        found = measured(scores, self._search.metric, min_group=least)
        if found is None:
            raise _undefined(self._search.metric, least)
        if not math.isfinite(found.value):
            return _bare(number, values, failed=f"{self._search.metric} is {found.value}"), None
        figures = {name: told for name in get_args(Metric) if (told := figure(scores, name, min_group=least))}
        report = ended.report
        trial = msgspec.structs.replace(
            _bare(number, values),
            steps=report.steps,
            best_step=report.best.step if report.best else 0,
            stopped=report.stopped,
            figure=figures[self._search.metric],
            figures=figures,
            seal=report.seal,
        )
        return trial, found

    def _check_rows(self, number: int, scores: RowScores) -> None:
        """Trials are compared row by row, so all must have measured the same tokens of the same rows."""
        first = self._rows = self._rows or scores
        if scores.same_rows != first.same_rows:
            raise InputError(
                f"trial {number} measured other validation rows or tokens than trial 1: they cannot be compared",
                hint="do not give classes or groups the weight 0 in [search] space",
            )

    def _report(self) -> SearchReport:
        """What can be said of the trials so far."""
        begun = _begun(self._search, self._trainer)
        best = self._best()
        if best is None:
            return msgspec.structs.replace(begun, trials=tuple(self._trials))
        others = [at for at, found in enumerate(self._measured) if found is not None and at != best]
        chosen = self._measured[best]
        trials = list(self._trials)
        for at in others:
            theirs = self._measured[at]
            if chosen is not None and theirs is not None:
                apart = difference(chosen, theirs, comparisons=len(others))
                trials[at] = msgspec.structs.replace(trials[at], from_best=apart)
        alike = [trials[at].number for at in others if not (known := trials[at].from_best) or not known.told]
        return msgspec.structs.replace(
            begun,
            trials=tuple(trials),
            best=best + 1,
            not_distinguishable=tuple(alike),
            notes=(FLATTERS.format(trials=len(trials)), ONE_SEED) if others else (ONE_SEED,),
        )

    def _best(self) -> int | None:
        """The place of the best trial, the earlier of equal ones; None while there is none."""
        sign = -1.0 if self._search.metric in HIGHER_IS_BETTER else 1.0
        told = [(sign * found.value, at) for at, found in enumerate(self._measured) if found is not None]
        return min(told)[1] if told else None

    def _write(self, report: SearchReport) -> None:
        write_report(report, self._folder / SEARCH_FILE)


def _bare(number: int, values: Mapping[str, Any], failed: str = "") -> Trial:
    return Trial(number=number, values=dict(values), folder=f"{TRIALS_FOLDER}/{number:04d}", failed=failed)


def _undefined(metric: Metric, min_group: int) -> ConfigError:
    if metric == "worst_group_loss":
        return ConfigError(
            f"[search] metric: no group of the validation rows has {min_group} rows or more, so that none can be worst",
            hint="name attributes in [attributes], hold out more rows, or set [train] min_group",
        )
    return ConfigError(
        f"[search] metric: {metric} is measured of a classifier only",
        hint='set task = "classify" in [train], or use metric = "loss"',
    )

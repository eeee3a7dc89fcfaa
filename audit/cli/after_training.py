"""What ``audit train`` ends with where a test split is known: the model and its base are asked about it and judged.

Whatever comes of it, the run stands as it is: the exit code stays that of training.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from audit.cli.terminal import print_pieces
from audit.config.settings import Settings
from audit.errors import AuditError

if TYPE_CHECKING:
    from audit.train.evaluation.options import EvaluateOptions
    from audit.train.options import TrainOptions

TUNED: Final = "tuned"
"""What the model of the run is called beside its base."""
SUFFIX: Final = ".evaluation"
"""Behind the name of the run's folder: the evaluation lies beside it, since a run holds nothing but its own files."""


def reaudit_run(args: argparse.Namespace, settings: Settings, run: Path, options: TrainOptions) -> None:
    """Ask about the rows of the test split that the run knows, judge, write the report and say where it is. Nothing is
    done without a test split. What goes wrong is said on standard error."""
    from audit.train.evaluation.facts import kept_for_testing

    try:
        if kept_for_testing(run):
            _reaudit(args, settings, run, options)
    except AuditError as error:
        from audit.reports.visible import visible

        print(f"the run stands, but its model was not evaluated: {visible(error.what)}", file=sys.stderr)
        if error.hint:
            print(f"hint: {visible(error.hint)}", file=sys.stderr)


def _reaudit(args: argparse.Namespace, settings: Settings, run: Path, options: TrainOptions) -> None:
    from audit.cli.evaluate import evaluated, write_evaluation
    from audit.cli.evaluate_text import render_evaluation

    data, asked = _test_data(settings)
    folder = run.with_name(f"{run.resolve().name}{SUFFIX}")
    told = _options(settings, run, options, force=hasattr(args, "force"))
    report = evaluated(args, data, str(folder), told, asked)
    path = write_evaluation(report, settings) if report.result is not None else None
    pieces = [*render_evaluation(report, path)]
    if options.is_tiny:
        pieces.append("note: tiny has no weights before it is trained, so no base model stands beside it\n")
    if getattr(args, "format", "text") == "json":  # standard output holds the account of the run, and nothing else
        sys.stderr.writelines(pieces)
    else:
        print_pieces(("\n", *pieces))


def _test_data(settings: Settings) -> tuple[list[str], Settings]:
    """The files of the test split; where a field of the rows names the splits, all data."""
    from audit.train.data.rows import split_name
    from audit.train.prediction.questions import TEST

    test = tuple((name, path) for name, path in settings.splits if split_name(name) == TEST)
    if test:
        return [], msgspec.structs.replace(settings, files=(), splits=test)
    return list(settings.files), settings


def _options(settings: Settings, run: Path, options: TrainOptions, *, force: bool) -> EvaluateOptions:
    """Those of ``[evaluate]``, but for the arms: they are this run and the model that it began with. What replaces a
    run replaces its evaluation (``force``)."""
    from audit.outputs.arms import BASE
    from audit.train.evaluation.options import Arm, read_options

    base = () if options.is_tiny else (Arm(name=BASE, models=(options.model,)),)
    table = {name: value for name, value in settings.sections.get("evaluate", {}).items() if name != "endpoints"}
    own = msgspec.structs.replace(settings, sections={**settings.sections, "evaluate": table})
    arms = {
        "models": (*base, Arm(name=TUNED, models=(str(run),))),
        "judge": TUNED,
        "compare": "",
        "base_arm": BASE if base else "",
    }
    return read_options(own, {**arms, "force": force})

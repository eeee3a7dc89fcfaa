"""``audit evaluate``: has models asked and judged, and writes the report. The work is that of ``audit.train.evaluate``.

``write_evaluation`` turns what it hands back into files; whoever evaluates from the command line calls it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from audit.cli.output import add_redaction_flag, save, wants_redaction
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import add_terminal_flags, answers_told, print_pieces, progress_bar, wants_color
from audit.config.settings import Settings
from audit.errors import UsageError
from audit.reports.view import View
from audit.writing import write_whole

if TYPE_CHECKING:
    from audit.model import Json
    from audit.model.dossier import Reaudit, Training
    from audit.train.evaluation.options import EvaluateOptions
    from audit.train.evaluation.report import EvaluateReport

REPORT: Final = "report.html"

_LISTS: Final = ("models", "endpoints", "train")
_TEXT: Final = (
    ("judge", "ARM", "the arm that is to be signed (default: remediated, else the last that was trained)"),
    ("compare", "ARM", "the same without remediation (default: raw)"),
    ("base_arm", "ARM", "the model before fine-tuning (default: base)"),
    ("only", "SPLIT", "ask about this split (default: test, else what the runs held out, else all rows)"),
    ("labels", "LABELS", "score labels in place of writing: a,b,c; none; or auto (default)"),
    ("max_new_tokens", "N", "longest reply (default: 128)"),
    ("samples", "K", "replies for each row, where replies are written (default: 1)"),
    ("temperature", "T", "0 (default) takes the likeliest token, above it is drawn"),
    ("most", "N", "questions for each attribute that are asked again with another group in them (default: 500)"),
    ("greedy", "N", "rows answered as text, too, where labels are scored (default: 200; 0: none)"),
    ("answers", "N", "rows whose own answers' likelihood is taken (default: 500 for free text, 0 for labels)"),
    ("harm", "TEXT", "what harm is at stake, in words, for the report"),
    ("device", "NAME", "auto (default), cpu, cuda or cuda:0"),
    ("key_variable", "NAME", "environment variable with the endpoint's key (default: OPENAI_API_KEY)"),
    ("concurrency", "N", "requests at a time (default: 4)"),
    ("timeout", "SECONDS", "longest wait for an answer (default: 60)"),
    ("retries", "N", "how often a request is tried again (default: 4)"),
    ("batch_poll_seconds", "SECONDS", "how often it is asked whether batches are done (default: 30)"),
)
"""Options with a flag of their own: name, what stands for the value, meaning."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit evaluate`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="TEST", help="the test data: files, folders, patterns")
    add_settings_flags(parser)
    parser.conflict_handler = "resolve"  # its --model names arms, and there are several
    group = parser.add_argument_group("whom is asked")
    group.add_argument(
        "--model", action="append", dest="models", metavar="NAME=MODEL",
        help="an arm: a run, a model folder or a hub name; again under one name, or with commas, for replicates; "
        "NAME=OTHER,examples=8 asks another arm's model with training rows in the prompt; NAME=RUN,deployment=NAME "
        "names the deployment of a hosted run's model at Azure (repeatable)",
    )  # fmt: skip
    group.add_argument(
        "--endpoint", action="append", dest="endpoints", metavar="NAME=URL",
        help="ask this arm of an OpenAI-compatible server (repeatable)",
    )  # fmt: skip
    group.add_argument(
        "--train", action="append", metavar="FILE",
        help="training data that outputs are compared with (default: what the judged run recorded, where it is found)",
    )  # fmt: skip
    how = parser.add_argument_group("what is asked for")
    for name, metavar, meaning in _TEXT:
        how.add_argument(f"--{name.replace('_', '-')}", metavar=metavar, help=meaning)
    how.add_argument(
        "--batch", action="store_true",
        help="ask the arms that have an endpoint in batches, one way of asking an arm after the other: each answered "
        "within a day, billed at the batch price",
    )  # fmt: skip
    how.add_argument("--no-counterfactual", action="store_true", help="ask no question with another group in it")
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", metavar="FOLDER", help="predictions, result and report go there")
    output.add_argument("--policy", metavar="NAME|FILE", help="what the outputs are judged by (default: outputs)")
    output.add_argument(
        "--force", action="store_true", help="replace another evaluation; without it one is gone on with"
    )
    output.add_argument("--format", choices=("text", "json"), help="form of the account (default: text)")
    add_redaction_flag(output)
    add_terminal_flags(output)


def run(args: argparse.Namespace) -> int:
    """Ask and judge. Exit code 0, 1 or 3 by the verdict, 2 where more than 5 % of an arm's outputs are missing, 130
    when interrupted."""
    from audit.train.evaluation.options import read_options
    from audit.train.installed import rest_idle_threads

    settings = settings_from(args, args.paths)
    options = read_options(settings, _given(args))
    if not (settings.files or settings.splits):
        raise UsageError("no test data was named", hint="audit evaluate --model raw=runs/raw test.jsonl -o evaluation")
    if not hasattr(args, "output"):
        raise UsageError("no folder to write was named", hint="-o evaluation")
    rest_idle_threads()
    report = evaluated(args, list(settings.files), args.output, options, settings)
    path = None
    if report.result is not None:
        path = write_evaluation(report, settings, View(redact=wants_redaction(args)))
    print_pieces(_shown(report, path, getattr(args, "format", "text"), color=wants_color(args)))
    return report.exit_code


def _given(args: argparse.Namespace) -> Mapping[str, Json]:
    names = (*_LISTS, *(name for name, _, _ in _TEXT), "batch", "policy", "force")
    given: dict[str, Json] = {name: getattr(args, name) for name in names if hasattr(args, name)}
    return {**given, **({"counterfactual": False} if hasattr(args, "no_counterfactual") else {})}


def evaluated(
    args: argparse.Namespace, data: list[str], output: str, options: EvaluateOptions, settings: Settings
) -> EvaluateReport:
    """The report of an evaluation, with progress on standard error."""
    from audit.train import evaluate

    began = time.perf_counter()
    with progress_bar(args) as bar, answers_told(args) as told:
        report = evaluate(data, output, options=options, settings=settings, progress=bar, told=told)
    if not hasattr(args, "quiet") and report.result is not None:
        from audit.cli.progress import closing

        print(closing(report.result.rows, time.perf_counter() - began), file=sys.stderr)
    return report


def write_evaluation(report: EvaluateReport, settings: Settings, view: View | None = None) -> Path:
    """Write ``result.json``, ``findings.jsonl.gz``, ``manifest.json`` and the report into the folder of an evaluation;
    the path of the report. Raises UsageError for an evaluation without a result, OutputError."""
    from audit.model.dossier import Dossier
    from audit.reports import render

    if report.result is None:
        raise UsageError(f"{report.folder} holds no result: the evaluation was interrupted")
    folder = Path(report.folder)
    dossier = Dossier(outputs=report.result, trainings=trainings_of(folder), reaudit=reaudit_of(folder))
    view = msgspec.structs.replace(view or View(), config_file=settings.config_file, dossier=dossier)
    save(report.result, str(folder), view)
    pieces = render(report.result, "html", view)
    write_whole(folder / REPORT, (piece.encode("utf-8", "backslashreplace") for piece in pieces))
    return folder / REPORT


def reaudit_of(folder: Path) -> Reaudit:
    """What the folder of an evaluation says beside its result: who is judged, for fear of what, how often the test set
    was scored, how long each arm took. Raises InputError for a folder of something else."""
    from audit.model.dossier import Reaudit
    from audit.outputs.evaluation import read, read_timing, times_scored

    evaluation, seconds = read(folder), read_timing(folder)
    by_arm: dict[str, float] = {}
    for one in evaluation.files:
        if one.what == "asked" and (took := seconds.get(f"{one.arm}-{one.seed}")) is not None:
            by_arm[one.arm] = by_arm.get(one.arm, 0.0) + took
    return Reaudit(
        judged=evaluation.roles.judged,
        compared=evaluation.roles.compared,
        base=evaluation.roles.base,
        harm=evaluation.harm,
        scored=times_scored(folder),
        seconds=by_arm,
        examples={one.arm: one.examples for one in evaluation.arms if one.examples},
        data=tuple(one.name for one in evaluation.data),
        notes=evaluation.notes,
        unable=evaluation.unable,
    )


def trainings_of(folder: Path) -> tuple[Training, ...]:
    """The runs that an evaluation was made with, those that still lie where they were."""
    from audit.outputs.evaluation import read
    from audit.train.evaluation.facts import is_run
    from audit.train.runs.telling import training_of

    found = {folder / place: name.rpartition("-")[0] for name, place in read(folder).runs.items()}
    return tuple(training_of(run, arm=arm) for run, arm in found.items() if is_run(run))


def _shown(report: EvaluateReport, path: Path | None, form: str, *, color: bool) -> Iterator[str]:
    if form == "json":
        from audit.reports.encode import encode

        yield encode(report, indent=2) + "\n"
        return
    from audit.cli.evaluate_text import render_evaluation

    yield from render_evaluation(report, path, color=color)

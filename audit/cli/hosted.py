"""``audit train`` at a provider: has a job made, planned, followed or acted on, and shows how it went."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit.cli import EXIT_CLEAN, EXIT_INTERRUPTED, EXIT_UNABLE
from audit.cli.terminal import progress_bar
from audit.cli.train_asked import data_named, output_named, show
from audit.config.settings import Settings
from audit.errors import UsageError
from audit.reports.visible import visible

if TYPE_CHECKING:
    from audit.model import Json
    from audit.train.hosted.options import HostedOptions

Way = Callable[[argparse.Namespace, Settings], int]

_ON_THIS_MACHINE: Final = ("replay", "search", "curve")
"""Flags of what needs the weights of a model."""
_OF_ASKING: Final = ("base_url", "key_variable", "timeout", "retries")
"""Settings that say how a job is asked about."""
_OF_RUN: Final = ("resume", "force", "waive", "policy")
"""Flags of what a job that there is has behind it."""


def hosted_way(args: argparse.Namespace, given: Mapping[str, Json]) -> Way:
    """What is to be done at a provider: a flag says, else a job is made and followed. Raises UsageError for what only
    this machine does, and for two things at once."""
    if name := next((one for one in _ON_THIS_MACHINE if hasattr(args, one)), None):
        raise UsageError(f"--{name} needs a model on this machine", hint="--provider local")
    if hasattr(args, "job") and hasattr(args, "dry_run"):
        raise UsageError("--dry-run and --job cannot be done at once", hint="leave one of them out")
    ways = {"job": _act, "dry_run": _plan}
    way = next((ways[name] for name in ways if hasattr(args, name)), _train)
    return lambda args, settings: way(args, settings, given)


def refuse_hosted_folder(args: argparse.Namespace) -> None:
    """Raise ResumeRefused where a run on this machine is to go on with one at a provider, or to take its place unsaid:
    before anything is asked of this machine."""
    from audit.train.runs.hosting import refuse_hosted

    output = str(getattr(args, "output", "") or "")
    if output and not hasattr(args, "force"):
        refuse_hosted(Path(output))


def _options(settings: Settings, given: Mapping[str, Json]) -> HostedOptions:
    from audit.train.hosted.options import read_options

    return read_options(settings, given)


def _train(args: argparse.Namespace, settings: Settings, given: Mapping[str, Json]) -> int:
    from audit.cli.hosted_text import render
    from audit.train.hosted.running import train_hosted

    data, output, options = data_named(settings), output_named(args), _options(settings, given)
    with progress_bar(args) as bar:

        def told(line: str) -> None:
            if not hasattr(args, "quiet"):
                if bar is not None:
                    bar.clear()
                print(visible(line), file=sys.stderr, flush=True)

        report = train_hosted(
            data,
            output,
            options=options,
            settings=settings,
            waive=getattr(args, "waive", None),
            resume=hasattr(args, "resume"),
            force=hasattr(args, "force"),
            progress=bar,
            told=told,
        )
    show(args, report, render)
    if report.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_UNABLE if report.is_failed else EXIT_CLEAN


def _plan(args: argparse.Namespace, settings: Settings, given: Mapping[str, Json]) -> int:
    from audit.cli.hosted_text import render_plan
    from audit.train.hosted.planning import plan

    data, options = data_named(settings), _options(settings, given)
    with progress_bar(args) as bar:
        planned = plan(data, options=options, settings=settings, progress=bar)
    show(args, planned, render_plan)
    return EXIT_CLEAN


def _act(args: argparse.Namespace, settings: Settings, given: Mapping[str, Json]) -> int:
    """Whatever the job's state, it was told: exit code 0."""
    from audit.cli.hosted_text import render_job
    from audit.train.hosted.acting import job_of_run
    from audit.train.hosted.options import read_options

    output = output_named(args)
    if settings.files or settings.splits:
        raise UsageError("--job is about the run in -o, and takes no data", hint=f"audit train -o RUN --job {args.job}")
    if strange := [name for name in given if name not in _OF_ASKING] + [
        name for name in _OF_RUN if hasattr(args, name)
    ]:
        raise UsageError(
            f"--job takes no {strange[0]}: the record of the run says which job it is",
            hint=f"it takes {', '.join(_OF_ASKING)}",
        )
    options = read_options(Settings(model="any"), given)
    asking = {name: getattr(options, name) for name in _OF_ASKING}
    show(args, job_of_run(output, args.job, **asking), render_job)
    return EXIT_CLEAN

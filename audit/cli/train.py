"""``audit train``: reads the flags, has a model trained, planned, repeated or searched for, and shows how it went."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from audit.cli import EXIT_CLEAN, EXIT_FINDINGS, EXIT_INTERRUPTED, EXIT_TERMINATED
from audit.cli.hosted_flags import hosted_arguments, hosted_given
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import add_terminal_flags, progress_bar
from audit.cli.train_asked import (
    add_assignments,
    add_gate_flags,
    add_validation,
    data_named,
    output_named,
    show,
    show_failed,
    with_validation,
)
from audit.config.settings import Settings
from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.cli.train_progress import EvaluationLines, LiveLine
    from audit.model import Json
    from audit.train.options import TrainOptions

_TEXT: Final = (
    ("method", "NAME", "lora, full, freeze or qlora (default: full for tiny, else lora)"),
    ("task", "NAME", "chat (the answers as text) or classify (a head over the labels) (default: chat)"),
    ("lr", "RATE", "learning rate at its highest"),
    ("batch_size", "N", "examples in an optimiser step (default: 32)"),
    ("max_steps", "N", "optimiser steps after which training ends"),
    ("precision", "NAME", "auto, fp32, bf16, fp16 or fp64 (default: auto)"),
    ("hold_out", "SHARE", "share of the rows kept for validation where no validation split is named"),
    ("early_stopping", "MEASURE", "stop when loss, worst_group_loss, accuracy or f1 no longer improves"),
    ("chat_template", "FILE", "chat template to use instead of the tokenizer's own, or chatml"),
    ("curve", "SHARES", "train on nested shares of the rows, as 0.1,0.25,0.5,1, and show what more data brings"),
)
"""Settings with a flag of their own: name, what stands for the value, meaning."""
_SWITCHES: Final = (
    ("merge", "write the adapter's weights into those of the model"),
    ("tensorboard", "write what is measured for TensorBoard, too"),
)
_FROM_SETTINGS: Final = {"model": "model", "epochs": "epochs", "max_tokens": "max_length"}
"""Flags shared with other commands that say the same as a setting of ``[train]``."""

_EXITS: Final = {"SIGINT": EXIT_INTERRUPTED, "SIGTERM": EXIT_TERMINATED}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit train`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="files, folders, patterns")
    group = parser.add_argument_group("the run")
    group.add_argument("-o", "--output", metavar="FOLDER", help="where the run is kept: model, record, checkpoints")
    add_validation(group)
    for name, metavar, meaning in _TEXT:
        group.add_argument(f"--{name.replace('_', '-')}", metavar=metavar, help=meaning)
    for name, meaning in _SWITCHES:
        group.add_argument(f"--{name}", action="store_true", help=meaning)
    add_assignments(group)
    hosted_arguments(parser.add_argument_group("training at a provider in place of on this machine"))
    add_gate_flags(parser.add_argument_group("the gate, which comes first"), "train")
    how = parser.add_argument_group("what is done")
    how.add_argument("--resume", action="store_true", help="go on with a run that was interrupted")
    how.add_argument("--force", action="store_true", help="replace an earlier run")
    how.add_argument("--dry-run", action="store_true", help="train and write nothing: show tokens, steps, memory, time")
    how.add_argument("--replay", metavar="STEP", help="repeat a step of a run bit for bit, changing nothing of it")
    how.add_argument("--search", action="store_true", help="try the values of [search], choose by the validation rows")
    how.add_argument(
        "--no-evaluate", action="store_true", help="do not ask about the test split when the model is trained"
    )
    how.add_argument("--format", choices=("text", "json"), help="form on standard output (default: text)")
    add_terminal_flags(parser.add_argument_group("terminal"))
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 trained (a replay: equal), 1 the gate says FAIL (a replay: it differs), 2 a provider's job failed,
    130 or 143 interrupted."""
    from audit.cli.hosted import hosted_way, refuse_hosted_folder
    from audit.train.hosted.options import provider_of
    from audit.train.installed import check_installed, rest_idle_threads
    from audit.train.options import LOCAL
    from audit.train.runs.gating import GateFailed, read_waiver

    settings = with_validation(settings_from(args, args.paths), args)
    read_waiver(getattr(args, "waive", None))
    given = given_options(args)
    is_hosted = provider_of(settings, given) != LOCAL or hasattr(args, "job")
    way = hosted_way(args, given) if is_hosted else _way(args, settings)
    if not is_hosted:
        refuse_hosted_folder(args)
        check_installed()
        rest_idle_threads()
    try:
        return way(args, settings)
    except GateFailed as error:
        show_failed(error)
        return EXIT_FINDINGS


def _way(args: argparse.Namespace, settings: Settings) -> Callable[[argparse.Namespace, Settings], int]:
    """What is to be done: what a flag says, else a curve where the settings name shares. Raises UsageError for two
    things at once, and as ``read_options``."""
    ways = {"dry_run": _plan, "replay": _replay, "search": _search, "curve": _curve}
    asked = [name for name in ways if hasattr(args, name)]
    if len(asked) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in asked[:2])
        raise UsageError(f"{first} and {second} cannot be done at once", hint="leave one of them out")
    if asked:
        return ways[asked[0]]
    return _curve if _options(args, settings).curve else _train


# ----------------------------------------------------------------------------- what is asked for


def given_options(args: argparse.Namespace) -> Mapping[str, Json]:
    """The settings of ``[train]`` that the command line says, which win over those of the file; ``--set`` over flags.

    Raises UsageError for an unknown key.
    """
    from audit.train.options import split_assignment

    given: dict[str, Json] = {key: getattr(args, name) for name, key in _FROM_SETTINGS.items() if hasattr(args, name)}
    given |= {name: getattr(args, name) for name, _, _ in _TEXT if hasattr(args, name)}
    given |= {name: True for name, _ in _SWITCHES if hasattr(args, name)} | hosted_given(args)
    return given | dict(split_assignment(text) for text in getattr(args, "assignments", []))


def _options(args: argparse.Namespace, settings: Settings) -> TrainOptions:
    from audit.train.options import read_options

    return read_options(settings, given_options(args))


@contextlib.contextmanager
def _live(args: argparse.Namespace) -> Iterator[LiveLine | EvaluationLines | None]:
    """What shows training on standard error, which is gone when the block ends."""
    from audit.cli.train_progress import live_for

    live = live_for(sys.stderr, quiet=hasattr(args, "quiet"), progress=not hasattr(args, "no_progress"))
    try:
        yield live
    finally:
        if live is not None:
            live.clear()


# ----------------------------------------------------------------------------- doing it


def _train(args: argparse.Namespace, settings: Settings) -> int:
    from audit.cli.train_text import render
    from audit.train.runs.running import train

    code = _carried_out(args, settings, train, render)
    if code == EXIT_CLEAN and not hasattr(args, "no_evaluate"):
        from audit.cli.after_training import reaudit_run

        reaudit_run(args, settings, Path(output_named(args)), _options(args, settings))
    return code


def _plan(args: argparse.Namespace, settings: Settings) -> int:
    from audit.cli.train_text import render_plan
    from audit.train.runs.planning import plan

    data, options = data_named(settings), _options(args, settings)
    with progress_bar(args) as bar:
        planned = plan(data, options=options, settings=settings, progress=bar)
    show(args, planned, render_plan)
    return EXIT_CLEAN


def _replay(args: argparse.Namespace, settings: Settings) -> int:
    from audit.cli.train_text import render_replay
    from audit.train.runs.replay import replay

    if not args.replay.isdecimal() or int(args.replay) < 1:
        raise UsageError(f"--replay {args.replay!r} is no step: they are counted from 1", hint="--replay 120")
    with progress_bar(args) as bar:
        found = replay(
            output_named(args),
            int(args.replay),
            list(settings.files),
            given=given_options(args),
            settings=settings,
            progress=bar,
        )
    show(args, found, render_replay)
    return EXIT_CLEAN if found.equal else EXIT_FINDINGS


def _search(args: argparse.Namespace, settings: Settings) -> int:
    from audit.cli.search_text import render_search
    from audit.train.search.search import search

    return _carried_out(args, settings, search, render_search)


def _curve(args: argparse.Namespace, settings: Settings) -> int:
    from audit.cli.search_text import render_curve
    from audit.train.search.curve import curve

    return _carried_out(args, settings, curve, render_curve)


def _carried_out(
    args: argparse.Namespace, settings: Settings, work: Callable[..., Any], text: Callable[[Any], Iterator[str]]
) -> int:
    """Train once or many times into a folder, and show the report."""
    data, output, options = data_named(settings), output_named(args), _options(args, settings)
    with progress_bar(args) as bar, _live(args) as live:
        report = work(
            data,
            output,
            options=options,
            settings=settings,
            waive=getattr(args, "waive", None),
            resume=hasattr(args, "resume"),
            force=hasattr(args, "force"),
            progress=bar,
            live=live,
        )
    show(args, report, text)
    return _EXITS.get(report.interrupted, EXIT_CLEAN)

"""``audit run``: runs the stages over one configuration and tells what each did. The running is ``running.pipe``."""

from __future__ import annotations

import argparse
import collections
import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from audit.cli import EXIT_INTERRUPTED, EXIT_TERMINATED
from audit.cli.pipeline.options import NAMES, run_options, stage_named
from audit.cli.terminal import add_terminal_flags, answers_told, print_pieces, progress_bar
from audit.config.settings import Settings
from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.cli.pipeline.manifest import Entry
    from audit.cli.pipeline.running import Piped, State
    from audit.engine.drive import Progress

FOLDER: Final = "audit-run"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit run`` takes."""
    parser.add_argument(
        "config_named", nargs="?", metavar="CONFIG", help="configuration file (default: the audit.toml that is found)"
    )
    stages = parser.add_argument_group(f"the stages ({', '.join(NAMES)}; [run] stages = [...] chooses)")
    stages.add_argument("--from", dest="anew", metavar="STAGE", help="run this stage and all after it anew")
    stages.add_argument("--until", metavar="STAGE", help="stop after this stage")
    stages.add_argument("--dry-run", action="store_true", help="show what would run, and write nothing")
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o", "--output", metavar="FOLDER", help=f"where the stages write (default: {FOLDER} beside the configuration)"
    )
    output.add_argument("--format", choices=("text", "json"), help="form on standard output (default: text)")
    add_terminal_flags(output)


def run(args: argparse.Namespace) -> int:
    """Run what is not yet done. Exit code of the re-audit or the gate; 130 or 143 when interrupted."""
    settings = settings_of(args)
    folder = Path(args.output) if getattr(args, "output", "") else default_folder(settings)
    if hasattr(args, "dry_run"):
        return _plan(args, settings, folder)
    return carried_out(args, settings, folder)


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings of the configuration that is named or found. Raises UsageError where there is none."""
    from audit.config.load import load_settings

    named = getattr(args, "config_named", None)
    settings = load_settings({}, environ=os.environ, cwd=Path.cwd(), data=[], isolated=False, config=named)
    if settings.config_file is None:
        raise UsageError("there is no audit.toml", hint="audit init DATA writes one; audit run path/audit.toml")
    return settings


def default_folder(settings: Settings) -> Path:
    """The folder beside the configuration."""
    return Path(settings.config_file or "").parent / FOLDER


def carried_out(args: argparse.Namespace, settings: Settings, folder: Path) -> int:
    """Run the stages and tell of each, then of the whole. Exit code as ``run``."""
    from audit.cli.pipeline.model_stages import Signalled
    from audit.cli.pipeline.running import pipe
    from audit.cli.pipeline.text import summary, told

    options, as_text = run_options(settings), getattr(args, "format", "text") == "text"

    def tell(entry: Entry, state: State) -> None:
        if as_text:
            print_pieces(told(entry, state, NAMES.index(entry.name) + 1))

    anew, until = _stages(args)
    try:
        done = pipe(settings, folder, options, show=Seen(args), tell=tell, anew=anew, until=until)
    except Signalled as error:
        print(error.what, file=sys.stderr)
        return EXIT_TERMINATED if error.signal == "SIGTERM" else EXIT_INTERRUPTED
    print_pieces(summary(done) if as_text else _document(done))
    return done.exit_code


def _stages(args: argparse.Namespace) -> tuple[Any, Any]:
    return stage_named(getattr(args, "anew", None), "--from"), stage_named(getattr(args, "until", None), "--until")


def _document(done: Piped) -> Iterator[str]:
    from audit.reports.encode import encode

    yield encode(done, indent=2) + "\n"


def _plan(args: argparse.Namespace, settings: Settings, folder: Path) -> int:
    from audit.cli.pipeline.running import planned
    from audit.cli.pipeline.text import planned_text

    options, (anew, until) = run_options(settings), _stages(args)
    plan = planned(settings, folder, options, show=Seen(args), anew=anew, until=until)
    rows = rows_named(settings)
    text = planned_text(plan, rows, _steps(settings, rows))
    print_pieces(text if getattr(args, "format", "text") == "text" else _document(plan))
    return 0


def rows_named(settings: Settings) -> int:
    """The lines of the data, read and counted."""
    from audit.api.preparing import readers_of

    total = 0
    for reader in readers_of(list(settings.files), settings):
        with contextlib.closing(reader):
            collections.deque(reader, maxlen=0)
            total += reader.summary.lines
    return total


def _steps(settings: Settings, rows: int) -> int:
    """Optimiser steps of a run, if all rows that the split gives to training are used."""
    from audit.remedy.split.shares import SPLITS, shares_of
    from audit.train.options import read_options

    options, section = read_options(settings), settings.sections.get("split", {})
    shares = shares_of({name: section[name] for name in SPLITS if name in section})
    steps = math.ceil(math.ceil(rows * shares.values[shares.main] / options.batch_size) * options.epochs)
    return min(steps, options.max_steps) if options.max_steps is not None else steps


class Seen:
    """What is seen on standard error while stages go on: lines that are gone afterwards."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args

    @contextlib.contextmanager
    def progress(self) -> Iterator[Callable[[Progress], None] | None]:
        """A line for reading, where standard error is a terminal."""
        with progress_bar(self._args) as bar:
            yield bar

    @contextlib.contextmanager
    def asking(self) -> Iterator[Callable[[str, int, int], None] | None]:
        """A line for answers, where standard error is a terminal."""
        with answers_told(self._args) as told:
            yield told

    @contextlib.contextmanager
    def training(self, name: str) -> Iterator[Any]:
        """A line for the steps of a run, where standard error is a terminal."""
        from audit.cli.terminal import is_terminal
        from audit.cli.train_progress import live_for

        quiet = hasattr(self._args, "quiet") or not is_terminal(sys.stderr)
        live = live_for(sys.stderr, quiet=quiet, progress=not hasattr(self._args, "no_progress"))
        if live is not None:
            live.name = name
        try:
            yield live
        finally:
            if live is not None:
                live.clear()

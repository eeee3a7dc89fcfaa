"""``audit check``: judges files and shows, writes and saves the result. The judging itself is ``audit.api.check``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from audit.cli import EXIT_CLEAN
from audit.cli.output import (
    add_redaction_flag,
    append_job_summary,
    check_writable,
    inputs_of,
    save,
    wants_redaction,
)
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import add_terminal_flags, print_pieces, progress_bar, wants_color
from audit.config.settings import Settings
from audit.errors import UsageError
from audit.model import Result
from audit.reports import FORMATS, format_of_file, render
from audit.reports.view import View
from audit.writing import write_whole

if TYPE_CHECKING:
    from audit.engine.drive import Progress

DEFAULT_MAX_PER_RULE: Final = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit check`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="files, folders, patterns, - for stdin")
    add_settings_flags(parser)
    add_output_flags(parser)


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Declare what is printed and written."""
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=tuple(FORMATS), help="form on standard output (default: text)")
    group.add_argument(
        "-o",
        "--output",
        action="append",
        metavar="FILE",
        help="also write a file: .html .sarif .xml (JUnit) .json .jsonl .csv .md .txt (repeatable)",
    )
    group.add_argument("--save", metavar="DIR", help="write result.json, findings.jsonl.gz and manifest.json there")
    group.add_argument(
        "--max-per-rule", metavar="N", help="findings shown per rule as text (default: 5, a gate 3; 0: all)"
    )
    group.add_argument("--exit-zero", action="store_true", help="exit 0 whatever was found, or undecided")
    add_redaction_flag(group)
    add_terminal_flags(group)


def run(args: argparse.Namespace) -> int:
    """Check what was named on the command line or in the configuration. Exit code 0, 1 or 130."""
    return judge_and_show(args, "check", _check, max_per_rule=DEFAULT_MAX_PER_RULE)


class Judge(Protocol):
    """What judges: ``audit.api.check``, or a gate."""

    def __call__(
        self, paths: Sequence[str], settings: Settings, progress: Callable[[Progress], None] | None, /
    ) -> Result: ...


def _check(paths: Sequence[str], settings: Settings, progress: Callable[[Progress], None] | None) -> Result:
    from audit.api import check

    return check(list(paths), settings=settings, progress=progress)


def judge_and_show(args: argparse.Namespace, command: str, judge: Judge, *, max_per_rule: int) -> int:
    """Judge what was named, then show, write and save the result as the flags say. The exit code of the verdict."""
    outputs: list[str] = getattr(args, "output", [])
    formats = [format_of_file(name) for name in outputs]
    limit = _max_per_rule(args, max_per_rule)
    settings = settings_from(args, args.paths)
    judged = [*settings.files, *(path for _, path in settings.splits)]
    if not judged:
        raise UsageError(
            "no data was named", hint=f"audit {command} train.jsonl, or files = [...] under [data] in audit.toml"
        )
    check_writable(outputs, inputs_of(settings))
    result = judged_with_progress(settings.files, settings, args, judge)
    view = View(max_per_rule=limit, config_file=settings.config_file, redact=wants_redaction(args))
    for name, form in zip(outputs, formats, strict=True):
        write_whole(Path(name), _encoded(render(result, form, view)))
    if hasattr(args, "save"):
        save(result, args.save, view)
    view = msgspec.structs.replace(view, color=wants_color(args))
    format = getattr(args, "format", "text")
    print_pieces(render(result, format, view))
    if format == "github":
        append_job_summary(result, view, os.environ)
    return exit_code(result, exit_zero=getattr(args, "exit_zero", False))


def exit_code(result: Result, *, exit_zero: bool) -> int:
    """That of the result; ``exit_zero`` hides what was found and what is undecided, but no interruption."""
    return EXIT_CLEAN if exit_zero and not result.partial else result.exit_code


def judged_with_progress(
    paths: Sequence[str], settings: Settings, args: argparse.Namespace, judge: Judge = _check
) -> Result:
    """The result, with progress and timing on standard error."""
    from audit.cli.progress import closing

    began = time.perf_counter()
    with progress_bar(args) as bar:
        result = judge(paths, settings, bar)
    if not hasattr(args, "quiet"):
        if result.partial:
            print(f"interrupted after {result.rows:,} rows: the result is PARTIAL", file=sys.stderr)
        print(closing(result.rows, time.perf_counter() - began), file=sys.stderr)
    return result


def _max_per_rule(args: argparse.Namespace, default: int) -> int:
    given = getattr(args, "max_per_rule", str(default))
    if not given.isascii() or not given.isdigit():
        raise UsageError(f"--max-per-rule must be a whole number of 0 or more, not {given!r}")
    return int(given)


def _encoded(pieces: Iterator[str]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece.encode("utf-8", "backslashreplace")

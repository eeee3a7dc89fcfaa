"""``audit split``: splits data and shows what was done. The splitting itself is ``audit.api.splitting``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from audit.cli import EXIT_CLEAN, EXIT_INTERRUPTED
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import add_terminal_flags, print_pieces, progress_bar
from audit.config.settings import Settings
from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.model import Json
    from audit.remedy.split.report import SplitOptions, SplitReport


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit split`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="files, folders, patterns, - for stdin")
    group = parser.add_argument_group("the split")
    group.add_argument("-o", "--output", metavar="FOLDER", help="where to write (default: NAME.split beside the input)")
    group.add_argument("--train", metavar="SHARE", help="share of train, as 0.8 or in parts as 8 (default: 0.8)")
    group.add_argument(
        "--validation", "--valid", dest="validation", metavar="SHARE", help="share of validation (default: 0.1)"
    )
    group.add_argument("--test", metavar="SHARE", help="share of test (default: 0.1)")
    group.add_argument(
        "--stratify",
        action="append",
        metavar="NAMES",
        help="label and configured attributes, commas between: every split gets its share of each combination",
    )
    group.add_argument(
        "--group",
        action="append",
        metavar="KEY",
        help="field whose rows with one value stay together: user, document, session (repeatable; default: [data] "
        "group)",
    )
    group.add_argument(
        "--template", action="append", metavar="KEY", help="field that names the template of a row (repeatable)"
    )
    group.add_argument("--force", action="store_true", help="overwrite an earlier split")
    group.add_argument("--dry-run", action="store_true", help="write nothing, show what would be written")
    group.add_argument("--format", choices=("text", "json"), help="form on standard output (default: text)")
    add_terminal_flags(parser.add_argument_group("terminal"))
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Split what was named on the command line or in the configuration; exit code 0, or 130 when interrupted."""
    settings = settings_from(args, args.paths)
    if not settings.files and not settings.splits:
        raise UsageError("no data was named", hint="audit split data.jsonl")
    began = time.perf_counter()
    report = _split(args, settings, _options(args))
    print_pieces(_rendered(report, getattr(args, "format", "text")))
    if not hasattr(args, "quiet"):
        from audit.cli.progress import closing

        print(closing(report.rows, time.perf_counter() - began), file=sys.stderr)
    return EXIT_INTERRUPTED if report.partial else EXIT_CLEAN


def _rendered(report: SplitReport, form: str) -> Iterable[str]:
    if form == "json":
        from audit.reports.encode import encode

        return (encode(report, indent=2) + "\n",)
    from audit.reports.split_text import render

    return render(report)


def _options(args: argparse.Namespace) -> SplitOptions:
    from audit.remedy.split.report import SplitOptions
    from audit.remedy.split.shares import SPLITS, names_of

    shares: Mapping[str, Json] = {name: getattr(args, name) for name in SPLITS if hasattr(args, name)}
    return SplitOptions(
        shares=shares or None,
        stratify=names_of(getattr(args, "stratify", []), "stratify"),
        group=names_of(getattr(args, "group", []), "group"),
        template=names_of(getattr(args, "template", []), "template"),
        force=getattr(args, "force", False),
    )


def _split(args: argparse.Namespace, settings: Settings, options: SplitOptions) -> SplitReport:
    """The report, with progress on standard error where that is a terminal."""
    from audit.api.splitting import split

    with progress_bar(args) as bar:
        return split(
            list(settings.files),
            getattr(args, "output", None),
            options=options,
            settings=settings,
            progress=bar,
            write=not hasattr(args, "dry_run"),
        )

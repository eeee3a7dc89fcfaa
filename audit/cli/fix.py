"""``audit fix``: mends files, says what is or would be done, takes it back. The mending is ``audit.api.fixing``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit.cli import EXIT_CLEAN, EXIT_FINDINGS, EXIT_INTERRUPTED
from audit.cli.output import add_redaction_flag, wants_redaction
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import add_terminal_flags, print_pieces, progress_bar, wants_color
from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.config.settings import Settings
    from audit.remedy.fix.report import FixOptions, FixReport, RowChange

_FLAGS: Final[Mapping[str, str]] = {
    "output": "-o",
    "diff": "--diff",
    "undo": "--undo",
    "unsafe_fixes": "--unsafe-fixes",
    "drop": "--drop",
    "max_removal": "--max-removal",
    "decisions": "--decisions",
    "in_place": "--in-place",
    "force": "--force",
}
_CHOICES: Final = ("unsafe_fixes", "drop", "max_removal", "decisions")
_APART: Final = (
    ("diff", ("output", "in_place", "force"), "--diff writes nothing"),
    ("undo", ("diff", *_CHOICES), "--undo takes everything back"),
    ("in_place", ("output",), "--in-place names the file itself"),
)
"""What does not go together with a flag, and why."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit fix`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="files, folders, patterns, - for stdin")
    which = parser.add_argument_group("which fixes (safe ones always)")
    which.add_argument(
        "--unsafe-fixes", action="store_true", help="also those that may change what a row says, and all drops"
    )
    which.add_argument("--drop", action="store_true", help="also drop rows, without other unsafe fixes")
    which.add_argument(
        "--max-removal",
        metavar="SHARE",
        help="refuse to remove more of the rows or their bytes, or a whole file or group (default: 0.30)",
    )
    which.add_argument("--decisions", metavar="FILE", help="what people decided about rows (see `audit review`)")
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o", "--output", metavar="OUT", help="file to write, or a folder (default: IN.fixed.jsonl beside each input)"
    )
    output.add_argument("--diff", action="store_true", help="show what would change and write nothing")
    output.add_argument("--in-place", action="store_true", help="write over the input and keep it as IN.bak")
    output.add_argument("--force", action="store_true", help="overwrite an earlier output")
    output.add_argument("--undo", metavar="OUT", help="restore the input of an output from what was written beside it")
    output.add_argument("--format", choices=("text", "json"), help="form on standard output (default: text)")
    output.add_argument("--exit-zero", action="store_true", help="exit 0 whatever is left or would change")
    add_redaction_flag(output)
    add_terminal_flags(output)
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Mend, show or take back. Exit code 0, 1 (something is left, or would change) or 130."""
    _check_together(args)
    if hasattr(args, "undo"):
        return _undo(args)
    options = _options(args)
    settings = settings_from(args, args.paths)
    if not settings.files and not settings.splits:
        raise UsageError("no data was named", hint="audit fix train.jsonl, or files = [...] under [data] in audit.toml")
    began = time.perf_counter()
    report = _show_changes(args, settings, options) if hasattr(args, "diff") else _mend(args, settings, options)
    if not report.partial and not hasattr(args, "quiet"):
        from audit.cli.progress import closing

        print(closing(report.rows.rows_in, time.perf_counter() - began), file=sys.stderr)
    return _exit_code(args, report)


def _exit_code(args: argparse.Namespace, report: FixReport) -> int:
    if report.partial:
        return EXIT_INTERRUPTED
    found = report.changed if hasattr(args, "diff") else report.fails
    return EXIT_FINDINGS if found and not hasattr(args, "exit_zero") else EXIT_CLEAN


def _mend(args: argparse.Namespace, settings: Settings, options: FixOptions) -> FixReport:
    from audit.api.fixing import fix

    with progress_bar(args) as bar:
        report = fix(
            list(settings.files), getattr(args, "output", None), options=options, settings=settings, progress=bar
        )
    print_pieces(_rendered(args, report))
    return report


def _show_changes(args: argparse.Namespace, settings: Settings, options: FixOptions) -> FixReport:
    """The changes on standard output as they come, and one line for each file on standard error."""
    from audit.api.fixing import fix
    from audit.reports.fix_diff import Diff
    from audit.reports.fix_text import account
    from audit.reports.text import Paint
    from audit.reports.visible import visible

    as_json = getattr(args, "format", "text") == "json"
    diff = Diff(Paint(wants_color(args)), redact=wants_redaction(args))
    with progress_bar(args) as bar:

        def show(change: RowChange) -> None:
            if bar is not None:
                bar.clear()
            print_pieces(diff.hunk(change))

        report = fix(
            list(settings.files),
            options=options,
            settings=settings,
            progress=bar,
            write=False,
            show=None if as_json else show,
        )
    print_pieces(_rendered(args, report) if as_json else diff.whole_files(report))
    if not hasattr(args, "quiet"):
        for file in report.files:
            print(account(file, report), file=sys.stderr)
        if report.partial:
            print("interrupted: not all changes are shown", file=sys.stderr)
        if report.refused:
            print(f"this would be refused: {visible(report.refused)}", file=sys.stderr)
    return report


def _rendered(args: argparse.Namespace, report: FixReport) -> Iterator[str]:
    if getattr(args, "format", "text") == "json":
        from audit.reports.encode import encode

        yield encode(report, indent=2) + "\n"
        return
    from audit.reports.fix_text import render
    from audit.reports.view import View

    yield from render(report, View(color=wants_color(args)))


def _undo(args: argparse.Namespace) -> int:
    from audit.api.fixing import undo
    from audit.reports.fix_text import undone

    restored = None if hasattr(args, "in_place") else getattr(args, "output", None) or _restored(args.undo)
    report = undo(args.undo, restored, force=hasattr(args, "force"))
    if getattr(args, "format", "text") == "json":
        from audit.reports.encode import encode

        print_pieces([encode(report, indent=2) + "\n"])
    else:
        print_pieces([undone(report)])
    return EXIT_CLEAN


def _restored(output: str) -> str:
    """``train.restored.jsonl`` beside an output of which the input was ``train.jsonl``."""
    from audit.remedy.journal import recover
    from audit.remedy.ledger import read_ledger
    from audit.remedy.names import ledger_of, stem_of

    path = Path(os.path.realpath(output))
    recover(path)
    name = Path(read_ledger(ledger_of(path)).input_named()[0]).name
    stem = stem_of(name)
    return str(Path(output).with_name(f"{stem}.restored{name[len(stem) :]}"))


# ----------------------------------------------------------------------------- what was asked for


def _check_together(args: argparse.Namespace) -> None:
    """Raise UsageError for flags that do not go together."""
    for flag, others, why in _APART:
        if hasattr(args, flag):
            for other in others:
                if hasattr(args, other):
                    raise UsageError(f"{_FLAGS[flag]} does not go with {_FLAGS[other]}: {why}")
    if hasattr(args, "undo") and args.paths:
        raise UsageError(
            f"--undo takes one output and no input: what is {args.paths[0]}?",
            hint="audit fix --undo train.fixed.jsonl -o train.restored.jsonl",
        )


def _options(args: argparse.Namespace) -> FixOptions:
    from audit.remedy.fix.report import FixOptions

    def known(name: str) -> bool:
        return hasattr(args, name)

    return FixOptions(
        unsafe=known("unsafe_fixes"),
        drop=known("drop"),
        max_removal=_share(args.max_removal) if known("max_removal") else FixOptions().max_removal,
        decisions=getattr(args, "decisions", None),
        in_place=known("in_place"),
        force=known("force"),
    )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(
            f"--max-removal must be a share from 0 to 1, not {text!r}", hint="0.3 is 30 %; 1 lifts the limit"
        )
    return share

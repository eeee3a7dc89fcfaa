"""What commands do with a terminal: print until the reader has had enough, in colours or not, with progress or not."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.cli.progress import Bar


def add_terminal_flags(group: argparse._ArgumentGroup) -> None:
    """Declare ``--quiet``, ``--no-progress`` and ``--color``."""
    group.add_argument("--quiet", action="store_true", help="nothing on standard error but errors")
    group.add_argument("--no-progress", action="store_true", help="no progress line")
    group.add_argument("--color", choices=("auto", "always", "never"), help="colours as text (default: auto)")


def print_pieces(pieces: Iterable[str]) -> None:
    """Print until the reader has had enough: what was found out stays the exit code."""
    from audit.cli.run import leave_pipe

    try:
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()
    except BrokenPipeError:
        leave_pipe()


def wants_color(args: argparse.Namespace) -> bool:
    """``--color``, else FORCE_COLOR and NO_COLOR (no-color.org: any value that is not empty), else a terminal."""
    choice = getattr(args, "color", "auto")
    if choice != "auto":
        return bool(choice == "always")
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: object) -> bool:
    """Whether a person is there to see it."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())


@contextlib.contextmanager
def answers_told(args: argparse.Namespace) -> Iterator[Callable[[str, int, int], None] | None]:
    """Says of a prediction, by its name ("" for the only one), how many answers stand and how many are wanted, over one
    line on standard error that is gone when the block ends; None where there is to be none."""
    if not _wants_line(args):
        yield None
        return
    from audit.cli.progress import EVERY, TerminalLine
    from audit.reports.visible import visible

    line, drawn = TerminalLine(sys.stderr), -EVERY

    def told(name: str, done: int, wanted: int) -> None:
        nonlocal drawn
        if (now := time.monotonic()) - drawn >= EVERY:
            drawn = now
            line.draw(f"{visible(name)}{': ' if name else ''}{done:,} of {wanted:,} answers")

    try:
        yield told
    finally:
        line.clear()


def _wants_line(args: argparse.Namespace) -> bool:
    return is_terminal(sys.stderr) and not hasattr(args, "quiet") and not hasattr(args, "no_progress")


@contextlib.contextmanager
def progress_bar(args: argparse.Namespace) -> Iterator[Bar | None]:
    """A progress line on standard error, which is gone when the block ends; None where there is to be none."""
    from audit.cli.progress import Bar

    bar = Bar(sys.stderr) if _wants_line(args) else None
    try:
        yield bar
    finally:
        if bar is not None:
            bar.clear()

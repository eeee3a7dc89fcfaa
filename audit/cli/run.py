"""Runs one command line: dispatch, errors on standard error, broken pipes, interruptions and SIGTERM."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Self

from audit.cli import EXIT_CLEAN, EXIT_INTERRUPTED, EXIT_TERMINATED, EXIT_UNABLE
from audit.cli.arguments import build_parser, command_named, top_help
from audit.errors import AuditError
from audit.reports.visible import visible


def run(words: Sequence[str]) -> int:
    """The exit code of one command line. Errors that a user can put right are printed; bugs stay tracebacks."""
    with Termination() as termination:
        code = _run(words)
    return EXIT_TERMINATED if termination.asked else code


class Termination:
    """While it is entered, SIGTERM ends a command as Ctrl-C does, so that it takes away what it had begun to write.

    ``asked`` says that the signal came. A second one is passed over, since some send it to the process and to its
    group. Workers that are forked die of it, as they did. Where somebody else handles the signal, and in threads other
    than the main one, nothing is changed.
    """

    def __init__(self) -> None:
        self.asked = False
        self._process = os.getpid()
        self._installed = False

    def __enter__(self) -> Self:
        alone = threading.current_thread() is threading.main_thread()
        if alone and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminate)
            self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _terminate(self, number: int, frame: object) -> None:
        if os.getpid() != self._process:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not self.asked:
            self.asked = True
            raise KeyboardInterrupt(signal.SIGTERM.name)


def _run(words: Sequence[str]) -> int:
    _never_fail_on_a_character()
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except AuditError as error:
        # Names of files and fields come from data and are made harmless like everything else that is printed.
        print(f"error: {visible(error.what)}", file=sys.stderr)
        if error.hint:
            print(f"hint: {visible(error.hint)}", file=sys.stderr)
        return EXIT_UNABLE
    except BrokenPipeError:
        leave_pipe()
        return EXIT_CLEAN
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print("error: what was to be printed or written does not fit: no space is left", file=sys.stderr)
        leave_pipe()
        return EXIT_UNABLE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return code


def _dispatch(words: Sequence[str]) -> int:
    if not words:
        sys.stderr.write(top_help())
        return EXIT_UNABLE
    first, rest = words[0], list(words[1:])
    if first == "help" and rest:
        first, rest = rest[0], ["--help"]
    if first in ("-h", "--help", "help"):
        sys.stdout.write(top_help())
        return EXIT_CLEAN
    command = command_named(first)
    parser = build_parser(command)
    if "-h" in rest or "--help" in rest:
        sys.stdout.write(parser.format_help())
        return EXIT_CLEAN
    module, _, function = command.run.partition(":")
    code: int = getattr(import_module(module), function)(parser.parse(rest))
    return code


def _never_fail_on_a_character() -> None:
    """A terminal that cannot show a character gets its escape: a report must come out everywhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def leave_pipe() -> None:
    """The reader has gone: point standard output elsewhere, so that the last flush does not complain."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)

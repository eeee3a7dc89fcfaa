"""Runs one command line: dispatch, errors on standard error, broken pipes and interruptions."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from audit.cli import EXIT_CLEAN, EXIT_INTERRUPTED, EXIT_UNABLE
from audit.cli.arguments import build_parser, command_named, top_help
from audit.errors import AuditError
from audit.reports.visible import visible


def run(words: Sequence[str]) -> int:
    """The exit code of one command line. Errors that a user can put right are printed; bugs stay tracebacks."""
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

"""What every way of training asks of the command line: data, the folder of the run, the form of what is shown."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any, Final

from audit.cli.terminal import print_pieces
from audit.config.settings import Settings
from audit.errors import UsageError

_EXAMPLE: Final = "audit train data.jsonl -o run"


def data_named(settings: Settings) -> list[str]:
    """The data that was named; the splits are in the settings. Raises UsageError for none."""
    if not settings.files and not settings.splits:
        raise UsageError("no data was named", hint=_EXAMPLE)
    return list(settings.files)


def output_named(args: argparse.Namespace) -> str:
    """The folder of ``-o``. Raises UsageError without one."""
    if not getattr(args, "output", ""):
        raise UsageError("-o names no folder for the run", hint=_EXAMPLE)
    return str(args.output)


def show(args: argparse.Namespace, found: Any, text: Callable[[Any], Iterator[str]]) -> None:
    """Print what came of it in the form that ``--format`` names."""
    if getattr(args, "format", "text") == "json":
        from audit.reports.encode import encode

        print_pieces((encode(found, indent=2) + "\n",))
    else:
        print_pieces(text(found))

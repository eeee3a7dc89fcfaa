"""What every way of training, and an export, asks of the command line: data, settings, the gate, the form of it all."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import msgspec

from audit.cli.terminal import print_pieces
from audit.config.settings import Settings
from audit.errors import AuditError, UsageError
from audit.reports.visible import visible

_EXAMPLE: Final = "audit train data.jsonl -o run"


class _Group(Protocol):
    """A group of flags."""

    def add_argument(self, *names: str, **how: Any) -> argparse.Action: ...


def add_assignments(group: _Group) -> None:
    """Declare ``--set``."""
    group.add_argument(
        "--set", action="append", dest="assignments", metavar="KEY=VALUE", help="any setting of [train] (repeatable)"
    )


def add_validation(group: _Group) -> None:
    """Declare ``--validation``, which ``with_validation`` reads."""
    group.add_argument("--validation", action="append", metavar="PATH", help="file of the validation split")


def add_gate_flags(group: _Group, verb: str) -> None:
    """Declare what is said of the gate; ``verb`` is what comes after it."""
    group.add_argument("--policy", metavar="NAME|FILE", help="what the data is judged by (default: [gate] policy)")
    group.add_argument("--waive", metavar='"WHO: WHY"', help=f"{verb} although the gate says FAIL; it is recorded")


def with_validation(settings: Settings, args: argparse.Namespace) -> Settings:
    """The settings with the files of ``--validation`` as a split. Raises UsageError for one that is the data, too."""
    named = tuple(("validation", path) for path in getattr(args, "validation", []))
    if both := next((path for _, path in named if path in settings.files), None):
        raise UsageError(f"{both} is named as data and as --validation, and a file is in one split")
    return msgspec.structs.replace(settings, splits=(*settings.splits, *named)) if named else settings


def data_named(settings: Settings, example: str = _EXAMPLE) -> list[str]:
    """The data that was named; the splits are in the settings. Raises UsageError for none."""
    if not settings.files and not settings.splits:
        raise UsageError("no data was named", hint=example)
    return list(settings.files)


def output_named(args: argparse.Namespace, what: str = "run", example: str = _EXAMPLE) -> str:
    """The folder of ``-o``. Raises UsageError without one."""
    if not getattr(args, "output", ""):
        raise UsageError(f"-o names no folder for the {what}", hint=example)
    return str(args.output)


def show_failed(error: AuditError) -> None:
    """Say on standard error that the gate refused the data."""
    print(f"error: {visible(error.what)}\nhint: {visible(error.hint or '')}", file=sys.stderr)


def show(args: argparse.Namespace, found: Any, text: Callable[[Any], Iterator[str]]) -> None:
    """Print what came of it in the form that ``--format`` names."""
    if getattr(args, "format", "text") == "json":
        from audit.reports.encode import encode

        print_pieces((encode(found, indent=2) + "\n",))
    else:
        print_pieces(text(found))

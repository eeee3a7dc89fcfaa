"""``audit demo``: lays the embedded example in a folder and does what ``audit run`` does with its configuration.

With ``--check`` it is checked only, as ``audit check`` would.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from audit.cli import check
from audit.demo import write
from audit.errors import UsageError

_OF_A_CHECK = {
    "format": "--format",
    "output": "-o",
    "save": "--save",
    "max_per_rule": "--max-per-rule",
    "exit_zero": "--exit-zero",
    "no_redact": "--no-redact",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit demo`` takes."""
    parser.add_argument("folder", nargs="?", default="audit-demo", metavar="DIR", help="folder (default: audit-demo)")
    parser.add_argument("--check", action="store_true", help="check the example only, as audit check would")
    check.add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Write the example, then exactly what ``audit run`` (or ``audit check``) would do, with its exit code.

    Raises UsageError for a flag of ``audit check`` without ``--check``.
    """
    if not hasattr(args, "check") and (
        given := next((flag for name, flag in _OF_A_CHECK.items() if hasattr(args, name)), "")
    ):
        raise UsageError(f"{given} is for the check alone", hint="audit demo --check")
    data = write(Path(args.folder))
    return _check(args, data) if hasattr(args, "check") else _run(args, data)


def _check(args: argparse.Namespace, data: Path) -> int:
    config = data.with_name("audit.toml").as_posix()
    _say(args, data, f"audit check {shlex.quote(data.as_posix())} --config {shlex.quote(config)}")
    return check.run(argparse.Namespace(**{**vars(args), "paths": [data.as_posix()], "config": config}))


def _run(args: argparse.Namespace, data: Path) -> int:
    from audit.cli.pipeline import command

    config = data.with_name("audit.toml").as_posix()
    _say(args, data, f"audit run {shlex.quote(config)}")
    return command.run(argparse.Namespace(**{**vars(args), "config_named": config}))


def _say(args: argparse.Namespace, data: Path, running: str) -> None:
    if not hasattr(args, "quiet"):
        print(f"wrote {data.as_posix()}; now running: {running}", file=sys.stderr)

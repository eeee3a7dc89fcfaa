"""``audit demo``: lays the embedded example in a folder and checks it with the configuration beside it."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from audit.cli import check
from audit.demo import write


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit demo`` takes."""
    parser.add_argument("folder", nargs="?", default="audit-demo", metavar="DIR", help="folder (default: audit-demo)")
    check.add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Write the example, then exactly what ``audit check`` would do; exit code 1, as the example has faults."""
    data = write(Path(args.folder))
    config = data.with_name("audit.toml").as_posix()
    if not hasattr(args, "quiet"):
        command = f"audit check {shlex.quote(data.as_posix())} --config {shlex.quote(config)}"
        print(f"wrote {data.as_posix()}; now running: {command}", file=sys.stderr)
    return check.run(argparse.Namespace(**{**vars(args), "paths": [data.as_posix()], "config": config}))

"""``audit verify``: says whether a run is as it was recorded. The comparison itself is ``audit.train.runs.verify``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from audit.cli import EXIT_CLEAN, EXIT_FINDINGS, EXIT_UNDECIDED
from audit.cli.terminal import print_pieces
from audit.reports.summary import plural
from audit.reports.visible import visible

if TYPE_CHECKING:
    from audit.train.runs.verify import Verification

_CODES: Final = {"intact": EXIT_CLEAN, "mismatch": EXIT_FINDINGS, "unfinished": EXIT_UNDECIDED}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit verify`` takes."""
    parser.add_argument(
        "run_folder", metavar="RUN", help="the folder of a run, a search or a curve, as `audit train -o` wrote it"
    )
    parser.add_argument(
        "--expect",
        metavar="HASH",
        help="the seal as it was kept elsewhere (the sha256 of record.jsonl): tells a record that was rewritten whole",
    )
    parser.add_argument("--format", choices=("text", "json"), help="form of the answer (default: text)")


def run(args: argparse.Namespace) -> int:
    """Compare and print; exit code 0 when all is as it was sealed, 1 for a mismatch, 3 for an unfinished run."""
    from audit.reports.encode import encode
    from audit.train.runs.verify import verify

    told = verify(args.run_folder, getattr(args, "expect", None))
    as_json = getattr(args, "format", "text") == "json"
    print_pieces([encode(told, indent=2) + "\n"] if as_json else verification_text(told, args.run_folder))
    return _CODES[told.state]


def verification_text(told: Verification, folder: str) -> Iterator[str]:
    """The answer, the first mismatch in its first line and all the others below."""
    shown, first = visible(folder), told.first
    lines, files = plural(told.entries, "line"), plural(told.files, "file")
    if first is not None:
        more = len(told.mismatches) - 1
        also = f" ({more:,} more below)" if more else ""
        yield f"{shown} is not as it was recorded: {visible(first.name)} {visible(first.what)}{also}\n"
        for one in told.mismatches[1:]:
            yield f"  {visible(one.name)} {visible(one.what)}\n"
    elif told.state == "unfinished":
        yield f"{shown} is unfinished: {lines} that follow from each other, no seal yet\n"
        yield "`audit train --resume` goes on with it\n"
    else:
        yield f"{shown} is as it was recorded: {lines}, {files}\n"
        yield f"seal {told.seal}\n"

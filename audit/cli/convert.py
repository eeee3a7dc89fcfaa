"""``audit convert``: prints the account of a conversion. The conversion itself is ``audit.remedy.convert``."""

from __future__ import annotations

import argparse
import sys
from typing import Final, TextIO

from audit.cli import EXIT_CLEAN, EXIT_FINDINGS
from audit.remedy.convert import Conversion, convert
from audit.reports.summary import plural
from audit.reports.visible import shortened, visible

SKIPS_SHOWN: Final = 10
"""Skipped rows that are named; the rest are counted."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit convert`` takes."""
    parser.add_argument("paths", nargs="+", metavar="IN", help="files, folders, patterns, - for stdin")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="file to write, - for standard output")
    parser.add_argument("--to", required=True, metavar="SHAPE", help="openai-sft, openai-dpo, sharegpt, alpaca or trl")


def run(args: argparse.Namespace) -> int:
    """Convert and print the account; exit code 1 when rows were skipped, else 0."""
    done = convert(args.paths, args.output, args.to)
    # Rows go to standard output with `-o -`: the account must not be among them.
    report(done, args.output, args.to, sys.stderr if args.output == "-" else sys.stdout)
    return EXIT_FINDINGS if done.rows_skipped else EXIT_CLEAN


def report(done: Conversion, output: str, to: str, stream: TextIO) -> None:
    """Rows in, written and skipped, and what could not be carried."""
    shapes = ", ".join(f"{name} {count:,}" for name, count in sorted(done.shapes.items()))
    stream.write(f"{plural(done.rows_in, 'row')} in ({visible(shapes)})\n")
    stream.write(f"{plural(done.rows_written, 'row')} written as {to} to {visible(output)}\n")
    stream.write(f"{plural(len(done.rows_skipped), 'row')} skipped\n")
    for skip in done.rows_skipped[:SKIPS_SHOWN]:
        stream.write(f"  {visible(skip.file)}:{skip.line}: {shortened(skip.reason, 200)}\n")
    if more := len(done.rows_skipped) - SKIPS_SHOWN:
        stream.write(f"  ... {more:,} more\n" if more > 0 else "")
    if done.lost:
        stream.write("could not be carried:\n")
    for what, rows in done.lost.items():
        stream.write(f"  {shortened(what, 200)}: {plural(rows, 'row')}\n")

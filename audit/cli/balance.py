"""``audit balance``: weighs or resamples rows by label and group, and prints the account. Judges nothing."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Final

from audit.cli import EXIT_CLEAN, EXIT_INTERRUPTED
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import add_terminal_flags, print_pieces, progress_bar
from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.model import Json
    from audit.remedy.balance.augment import Paraphraser
    from audit.remedy.balance.options import BalanceOptions
    from audit.remedy.balance.report import BalanceReport

_VALUES: Final = (
    "by", "method", "aim", "strength", "cap", "max_copies", "weights_to", "augment", "endpoint", "paraphrase_model",
    "force",
)  # fmt: skip
"""Flags that are fields of ``BalanceOptions``."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit balance`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="IN", help="files, folders, patterns, - for stdin")
    parser.add_argument("-o", "--output", metavar="OUT", help="file to write (default: IN.balanced.jsonl)")
    group = parser.add_argument_group("what is balanced, and how (also [balance] in audit.toml)")
    group.add_argument("--by", metavar="NAMES", help="label and attributes, commas between: label,sex")
    group.add_argument(
        "--method",
        metavar="NAME",
        help="reweight (default): write weights; oversample: repeat rows; undersample: leave rows out; "
        "augment: make rows up",
    )
    group.add_argument(
        "--aim",
        metavar="NAME",
        help="independence (of label and groups), balanced or effective-number (labels), representation "
        "(shares as in the references); default: what --by suggests",
    )
    group.add_argument("--strength", metavar="A", help="power of the weights, from 0 (none) to 1 (full; default)")
    group.add_argument(
        "--cap", metavar="W", help="largest factor of a cell, or none (default: 10); it multiplies weights rows had"
    )
    group.add_argument("--max-copies", metavar="N", help="how often a row may stand in the output (default: 4)")
    group.add_argument("--weights-to", metavar="FILE", help="write weights to a .parquet, .csv or .jsonl file instead")
    group.add_argument("--augment", metavar="NAME", help="counterfactual (default), noise or paraphrase")
    group.add_argument("--endpoint", metavar="URL", help="who paraphrases: an OpenAI-compatible server")
    group.add_argument("--paraphrase-model", metavar="NAME", help="its model")
    output = parser.add_argument_group("output")
    output.add_argument("--force", action="store_true", help="overwrite what an earlier run wrote")
    output.add_argument("--dry-run", action="store_true", help="print the account, write nothing and ask no endpoint")
    output.add_argument("--format", choices=("text", "json"), help="form of the account (default: text)")
    add_terminal_flags(output)
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Balance what was named and print the account. Exit code 0, or 130 when interrupted."""
    from audit.api import balance
    from audit.remedy.balance.options import options_from

    settings = settings_from(args, args.paths)
    given: Mapping[str, Json] = {name: getattr(args, name) for name in _VALUES if hasattr(args, name)}
    options = options_from(settings.sections.get("balance", {}), given)
    if not (settings.files or settings.splits):
        raise UsageError("no data was named", hint="audit balance train.jsonl --by label,sex")
    began = time.perf_counter()
    asked = options if not hasattr(args, "dry_run") else None
    with progress_bar(args) as bar, _paraphraser(asked, settings.seed) as paraphraser:
        report = balance(
            list(settings.files),
            getattr(args, "output", None),
            options=options,
            settings=settings,
            progress=bar,
            write=not hasattr(args, "dry_run"),
            paraphraser=paraphraser,
        )
    print_pieces(_rendered(report, getattr(args, "format", "text")))
    if not hasattr(args, "quiet"):
        from audit.cli.progress import closing

        print(closing(report.rows.rows_in, time.perf_counter() - began), file=sys.stderr)
    return EXIT_INTERRUPTED if report.partial else EXIT_CLEAN


def _rendered(report: BalanceReport, form: str) -> Iterable[str]:
    if form == "json":
        from audit.reports.encode import encode

        return (encode(report, indent=2) + "\n",)
    from audit.reports.balance_text import render

    return render(report)


def _paraphraser(options: BalanceOptions | None, seed: int) -> AbstractContextManager[Paraphraser | None]:
    """Who paraphrases until the block ends, if anybody is to: by name, since only the trainer knows providers."""
    if options is None or options.method != "augment" or options.augment != "paraphrase":
        return nullcontext()
    made: AbstractContextManager[Paraphraser] = import_module("audit.train.paraphrase").EndpointParaphraser(
        options.endpoint, options.paraphrase_model, seed=seed
    )
    return made

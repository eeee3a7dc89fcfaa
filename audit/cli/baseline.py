"""``audit baseline``: writes down the findings that are known, and what the files were. Judges nothing by them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import msgspec

from audit.cli import EXIT_CLEAN, EXIT_INTERRUPTED
from audit.cli.check import judged_with_progress
from audit.cli.output import check_writable, inputs_of
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.errors import ConfigError, OutputError, UsageError
from audit.policy.baseline import baseline_of, read_baseline
from audit.policy.lock import lock_of, read_lock
from audit.reports.encode import encode
from audit.reports.summary import plural
from audit.reports.visible import visible
from audit.writing import write_whole

DEFAULT: Final = "audit-baseline.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit baseline`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="files, folders, patterns")
    parser.add_argument("-o", "--output", metavar="FILE", help=f"file to write (default: {DEFAULT})")
    parser.add_argument("--lock", metavar="FILE", help="also write the sha256 of every file there, for PRV952")
    parser.add_argument("--quiet", action="store_true", help="nothing on standard error but errors")
    parser.add_argument("--no-progress", action="store_true", help="no progress line")
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Write the baseline, and the lock where one is named. Exit code 0; 130 when interrupted, and nothing is written.

    Raises OutputError for a file there that is neither.
    """
    output, lock = getattr(args, "output", DEFAULT), getattr(args, "lock", None)
    # What is known already is to be in the new baseline, too.
    settings = msgspec.structs.replace(settings_from(args, args.paths), baseline=None, max_findings=None)
    judged = [*settings.files, *(path for _, path in settings.splits)]
    if not judged:
        raise UsageError("no data was named", hint="audit baseline train.jsonl -o audit-baseline.json")
    check_writable([name for name in (output, lock) if name], inputs_of(settings))
    _is_ours(output, lock)
    result = judged_with_progress(settings.files, settings, args)
    if result.partial:
        return EXIT_INTERRUPTED
    write_whole(Path(output), [(encode(baseline_of(result), indent=2) + "\n").encode()])
    rules = plural(len(result.counts), "rule")
    print(f"wrote {visible(output)}: {plural(len(result.findings), 'finding')} of {rules}")
    if lock:
        write_whole(Path(lock), [(encode(lock_of(result.sources, lock), indent=2) + "\n").encode()])
        print(f"wrote {visible(lock)}: {plural(len(result.sources), 'file')}")
    print(f"next: audit check {visible(' '.join(judged))} --baseline {visible(output)}")
    return EXIT_CLEAN


def _is_ours(output: str, lock: str | None) -> None:
    """Only a baseline is overwritten with a baseline, and only a lock with a lock."""
    for name, read in ((output, read_baseline), (lock, read_lock)):
        if name is None or not Path(name).exists():
            continue
        try:
            read(name)
        except ConfigError:
            raise OutputError(f"{name} exists and is something else", hint="choose another name") from None

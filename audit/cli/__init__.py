"""The command ``audit``: finds the command's module, runs it, and turns errors into exit codes. Judges nothing.

Exit codes: 0 clean or PASS, 1 findings at or above ``--fail-on`` or FAIL, 2 could not judge, 3 undecided (a gate's
NOT_ASSESSED or INCONCLUSIVE), 130 interrupted (Ctrl-C), 143 terminated (SIGTERM).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_UNABLE = 2
EXIT_UNDECIDED = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["--version"], ["-V"]):
        # Before any other import: editors and scripts ask for it often.
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"audit {version('finetune-audit')}")
        except PackageNotFoundError:
            print("audit (not installed)")
        return EXIT_CLEAN
    from audit.cli.run import run

    return run(words)


def parser() -> ArgumentParser:
    """The arguments of all commands under one root, for documentation."""
    from audit.cli.arguments import whole_parser

    return whole_parser()

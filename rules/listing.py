"""``audit rules``: all rules in a table. Reads the catalogue; runs nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

from audit.catalog import all_rules
from audit.model import Json
from audit.rule import Rule, explain

FORMATS = ("text", "markdown", "json")
HEAD = ("code", "name", "severity", "status", "fix")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit rules`` takes."""
    parser.add_argument("--format", choices=FORMATS, help="form (default: text)")


def run(args: argparse.Namespace) -> int:
    """Print the table; exit code 0."""
    sys.stdout.write(listing(all_rules(), getattr(args, "format", "text")))
    return 0


def listing(rules: Sequence[type[Rule]], format: str) -> str:
    """The rules as an aligned table, a Markdown table or a JSON list, in the given order."""
    if format == "json":
        return json.dumps([{**facts(rule), "summary": explain(rule).summary} for rule in rules], indent=2) + "\n"
    rows = [tuple(str(facts(rule)[key] or "-") for key in HEAD) for rule in rules]
    lines = _markdown(rows) if format == "markdown" else aligned([HEAD, *rows])
    return "".join(f"{line}\n" for line in lines)


def facts(rule: type[Rule]) -> dict[str, Json]:
    """What a rule declares beside its text: code, name, severity, status, fix and targets (None for all)."""
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "status": rule.status,
        "fix": rule.fix.value if rule.fix else None,
        "targets": sorted(rule.targets) if rule.targets is not None else None,
    }


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table with columns as wide as their widest cell."""
    wide = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(wide[index]) for index, cell in enumerate(row)).rstrip()


def _markdown(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(HEAD) + " |"
    yield "|" + "---|" * len(HEAD)
    for row in rows:
        yield "| " + " | ".join(row) + " |"

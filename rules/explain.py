"""``audit explain``: what a rule is about, from its docstring, as text, Markdown or JSON. Runs nothing."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from typing import Final

from audit.catalog import all_rules, rule_by_code
from audit.model import Json
from audit.rule import Explanation, Rule, explain, options
from audit.rules.listing import FORMATS, facts, listing

WIDTH: Final = 100
"""Characters in a line of running text."""
_FIXES: Final = {
    "safe": "safe: changes no meaning",
    "unsafe": "unsafe: may change the meaning, look at it",
    "drop": "the row can only be dropped",
    "shown": "shown only: you have to do it",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit explain`` takes."""
    parser.add_argument("codes", nargs="+", metavar="CODE", help="a rule's code or name, or a family such as TCL")
    parser.add_argument("--format", choices=FORMATS, help="form (default: text)")


def run(args: argparse.Namespace) -> int:
    """Print every explanation asked for; exit code 0. Raises UsageError naming the nearest for an unknown code."""
    form = getattr(args, "format", "text")
    # All are looked up first, so that a misspelt one leaves no half an answer.
    parts = [explained(word, form) for word in args.codes]
    sys.stdout.write("\n".join(parts))
    return 0


def explained(word: str, format: str) -> str:
    """A rule's explanation, or the table of a family's rules."""
    family = word.strip().upper()
    members = [rule for rule in all_rules() if rule.code.startswith(family)] if family else []
    if members and members[0].code != family:
        return listing(members, format)
    rule = rule_by_code(word.strip())
    return {"text": as_text, "markdown": as_markdown, "json": as_json}[format](rule)


def as_json(rule: type[Rule]) -> str:
    """The explanation as a JSON object: what the rule declares, the parts of its docstring, and its options."""
    parts = explain(rule)
    value: dict[str, Json] = {
        **facts(rule),
        "summary": parts.summary,
        "why": parts.why,
        "bad": list(parts.bad),
        "good": list(parts.good),
        "do": parts.do,
        "options": _options(rule),
    }
    return json.dumps(value, indent=2) + "\n"


def as_text(rule: type[Rule]) -> str:
    """The explanation for a terminal."""
    parts = explain(rule)
    lines = [
        f"{rule.code} {rule.name}",
        *_wrapped(_about(rule)),
        "",
        *_wrapped(parts.summary),
        "",
        *_wrapped(parts.why),
    ]
    for title, examples in (("Bad:", parts.bad), ("Good:", parts.good)):
        lines += ["", title, *(f"  {example}" for example in examples)]
    lines += ["", *_wrapped(f"Do: {parts.do}")]
    if given := _options(rule):
        lines += ["", f"Options, under [rules.{rule.code}] in audit.toml:"]
        lines += [f"  {name} = {json.dumps(value)}" for name, value in given.items()]
    return "\n".join(lines) + "\n"


def _about(rule: type[Rule]) -> str:
    targets = "all targets" if rule.targets is None else "targets " + ", ".join(sorted(rule.targets))
    fix = f"fix {_FIXES[rule.fix.value]}" if rule.fix else "no fix"
    return f"{rule.severity.value}, {rule.status}; {targets}; {fix}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def as_markdown(rule: type[Rule]) -> str:
    """The explanation as a page of the documentation."""
    parts = explain(rule)
    lines = [f"# {rule.code} {rule.name}", "", _about(rule), "", parts.summary, "", parts.why, ""]
    for title, examples in _examples(parts):
        lines += [f"## {title}", "", "```json", *examples, "```", ""]
    lines += ["## What to do", "", parts.do, ""]
    if given := _options(rule):
        lines += ["## Options", "", "```toml", f"[rules.{rule.code}]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in given.items()]
        lines += ["```", ""]
    return "\n".join(lines)


def _examples(parts: Explanation) -> Sequence[tuple[str, Sequence[str]]]:
    return (("Bad", parts.bad), ("Good", parts.good))


def _options(rule: type[Rule]) -> dict[str, Json]:
    """Options and defaults as JSON values; a default of None is an option that is not set."""
    return {name: _plain(value) for name, value in options(rule).items()}


def _plain(value: Json) -> Json:
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value

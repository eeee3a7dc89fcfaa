"""The form for a job summary or a comment. What comes from data stands in code spans and stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from audit.model import Finding, Gate, Result
from audit.reports import gate_table, summary
from audit.reports.text import help_of, place
from audit.reports.view import View
from audit.reports.visible import shortened, visible

LONGEST_MESSAGE: Final = 300
"""Characters of a message that are shown; the JSON form has all of it."""


def code(text: str) -> str:
    """A code span that shows the text and interprets nothing in it: the fence is longer than any in the text."""
    shown = visible(text)
    if not shown.strip(" "):
        return f"`{shown}`" if shown else ""
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def cell(text: str) -> str:
    """A code span inside a table, where a bar must be escaped even in code."""
    return code(text).replace("|", "\\|")


def render(result: Result, view: View) -> Iterator[str]:
    """The Markdown form, in pieces that end with a newline."""
    partial = " (partial: interrupted)" if result.partial else ""
    yield f"# audit: {result.verdict}{partial}\n\n"
    yield f"{summary.found(result).capitalize()}. {len(result.rules_run)} rules were run.\n\n"
    yield f"- data: {', '.join(code(source.path) for source in result.sources) or 'none'}\n"
    for fact in summary.judged_as(result, view):
        yield f"- {code(fact)}\n"
    for line in summary.figures(result):
        yield f"- {code(line)}\n"
    if result.gate is not None:
        yield from _gate(result.gate)
    yield from _table(result, view)
    for name, findings in summary.groups(result):
        yield from _group(name, findings, result, view)
    yield from _list("Not run", summary.not_run(result))
    yield from _list("Suppressed", summary.suppressed(result))
    yield from _list("No longer suppressed", summary.void(result))
    yield from _list("Next", summary.next_steps(result))
    yield from _evidence(result)


def _gate(gate: Gate) -> Iterator[str]:
    yield f"\n## Policy {code(gate.policy)}: {gate.verdict}\n\n"
    yield f"{code(gate.title)}{f', as of {code(gate.as_of)}' if gate.as_of else ''}\n"
    yield "\n| clause | limit | actual | interval | n | verdict |\n|---|---|---:|---|---:|---|\n"
    for found in gate.clauses:
        name, limit, actual, interval, n, verdict = gate_table.row(found)
        yield f"| {cell(name)} | {cell(limit)} | {cell(actual)} | {interval} | {n} | {verdict} |\n"
    for found in gate.clauses:
        if found.verdict != "PASS":
            yield f"\n{code(found.name)}: {code(found.sentence)}\n"
            yield f"\nSee {code(found.where)}\n" if found.where else ""
            yield "".join(f"\n    {visible(line)}" for line in found.paste.splitlines()) + "\n" if found.paste else ""
    yield from _list("Waivers", gate_table.waivers(gate))
    yield from _list("What the policy says of itself", gate.notes)


def _table(result: Result, view: View) -> Iterator[str]:
    lines = summary.by_rule(result, view)
    if not lines:
        return
    yield "\n| code | severity | findings | rows | share | fix | what |\n|---|---|---:|---:|---:|---|---|\n"
    for line in lines:
        rows = f"{line.rows:,}" if line.rows else "-"
        share = "-" if line.share is None else summary.percent(line.share)
        what = cell(line.name)
        start = f"| {cell(line.code)} | {line.severity.value} | {line.findings:,}"
        yield f"{start} | {rows} | {share} | {cell(line.fix)} | {what} |\n"


def _group(name: str, findings: Sequence[Finding], result: Result, view: View) -> Iterator[str]:
    shown = findings if view.max_per_rule == 0 else findings[: view.max_per_rule]
    yield f"\n## {code(name)}\n\n"
    for finding in shown:
        message = code(shortened(finding.message, LONGEST_MESSAGE))
        yield f"- {finding.severity.value} at {code(place(finding))}: {message}\n"
        if finding.fix is not None:
            yield f"  - help: {code(help_of(finding.fix))}\n"
    more = result.counts.get(name, {}).get("findings", len(shown)) - len(shown)
    if more > 0:
        yield f"- and {more:,} more\n"


def _list(title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield f"\n## {title}\n\n"
        for entry in entries:
            yield f"- {code(entry)}\n"


def _evidence(result: Result) -> Iterator[str]:
    evidence = result.evidence
    yield "\n## Evidence\n\n"
    if evidence.tool:
        yield f"- {code(f'{evidence.tool} {evidence.version}')}\n"
    for source in result.sources:
        yield f"- {code(source.path)} sha256 {code(source.sha256)}\n"
    for name, value in (("configuration", evidence.config_sha256), ("rules", evidence.rules_sha256)):
        if value:
            yield f"- {name} sha256 {code(value)}\n"

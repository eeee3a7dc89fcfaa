"""A policy itself, and the list of policies, as text, Markdown or JSON. Judges nothing by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from audit.policy.demands import Policy, asks, codes_of
from audit.reports.encode import encode
from audit.reports.markdown import cell, code
from audit.reports.text import columns
from audit.reports.visible import visible

FORMATS = ("text", "markdown", "json")


def explain_policy(policy: Policy, form: str) -> Iterator[str]:
    """What a policy demands: title, a table of clauses, sources, what it says of itself and does not cover."""
    if form == "json":
        yield encode(msgspec.to_builtins(policy), indent=2) + "\n"
        return
    marked = form == "markdown"
    shown = code if marked else visible
    yield f"{'# ' if marked else ''}{shown(policy.name)}: {shown(policy.title)}\n\n"
    for fact in _facts(policy):
        yield f"{'- ' if marked else ''}{shown(fact)}\n"
    yield "\n"
    body = [
        (each.name, each.demand, asks(each), ", ".join(codes_of(each)) or "-", "; ".join(each.crosswalk) or "-")
        for each in policy.clauses
    ]
    yield from _table(("clause", "demand", "limit", "rests on", "bears on"), body, marked)
    notes = [f"NOT COVERED: {entry.ref}: {entry.why}" for entry in policy.not_covered]
    for title, entries in (("source", policy.sources), ("note", (*policy.notes, *notes))):
        if entries:
            yield "\n"
        for entry in entries:
            yield f"- {title}: {code(entry)}\n" if marked else f"{title}: {visible(entry)}\n"


def list_policies(policies: Sequence[Policy], form: str) -> Iterator[str]:
    """The policies with their titles and days."""
    if form == "json":
        facts = [{"name": one.name, "title": one.title, "as_of": one.as_of, "extends": one.extends} for one in policies]
        yield encode(facts, indent=2) + "\n"
        return
    body = [(one.name, one.as_of or "-", ", ".join(one.extends) or "-", one.title) for one in policies]
    yield from _table(("policy", "as of", "extends", "title"), body, form == "markdown")


def _facts(policy: Policy) -> list[str]:
    facts = [f"as of {policy.as_of}"] if policy.as_of else []
    if policy.extends:
        facts.append(f"extends {', '.join(policy.extends)}")
    facts.append(f"alpha {policy.alpha:g}, divided over all disparity clauses and attributes")
    facts.append(f"exit code {policy.undecided} where a clause is NOT_ASSESSED or INCONCLUSIVE")
    facts += [
        f"sets {name} of {rule} to {value!r}" for rule, table in policy.rules.items() for name, value in table.items()
    ]
    return facts


def _table(head: Sequence[str], body: Sequence[Sequence[str]], marked: bool) -> Iterator[str]:
    if not marked:
        yield from columns(head, [[visible(text) for text in row] for row in body])
        return
    yield "| " + " | ".join(head) + " |\n|" + "---|" * len(head) + "\n"
    for row in body:
        yield "| " + " | ".join(cell(text) for text in row) + " |\n"

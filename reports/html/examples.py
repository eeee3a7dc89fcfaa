"""The section of examples: findings by rule, worst first, each with its place and the line around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from audit.model import Finding, Result
from audit.reports import summary
from audit.reports.html.blocks import Block, Example, Examples, Section, Text
from audit.reports.html.masking import Withheld
from audit.reports.snippet import Key, Snippet, Window, snippet, windows
from audit.reports.text import help_of, place
from audit.reports.view import View
from audit.reports.visible import shortened, visible, width

MOST: Final = 200
"""Examples in the report; the JSON form has every finding."""

MOST_OF_A_RULE: Final = 25
"""Examples of one rule: who has read so many alike wants the JSON form or the data."""

LONGEST_MESSAGE: Final = 240

AROUND: Final = 36
"""Characters of the line shown before and after the place."""


OF_RATES: Final = frozenset({"FAI201", "FAI202", "FAI203", "FAI204", "FAI205"})
"""Rules whose findings tell rates of groups that they name, and nothing of the others."""


def examples(result: Result, hidden: Withheld, view: View, *, most: int = MOST) -> Section | None:
    """Up to ``most`` findings, 25 of a rule; every rule shows its first before any shows its second."""
    groups = summary.groups(result)
    if not groups:
        return None
    chosen = _shared([findings[:MOST_OF_A_RULE] for _, findings in groups], most)
    seen: Mapping[Key, Window] = {}
    if view.snippets:
        seen = windows(result.sources, (finding for findings in chosen for finding in findings))
    shown = sum(map(len, chosen))
    total = sum(counts.get("findings", 0) for counts in result.counts.values())
    blocks: list[Block] = [
        Text(
            f"{shown:,} of {summary.plural(total, 'finding')}, the worst rules first; the JSON form of the result has "
            "all of them. Characters of the data that cannot be seen are spelt out."
        )
    ]
    for (code, findings), some in zip(groups, chosen, strict=True):
        if some:
            items, shared = _without_shared_help(
                [_example(finding, seen, hidden, redact=view.redact) for finding in some]
            )
            number = result.counts.get(code, {}).get("findings", len(findings))
            severity = summary.worst(result.counts.get(code, {some[0].severity.value: 1})).value
            blocks.append(Examples(code, view.note(code).name, severity, number, items, shared))
    return Section("examples", "Examples", tuple(blocks))


def _without_shared_help(items: Sequence[Example]) -> tuple[tuple[Example, ...], str]:
    """The examples, and the help that all of them have, which is then said once."""
    said = {item.help for item in items}
    if len(said) != 1:
        return tuple(items), ""
    return tuple(msgspec.structs.replace(item, help="") for item in items), said.pop()


def _shared(groups: Sequence[Sequence[Finding]], most: int) -> list[Sequence[Finding]]:
    """The first findings of every group, as many as fit when all groups take turns."""
    taken = [0] * len(groups)
    left = most
    while left > 0:
        waiting = [index for index, group in enumerate(groups) if taken[index] < len(group)][:left]
        if not waiting:
            break
        for index in waiting:
            taken[index] += 1
        left -= len(waiting)
    return [group[:number] for group, number in zip(groups, taken, strict=True)]


def _example(finding: Finding, seen: Mapping[Key, Window], hidden: Withheld, *, redact: bool) -> Example:
    where = finding.place
    # A finding on a rate tells the figures of the groups that it names, which stand in its table where they may.
    tells = finding.code not in OF_RATES and hidden.hides_finding(finding.evidence.get("attribute"))
    secret = tells or hidden.silences(_told(finding), [finding.code])
    if finding.code.startswith(("DEM", "FAI")) and secret:
        return Example(finding.severity.value, place(finding), "Withheld: a group with counts below 5 is named here.")
    window = seen.get((where.file or "", where.offset if where.offset is not None else -1))
    related = tuple(
        visible(f"{one.file or where.file or ''}:{one.line} {one.pointer}".strip()) for one in finding.related[:3]
    )
    return Example(
        finding.severity.value,
        shortened(place(finding), LONGEST_MESSAGE),
        shortened(finding.message, LONGEST_MESSAGE),
        _excerpt(finding, window, redact=redact),
        related,
        shortened(help_of(finding.fix), LONGEST_MESSAGE) if finding.fix is not None else "",
    )


def _excerpt(finding: Finding, window: Window | None, *, redact: bool) -> tuple[str, str, str] | None:
    """The line around a finding; None for the whole of a row, whose first words say nothing."""
    if window is None or finding.place.line is None:
        return None
    parts = _three(snippet(window, finding, redact=redact))
    return None if parts[0] == "" and parts[1] in ("{", "[") else parts


def _told(finding: Finding) -> str:
    return f"{finding.message} {finding.evidence.get('group', '')}"


def _three(found: Snippet) -> tuple[str, str, str]:
    """The visible line before, at and after the carets, which count columns of a terminal."""
    start = len(found.carets) - len(found.carets.lstrip(" "))
    begin = _index(found.line, start)
    end = _index(found.line, len(found.carets))
    before, marked, after = found.line[:begin], found.line[begin:end], found.line[max(begin, end) :]
    if len(before) > AROUND:
        before = "…" + before[1 - AROUND :]
    return before, marked, after if len(after) <= AROUND else after[: AROUND - 1] + "…"


def _index(line: str, columns: int) -> int:
    """How many characters of a visible line take so many columns."""
    taken = 0
    for index, char in enumerate(line):
        if taken >= columns:
            return index
        taken += width(char)
    return len(line)

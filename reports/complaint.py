"""What a failing assertion on a result says: the table of its policy, and one finding of each rule. Judges nothing."""

from __future__ import annotations

from audit.model import Result
from audit.reports import shown, summary
from audit.reports.text import gate_text, place
from audit.reports.view import View
from audit.reports.visible import shortened, visible

LONGEST_MESSAGE = 300
"""Characters of a message that are shown."""


def complaint(result: Result) -> str:
    """The verdict, the gate where there is one, the first finding of each rule, and what no longer suppresses."""
    result = shown(result, View())
    lines = [visible(summary.verdict(result))]
    if result.gate is not None:
        lines += "".join(gate_text(result.gate)).splitlines()
    for code, findings in summary.groups(result):
        message = shortened(findings[0].message, LONGEST_MESSAGE)
        lines.append(f"{code} at {place(findings[0])}: {message}")
    return "\n".join([*lines, *(f"warning: {visible(entry)}" for entry in summary.void(result))])

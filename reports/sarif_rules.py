"""What a SARIF log says of the rules that were run: reporting descriptors made from the rules' own docstrings.

A rule that is not installed here (a saved result, another plug-in) has its code only. Braces stay as they are, although
section 3.11.5 would have them doubled: these strings have no arguments, and readers show the examples as they stand.
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.catalog import all_rules
from audit.model import Json, Result, Severity
from audit.reports import summary
from audit.reports.view import View
from audit.rule import Explanation, Rule, explain

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
"""Severity -> SARIF level (2.1.0, section 3.27.10)."""
_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}
"""Severity -> ``problem.severity``, by which GitHub sorts alerts that are no security alerts."""


def descriptors(codes: Sequence[str], result: Result, view: View) -> list[dict[str, Json]]:
    """One reportingDescriptor per code, in the order given (SARIF 2.1.0, section 3.49)."""
    installed = {rule.code: rule for rule in all_rules()}
    return [_descriptor(code, installed.get(code), result, view) for code in codes]


def _descriptor(code: str, rule: type[Rule] | None, result: Result, view: View) -> dict[str, Json]:
    severity = rule.severity if rule is not None else summary.worst(result.counts.get(code, {}))
    found: dict[str, Json] = {
        "id": code,
        "defaultConfiguration": {"level": LEVELS[severity]},
        "properties": {"tags": [code[:3]], "problem.severity": _GITHUB[severity]},
    }
    if name := view.note(code).name:
        found["name"] = name
    if rule is not None:
        parts = explain(rule)
        found["shortDescription"] = {"text": parts.summary}
        found["fullDescription"] = {"text": parts.why}
        found["help"] = {"text": _text(parts), "markdown": _markdown(parts)}
    return found


def _text(parts: Explanation) -> str:
    return "\n\n".join((f"{parts.summary} {parts.why}", "Bad: " + "\n".join(parts.bad), f"Do: {parts.do}"))


def _markdown(parts: Explanation) -> str:
    """The docstring as Markdown; examples stand in code blocks whose fence no example holds."""
    examples = []
    for title, rows in (("Bad", parts.bad), ("Good", parts.good)):
        examples.append(f"**{title}**\n\n~~~~~~json\n" + "\n".join(rows) + "\n~~~~~~")
    return "\n\n".join((parts.summary, parts.why, *examples, f"**Do** {parts.do}"))

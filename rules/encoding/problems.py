"""Turns what the reader diagnosed in a line into hits. Judges nothing: severity and fix come from the rule."""

from __future__ import annotations

from typing import Final

from audit.model import Applicability, ByteEdit, DropRow, Fix, Json, Problem, Severity
from audit.rule import Hit, Rule

DROP: Final = Fix(Applicability.DROP, "drop the row", (DropRow(),))


def hit_of(rule: Rule, problem: Problem, fix: Fix | None, severity: Severity | None = None) -> Hit:
    """A hit that says what the reader saw, exactly where: on the file as a whole, or on bytes of the line."""
    if problem.file:
        return rule.hit(
            problem.message,
            scope="file",
            evidence=_evidence(problem),
            fix=fix,
            severity=severity,
            key=problem.kind,
        )
    return rule.hit(
        problem.message,
        problem.pointer,
        byte_span=(problem.start, problem.end) if problem.end > problem.start else None,
        evidence=_evidence(problem),
        fix=fix,
        severity=severity,
        key=f"{problem.kind}@{problem.start}" if problem.start else problem.kind,
    )


def spans_of(problem: Problem) -> list[tuple[int, int]]:
    """Byte spans of all characters that a problem is about: the places it lists, or its own."""
    listed = problem.detail.get("spans")
    if isinstance(listed, list):
        return [(start, end) for start, end in listed if end > start]
    return [(problem.start, problem.end)] if problem.end > problem.start else []


def removals(problem: Problem) -> tuple[ByteEdit, ...]:
    """The edits that remove them; neighbours go in one edit."""
    edits: list[ByteEdit] = []
    for start, end in spans_of(problem):
        if edits and edits[-1].end == start:
            edits[-1] = ByteEdit(edits[-1].start, end)
        else:
            edits.append(ByteEdit(start, end))
    return tuple(edits)


def _evidence(problem: Problem) -> dict[str, Json]:
    return {key: value for key, value in problem.detail.items() if key != "spans"}

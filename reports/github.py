"""GitHub's workflow commands, which become annotations, and the Markdown of a job summary.

GitHub drops what is over its limits without a word, so this keeps within them and says what it left out. Writes no
file: the command line appends the summary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from audit.model import Finding, Result, Severity
from audit.reports import concise, summary
from audit.reports.aggregate import Listed, listed
from audit.reports.markdown import render as markdown
from audit.reports.paths import portable
from audit.reports.view import View
from audit.reports.visible import shortened, visible

MOST: Final = 10
"""Annotations of one level that GitHub shows per step (actions/toolkit, issue 734)."""
LONGEST: Final = 500
"""Characters of an annotation."""
SUMMARY_BYTES: Final = 900 << 10
"""Bytes of a job summary. GitHub shows nothing at all of one above 1 MiB (GitHub documentation, "Workflow commands",
"Step isolation and limits"); the rest is room for other commands of the step."""

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


class Annotation(msgspec.Struct, frozen=True):
    """One workflow command before it is written."""

    level: str
    title: str
    message: str
    finding: Finding | None = None


def render(result: Result, view: View) -> Iterator[str]:
    """A folded list of findings, the annotations, and the verdict; every line ends with a newline."""
    entries = listed(result, limit=len(result.findings))
    if entries:
        yield f"::group::audit findings ({summary.plural(len(entries), 'rule')})\n"
        yield from _list(entries, result, view)
        yield "::endgroup::\n"
    annotations = [*_of_gate(result), *(_of_rule(entry, result, view) for entry in entries)]
    for level in ("error", "warning", "notice"):
        yield from _at_most([annotation for annotation in annotations if annotation.level == level])
    yield f"audit: {visible(summary.verdict(result))}\n"


def _list(entries: Sequence[Listed], result: Result, view: View) -> Iterator[str]:
    for entry in entries:
        shown = entry.findings if view.max_per_rule == 0 else entry.findings[: view.max_per_rule]
        yield from concise.render(msgspec.structs.replace(result, findings=shown), view)
        if entry.total > len(shown):
            yield f"{visible(entry.code)}: ... {entry.total - len(shown):,} more\n"


def _of_rule(entry: Listed, result: Result, view: View) -> Annotation:
    """One annotation per rule, at its worst finding, with the number of all."""
    worst = entry.findings[0] if entry.findings else None
    severity = worst.severity if worst is not None else summary.worst(result.counts[entry.code])
    title = f"{entry.code} {view.note(entry.code).name}".rstrip()
    message = worst.message if worst is not None else f"found, but left out by --max-findings: {title}"
    if entry.total > 1:
        message = f"{shortened(message, LONGEST)} ({entry.total:,} findings of this rule)"
    return Annotation(_LEVELS[severity], title, message, worst)


def _of_gate(result: Result) -> Iterator[Annotation]:
    gate = result.gate
    if gate is None:
        return
    for clause in gate.clauses:
        if clause.verdict != "PASS":
            level = "error" if gate.exit_code != 0 else "warning"
            yield Annotation(level, f"{clause.verdict} {clause.name}", clause.sentence)


def _at_most(annotations: Sequence[Annotation]) -> Iterator[str]:
    """As many as are shown; where there are more, the last one says how many and which."""
    if len(annotations) <= MOST:
        yield from map(_command, annotations)
        return
    yield from map(_command, annotations[: MOST - 1])
    rest = annotations[MOST - 1 :]
    titles = ", ".join(annotation.title for annotation in rest)
    yield _command(Annotation(rest[0].level, f"and {len(rest)} more", f"{len(rest)} more, not annotated: {titles}"))


def _command(annotation: Annotation) -> str:
    place = annotation.finding.place if annotation.finding is not None else None
    named: dict[str, str] = {}
    if place is not None and place.file is not None:
        named["file"] = visible(portable(place.file))
        if place.line is not None:
            named["line"] = str(place.line)
            named["col"] = str(place.column or 1)
    named["title"] = shortened(annotation.title, LONGEST)
    properties = ",".join(f"{name}={_property(value)}" for name, value in named.items())
    return f"::{annotation.level} {properties}::{_data(shortened(annotation.message, LONGEST + 60))}\n"


def _data(text: str) -> str:
    """Text after the second ``::`` (actions/toolkit, packages/core/src/command.ts, escapeData)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A value before it (the same file, escapeProperty)."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# ----------------------------------------------------------------------------- job summary


def job_summary(result: Result, view: View, room: int = SUMMARY_BYTES) -> str:
    """The Markdown form in at most ``room`` bytes of UTF-8.

    Sections of rules are left out whole, the last ones first, and it says how many; then everything but the first
    section. Empty where there is no room even for that.
    """
    head, *rest = _sections(markdown(result, view))
    kept = [(section, _size(section)) for section in rest]
    left = room - _size(head) - _size(_left_out(len(rest)))
    while kept and sum(size for _, size in kept) > left:
        # What was not run, what was suppressed and the evidence stay as long as there is a rule to leave out.
        of_rules = [index for index, (section, _) in enumerate(kept) if section.startswith("\n## `")]
        del kept[of_rules[-1] if of_rules else -1]
    cut = _left_out(len(rest) - len(kept)) if len(kept) < len(rest) else ""
    return head + "".join(section for section, _ in kept) + cut if left >= 0 else ""


def _left_out(sections: int) -> str:
    return f"\n{summary.plural(sections, 'section')} left out: the summary is at its limit\n"


def _sections(pieces: Iterable[str]) -> Iterator[str]:
    """The text before the first ``##`` heading, then one text for each heading and what follows it."""
    section: list[str] = []
    for piece in pieces:
        if piece.startswith("\n## "):
            yield "".join(section)
            section = []
        section.append(piece)
    yield "".join(section)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))

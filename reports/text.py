"""The form for a terminal: findings with the source line and carets, a table by rule, and a verdict. Parses nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Clause, Finding, Fix, Gate, Result, Severity, Verdict
from audit.reports import gate_table, summary
from audit.reports.snippet import Key, Snippet, Window, snippet, windows
from audit.reports.view import View
from audit.reports.visible import shortened, visible, width

LONGEST_MESSAGE: Final = 1_000
"""Characters of a message that are shown; the JSON form has all of it."""

LONGEST_CELL: Final = 60
"""Characters of a cell in the table of clauses."""

_VERDICTS: Final[Mapping[Verdict, str]] = {"PASS": "32", "FAIL": "31", "INCONCLUSIVE": "33", "NOT_ASSESSED": "33"}
_COLORS: Final = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


class Paint:
    """Wraps words in ANSI colours, or leaves them as they are."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text

    def severity(self, severity: Severity, text: str | None = None) -> str:
        """The word for a severity, or another text in its colour."""
        return self(severity.value if text is None else text, _COLORS[severity])


def render(result: Result, view: View) -> Iterator[str]:
    """The text form, in pieces that end with a newline."""
    paint = Paint(view.color)
    facts = visible(", ".join(summary.judged_as(result, view)))
    yield f"{paint(visible(summary.files(result)), '1')}: {facts}\n"
    if result.partial:
        yield paint.severity(Severity.WARNING, "PARTIAL: interrupted; what follows is only what was read") + "\n"
    if result.gate is not None:
        yield from gate_text(result.gate, paint)
    yield from _findings(result, view, paint)
    yield from _table(result, view, paint)
    yield from _closing(result, view, paint)


def gate_text(gate: Gate, paint: Paint | None = None) -> Iterator[str]:
    """The lines of a gate's decision: policy, table of clauses, what each that did not pass says, waivers, notes."""
    paint = paint or Paint(False)
    dated = f" (as of {visible(gate.as_of)})" if gate.as_of else ""
    yield f"\npolicy {visible(gate.policy)}: {visible(gate.title)}{dated}\n\n"
    body = [[shortened(text, LONGEST_CELL) for text in gate_table.row(clause)] for clause in gate.clauses]
    lines = columns(gate_table.HEAD, body, right=(2, 4), paint=paint)
    yield next(lines)
    for line, clause in zip(lines, gate.clauses, strict=True):
        yield line.removesuffix(f"{clause.verdict}\n") + paint(clause.verdict, _VERDICTS[clause.verdict]) + "\n"
    for clause in gate.clauses:
        if clause.verdict != "PASS":
            yield from _clause(clause)
    closing = [f"waived: {entry}" for entry in gate_table.waivers(gate)] + [f"note: {note}" for note in gate.notes]
    yield "\n" if closing else ""
    for entry in closing:
        yield visible(entry) + "\n"


def _clause(clause: Clause) -> Iterator[str]:
    yield f"\n{visible(clause.name)}: {visible(clause.sentence)}\n"
    if needed := gate_table.needed(clause):
        yield f"  {needed}\n"
    if clause.where:
        yield f"  see: {visible(clause.where)}\n"
    if clause.paste:
        yield "  in audit.toml:\n"
    for line in clause.paste.splitlines():
        yield f"    {visible(line)}\n"


def _findings(result: Result, view: View, paint: Paint) -> Iterator[str]:
    shown = [(code, _first(found, view.max_per_rule), len(found)) for code, found in summary.groups(result)]
    seen: Mapping[Key, Window] = {}
    if view.snippets:
        seen = windows(result.sources, (finding for _, findings, _ in shown for finding in findings))
    for code, findings, _ in shown:
        for finding in findings:
            yield "\n" + _finding(finding, seen, paint, redact=view.redact)
        more = result.counts.get(code, {}).get("findings", len(findings)) - len(findings)
        if more > 0:
            yield f"\n{code}: ... {more:,} more (--max-per-rule 0 shows all)\n"


def _first(findings: Sequence[Finding], limit: int) -> Sequence[Finding]:
    return findings if limit == 0 else findings[:limit]


def _finding(finding: Finding, seen: Mapping[Key, Window], paint: Paint, *, redact: bool) -> str:
    star = "[*] " if finding.fix is not None and finding.fix.applicability.value == "safe" else ""
    message = shortened(finding.message, LONGEST_MESSAGE)
    lines = [f"{paint(finding.code, '1')} {paint.severity(finding.severity)}: {star}{message}"]
    gutter = len(str(finding.place.line or ""))
    lines.append(f"{' ' * gutter}{paint('-->', '34')} {place(finding)}")
    window = seen.get((finding.place.file or "", finding.place.offset if finding.place.offset is not None else -1))
    if window is not None and finding.place.line is not None:
        lines += _marked(snippet(window, finding, redact=redact), finding, gutter, paint)
    for related in finding.related:
        where = f"{related.file or finding.place.file or ''}:{related.line}" if related.line else related.file or ""
        lines.append(f"{' ' * gutter} = see {visible(f'{where} {related.pointer}'.strip())}")
    if finding.fix is not None:
        lines.append(f"{' ' * gutter} = help: {help_of(finding.fix)}")
    return "\n".join(lines) + "\n"


def _marked(found: Snippet, finding: Finding, gutter: int, paint: Paint) -> list[str]:
    bar = paint("|", "34")
    return [
        f"{' ' * gutter} {bar}",
        f"{paint(str(finding.place.line), '34')} {bar} {found.line}",
        f"{' ' * gutter} {bar} {paint.severity(finding.severity, found.carets)}",
    ]


def place(finding: Finding) -> str:
    """``file:line:column  /pointer``, or what stands for it when a file or the whole data is meant."""
    where = finding.place
    if where.file is None:
        text = "all data"
    elif where.line is None:
        text = f"{where.file} (whole file)"
    else:
        text = f"{where.file}:{where.line}:{where.column or 1}"
    return visible(f"{text}  {where.pointer}".rstrip())


def help_of(fix: Fix) -> str:
    """What would mend it, and how far that can be trusted."""
    kinds = {"safe": " (safe fix)", "unsafe": " (unsafe fix: look at it)", "drop": " (drop)", "shown": ""}
    return shortened(fix.title, LONGEST_MESSAGE) + kinds[fix.applicability.value]


def _table(result: Result, view: View, paint: Paint) -> Iterator[str]:
    lines = summary.by_rule(result, view)
    if not lines:
        return
    head = ("code", "severity", "findings", "rows", "share", "fix", "what")
    body = [
        (
            line.code,
            line.severity.value,
            f"{line.findings:,}",
            f"{line.rows:,}" if line.rows else "-",
            "-" if line.share is None else summary.percent(line.share),
            line.fix,
            visible(line.name),
        )
        for line in lines
    ]
    yield "\n"
    yield from columns(head, body, right=(2, 3, 4), paint=paint, severities=[line.severity for line in lines])


def columns(
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    *,
    right: Sequence[int] = (),
    paint: Paint | None = None,
    severities: Sequence[Severity] = (),
) -> Iterator[str]:
    """Lines of an aligned table; ``right`` names the columns that are aligned right."""
    paint = paint or Paint(False)
    wide = [max(width(row[index]) for row in [head, *body]) for index in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = []
        for index, cell in enumerate(row):
            gap = " " * (wide[index] - width(cell))
            cells.append(gap + cell if index in right else cell + gap)
        return "  ".join(cells).rstrip()

    yield paint(line(head), "1") + "\n"
    for index, row in enumerate(body):
        text = line(row)
        if severities:
            text = text.replace(row[1], paint.severity(severities[index]), 1)
        yield text + "\n"


def _closing(result: Result, view: View, paint: Paint) -> Iterator[str]:
    yield "\n"
    for entry in summary.not_run(result):
        yield f"not run: {visible(entry)}\n"
    for entry in summary.suppressed(result):
        yield f"suppressed: {visible(entry)}\n"
    for entry in summary.void(result):
        yield paint.severity(Severity.WARNING, f"warning: {visible(entry)}") + "\n"
    if result.truncated:
        yield f"{summary.plural(result.truncated, 'finding')} left out of the result (--max-findings)\n"
    for line in summary.figures(result):
        yield visible(line) + "\n"
    if fixes := summary.fixes(result.findings):
        yield fixes + "\n"
    ran = summary.plural(len(result.rules_run), "rule")
    yield paint(visible(f"{summary.verdict(result)} ({ran} run)"), f"1;{_VERDICTS[result.verdict]}") + "\n"
    for step in summary.next_steps(result):
        yield f"next: {visible(step)}\n"

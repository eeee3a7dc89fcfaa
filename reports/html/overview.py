"""The first sections: the verdict, what was and was not checked, and the table of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from audit.model import Clause, Gate, Measure, Result, Severity, Skipped
from audit.reports import gate_table, summary
from audit.reports.html.blocks import Block, Bullets, Cell, Command, Fold, Section, Table, Text, Tone, facts, plain
from audit.reports.html.masking import FEW, Withheld, few
from audit.reports.html.tables import Measures, decode
from audit.reports.html.words import NONE, between, count, ratio, scalar, share
from audit.reports.view import View

MOST_RULES: Final = 12
"""Rules of each half that stand in its table, where a report has both."""

VERDICTS: Final[dict[str, tuple[Tone, str]]] = {
    "PASS": ("good", "the data supports the claim that the demand is met"),
    "FAIL": ("bad", "the data supports the claim that the demand is not met"),
    "INCONCLUSIVE": ("unsure", "there is too little data to say either"),
    "NOT_ASSESSED": ("none", "there is nothing to judge by, or too much of it is missing"),
}
"""How a verdict is coloured, and what it means."""

SEVERITIES: Final[dict[Severity, Tone]] = {
    Severity.ERROR: "badge-bad",
    Severity.WARNING: "badge-unsure",
    Severity.INFO: "badge-quiet",
}


def verdict_cell(verdict: str | None, detail: str = "") -> Cell:
    """A verdict as a coloured word."""
    if not verdict:
        return Cell(NONE, detail)
    tone, _ = VERDICTS.get(verdict, ("none", ""))
    return Cell(verdict.replace("_", " "), detail, tone)


def headline(result: Result) -> str:
    """The judgement in one sentence."""
    gate = result.gate
    partial = "PARTIAL, interrupted before the end. " if result.partial else ""
    if gate is None:
        return f"{partial}{_checked(result)}"
    total = len(gate.clauses)
    kinds = (
        ("FAIL", "not met"),
        ("INCONCLUSIVE", "undecided for lack of data"),
        ("NOT_ASSESSED", "not assessed"),
        ("PASS", "met"),
    )
    counted = [(sum(clause.verdict == kind for clause in gate.clauses), words) for kind, words in kinds]
    said = ", ".join(f"{number:,} {words}" for number, words in counted if number)
    return f"{partial}Of {summary.plural(total, 'demand')} of the policy {gate.policy}: {said or 'none judged'}."


def _checked(result: Result) -> str:
    limit = scalar(result.evidence.config.get("fail_on", "error"))
    found = summary.found(result)
    found = found[0].upper() + found[1:]
    if result.ok:
        return f"{found}; none is at or above the severity {limit}, at which a check fails."
    return f"{found}; a check fails at the severity {limit} or above."


def verdict(result: Result, hidden: Withheld, view: View) -> Section:
    """The first section: the sentence, and the demands of the policy where there is one."""
    blocks: list[Block] = []
    if result.partial:
        blocks.append(Text("The run was interrupted: everything below holds only for what was read.", "unsure"))
    if result.gate is None:
        blocks.append(
            Text(
                "No policy was applied. The verdict says only whether a finding at or above the chosen severity was "
                "made; it decides nothing about groups of people.",
                "quiet",
            )
        )
        blocks += [Text(f"Next: {step}", "quiet") for step in summary.next_steps(result)]
    else:
        blocks += _gate(result.gate, hidden)
    return Section("verdict", "Verdict", tuple(blocks))


def _gate(gate: Gate, hidden: Withheld) -> Iterator[Block]:
    head = ("Demand", "Limit", "Found", "Verdict", "In words")
    rows = tuple(_clause(clause, hidden) for clause in sorted(gate.clauses, key=_worst_first))
    if rows:
        yield Table("What the policy demands, and what was found", head, rows)
    yield Bullets(tuple(f"{name.replace('_', ' ')}: {meaning}." for name, (_, meaning) in VERDICTS.items()))
    yield facts(
        ("Policy", f"{gate.title or gate.policy} ({gate.policy})" if gate.title else gate.policy),
        ("Laid over", ", ".join(gate.extends)),
        ("As of", gate.as_of),
        ("Policy sha256", Cell(gate.sha256, code=True)),
        *((f"Use: {key}", value) for key, value in sorted(gate.use.items())),
    )
    pasted = [clause for clause in gate.clauses if clause.paste]
    if pasted:
        lines = "\n".join(clause.paste for clause in pasted)
        yield Fold("What to add to audit.toml so that undecided demands can be judged or waived", (Command(lines),))
    crosswalk = tuple(plain(clause.name, "; ".join(clause.crosswalk)) for clause in gate.clauses if clause.crosswalk)
    if crosswalk:
        yield Fold(
            "Which provisions each demand relates to",
            (Table("Provisions by demand", ("Demand", "Relates to"), crosswalk),),
        )
    notes = tuple(note for note in gate.notes if not (hidden.on and hidden.silences(note, ("FAI201",))))
    if notes:
        yield Fold("What the sources of the policy do and do not demand", (Bullets(notes),))


def _worst_first(clause: Clause) -> tuple[int, str]:
    order = ("FAIL", "NOT_ASSESSED", "INCONCLUSIVE", "PASS")
    return order.index(clause.verdict), clause.name


def _clause(clause: Clause, hidden: Withheld) -> tuple[Cell, ...]:
    demand = Cell(clause.name, clause.demand)
    named = f"{clause.group or ''} {clause.actual} {clause.sentence}"
    if hidden.on and ((clause.attribute and few(clause.n)) or hidden.silences(named, clause.codes)):
        said = "A group this small is not shown; the verdict stands."
        return demand, Cell(clause.limit), Cell(FEW), verdict_cell(clause.verdict), Cell(said, clause.where)
    level = f"{100 * clause.level:g} % interval " if clause.level is not None else "interval "
    interval = level + between(clause.interval, _like(clause)) if clause.interval is not None else ""
    size = f"n = {clause.n:,}" if clause.n else ""
    needed = gate_table.needed(clause)
    found = Cell(clause.actual, "; ".join(part for part in (interval, size, needed) if part))
    return demand, Cell(clause.limit), found, verdict_cell(clause.verdict), Cell(clause.sentence, clause.where)


def _like(clause: Clause) -> Callable[[float | None], str]:
    """How the figures of a clause are written: as its limit is."""
    return share if "%" in clause.actual + clause.limit else ratio


def checked(result: Result, view: View, *, brief: bool = False) -> Section:
    """What was looked at, and what was not and why; ``brief`` names rules that found nothing by their codes alone."""
    idle = summary.nothing_to_judge(result)
    clean = [code for code in result.rules_run if not result.counts.get(code, {}).get("findings") and code not in idle]
    off = [entry for entry in result.rules_skipped if entry.kind != "inapplicable"]
    lacking = [entry for entry in result.rules_skipped if entry.kind == "inapplicable"]
    lacking += [Skipped(code, "it ran and met nothing that it could judge") for code in idle]
    blocks: list[Block] = [
        Text(
            f"{summary.plural(len(result.rules_run), 'rule')} ran over {summary.plural(result.rows, 'row')}; "
            f"{summary.plural(len(clean), 'rule')} found nothing. "
            f"{summary.plural(len(lacking), 'rule')} had nothing to judge by, {len(off):,} were turned off or are in "
            "preview. What was not checked is not known to be right."
        )
    ]
    if rows := _unjudged(result, lacking, view):
        head = ("What", "State", "Why")
        blocks.append(Table("Not checked, because the run gave nothing to judge by", head, rows))
    if off:
        cells = tuple((cell, Cell(reason)) for reason, cell in _by_reason(off, view))
        table = Table("Rules left out", ("Rule", "Why"), cells)
        blocks.append(Fold(f"{len(off):,} rules turned off or in preview", (table,)))
    if clean and brief:
        blocks.append(Fold(f"{len(clean):,} rules that ran and found nothing", (Text(", ".join(clean)),)))
    elif clean:
        cells = tuple((Cell(code), Cell(view.note(code).name or NONE)) for code in clean)
        table = Table("Rules without a finding", ("Rule", "Looks for"), cells)
        blocks.append(Fold(f"{len(clean):,} rules that ran and found nothing", (table,)))
    blocks += _languages(Measures(result))
    return Section("checked", "What was and was not checked", tuple(blocks))


def _unjudged(result: Result, lacking: Sequence[Skipped], view: View) -> tuple[tuple[Cell, ...], ...]:
    """The demands and the rules that had nothing to judge by, with the reason."""
    demands = [clause for clause in (result.gate.clauses if result.gate else ()) if clause.verdict == "NOT_ASSESSED"]
    rows = [(Cell(one.name, one.demand), verdict_cell(one.verdict), Cell(one.sentence)) for one in demands]
    rows += [(cell, verdict_cell("NOT_ASSESSED"), Cell(reason)) for reason, cell in _by_reason(lacking, view)]
    return tuple(rows)


def _by_reason(entries: Sequence[Skipped], view: View) -> Iterator[tuple[str, Cell]]:
    """The rules that were left out, those with one reason together: a rule with its name, several by their codes."""
    same: dict[str, list[str]] = {}
    for entry in entries:
        same.setdefault(entry.reason, []).append(entry.code)
    for reason, codes in same.items():
        yield reason, Cell(codes[0], view.note(codes[0]).name) if len(codes) == 1 else Cell(", ".join(codes))


UNREAD: Final = ("not covered", "undetermined")
"""What stands in place of a language whose text no word list could look at."""


def _languages(measures: Measures) -> Iterator[Block]:
    """How many rows, by language, the word lists of each attribute could look at."""
    rows = []
    for measure in measures.named("unknown_share"):
        covered = decode(measure.table.get("coverage"), dict[str, int]) if isinstance(measure.table, dict) else None
        for language, number in sorted((covered or {}).items()):
            state = verdict_cell("NOT_ASSESSED") if language in UNREAD else Cell("looked at")
            rows.append((Cell(measure.attribute or NONE), Cell(language), Cell(count(number)), state))
    if rows:
        head = ("Attribute", "Language", "Rows", "State")
        yield Table("Languages that the word lists could look at", head, tuple(rows), right=(2,))


def rules(result: Result, view: View, *, brief: bool = False) -> Section | None:
    """The rules with findings, worst first; ``brief`` names those after the first by their codes alone."""
    lines = summary.by_rule(result, view)
    if not lines:
        return None
    measured = {measure.code: measure for measure in result.measures if measure.name == "rows.share"}
    most = MOST_RULES if brief else len(lines)
    rows = tuple(_rule(line, measured.get(line.code)) for line in lines[:most])
    head = ("Rule", "Severity", "Findings", "Rows", "Share of rows", "Fix")
    blocks: list[Block] = [
        Text(
            "A rule can find several things in one row. The interval is Wilson's 95 % for the share of rows; what it "
            "says holds for data drawn like this, not only for these rows."
        ),
        Table("Rules with findings, worst first", head, rows, right=(2, 3, 4)),
    ]
    if rest := lines[most:]:
        said = ", ".join(f"{line.code} {line.findings:,} ({line.severity.value})" for line in rest)
        blocks.append(Text(f"Findings of {summary.plural(len(rest), 'more rule')}: {said}."))
    if safe := summary.fixable(result.findings):
        blocks.append(Text(f"{summary.plural(safe, 'finding')} can be mended without a change of meaning (safe fix)."))
    if result.truncated:
        blocks.append(
            Text(
                f"{summary.plural(result.truncated, 'finding')} were left out of the result by --max-findings; the "
                "counts are exact.",
                "unsure",
            )
        )
    known = sum(result.known.values())
    if known:
        codes = ", ".join(f"{code} {number:,}" for code, number in sorted(result.known.items()))
        blocks.append(
            Text(f"{summary.plural(known, 'finding')} stand in the baseline and are not repeated here: {codes}.")
        )
    return Section("rules", "Rules with findings", tuple(blocks))


_FIXES: Final = {"safe": "safe", "unsafe": "unsafe: look at it", "drop": "drops the row", "shown": "advice only"}


def _rule(line: summary.RuleLine, measure: Measure | None) -> tuple[Cell, ...]:
    interval = between(measure.interval) if measure is not None else ""
    return (
        Cell(line.code, line.name),
        Cell(line.severity.value, tone=SEVERITIES[line.severity]),
        Cell(count(line.findings)),
        Cell(count(line.rows) if line.rows else NONE),
        Cell(share(line.share), interval if line.share is not None else ""),
        Cell(_FIXES.get(line.fix, NONE)),
    )


def judged(result: Result, view: View) -> Sequence[str]:
    """What the data was judged as, in a few facts."""
    return [summary.files(result), *summary.judged_as(result, view)]

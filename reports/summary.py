"""The facts that the text and Markdown forms state: heading, table by rule, what was not run, verdict, what to do next.

Only puts words to a ``Result``; computes no new judgement. Strings from data are not yet made visible here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from audit.model import Applicability, Finding, Fix, Gate, Json, Result, Severity, Suppressed
from audit.model.dossier import OUTPUT_RULES
from audit.reports.disparity import beside
from audit.reports.view import View

CONVERTIBLE: Final = ("openai-sft", "openai-dpo", "sharegpt", "alpaca", "trl")
"""Targets that ``audit convert`` can write."""


class RuleLine(msgspec.Struct, frozen=True):
    """One row of the table by rule. ``share`` is rows over all rows, None where the rule has no rows of its own."""

    code: str
    severity: Severity
    findings: int
    rows: int
    share: float | None
    fix: str
    name: str


def number(value: float) -> str:
    """A count with commas, or a fraction with two decimals."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def percent(share: float) -> str:
    """A share of 1 as a percentage; small ones keep a digit that says something."""
    return "<0.01 %" if 0 < share < 0.0001 else f"{100 * share:.2f} %"


def plural(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def files(result: Result) -> str:
    """The inputs by name, at most three."""
    names = [source.path for source in result.sources]
    if len(names) > 3:
        return ", ".join(names[:3]) + f" and {len(names) - 3} more"
    return ", ".join(names) or "no input"


def judged_as(result: Result, view: View) -> list[str]:
    """What the data was judged as: rows, target, shapes where there are several, tokenizer, configuration file."""
    evidence = result.evidence
    facts = [plural(result.rows, "row")]
    target = evidence.target or "generic"
    dated = f" (as of {evidence.target_as_of})" if evidence.target_as_of else ""
    facts.append(f"judged as {target}{dated}")
    shapes = _shapes(result)
    if len(shapes) > 1:
        facts.append("shapes " + ", ".join(f"{name} {count:,}" for name, count in shapes))
    facts.append(_tokenizer(evidence.tokenizer))
    facts.append(f"settings from {view.config_file}" if view.config_file else "no configuration file")
    return facts


def _shapes(result: Result) -> list[tuple[str, int]]:
    total: dict[str, int] = {}
    for source in result.sources:
        for name, count in source.shapes.items():
            total[name] = total.get(name, 0) + count
    return sorted(total.items(), key=lambda item: (-item[1], item[0]))


def _tokenizer(tokenizer: Mapping[str, Json]) -> str:
    if not tokenizer:
        return "tokens not counted"
    kind = "exact" if tokenizer.get("exact") else "estimate"
    return f"tokens by {tokenizer.get('name', 'unknown')} ({kind})"


def by_rule(result: Result, view: View) -> list[RuleLine]:
    """One line per code with findings: worst severity first, then by code."""
    lines = []
    grouped = dict(groups(result))
    for code, counts in result.counts.items():
        note = view.note(code)
        rows = counts.get("rows", 0)
        lines.append(
            RuleLine(
                code=code,
                severity=worst(counts),
                findings=counts.get("findings", 0),
                rows=rows,
                share=rows / result.rows if rows and result.rows else None,
                fix=_best_fix(grouped[code]) if code in grouped else note.fix or "-",
                name=note.name,
            )
        )
    return sorted(lines, key=lambda line: (line.severity.rank, line.code))


def _best_fix(findings: Iterable[Finding]) -> str:
    """The grade of the fix that may be trusted most; "-" where there is none, ``shown`` where there is advice alone."""
    grades = {fix.applicability if fix.edits else Applicability.SHOWN for fix in _fixes(findings)}
    return next((grade.value for grade in Applicability if grade in grades), "-")


def _fixes(findings: Iterable[Finding]) -> Iterator[Fix]:
    return (finding.fix for finding in findings if finding.fix is not None)


def worst(counts: Mapping[str, int]) -> Severity:
    """The worst severity that was counted."""
    return next((severity for severity in Severity if counts.get(severity.value)), Severity.INFO)


def groups(result: Result) -> list[tuple[str, list[Finding]]]:
    """Findings by code, in the order of the table; in each the worst first, otherwise as they lie in the data."""
    found: dict[str, list[Finding]] = {}
    for finding in result.findings:
        found.setdefault(finding.code, []).append(finding)
    for members in found.values():
        members.sort(key=lambda finding: finding.severity.rank)
    return sorted(found.items(), key=lambda item: (min(finding.severity.rank for finding in item[1]), item[0]))


def not_run(result: Result) -> list[str]:
    """Rules that were not run, those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for skipped in result.rules_skipped:
        reasons.setdefault(skipped.reason, []).append(skipped.code)
    if found := nothing_to_judge(result):
        reasons["found nothing to judge"] = list(found)
    return [f"{_codes(codes)}: {reason}" for reason, codes in sorted(reasons.items())]


def nothing_to_judge(result: Result) -> tuple[str, ...]:
    """Rules over outputs that ran and gave neither a measure nor a finding: they met nothing that they could judge."""
    spoke = {measure.code for measure in result.measures} | {code for code, n in result.counts.items() if n}
    return tuple(code for code in result.rules_run if code.startswith(OUTPUT_RULES) and code not in spoke)


MOST_CODES: Final = 20
"""Codes that are spelt out; of more, the families are named with how many of their rules are meant."""


def _codes(codes: Sequence[str]) -> str:
    if len(codes) <= MOST_CODES:
        return ", ".join(sorted(codes))
    families = Counter(code[:3] for code in codes)
    return ", ".join(f"{count} of {family}" for family, count in sorted(families.items()))


def suppressed(result: Result) -> list[str]:
    """What the configuration took out, on whose word and until when."""
    lines = []
    for entry in result.suppressed:
        if not entry.void:
            until = f", until {entry.expires}" if entry.expires else ""
            count = plural(entry.findings, "finding")
            lines.append(f"{count} of {_ignored(entry)}: {entry.reason}{_owner(entry)}{until}")
    return lines


def void(result: Result) -> list[str]:
    """Entries and waivers that no longer set anything aside, and why."""
    lines = [
        f"[[ignore]] of {_ignored(entry)} takes out nothing: it {entry.void} ({entry.reason}{_owner(entry)})"
        for entry in result.suppressed
        if entry.void
    ]
    waivers = result.gate.waivers if result.gate is not None else ()
    lines += [
        f"the waiver of {waiver.owner} ({waiver.what}) does not count: it expired on {waiver.expires}"
        for waiver in waivers
        if waiver.expired
    ]
    return lines


def _ignored(entry: Suppressed) -> str:
    return entry.code if entry.path == "*" else f"{entry.code} in {entry.path}"


def _owner(entry: Suppressed) -> str:
    return f", {entry.owner}" if entry.owner else ""


def figures(result: Result) -> list[str]:
    """The lines on the data as a whole: what repeats, how long it is, what it costs, and what is new in it."""
    return [line for line in (duplicates(result), tokens(result), baseline(result)) if line] + arms(result)


_OF_ARMS: Final = (
    ("outputs.accuracy", "right"),
    ("outputs.perplexity", "perplexity"),
    ("outputs.missing", "missing"),
    ("impact_ratio", "impact ratio"),
    ("demographic_parity_difference", "parity difference"),
)
"""What one line says of an arm, where it is known."""
_MOST_ARMS: Final = 8


def arms(result: Result) -> list[str]:
    """A line for each arm whose outputs were judged: how often it is right, and how far the groups are apart; then what
    the verdict does not say of groups."""
    facts: dict[str, list[str]] = {}
    for name, words in _OF_ARMS:
        for measure in result.measures:
            if measure.name == name and measure.arm and isinstance(measure.value, int | float):
                plain = name in ("impact_ratio", "outputs.perplexity")
                of = f"{measure.attribute} " if measure.attribute else ""
                if " x " not in of:
                    value = f"{measure.value:.3f}" if plain else percent(measure.value)
                    if name == "demographic_parity_difference":
                        value = f"{100 * measure.value:.2f} points"
                    facts.setdefault(measure.arm, []).append(f"{of}{words} {value}")
    lines = [f"{arm}: {', '.join(told)}" for arm, told in list(facts.items())[:_MOST_ARMS]]
    return [*lines, *beside(result, lambda _: True)]


def baseline(result: Result) -> str | None:
    """One line on the findings that a baseline holds, None where none was named."""
    for measure in result.measures:
        if measure.name == "baseline.findings" and isinstance(measure.table, dict):
            facts = [f"{measure.table.get(key, 0):,} {words}" for key, words in _AGAINST]
            return f"against the baseline: {', '.join(facts)}"
    return None


_AGAINST: Final = (("known", "known"), ("new", "new"), ("gone", "no longer there"))


_REPEATS: Final = (("exact", "repeat another row"), ("near", "nearly do"))


def duplicates(result: Result) -> str | None:
    """One line on redundant rows and the groups that they lie in, None where there are none."""
    measures = {measure.name: measure for measure in result.measures if measure.name.startswith("duplicates.")}
    whole = measures.get("duplicates.redundant_rows")
    facts = []
    for kind, words in _REPEATS:
        rows, groups = (measures.get(f"duplicates.{kind}.{name}") for name in ("redundant_rows", "groups"))
        if rows is not None and groups is not None and isinstance(rows.value, int) and rows.value:
            facts.append(f"{rows.value:,} {words}, in {plural(int(groups.value or 0), 'group')}")
    if not facts:
        return None
    if whole is not None and isinstance(whole.value, int) and whole.n:
        return f"duplicates: {plural(whole.value, 'redundant row')} ({whole.value / whole.n:.1%}): {'; '.join(facts)}"
    return f"duplicates: {'; '.join(facts)}"


_TOKENS: Final = (("tokens.total", "in all"), ("tokens.trainable", "trained on"), ("tokens.billable", "billable"))
_SPREAD: Final = ("p50", "p95", "p99", "max")


def tokens(result: Result) -> str | None:
    """One line on tokens and cost, None when none were counted."""
    measures = {measure.name: measure for measure in reversed(result.measures) if measure.name.startswith("tokens.")}
    facts = []
    for name, words in _TOKENS:
        measure = measures.get(name)
        if measure is not None and isinstance(measure.value, int | float):
            facts.append(f"{number(measure.value)} {words}")
    if not facts:
        return None
    table = measures["tokens.total"].table if "tokens.total" in measures else None
    spread = [f"{key} {table[key]:,.0f}" for key in _SPREAD if key in table] if isinstance(table, dict) else []
    estimate = "" if result.evidence.tokenizer.get("exact", True) else "about "
    row = f"; a row: {', '.join(spread)}" if spread else ""
    return f"tokens: {estimate}{', '.join(facts)}{row}{_cost(result)}"


def _cost(result: Result) -> str:
    for measure in result.measures:
        if measure.name.startswith("cost.total") and isinstance(measure.value, int | float):
            return f"; training cost ${measure.value:,.2f}"
    return ""


def totals(result: Result) -> dict[Severity, int]:
    """Findings by severity, cut ones included."""
    return {severity: sum(counts.get(severity.value, 0) for counts in result.counts.values()) for severity in Severity}


def found(result: Result) -> str:
    """``4 errors, 2 warnings in 54 of 2,000 rows``."""
    counted = {severity: count for severity, count in totals(result).items() if count}
    if not counted:
        return f"nothing found in {plural(result.rows, 'row')}"
    nouns = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
    words = ", ".join(plural(count, nouns[severity]) for severity, count in counted.items())
    rows = {(f.place.file, f.place.line) for f in result.findings if f.scope == "row" and f.place.line is not None}
    if result.truncated or not rows:
        return words
    return f"{words} in {len(rows):,} of {plural(result.rows, 'row')}"


def verdict(result: Result) -> str:
    """The judgement in one line, and when a stricter gate would fail."""
    line = f"{result.verdict}: {found(result)}"
    if result.gate is not None:
        line = f"{result.verdict} by policy {result.gate.policy}: {decided(result.gate)}; {found(result)}"
    if result.partial:
        line = f"PARTIAL, interrupted before the end. {line}"
    if result.ok and result.gate is None:
        stricter = next((severity for severity, count in totals(result).items() if count), None)
        if stricter is not None:
            line += f"; with --fail-on {stricter.value} this fails"
    return line


def decided(gate: Gate) -> str:
    """``3 of 4 clauses PASS, 1 NOT_ASSESSED``."""
    counted: dict[str, int] = {}
    for clause in gate.clauses:
        counted[clause.verdict] = counted.get(clause.verdict, 0) + 1
    passed = f"{counted.pop('PASS', 0)} of {plural(len(gate.clauses), 'clause')} PASS"
    return ", ".join([passed, *(f"{count} {verdict}" for verdict, count in sorted(counted.items()))])


def next_steps(result: Result) -> list[str]:
    """Commands that are worth running now, most useful first."""
    steps: list[str] = []
    lines = [(worst(counts).rank, -counts.get("findings", 0), code) for code, counts in result.counts.items()]
    if lines:
        code = min(lines)[2]
        steps.append(f"audit explain {code}")
    if any(map(_wants_conversion, result.findings)) and result.evidence.target in CONVERTIBLE and result.sources:
        steps.append(
            f"audit convert {shell_word(result.sources[0].path)} --to {result.evidence.target} -o converted.jsonl"
        )
    if not lines and result.evidence.target == "generic":
        steps.append("audit check --target openai-sft (or another target) also checks what the provider accepts")
    return steps


def _wants_conversion(finding: Finding) -> bool:
    """Whether rows are of another shape: a mix for different trainers stays one when it is converted."""
    is_row = finding.scope == "row"
    return finding.code == "FMT101" and (is_row or finding.fix is None or finding.fix.title.startswith("audit convert"))


def shell_word(text: str) -> str:
    """A path as it is written in a shell."""
    import shlex

    return shlex.quote(text)


def fixable(findings: Sequence[Finding]) -> int:
    """Findings that carry a safe fix."""
    return _by_grade(findings)["safe"]


_FLAGS: Final = (("safe", "[*] with `audit fix`"), ("unsafe", "with --unsafe-fixes"), ("drop", "with --drop"))


def fixes(findings: Sequence[Finding]) -> str:
    """``12 findings can be fixed: 9 [*] with `audit fix`, 3 with --unsafe-fixes``; "" where none can."""
    counted = _by_grade(findings)
    parts = [f"{counted[grade]:,} {words}" for grade, words in _FLAGS if counted[grade]]
    total = sum(counted[grade] for grade, _ in _FLAGS)
    return f"{plural(total, 'finding')} can be fixed: {', '.join(parts)}" if parts else ""


def _by_grade(findings: Sequence[Finding]) -> Counter[str]:
    """Findings by how far their fix may be trusted, those with advice alone left out."""
    return Counter(fix.applicability.value for fix in _fixes(findings) if fix.edits)

"""The section on an earlier judgement: which findings are new, gone or still there, and which figures moved.

Findings are told apart by their fingerprint, which survives another order of the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from audit.model import Finding, Measure, Result
from audit.reports import summary
from audit.reports.html.blocks import Block, Bullets, Cell, Fold, Section, Table, Text
from audit.reports.html.listed import table_of
from audit.reports.html.masking import Withheld
from audit.reports.html.overview import verdict_cell
from audit.reports.html.tables import group_table, value_of
from audit.reports.html.words import NONE, between, count
from audit.reports.text import place
from audit.reports.view import View
from audit.reports.visible import shortened

MOST_RULES: Final = 40
MOST_FIGURES: Final = 80
MOST_NEW: Final = 12
LONGEST: Final = 200

Key: TypeAlias = tuple[str, str, str, str | None, str | None, str | None, str | None]


def earlier(now: Result, before: Result | None, hidden: Withheld, old_hidden: Withheld, view: View) -> Section | None:
    """What is new, gone and still there; None where no earlier judgement was named."""
    if before is None:
        return None
    blocks: list[Block] = [
        Table(
            "The two judgements",
            ("Judgement", "Verdict", "Rows", "Findings", "Version"),
            tuple(_judgement(name, one) for name, one in (("earlier", before), ("now", now))),
            right=(2, 3),
        )
    ]
    if before.evidence.rules_sha256 != now.evidence.rules_sha256:
        blocks.append(
            Text("The rules or their settings are not the same: part of what differs comes from that.", "unsure")
        )
    if before.truncated or now.truncated:
        blocks.append(
            Text("Findings were left out of a result by --max-findings: new and gone are not exact.", "unsure")
        )
    blocks += _findings(now, before, hidden, view)
    blocks += _figures(now, before, hidden, old_hidden)
    return Section("diff", "What changed since the earlier judgement", tuple(blocks))


def _judgement(name: str, result: Result) -> tuple[Cell, ...]:
    findings = sum(counts.get("findings", 0) for counts in result.counts.values())
    version = f"{result.evidence.tool} {result.evidence.version}".strip()
    return (
        Cell(name),
        verdict_cell(result.verdict),
        Cell(count(result.rows)),
        Cell(count(findings)),
        Cell(version or NONE),
    )


def _named(result: Result) -> dict[tuple[str, str], Finding]:
    """The findings by code and fingerprint; one without a fingerprint by its place."""
    return {(one.code, one.fingerprint or f"{place(one)} {one.message}"): one for one in result.findings}


def _findings(now: Result, before: Result, hidden: Withheld, view: View) -> Iterator[Block]:
    new, old = _named(now), _named(before)
    counted = {
        "new": Counter(code for code, _ in new.keys() - old.keys()),
        "gone": Counter(code for code, _ in old.keys() - new.keys()),
        "still": Counter(code for code, _ in new.keys() & old.keys()),
    }
    said = ", ".join(f"{sum(counts.values()):,} {word}" for word, counts in counted.items())
    yield Text(f"Findings: {said.replace('still', 'still there')}.")
    codes = sorted(set().union(*counted.values()), key=lambda code: (-counted["new"][code], code))
    rows = tuple(
        (Cell(code, view.note(code).name), *(Cell(count(counts[code])) for counts in counted.values()))
        for code in codes[:MOST_RULES]
    )
    if rows:
        yield Table("Findings by rule", ("Rule", "New", "Gone", "Still there"), rows, right=(1, 2, 3))
    first = [one for key, one in new.items() if key not in old and not _silent(one, hidden)][:MOST_NEW]
    if first:
        lines = tuple(
            f"{one.code} at {shortened(place(one), LONGEST)}: {shortened(one.message, LONGEST)}" for one in first
        )
        yield Fold(f"The first {summary.plural(len(lines), 'new finding')}", (Bullets(lines),))


def _silent(finding: Finding, hidden: Withheld) -> bool:
    """Whether a finding could tell a figure that is withheld."""
    return hidden.hides_finding(finding.evidence.get("attribute")) or hidden.silences(finding.message, [finding.code])


def _key(measure: Measure) -> Key:
    return measure.code, measure.name, _metric(measure), measure.attribute, measure.group, measure.split, measure.arm


def _metric(measure: Measure) -> str:
    """What a measure of several figures is of, so that each is compared with its own."""
    told = table_of(measure)
    return " ".join(str(told[name]) for name in ("metric", "reference") if isinstance(told.get(name), str))


def _other_rows(pairs: Sequence[tuple[Measure, Measure]]) -> Iterator[Text]:
    """That the outputs answer other questions, where counts of questions or base rates of the labels differ."""
    of_outputs = [(new, then) for new, then in pairs if new.arm]
    rows = any(new.n != then.n for new, then in of_outputs)
    labels = any(_base_rates(new) != _base_rates(then) for new, then in of_outputs if new.name == "selection_rate")
    if rows or labels:
        what = "have not the same number of outputs" if rows else "have not the same labels"
        yield Text(
            f"The two judgements {what}: the test sets, or the seeds, are not the same, and part of what moved comes "
            "from that.",
            "unsure",
        )


def _base_rates(measure: Measure) -> list[tuple[str, float | None]]:
    found = group_table(measure)
    return sorted((one.group, one.base_rate) for one in found.groups) if found is not None else []


def _figures(now: Result, before: Result, hidden: Withheld, old_hidden: Withheld) -> Iterator[Block]:
    """The figures that are in both and not the same, each with both intervals."""
    old = {_key(measure): measure for measure in before.measures}
    moved = [
        (measure, old[_key(measure)])
        for measure in now.measures
        if _key(measure) in old and not _secret(measure, hidden) and not _secret(measure, old_hidden)
    ]
    yield from _other_rows(moved)
    rows = tuple(_moved(new, then) for new, then in moved if _differs(new, then))
    if not rows:
        yield Text(f"Of {len(moved):,} figures that both have, none moved.")
        return
    apart = sum(1 for new, then in moved if _differs(new, then) and _apart(new, then))
    yield Text(
        f"Of {len(moved):,} figures that both have, {len(rows):,} moved; of {apart:,} the two intervals do not overlap."
    )
    head = ("Figure", "Of", "Earlier", "Now", "Intervals")
    more = "" if len(rows) <= MOST_FIGURES else f" ({MOST_FIGURES} of {len(rows):,})"
    yield Table(f"Figures that moved, with 95 % intervals{more}", head, rows[:MOST_FIGURES], right=(2, 3))


def _secret(measure: Measure, hidden: Withheld) -> bool:
    """Whether a figure is of a group, or of the attribute of a group, that is withheld."""
    if not hidden.on or measure.attribute is None:
        return False
    reasons = hidden.secret(measure.attribute)
    return measure.attribute in hidden.tight or (measure.group in reasons if measure.group else bool(reasons))


def _differs(new: Measure, then: Measure) -> bool:
    one, other = value_of(new), value_of(then)
    return one is not None and other is not None and one != other


def _apart(new: Measure, then: Measure) -> bool:
    if new.interval is None or then.interval is None:
        return False
    return new.interval[0] > then.interval[1] or then.interval[0] > new.interval[1]


def _moved(new: Measure, then: Measure) -> tuple[Cell, ...]:
    of = ", ".join(part for part in (new.attribute, new.group, new.split, new.arm) if part)
    both = new.interval is not None and then.interval is not None
    word = ("apart" if _apart(new, then) else "overlap") if both else NONE
    metric = table_of(new).get("title") or table_of(new).get("metric")
    name = f"{new.name}: {metric}" if isinstance(metric, str) else new.name
    return Cell(name, new.code), Cell(of or NONE), _value(then), _value(new), Cell(word)


def _value(measure: Measure) -> Cell:
    return Cell(
        count(value_of(measure)), " ".join(filter(None, (between(measure.interval, count), f"n {measure.n:,}")))
    )

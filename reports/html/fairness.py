"""The section on groups of people: where each group comes from, its share, its rates, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Result
from audit.reports.html import rates
from audit.reports.html.blocks import Block, Cell, Command, Facts, Heading, Section, Text, facts
from audit.reports.html.correlates import correlates
from audit.reports.html.masking import FEW, Withheld
from audit.reports.html.tables import GroupTable, Measures, group_table, is_pair, scalars, value_of
from audit.reports.html.words import count, ratio, scalar, with_interval

KINDS: Final[Mapping[str, str]] = {
    "declared": "declared: a field of the row or a file beside it says so",
    "annotated": "annotated: somebody judged the row",
    "mention": "mention: words in the text; a claim about content, never about people",
    "name_cue": "name cue: given names; never a person's label",
}
"""What each evidence class means."""

PASTE: Final = """\
[data]
label = "metadata.label"
favourable = "approved"

[attributes.sex]
field = "metadata.sex"
"""


def fairness(result: Result, hidden: Withheld, *, brief: bool = False) -> Section:
    """Groups of every attribute; or that nothing was assessed, and what would change that. ``brief`` leaves out
    intersections and what goes with the groups, which stand in the report of the data alone."""
    measures = Measures(result)
    attributes = measures.attributes()
    blocks: list[Block] = []
    missing = _missing(result, attributes)
    if not attributes and not missing:
        blocks.append(
            Text(
                "NOT ASSESSED: no protected attribute (sensitive feature) is configured, so nothing can be said about "
                "groups of people. This is no statement that the data treats groups alike.",
                "none",
            )
        )
        blocks.append(Text("Name the fields in audit.toml and run the check again, for example:"))
        blocks.append(Command(PASTE))
    for name in missing:
        blocks.append(Text(f"{name}: NOT ASSESSED. {_why(result, name)}", "none"))
    if hidden.on and attributes:
        blocks.append(
            Text(
                f"Counts of 1 to 4 are shown as {FEW}; what would give them away is withheld, a second cell too where "
                "a total would. The option --no-mask of audit report shows all cells.",
                "quiet",
            )
        )
    for attribute in attributes:
        if brief and is_pair(attribute):
            continue
        blocks += _attribute(attribute, measures, hidden, brief=brief)
    if brief and attributes:
        blocks.append(
            Text("Intersections, and what goes with the groups, stand in the report of the data alone.", "quiet")
        )
    return Section("groups", "Groups and fairness of the data", tuple(blocks))


def _missing(result: Result, attributes: Sequence[str]) -> list[str]:
    """Attributes that the configuration names and no measure speaks of."""
    sections = result.evidence.config.get("sections")
    configured = sections.get("attributes") if isinstance(sections, dict) else None
    return sorted(set(map(str, configured)) - set(attributes)) if isinstance(configured, dict) else []


def _why(result: Result, name: str) -> str:
    found = [f.message for f in result.findings if f.code.startswith("DEM") and f.message.startswith(f"{name} ")]
    return found[0] if found else "No rule that judges groups ran for it."


def _attribute(attribute: str, measures: Measures, hidden: Withheld, *, brief: bool) -> Iterator[Block]:
    yield Heading(f"{attribute} (intersection, exploratory)" if is_pair(attribute) else attribute)
    source = _source(attribute, measures)
    if source is not None:
        yield _provenance(attribute, source, measures, hidden)
    for measure in measures.of(attribute, "representation"):
        yield from rates.shares(measure, hidden, drawn=not brief)
    for measure in measures.of(attribute, "group_share"):
        if measure.group is None:
            yield from rates.shares(measure, hidden, drawn=not brief)
    for measure in measures.of(attribute, "selection_rate"):
        yield from _headline(attribute, measures, hidden)
        yield from rates.rates(measure, hidden, rates.favourable(measure), drawn=not brief)
    if not brief:
        yield from correlates(attribute, measures, hidden)


def _source(attribute: str, measures: Measures) -> GroupTable | None:
    """The table of an attribute that says most of where its groups come from."""
    for name in ("representation", "selection_rate", "group_share", "finding_rate"):
        for measure in measures.of(attribute, name):
            if (table := group_table(measure)) is not None:
                return table
    return None


def _provenance(attribute: str, table: GroupTable, measures: Measures, hidden: Withheld) -> Facts:
    unknown = next(iter(measures.of(attribute, "unknown_share")), None)
    secret = "unknown" in hidden.of(attribute)
    missing = "" if unknown is None else FEW if secret else with_interval(value_of(unknown), unknown.interval)
    return facts(
        ("Evidence", KINDS.get(table.kind, table.kind)),
        ("Source", Cell(table.source, code=True)),
        ("Reference shares", scalar(table.reference) if isinstance(table.reference, str) else ""),
        ("Rows judged", count(table.rows)),
        ("Adds up", _reconciled(table, hidden, attribute)),
        ("Without a group", missing),
        ("Too few to judge", f"fewer than {table.min_n:,} rows" if table.min_n else ""),
    )


def _reconciled(table: GroupTable, hidden: Withheld, attribute: str) -> str:
    """Whether the counts of groups and unknown add up to the rows; the parts are named where none is withheld."""
    if table.rows is None:
        return ""
    parts = [(group.group, group.n or 0) for group in table.groups]
    if table.unknown is not None and all(name != "unknown" for name, _ in parts):
        parts.append(("unknown", table.unknown.n or 0))
    total = sum(n for _, n in parts)
    if total != table.rows:
        return f"no: the groups add up to {total:,} of {table.rows:,} rows"
    if hidden.of(attribute) or len(parts) > 8:
        return f"yes: {len(parts)} levels, {total:,} rows"
    return " + ".join(f"{name} {n:,}" for name, n in parts) + f" = {total:,} rows"


def _headline(attribute: str, measures: Measures, hidden: Withheld) -> Iterator[Block]:
    for measure in measures.of(attribute, "impact_ratio"):
        if hidden.silences(measure.group or "", [measure.code]):
            continue
        found = scalars(measure.table)
        verdict = scalar(found.get("verdict", "")).replace("_", " ")
        against = f" to {found['reference']}" if isinstance(found.get("reference"), str) else ""
        yield Text(
            f"{verdict or 'Ratio'}: the ratio{against} that decides is that of {measure.group}, "
            f"{with_interval(value_of(measure), measure.interval, ratio)} "
            f"(n = {measure.n:,}; the interval is simultaneous and decides about FAIL).",
            {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "unsure"}.get(verdict, "none"),  # type: ignore[arg-type]
        )

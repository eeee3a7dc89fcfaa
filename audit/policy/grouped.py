"""Judges the clauses on groups of people: looked at at all, rates within a tolerance, tables that must be published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from audit.attributes.levels import level_key
from audit.model import Clause, Json, Measure
from audit.policy.counted import where
from audit.policy.demands import AnyDemand, Assessed, Disparity, MeasureWithin, Published, asks
from audit.policy.facts import Facts, clause, coverage, undecided, waived
from audit.policy.groups import GROUP_MEASURES, declaration, declared, not_applicable, unfit
from audit.policy.words import labelled, marked_rows, number, percent, plural
from audit.statistics.rates import UNCOMPARED

REPRESENTATION: Final = ("DEM101", "representation")
"""The rule that shows how many rows each group has, and its measure."""
IN_OUTPUTS: Final = (("FAI204", "accuracy"), ("FAI205", "outputs.rate.missing"))
"""The same for outputs of a model: of labels, else of free text."""


# ----------------------------------------------------------------------------- looked at


def judge_assessed(demand: Assessed, facts: Facts) -> Clause:
    """PASS when the groups of the demanded attributes (or of one) are known and shown, or the demand is waived."""
    limit = asks(demand)
    if (settled := waived(demand, facts)) is not None:
        return settled
    usable = tuple(known.name for known in facts.attributes if not unfit(known, about_people=False))
    names = usable if demand.attributes == "any" else demand.attributes
    open_ones = {name: reason for name in names if (reason := _not_shown(name, facts))}
    shown = [name for name in names if name not in open_ones]
    if shown and (demand.attributes == "any" or not open_ones):
        tables = [measure for name in shown for measure in _tables(name, facts)]
        said = [f"The groups of {', '.join(shown)} are shown, with the rows of each.", *marked_rows(tables)]
        return clause(
            demand,
            limit=limit,
            actual=", ".join(shown),
            verdict="PASS",
            sentence=" ".join([*said, NO_DEMAND if treatment(facts) else ""]).rstrip(),
            n=min(measure.n for measure in tables),
            codes=tuple(sorted({measure.code for measure in tables})),
        )
    reasons = list(open_ones.values()) or ["no attribute is declared, and groups are not said to be irrelevant here"]
    waiver = facts.waiver
    if waiver is not None and demand.waivable:
        reasons.append(f"the waiver of {waiver.owner} expired on {waiver.expires}")
    codes = tuple(code for code, _ in _sources(facts))
    return undecided(demand, limit, reasons, codes=codes, paste=_paste(demand, tuple(open_ones), facts))


def _not_shown(name: str, facts: Facts) -> str:
    """Why the groups of an attribute are not shown, "" where they are."""
    if facts.attribute(name) is None:
        return f"the attribute {name} is not declared"
    if _tables(name, facts):
        return ""
    if any(facts.measures(measure, name) for _, measure in _sources(facts)):
        return f"no row says to which group of {name} it belongs"
    codes = [code for code, _ in _sources(facts)]
    return "; ".join(coverage(codes, facts).missing) or f"the groups of {name} were not looked at"


def _sources(facts: Facts) -> Sequence[tuple[str, str]]:
    """Rules and their measures that show groups, the first that has any to be taken."""
    return IN_OUTPUTS if facts.of_outputs else (REPRESENTATION,)


def _tables(name: str, facts: Facts) -> list[Measure]:
    """The measures that show the groups of an attribute, one of them with rows; none where no measure does."""
    by_source = (facts.measures(measure, name) for _, measure in _sources(facts))
    return next((found for found in by_source if any(measure.n > 0 for measure in found)), [])


NO_DEMAND: Final = "No demand on how groups are treated was made; see the tables."


def treatment(facts: Facts) -> str:
    """What must be said beside a PASS of outputs where the policy makes no demand on how groups are treated: that, and
    how far apart the judged arm treats them at most by FAI201. "" where it makes one."""
    if not facts.of_outputs or any(map(_on_groups, facts.policy.clauses)):
        return ""
    ratios = [
        measure
        for measure in facts.measures("impact_ratio")
        if isinstance(measure.value, int | float) and " x " not in (measure.attribute or "")
    ]
    if not ratios:
        return NO_DEMAND
    widest = min(ratios, key=lambda measure: (measure.value, measure.attribute, measure.group))
    rates = [measure.table for measure in facts.measures("selection_rate", widest.attribute)]
    favourable = next((" or ".join(map(str, table["favourable"])) for table in rates if table.get("favourable")), "")
    reference = widest.table.get("reference") if isinstance(widest.table, dict) else None
    against = "the rest" if reference in (None, "rest") else reference
    return (
        f"{NO_DEMAND} Widest, by {widest.attribute}: {widest.group} gets {favourable or 'the favourable answer'} "
        f"{number(round(float(widest.value or 0), 3))} times as often as {against} (over {widest.n:,} outputs)."
    )


def _on_groups(demand: AnyDemand) -> bool:
    """Whether a clause bounds what groups get."""
    of_measure = isinstance(demand, MeasureWithin) and (demand.measure in GROUP_MEASURES or demand.code[:3] == "FAI")
    return isinstance(demand, Disparity) or of_measure


def _paste(demand: Assessed, missing: Sequence[str], facts: Facts) -> str:
    """The lines that would declare an attribute, or say that groups do not matter here."""
    undeclared = [name for name in missing if facts.attribute(name) is None]
    parts = []
    if undeclared:
        parts.append(declaration(undeclared, facts.seen()))
    elif not facts.attributes:
        seen = facts.seen()
        parts.append(declaration(seen or ("sex",), seen))
    if demand.waivable:
        parts.append(("# or, where groups do not matter here:\n" if parts else "") + not_applicable(facts.today))
    return "\n".join(parts)


# ----------------------------------------------------------------------------- within a tolerance


def judge_disparity(demand: Disparity, facts: Facts) -> Iterator[Clause]:
    """One clause for each attribute. The intervals are those of all such clauses of the policy together."""
    names = facts.asked(demand)
    if not names:
        paste = _declare_any(facts)
        reason = "no attribute is declared that says to which group a row belongs"
        yield undecided(demand, asks(demand), [reason], codes=(demand.code,), paste=paste)
    for name in names:
        yield _of_attribute(demand, name, facts)


def _of_attribute(demand: Disparity, name: str, facts: Facts) -> Clause:
    alone = demand.attributes != "declared" and len(demand.attributes) == 1
    title = {
        "name": demand.name if alone else f"{demand.name}: {name}",
        "attribute": name,
        "codes": (demand.code,),
    }
    if facts.attribute(name) is None and " x " not in name:
        paste = declaration([name], facts.seen())
        return undecided(demand, asks(demand), [f"the attribute {name} is not declared"], paste=paste, **title)
    if reasons := _unfit(name.split(" x "), facts, about_people=False):
        return undecided(demand, asks(demand), reasons, **title)
    table = _rate_table(demand.measure, name, facts)
    if table is None:
        return undecided(demand, asks(demand), **_no_rates(demand.code, demand.measure, name, facts), **title)
    return _compared(demand, name, table, facts, title)


def _compared(demand: Disparity, name: str, table: Measure, facts: Facts, title: Mapping[str, Json]) -> Clause:
    """The rates of the table compared again, with the policy's alpha divided over all of its cells."""
    from audit.statistics.disparity import Question, compare
    from audit.statistics.rates import rates_of

    if withheld := _sentences(table, "withheld"):
        return labelled(undecided(demand, asks(demand), withheld, **title), [table])
    alpha = facts.policy.alpha if demand.alpha is None else demand.alpha
    cells = facts.cells()
    question = Question(
        scale=demand.scale,
        tolerance=demand.tolerance,
        reference=demand.reference,
        side=demand.side,
        alpha=alpha,
        cells=cells,
        min_n=demand.min_n,
    )
    rates = rates_of(table.table)
    if all(rate.hits == rate.n for rate in rates):
        reason = "every row has the favourable label: there is nothing to compare"
        return labelled(undecided(demand, asks(demand), [reason], **title), [table])
    groups = {level_key(rate.group): rate.group for rate in rates if rate.n}
    if demand.reference not in ("best", "rest"):
        if level_key(demand.reference) not in groups:
            reason = f"no row of {name} is of the group {demand.reference}"
            return labelled(undecided(demand, asks(demand), [reason], **title), [table])
        question = replace(question, reference=groups[level_key(demand.reference)])
    found = compare(rates, question, what=demand.measure.replace("_", " "))
    worst = next((group for group in found.groups if group.group == found.worst), None)
    beside = ""
    if (attribute := facts.attribute(name)) is not None and attribute.kind == "mention":
        beside = " About what rows mention, not about people."
    estimate = None if worst is None or worst.estimate is None else round(worst.estimate, 6)
    unsettled = _sentences(table, "open") if found.verdict == "PASS" else []
    beside += "".join(f" Undecided: {reason}." for reason in unsettled)
    judged = clause(
        demand,
        **title,
        limit=asks(demand),
        actual="-" if estimate is None or worst is None else f"{estimate:.3f} ({worst.group})",
        verdict="INCONCLUSIVE" if unsettled else found.verdict,
        sentence=_of_split(table) + found.sentence + beside,
        value=estimate,
        interval=None if worst is None else worst.pass_interval if found.verdict == "PASS" else worst.interval,
        level=1 - alpha / cells,
        n=sum(rate.unique for rate in rates if worst is not None and rate.group == worst.group),
        required_n=found.required_n,
        group=found.worst,
        where=where(demand.code, facts) if found.verdict == "FAIL" else "",
    )
    return labelled(judged, [table])


def _sentences(table: Measure, key: str) -> list[str]:
    """Reasons that the rule gives with its table for holding back a verdict, or a PASS: outputs are missing."""
    said = table.table.get(key) if isinstance(table.table, dict) else None
    listed = said if isinstance(said, list) else [said] if said else []
    return [str(reason).rstrip(".") for reason in listed]


def _of_split(table: Measure) -> str:
    return f"In split {table.split}: " if table.split is not None else ""


def _declare_any(facts: Facts) -> str:
    if declared(facts.attributes):
        return ""
    seen = facts.seen()
    return declaration(seen or ("sex",), seen)


def _unfit(names: Iterable[str], facts: Facts, *, about_people: bool) -> list[str]:
    """Why no verdict may rest on the attributes of these names."""
    attributes = [found for name in names if (found := facts.attribute(name)) is not None]
    return [reason for found in attributes if (reason := unfit(found, about_people=about_people))]


def _rate_table(name: str, attribute: str, facts: Facts) -> Measure | None:
    """The measure of an attribute that carries a rate table with a row in it."""
    for measure in facts.measures(name, attribute):
        table = measure.table
        if isinstance(table, dict) and isinstance(table.get("groups"), list) and measure.n > 0:
            return measure
    return None


def _no_rates(code: str, measure: str, attribute: str, facts: Facts) -> dict[str, Json]:
    """Why there is no rate table, and the line that would bring it where a setting is all that is missing."""
    missing = coverage((code,), facts).missing
    absent = (
        f"there is no {measure} of {attribute}: no row has both a group and a label, or none the favourable label "
        f"(see {code})"
    )
    paste = "" if facts.favourable else '[data]\nfavourable = "..."'
    return {"reasons": missing or (absent,), "paste": paste}


# ----------------------------------------------------------------------------- published


def judge_published(demand: Published, facts: Facts) -> Iterator[Clause]:
    """One clause for each table: PASS when it is there, whatever it says."""
    for name in demand.attributes:
        yield _published(demand, name, facts)


def _published(demand: Published, name: str, facts: Facts) -> Clause:
    parts = name.split(" x ")
    code = demand.code if len(parts) == 1 else demand.intersections_code or demand.code
    title = {"name": f"{demand.name}: {name}", "attribute": name, "codes": (code,)}
    limit = "rates, ratios and unknowns shown"
    if undeclared := [part for part in parts if facts.attribute(part) is None]:
        missing = [f"the attribute {part} is not declared" for part in undeclared]
        return undecided(demand, limit, missing, paste=declaration(undeclared, facts.seen()), **title)
    if reasons := _unfit(parts, facts, about_people=True):
        return undecided(demand, limit, reasons, **title)
    measure = _rate_table(demand.measure, name, facts)
    if measure is None:
        return undecided(demand, limit, **_no_rates(code, demand.measure, name, facts), **title)
    groups = [
        group
        for group in measure.table["groups"]
        if group.get("group") not in UNCOMPARED and group.get("n") and "hits" in group
    ]
    unknown = measure.table.get("unknown")
    if len(groups) < 2 or not isinstance(unknown, dict):
        reason = "fewer than two groups have rows, so there is no ratio"
        return labelled(undecided(demand, limit, [reason], **title), [measure])
    rates = {str(group["group"]): group["hits"] / group["n"] for group in groups}
    ratio = impact_ratio(rates)
    known = sum(group["n"] for group in groups)
    small = sorted(str(group["group"]) for group in groups if group["n"] < demand.least_share * known)
    published = clause(
        demand,
        **title,
        limit=limit,
        actual=f"{plural(len(groups), 'group')}, least ratio {'-' if ratio is None else f'{ratio:.3f}'}",
        verdict="PASS",
        sentence=_published_sentence(rates, ratio, int(unknown.get("n", 0)), small, demand.least_share),
        value=None if ratio is None else round(ratio, 6),
        n=known,
    )
    return labelled(published, [measure])


def impact_ratio(rates: Mapping[str, float]) -> float | None:
    """The lowest selection rate over the highest (6 RCNY 5-300), None where no group has any."""
    return min(rates.values()) / highest if (highest := max(rates.values())) else None


def _published_sentence(
    rates: Mapping[str, float], ratio: float | None, unknown: int, small: Sequence[str], least: float
) -> str:
    """Which rates there are, the smallest ratio, the unknown, and the small categories."""
    low, high = min(rates, key=lambda name: (rates[name], name)), max(rates, key=lambda name: (rates[name], name))
    smallest = "not defined (no group has any)" if ratio is None else f"{ratio:.3f}"
    said = [
        f"Rates from {percent(rates[low])} ({low}) to {percent(rates[high])} ({high})",
        f"smallest impact ratio {smallest}",
        f"{unknown:,} unknown",
    ]
    if small:
        said.append(f"below {percent(least)} of the rows: {', '.join(small)}")
    return "; ".join(said) + "."

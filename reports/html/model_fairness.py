"""The section on groups of people in the outputs: rates, signed gaps, quality and calibration by group and by arm.

Sentences are those of the measures. A figure of a group that is withheld in any table is withheld in all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from audit.model import Json, Measure
from audit.reports.disparity import is_derived
from audit.reports.html import charts, rates
from audit.reports.html.arms import Arms
from audit.reports.html.blocks import Block, Cell, Figure, Heading, Section, Table, Text
from audit.reports.html.charts import Item
from audit.reports.html.confusions import confusions
from audit.reports.html.fairness import KINDS
from audit.reports.html.listed import (
    Form,
    apart,
    folded,
    inner,
    number,
    objects,
    of_arm,
    points,
    signed,
    table_of,
    texts,
)
from audit.reports.html.masking import FEW, Withheld, masked
from audit.reports.html.model_groups import calibration, moves, rated_elsewhere, resolution, strata
from audit.reports.html.overview import verdict_cell
from audit.reports.html.tables import Group, GroupTable, group_table, is_pair, value_of
from audit.reports.html.words import NONE, between, count, ratio, scalar, share, tick, whole, with_interval

MOST_DRAWN: Final = 26
"""Rows of a chart."""
MOST_ROWS: Final = 60

RATES: Final = ("Group", "Arm", "Questions", "Outputs", "Selected", "Rate, 95 % interval", "Base rate of the labels")

GAPS: Final[Mapping[str, str]] = {
    "selection_rate": "selection rate",
    "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate",
    "accuracy": "accuracy",
}
"""The rates of which signed gaps are shown."""


def model_fairness(arms: Arms, hidden: Withheld) -> Section | None:
    """Every attribute; None where no measure of an arm speaks of one."""
    attributes = arms.attributes()
    if not attributes:
        return None
    blocks: list[Block] = []
    if hidden.on:
        blocks.append(
            Text(f"Counts of 1 to 4 are shown as {FEW}; what would give them away is withheld, in every arm.", "quiet")
        )
    for attribute in attributes:
        if is_pair(attribute):
            blocks += folded(f"{attribute} (intersection, exploratory)", _crossed(attribute, arms, hidden))
        elif inside := list(_attribute(attribute, arms, hidden)):
            blocks += [Heading(attribute), *inside]
    return Section("model-groups", "Fairness of the model", tuple(blocks))


JUDGED: Final[Mapping[str, str]] = {
    "selection_rate": "Selection rate",
    "true_positive_rate": "True positive rate",
    "false_positive_rate": "False positive rate",
    "accuracy": "Right answers",
}
"""The rates whose verdicts stand beside the one of the policy."""


def verdicts(arms: Arms) -> Iterator[Table]:
    """What the rules found of every rate of the arm to be signed, whatever the policy demands; no figure is told."""
    rows = []
    for attribute in arms.attributes():
        found = [arms.by_arm(name, attribute).get(arms.judged) for name in JUDGED]
        words = [table_of(measure).get("verdict") for measure in found]
        if any(isinstance(word, str) for word in words):
            rows.append((Cell(attribute), *(verdict_cell(scalar(word) if word else None) for word in words)))
    if rows:
        head = ("Attribute", *JUDGED.values())
        yield Table(f"{arms.judged}: are the groups treated alike, within the rules' tolerances?", head, tuple(rows))


def _crossed(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """Of intersections what is needed to see where to look: every arm at a glance."""
    yield from _summary(attribute, arms, hidden)
    for arm, _, table in tables("selection_rate", attribute, arms, hidden):
        if arm == arms.judged and table.sentence:
            yield Text(of_arm(arm, table.sentence), "quiet")


def _lacking(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """What is not told of an attribute and why: groups that are withheld, and verdicts that lack answers."""
    if secret := sorted(hidden.secret(attribute)):
        yield Text(
            f"Withheld, because it would tell a count of 1 to 4: some or all figures of {', '.join(secret[:12])}. "
            "Who was moved, calibration, amplification and length leave these groups out; --no-mask shows them.",
            "quiet",
        )
    for measure in arms.of("selection_rate", attribute):
        reasons = [*texts(table_of(measure).get("withheld")), *texts(table_of(measure).get("open"))]
        if reasons:
            yield Text(of_arm(measure.arm, "; ".join(reasons)), "unsure")


def _attribute(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    yield from _lacking(attribute, arms, hidden)
    yield from _headline(attribute, arms, hidden)
    yield from _summary(attribute, arms, hidden)
    yield from _rates(attribute, arms, hidden)
    yield from _comparison(attribute, arms, hidden)
    yield from _gaps(attribute, arms, hidden)
    yield from moves(attribute, arms, hidden)
    yield from calibration(attribute, arms, hidden)
    yield from rated_elsewhere(attribute, arms, hidden)
    yield from folded(f"{attribute}: what was decided, by group", confusions(attribute, arms, hidden))
    yield from folded(f"{attribute}: every seed", _seeds(attribute, arms, hidden))
    yield from folded(f"{attribute}: within strata of another attribute", strata(attribute, arms, hidden))
    yield from resolution(attribute, arms, hidden)


def tables(name: str, attribute: str, arms: Arms, hidden: Withheld) -> list[tuple[str, Measure, GroupTable]]:
    """The group tables of a measure, masked, in the order of their arms."""
    found = [(measure, group_table(measure)) for measure in arms.of(name, attribute)]
    return [(m.arm or "", m, masked(table, hidden, attribute)) for m, table in found if table is not None]


def _headline(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """Where the groups come from, and what is said of the arm to be signed."""
    for arm, measure, table in tables("selection_rate", attribute, arms, hidden):
        if arm == arms.judged:
            source = f"{KINDS.get(table.kind, table.kind)}; source: {table.source}" if table.source else ""
            yield Text(source, "quiet") if source else Text(f"Groups of {attribute}.", "quiet")
            verdict = table.verdict or ""
            said_of_it = table.sentence or f"All groups together: {share(value_of(measure))} of {measure.n:,} outputs."
            tone = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "unsure"}.get(verdict, "none")
            yield Text(f"{verdict.replace('_', ' ') or 'Not judged'}, {arm}: {said_of_it}", tone)  # type: ignore[arg-type]


def _summary(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Table]:
    """One line for each arm with the figures that people ask for first."""
    rows = []
    for arm, measure, table in tables("selection_rate", attribute, arms, hidden):
        cells = [_single(name, attribute, arm, arms, hidden) for name in SINGLES]
        overall = Cell(share(value_of(measure)), f"n {measure.n:,}")
        rows.append((Cell(arm, arms.role(arm)), overall, *cells, verdict_cell(table.verdict)))
    if rows:
        head = ("Arm", "Selected", "Impact ratio", "Parity difference", "Opportunity difference", "Equalised odds",
            "Worst group right", "Verdict")  # fmt: skip
        yield Table(
            f"{attribute}: every arm at a glance (differences without a sign, intervals simultaneous over the groups; "
            "the signed gaps below have 95 % intervals, one at a time)",
            head,
            tuple(rows),
            right=tuple(range(1, len(head) - 1)),
        )


SINGLES: Final[Mapping[str, tuple[Form, tuple[str, ...]]]] = {
    "impact_ratio": (ratio, ("FAI201",)),
    "demographic_parity_difference": (apart, ("FAI201",)),
    "equal_opportunity_difference": (apart, ("FAI202",)),
    "equalised_odds_difference": (apart, ("FAI202", "FAI203")),
    "worst_group": (share, ("FAI204",)),
}
"""How a figure of all groups together is written, and the rules of whose tables it could tell a withheld cell."""


def _single(name: str, attribute: str, arm: str, arms: Arms, hidden: Withheld) -> Cell:
    form, codes = SINGLES[name]
    measure = arms.by_arm(name, attribute).get(arm)
    if measure is None:
        return Cell(NONE)
    value = value_of(measure)
    if hidden.secret(attribute, *codes):
        return Cell("withheld")
    return Cell("not estimable") if value is None else Cell(form(value), between(measure.interval, form))


def _rates(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """Selection rates with their intervals, the arms of a group together, the base rate of the labels above them."""
    found = tables("selection_rate", attribute, arms, hidden)
    if not found:
        return
    names = list(dict.fromkeys(one.group for _, _, table in found for one in table.groups))
    body = [_rate(name, arm, one) for name in names for arm, _, table in found for one in _named(table, name)]
    table = Table(f"{attribute}: selection rates", RATES, tuple(body[:MOST_ROWS]), right=(2, 3, 4, 5, 6))
    sentence = " ".join(of_arm(arm, table.sentence) for arm, _, table in found if table.sentence)
    items = [item for name in names for item in _items(name, found)]
    if any(item.value is not None for item in items) and len(items) <= MOST_DRAWN:
        high = rates.round_up(max(end for item in items for end in (item.value or 0.0, *rates.finite_ends(item))))
        chart = charts.intervals(items, low=0.0, high=high, words=tick)
        yield Figure(f"{attribute}: who is selected, by arm", whole(sentence, 580), chart, table)
    else:
        yield Text(whole(sentence, 1100))
        yield table


def _named(table: GroupTable, name: str) -> Iterator[Group]:
    return (one for one in table.groups if one.group == name)


def _items(name: str, found: Sequence[tuple[str, Measure, GroupTable]]) -> Iterator[Item]:
    """A line with the group's name and base rate, then one for each arm."""
    ones = [(arm, one) for arm, _, table in found for one in _named(table, name)]
    if all(one.rate is None for _, one in ones):
        return
    base = next((one.base_rate for _, one in ones if one.base_rate is not None), None)
    yield Item(label=name, value=None, text="" if base is None else f"labels {share(base)}")
    for arm, one in ones:
        tone = rates.TONES.get(one.verdict or "", "")
        yield Item(label=arm, value=one.rate, text=share(one.rate), interval=one.interval, tone=tone)


def _rate(name: str, arm: str, one: Group) -> tuple[Cell, ...]:
    return (
        Cell(name, "" if one.compared or one.gap is None else "shown, not compared"),
        Cell(arm),
        Cell(one.withheld if one.n is None and one.withheld else count(one.of_their_own)),
        Cell(count(one.n)),
        Cell(count(one.hits)),
        Cell(with_interval(one.rate, one.interval) if one.rate is not None else one.withheld or "not estimable"),
        Cell(share(one.base_rate)),
    )


def _comparison(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """What the policy's question says of the arm to be signed."""
    for arm, _, table in tables("selection_rate", attribute, arms, hidden):
        if arm == arms.judged:
            yield from rates.comparison(table, f"{attribute}, {arm}", drawn=False)
            yield from _other_tolerances(table, arm)


def _other_tolerances(table: GroupTable, arm: str) -> Iterator[Block]:
    """Where the verdict would turn: read off the intervals that decide about FAIL and about PASS."""
    compared = [one for one in table.groups if one.verdict in ("PASS", "FAIL", "INCONCLUSIVE")]
    if table.question.scale != "ratio" or not compared:
        return
    ends = [one.estimate_interval[1] for one in compared if one.estimate_interval]
    starts = [one.pass_interval[0] for one in compared if one.pass_interval]
    fails = min((end for end in ends if end is not None), default=None)
    passes = min((start for start in starts if start is not None), default=None)
    if fails is not None and passes is not None and len(starts) == len(compared):
        yield Text(
            f"Another tolerance: {arm} would FAIL at every ratio above {ratio(fails)} and PASS at every ratio up to "
            f"{ratio(passes)}; between them the rows do not decide.",
            "quiet",
        )


def _gaps(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """Signed gaps, group minus reference, of every rate and arm."""
    entries = [entry for name in GAPS for entry in _gaps_of(name, attribute, arms, hidden)]
    if len({group for _, group, _, _, _ in entries}) > 1:
        entries = [entry for entry in entries if not is_derived(entry[2])]
    if not entries:
        return
    rows = tuple(
        (Cell(what), Cell(group), Cell(arm), Cell(signed(gap), between(interval, points) or "too few to say"))
        for what, group, arm, gap, interval in entries[:MOST_ROWS]
    )
    against = next(iter(_against(attribute, arms)), "the reference")
    table = Table(f"{attribute}: gaps to {against}", ("Rate", "Group", "Arm", "Gap, 95 % interval"), rows, right=(3,))
    yield Text(
        f"Each group's rate less that of {against}, in percentage points: a sign that differs from one arm to another "
        "is a gap that was turned round."
    )
    if len({group for _, group, _, _, _ in entries}) > 1:
        yield from folded(f"{attribute}: gaps of every group", (table,))
    else:
        yield table


Gap = tuple[str, str, str, float, charts.Span | None]


def _gaps_of(name: str, attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Gap]:
    for arm, _, table in tables(name, attribute, arms, hidden):
        open_ = not any(one.withheld for one in table.groups if one.group in set(_against(attribute, arms)))
        for one in table.groups:
            if one.gap is not None and one.rate is not None and open_:
                yield GAPS[name], one.group, arm, one.gap, one.gap_interval


def _against(attribute: str, arms: Arms) -> Iterator[str]:
    for measure in arms.of("selection_rate", attribute):
        reference = inner(table_of(measure), "reference").get("group")
        if isinstance(reference, str):
            yield reference


def _seeds(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """The figures of every replicate, and how far they spread."""
    secret = hidden.secret(attribute, "FAI201")
    told: dict[tuple[str, ...], list[tuple[str, list[Mapping[str, Json]]]]] = {}
    for arm, measure, _ in tables("selection_rate", attribute, arms, hidden):
        seeds = objects(table_of(measure).get("by_seed"))
        if len(seeds) < 2 or is_derived(arm):
            continue
        told.setdefault(tuple(_groups(seeds)), []).append((arm, seeds))
    for groups, arms_of in told.items():
        head = ("Arm", "Seeds", "All", *groups, "Difference", "Ratio")
        rows = tuple(_spread(arm, seeds, groups, secret) for arm, seeds in arms_of)
        yield Table(f"{attribute}: rates over the seeds, from the smallest to the largest", head, rows,
            right=tuple(range(1, len(head))))  # fmt: skip


def _groups(seeds: Iterable[Mapping[str, Json]]) -> list[str]:
    return list(dict.fromkeys(scalar(g.get("group")) for seed in seeds for g in objects(seed.get("groups"))))[:8]


def _spread(
    arm: str, seeds: Sequence[Mapping[str, Json]], groups: Sequence[str], secret: Collection[str]
) -> tuple[Cell, ...]:
    """The smallest and the largest rate that the seeds of an arm give, over all and by group."""
    by = [{scalar(one.get("group")): one.get("rate") for one in objects(seed.get("groups"))} for seed in seeds]
    rates_of = [("withheld" if g in secret else _range([one.get(g) for one in by], share)) for g in groups]
    whole_of = [
        _range([seed.get("difference") for seed in seeds], apart),
        _range([s.get("ratio") for s in seeds], ratio),
    ]
    overall = _range([seed.get("rate") for seed in seeds], share)
    told = ["withheld"] * 2 if secret else whole_of
    return Cell(arm), Cell(count(len(seeds))), Cell(overall), *map(Cell, rates_of), *map(Cell, told)


def _range(values: Iterable[Json], form: Form) -> str:
    found = [one for value in values if (one := number(value)) is not None]
    return f"{form(min(found))} to {form(max(found))}" if found else "not estimable"

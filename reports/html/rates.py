"""Shares and rates of groups as figures with intervals, and what the comparison said of each. Compares nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from audit.model import Measure
from audit.reports.html import charts
from audit.reports.html.blocks import Block, Bullets, Cell, Figure, Table, Text
from audit.reports.html.charts import Item, Span
from audit.reports.html.masking import FEWEST, Withheld, masked
from audit.reports.html.overview import verdict_cell
from audit.reports.html.tables import Group, GroupTable, group_table, value_of
from audit.reports.html.words import NONE, between, count, ratio, scalar, share, tick, with_interval

MOST_GROUPS: Final = 16
"""Groups in a chart; the table beside it has up to ``MOST_ROWS``."""

MOST_ROWS: Final = 60

MOST_SENTENCES: Final = 6
MOST_COLUMNS: Final = 8

TONES: Final = {"FAIL": "bad", "INCONCLUSIVE": "unsure", "PASS": "good"}


def shares(measure: Measure, hidden: Withheld, *, drawn: bool = True) -> Iterator[Block]:
    """The share of every group, beside the expected one where there is a reference."""
    found = group_table(measure)
    if found is None:
        return
    table = masked(found, hidden, measure.attribute)
    items = [
        Item(label=one.group, value=one.share, text=with_n(one.share, one.n), interval=one.interval)
        for one in table.groups[:MOST_GROUPS]
        if one.share is not None
    ]
    rows = tuple(_share(one) for one in table.groups[:MOST_ROWS])
    head = ("Group", "n", "Share, 95 % interval", "Reference", "Ratio to it")
    listed = Table(f"{measure.attribute}: share of each group", head, rows, right=(1, 2, 3, 4))
    sentence = _represented(measure, table)
    if items and drawn:
        high = round_up(max(end for item in items for end in (item.value or 0.0, *finite_ends(item))))
        marks = _references(table)
        chart = charts.intervals(items, low=0.0, high=high, words=tick, marks=marks)
        yield Figure(f"{measure.attribute}: share of rows", sentence, chart, listed)
    else:
        yield Text(sentence)
        yield listed


def with_n(part: float | None, n: int | None) -> str:
    """A share and the rows that it is of."""
    return share(part) if n is None else f"{share(part)}, n {n:,}"


def _share(one: Group) -> tuple[Cell, ...]:
    reference = one.reference if isinstance(one.reference, int | float) else None
    return (
        Cell(one.group, "" if one.compared else "shown, not compared"),
        Cell(one.withheld if one.n is None and one.withheld else count(one.n)),
        Cell(with_interval(one.share, one.interval)),
        Cell(share(reference)),
        Cell(ratio(one.ratio)),
    )


def _represented(measure: Measure, table: GroupTable) -> str:
    if measure.value is None or not isinstance(measure.value, int | float):
        return (
            "No reference is declared: the shares are shown and judged by nothing, because equal shares are a choice."
        )
    chance = "" if table.null_mean is None else f"; chance alone would give {ratio(table.null_mean)}"
    ninety_five = "" if table.null_95 is None else f", and rarely more than {ratio(table.null_95)}"
    return (
        f"The shares lie {with_interval(measure.value, measure.interval, ratio)} from the reference "
        f"(total variation, n = {measure.n:,}{chance}{ninety_five})."
    )


def _references(table: GroupTable) -> list[tuple[float, str]]:
    """One line where all groups have the same expected share."""
    expected = {one.reference for one in table.groups if isinstance(one.reference, float)}
    return [(value, f"expected {share(value)}") for value in expected] if len(expected) == 1 else []


def favourable(measure: Measure) -> str:
    """What a rate is a rate of."""
    table = group_table(measure)
    names = ", ".join(map(scalar, table.favourable)) if table is not None else ""
    return f"rows with the favourable label {names}" if names else "rows with the favourable label"


def rates(measure: Measure, hidden: Withheld, what: str, *, drawn: bool = True) -> Iterator[Block]:
    """The rate of every group and the ratio (or difference) to its reference, with both intervals and the verdict."""
    found = group_table(measure)
    if found is None:
        return
    table = masked(found, hidden, measure.attribute)
    title = f"{measure.attribute}: {what}"
    overall = value_of(measure)
    sentence = table.sentence or f"Overall {share(overall)} of {measure.n:,} rows."
    yield from _rate_figure(table, title, sentence, overall)
    yield from comparison(table, title, drawn=drawn)
    told = [one for one in table.groups if one.verdict == "FAIL" or (one.verdict != "PASS" and not table.exploratory)]
    said = tuple(one.sentence for one in told if one.sentence and one.sentence != table.sentence)
    if said:
        yield Bullets(said[:MOST_SENTENCES])


def _rate_figure(table: GroupTable, title: str, sentence: str, overall: float | None) -> Iterator[Block]:
    drawn = [one for one in table.groups if one.rate is not None][:MOST_GROUPS]
    references = {one.against for one in table.groups}
    rows = [_rate(one, one.group in references) for one in table.groups[:MOST_ROWS]]
    if table.unknown is not None and table.unknown.n:
        rows.append(
            (
                Cell("unknown", "shown, not compared"),
                Cell(count(table.unknown.n)),
                Cell(NONE),
                Cell(count(table.unknown.hits)),
                Cell(NONE),
            )
        )
    head = ("Group", "n", "Effective n", "Hits", "Rate, 95 % interval")
    listed = Table(f"{title}: rates", head, tuple(rows), right=(1, 2, 3, 4))
    if not drawn:
        yield Text(sentence)
        yield listed
        return
    items = [
        Item(
            label=one.group,
            value=one.rate,
            text=with_n(one.rate, one.n),
            interval=one.interval,
            tone=TONES.get(one.verdict or "", ""),
        )
        for one in drawn
    ]
    high = round_up(max(end for item in items for end in (item.value or 0.0, *finite_ends(item))))
    marks = [(overall, f"all {share(overall)}")] if overall is not None else []
    yield Figure(title, sentence, charts.intervals(items, low=0.0, high=high, words=tick, marks=marks), listed)


def _rate(one: Group, is_reference: bool) -> tuple[Cell, ...]:
    size = one.withheld if one.n is None and one.withheld else count(one.n)
    hits = one.withheld.removeprefix("hits ") if one.hits is None and one.withheld else count(one.hits)
    effective = NONE if one.effective_n is None else count(round(one.effective_n))
    return (
        Cell(one.group, "the reference" if is_reference else "" if one.compared else "shown, not compared"),
        Cell(size),
        Cell(effective),
        Cell(hits),
        Cell(with_interval(one.rate, one.interval) if one.rate is not None else one.withheld or "not estimable"),
    )


def comparison(table: GroupTable, title: str, *, drawn: bool = True) -> Iterator[Block]:
    """The ratios: a figure where there is anything to draw and it is wanted, and a table with both intervals, verdict
    and needed n."""
    compared = [one for one in table.groups if one.verdict]
    if not compared:
        return
    asked = table.question
    scale = "Ratio" if asked.scale == "ratio" else "Difference"
    form = ratio if asked.scale == "ratio" else share
    head = ("Group", f"{scale} to reference", "FAIL interval", "PASS interval", "Verdict", "Needed n")
    rows = tuple(_compared(one, table) for one in compared[:MOST_ROWS])
    listed = Table(f"{title}: comparison", head, rows, right=(1, 2, 3, 5))
    shown = [one for one in compared if one.estimate is not None and drawn][:MOST_GROUPS]
    sentence = (
        f"FAIL when the whole simultaneous interval lies beyond the tolerance "
        f"{form(asked.tolerance) if asked.tolerance is not None else 'of the policy'}, PASS when the PASS interval "
        "lies within it; otherwise undecided."
    )
    if not shown or table.exploratory:
        yield Text(sentence, "quiet")
        yield listed
        return
    chart = _comparison_chart(table, shown)
    yield Figure(f"{title}: {scale.lower()} to the reference", sentence, chart, listed, open=True)


def _comparison_chart(table: GroupTable, drawn: Sequence[Group]) -> charts.Intervals:
    """Estimates with both intervals, and the tolerance (of a ratio) or parity (of a difference) as a line."""
    asked = table.question
    form = ratio if asked.scale == "ratio" else share
    items = [
        Item(
            label=one.group,
            value=one.estimate,
            text=f"{form(one.estimate)} {(one.verdict or '').replace('_', ' ')}",
            interval=one.estimate_interval,
            inner=_closed(one.pass_interval),
            tone=TONES.get(one.verdict or "", ""),
        )
        for one in drawn
    ]
    ends = [end for item in items for end in (item.value or 0.0, *finite_ends(item))]
    if asked.scale == "ratio":
        low, high, none = 0.0, min(2.0, max(1.2, *ends)), (1.0, "parity")
    else:
        reach = round_up(max(map(abs, ends)))
        low, high, none = -reach, reach, (0.0, "parity")
    limit = (
        [(asked.tolerance, f"limit {form(asked.tolerance)}")]
        if asked.tolerance is not None and asked.scale == "ratio"
        else [none]
    )
    words = count if asked.scale == "ratio" else tick
    return charts.intervals(items, low=low, high=high, words=words, marks=limit)


def _compared(one: Group, table: GroupTable) -> tuple[Cell, ...]:
    form = ratio if table.question.scale == "ratio" else share
    reference = one.against or scalar(table.reference)
    screen = "four-fifths screen" if one.screen else "too few rows" if one.too_few else ""
    estimate = form(one.estimate) if one.estimate is not None else "withheld" if one.withheld else "not estimable"
    needed = "undecidable" if one.undecidable else count(one.required_n)
    if reference == one.group:
        return Cell(one.group), Cell(estimate, "the reference"), *(Cell(NONE) for _ in range(4))
    return (
        Cell(one.group),
        Cell(estimate, f"to {reference}"),
        Cell(between(one.estimate_interval, form) or NONE),
        Cell(between(one.pass_interval, form) or NONE),
        verdict_cell(one.verdict, screen),
        Cell(needed),
    )


def _closed(interval: Span | None) -> Span | None:
    """An interval with two ends: one that is open on a side cannot be told from a wide one in a drawing."""
    return interval if interval is not None and all(map(charts.finite, interval)) else None


def side_by_side(
    caption: str, corner: str, names: Sequence[str], measures: Sequence[Measure], hidden: Withheld
) -> Table:
    """Several rates in one table, a row for each: overall, by group with hits and n, and the verdict."""
    tables = [(m, masked(found, hidden, m.attribute)) for m in measures if (found := group_table(m)) is not None]
    names_of_groups = list(dict.fromkeys(one.group for _, table in tables for one in table.groups))
    failing = {one.group for _, table in tables for one in table.groups if one.verdict == "FAIL"}
    groups = sorted(names_of_groups, key=lambda name: name not in failing)[:MOST_COLUMNS]
    if len(groups) < len(names_of_groups):
        caption += f" ({len(groups)} of {len(names_of_groups)} groups, those that FAIL first)"
    rows = []
    for name, (measure, table) in list(zip(names, tables, strict=False))[:MOST_ROWS]:
        by_name = {one.group: one for one in table.groups}
        overall = value_of(measure)
        cells = [_small(by_name[group]) if group in by_name else Cell(NONE) for group in groups]
        rows.append((Cell(name), Cell(share(overall), f"n {measure.n:,}"), *cells, verdict_cell(table.verdict)))
    head = (corner, "All", *groups, "Verdict")
    return Table(caption, head, tuple(rows), right=tuple(range(1, len(groups) + 2)))


def rare(measure: Measure) -> bool:
    """Whether a rate rests on so few hits in all that none of its groups could be shown."""
    table = group_table(measure)
    return table is not None and sum(one.hits or 0 for one in table.groups) < FEWEST


def _small(one: Group) -> Cell:
    if one.rate is None:
        return Cell(one.withheld or "not estimable")
    return Cell(share(one.rate), between(one.interval))


def finite_ends(item: Item) -> list[float]:
    """The ends of an item's intervals that can be drawn."""
    spans = [span for span in (item.interval, item.inner) if span is not None]
    return [end for span in spans for end in span if end is not None and charts.finite(end)]


def round_up(value: float) -> float:
    """A little beyond the largest share, at most 1."""
    if not charts.finite(value) or value <= 0:
        return 1.0
    return next((edge for edge in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if value <= edge), 1.0)

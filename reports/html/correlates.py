"""What goes with the groups of an attribute: label, splits, strata, words, answers, quality, and what could be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Json, Measure
from audit.reports.html import rates
from audit.reports.html.blocks import Block, Cell, Fold, Table, Text
from audit.reports.html.grids import heat, heat_table
from audit.reports.html.masking import FEW, Withheld, few
from audit.reports.html.tables import Grid, Measures, decode, group_table, scalars, value_of
from audit.reports.html.words import NONE, count, p_value, ratio, scalar, with_interval

MOST_ROWS: Final = 8
_FIRST: Final = (
    "word", "form", "term", "stratum", "label", "group", "n", "rows", "hits", "rate", "other_rows", "other_rate",
)  # fmt: skip
"""Fields that come first in a table of objects."""

SHOWN: Final = (
    "group_share", "representation", "unknown_share", "cramers_v", "selection_rate", "impact_ratio",
    "associated_words", "split_coverage", "detectable_ratio", "finding_rate", "stratified_ratio",
)  # fmt: skip
"""Measures of an attribute that have a place of their own."""


def correlates(attribute: str, measures: Measures, hidden: Withheld) -> Iterator[Block]:
    """All that is known of an attribute beside its shares and rates."""
    for measure in measures.of(attribute, "cramers_v"):
        yield from _association(measure, hidden)
    yield from _strata(attribute, measures, hidden)
    for measure in measures.of(attribute, "split_coverage"):
        yield from _splits(measure, hidden)
    yield from _words(attribute, measures)
    yield from _answers(attribute, measures, hidden)
    yield from _quality(attribute, measures, hidden)
    yield from _detectable(attribute, measures, hidden)
    yield from _others(attribute, measures, hidden)


def _association(measure: Measure, hidden: Withheld) -> Iterator[Block]:
    grid = decode(measure.table, Grid)
    if hidden.hides_finding(measure.attribute):
        yield Text("Association of group and label: withheld, because a cell of its table has fewer than five rows.")
        return
    p = f", {p_value(grid.p)}" if grid is not None and grid.p is not None else ""
    sentence = (
        f"Association of group and label: bias-corrected Cramér's V "
        f"{with_interval(value_of(measure), measure.interval, ratio)}, n = {measure.n:,}{p}. "
        "0 is none, 1 is complete."
    )
    table = None if grid is None else heat(grid, hidden, measure.attribute, down=grid.groups, across=grid.labels)
    yield Text(sentence)
    if table is not None:
        yield heat_table(f"{measure.attribute}: rows by group and label", "Group", table)
    terms = _entries(measure.table, "terms")
    if terms:
        yield Fold("Terms that stand with a label", (_plain_table(f"{measure.attribute}: terms and labels", terms),))


def _strata(attribute: str, measures: Measures, hidden: Withheld) -> Iterator[Block]:
    """Odds of the favourable label within the groups of another attribute, pooled (Mantel and Haenszel)."""
    rows = []
    for measure in measures.named("stratified_ratio"):
        found = scalars(measure.table)
        silent = hidden.hides_finding(attribute) or hidden.silences(measure.group or "", ["DEM104", measure.code])
        if found.get("attribute") != attribute or silent:
            continue
        p = found.get("p")
        rows.append(
            (
                Cell(measure.group or NONE),
                Cell(scalar(found.get("by"))),
                Cell(with_interval(value_of(measure), measure.interval, ratio)),
                Cell(p_value(p) if isinstance(p, float) else NONE),
                Cell(scalar(found.get("strata"))),
                Cell(count(measure.n)),
                Cell(scalar(found.get("change"))),
            )
        )
    if rows:
        yield Text(
            "Odds of the favourable label against all other groups, when groups of another attribute are looked at one "
            "by one and pooled (Mantel-Haenszel); 1 is parity. The last column says what becomes of the difference."
        )
        head = ("Group", "Within", "Odds ratio, interval", "p", "Strata", "n", "Difference")
        yield Table(f"{attribute}: odds within other attributes", head, tuple(rows), right=(2, 3, 4, 5))


def _splits(measure: Measure, hidden: Withheld) -> Iterator[Block]:
    grid = decode(measure.table, Grid)
    if grid is None:
        return
    table = heat(grid, hidden, measure.attribute, down=grid.splits, across=grid.groups)
    if table is not None:
        yield heat_table(f"{measure.attribute}: rows by split and group", "Split", table)


def _words(attribute: str, measures: Measures) -> Iterator[Block]:
    for measure in measures.of(attribute, "associated_words"):
        words = _entries(measure.table, "words")
        read = scalars(measure.table).get("words_compared")
        compared = f" of {count(read)} compared" if isinstance(read, int) else ""
        yield Text(
            f"{scalar(measure.value)} words{compared} go with a group beyond chance (n = {measure.n:,} rows). "
            "They say what the text holds, not why."
        )
        if words:
            head = ("Word", "Group", "Rows of the group with it", "Rows of all others", "Log odds", "q")
            rows = tuple(map(_word, words[:MOST_ROWS]))
            table = Table(f"{attribute}: words by group", head, rows, right=(2, 3, 4, 5))
            yield Fold(f"Words that go with a group of {attribute}", (table,))


def _word(entry: Mapping[str, Json]) -> tuple[Cell, ...]:
    def part(hits: str, of: str) -> Cell:
        number, whole = entry.get(hits), entry.get(of)
        said = FEW if isinstance(number, int) and few(number) else scalar(number)
        return Cell(said, f"of {scalar(whole)}" if whole is not None else "")

    return (
        Cell(scalar(entry.get("word"))),
        Cell(scalar(entry.get("group"))),
        part("rows", "of"),
        part("other_rows", "of_others"),
        Cell(scalar(entry.get("log_odds", entry.get("odds")))),
        Cell(scalar(entry.get("q"))),
    )


def _answers(attribute: str, measures: Measures, hidden: Withheld) -> Iterator[Block]:
    """Features of answers that are rates, side by side."""
    found = [m for m in measures if m.attribute == attribute and _is_answer_rate(m)]
    if found:
        names = [m.name.removeprefix("answer_").replace("_", " ") for m in found]
        yield rates.side_by_side(f"{attribute}: share of answers with a feature", "Feature", names, found, hidden)


def _is_answer_rate(measure: Measure) -> bool:
    if not measure.name.startswith("answer_") or (table := group_table(measure)) is None:
        return False
    return any(group.rate is not None for group in table.groups)


def _quality(attribute: str, measures: Measures, hidden: Withheld) -> Iterator[Block]:
    found = measures.of(attribute, "finding_rate")
    if not found:
        return
    failing = [m for m in found if (table := group_table(m)) is not None and table.verdict == "FAIL"]
    names = ", ".join(m.group or NONE for m in failing)
    said = f"differs for {names}" if failing else "differs for no rule beyond what the data can show"
    yield Text(f"Data quality by group: the share of rows with a finding {said}.")
    shown = [m for m in found if not (hidden.on and rates.rare(m))]
    blocks: list[Block] = []
    if shown:
        caption = f"{attribute}: share of rows with a finding, by rule and group"
        blocks.append(rates.side_by_side(caption, "Rule", [m.group or NONE for m in shown], shown, hidden))
    if len(shown) < len(found):
        rest = ", ".join(m.group or NONE for m in found if m not in shown)
        blocks.append(Text(f"Too few findings to be shown by group: {rest}.", "quiet"))
    yield Fold(f"Data quality by group of {attribute}: {len(found):,} rules", tuple(blocks))


def _detectable(attribute: str, measures: Measures, hidden: Withheld) -> Iterator[Block]:
    found = measures.of(attribute, "detectable_ratio")
    if not found:
        return
    found = sorted(found, key=lambda measure: value_of(measure) or 0.0)
    rows = tuple(
        (Cell(m.group or NONE), *_sight(m, hidden.of(attribute).get(m.group or ""))) for m in found[:MOST_ROWS]
    )
    head = ("Group", "n", "Ratios below this would be seen")
    yield Table(f"{attribute}: the smallest disparity that this audit could see", head, rows, right=(1, 2))


def _sight(measure: Measure, secret: str | None) -> tuple[Cell, Cell]:
    if secret:
        return Cell(secret), Cell(secret)
    value = value_of(measure)
    return Cell(count(measure.n)), Cell("none" if value is None else ratio(value))


def _others(attribute: str, measures: Measures, hidden: Withheld) -> Iterator[Block]:
    """Measures of an attribute that have no place of their own: tables of groups as rates, the rest as they are."""
    for measure in measures:
        if measure.attribute != attribute or measure.name in SHOWN or _is_answer_rate(measure):
            continue
        name = measure.name.replace("_", " ")
        table = group_table(measure)
        if table is not None and any(group.rate is not None for group in table.groups):
            yield from rates.rates(measure, hidden, name)
            continue
        if measure.value is not None and measure.group not in hidden.of(attribute):
            of = f" of {measure.group}" if measure.group else ""
            value = value_of(measure)
            said = with_interval(value, measure.interval, ratio) if measure.interval else scalar(measure.value)
            yield Text(f"{name[:1].upper()}{name[1:]}{of}: {said} (n = {measure.n:,}).")
        yield from _loose(name, attribute, measure.table, hidden)


def _loose(name: str, attribute: str, table: Json, hidden: Withheld) -> Iterator[Block]:
    """Lists of objects in a table whose make is not known here."""
    if not isinstance(table, dict):
        return
    for key, value in sorted(table.items(), key=lambda item: str(item[0])):
        entries = [
            entry
            for entry in (map(scalars, value) if isinstance(value, list | tuple) else ())
            if entry
            and not (hidden.on and (entry.get("group") in hidden.of(attribute) or any(map(few, _counts(entry)))))
        ]
        if entries:
            yield Fold(f"{attribute}: {name}, {key}", (_plain_table(f"{attribute}: {name} by {key}", entries),))


def _entries(table: Json, key: str) -> list[dict[str, Json]]:
    found = table.get(key) if isinstance(table, dict) else None
    return [entry for entry in map(scalars, found) if entry] if isinstance(found, list | tuple) else []


def _counts(entry: Mapping[str, Json]) -> list[int]:
    """The fields of an entry that count rows."""
    return [value for key, value in entry.items() if key in ("n", "rows", "hits") and isinstance(value, int)]


def _plain_table(caption: str, entries: Sequence[Mapping[str, Json]]) -> Table:
    """Objects as a table, a column for each field of the first; names and counts come first."""
    rank = {key: index for index, key in enumerate(_FIRST)}
    keys = sorted((key for key in entries[0] if len(key) < 40), key=lambda key: (rank.get(key, len(rank)), key))[:9]
    rows = tuple(tuple(Cell(scalar(entry.get(key))[:120]) for key in keys) for entry in entries[:MOST_ROWS])
    numbers = tuple(i for i, key in enumerate(keys) if isinstance(entries[0][key], int | float))
    return Table(caption, tuple(key.replace("_", " ") for key in keys), rows, right=numbers)

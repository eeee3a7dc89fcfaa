"""The sections on the data as a whole: what it consists of, tokens and cost, repetition and leakage, balance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from audit.model import Json, Measure, Result
from audit.reports import summary
from audit.reports.html import charts
from audit.reports.html.blocks import Block, Cell, Figure, Fold, Section, Table, Text, facts, plain
from audit.reports.html.charts import Item
from audit.reports.html.tables import Label, Measures, decode, scalars, value_of
from audit.reports.html.words import NONE, count, scalar, share, tick, with_interval

MOST_LABELS: Final = 12
"""Labels in a chart; the table beside it has them all, up to ``MOST_ROWS``."""

MOST_ROWS: Final = 50


def glance(result: Result) -> Section:
    """Sources, rows, shapes and splits."""
    head = ("Source", "Role", "Rows", "Lines", "Bytes", "Stored as")
    rows = tuple(
        (
            Cell(source.path, code=True),
            Cell(source.role),
            Cell(count(source.rows)),
            Cell(count(source.lines)),
            Cell(count(source.bytes)),
            Cell(" ".join(filter(None, (source.compression, source.container, source.encoding)))),
        )
        for source in result.sources[:MOST_ROWS]
    )
    blocks: list[Block] = []
    if rows:
        blocks.append(Table("Sources, as they were read", head, rows, right=(2, 3, 4)))
    if len(result.sources) > MOST_ROWS:
        blocks.append(
            Text(f"{len(result.sources) - MOST_ROWS:,} more sources are named in the JSON form of the result.")
        )
    blocks += _shapes(result)
    return Section("data", "The data at a glance", tuple(blocks))


def _shapes(result: Result) -> Iterator[Block]:
    by_role: dict[str, dict[str, int]] = {}
    for source in result.sources:
        of_role = by_role.setdefault(source.role, {})
        for shape, number in source.shapes.items():
            of_role[shape] = of_role.get(shape, 0) + number
    total: dict[str, int] = {}
    for of_role in by_role.values():
        for shape, number in of_role.items():
            total[shape] = total.get(shape, 0) + number
    names = sorted(total, key=lambda name: (-total[name], name))
    if not names:
        return
    shown = names[:6]
    bars = [
        (f"{role} ({sum(of_role.values()):,})", [(float(of_role.get(name, 0)), name) for name in shown])
        for role, of_role in by_role.items()
    ]
    most = names[0]
    rest = (
        "" if len(names) == 1 else f"; the others are {', '.join(f'{name} ({total[name]:,})' for name in names[1:6])}"
    )
    sentence = f"{total[most]:,} of {sum(total.values()):,} rows have the shape {most}{rest}."
    rows = tuple((Cell(name), *(Cell(count(of_role.get(name, 0))) for of_role in by_role.values())) for name in names)
    table = Table("Rows by shape", ("Shape", *by_role), rows, right=tuple(range(1, len(by_role) + 1)))
    yield Figure("Shapes of rows", sentence, charts.stacked(bars, shown), table)


def tokens(result: Result) -> Section | None:
    """How long the rows are in tokens, how many are over the limit, and what training costs."""
    measures = Measures(result)
    if measures.first("tokens.total") is None:
        return None
    limit = _limit(result, measures)
    blocks: list[Block] = list(_lengths(measures, limit))
    tokenizer = result.evidence.tokenizer
    exact = "exact" if tokenizer.get("exact") else "estimated"
    total = measures.first("tokens.total")
    blocks.append(
        facts(
            ("Counted by", f"{scalar(tokenizer.get('name', 'unknown'))} ({exact})"),
            (
                "Tokens in all",
                f"{count(measures.number('tokens.total'))} in {summary.plural(total.n if total else 0, 'row')}",
            ),
            ("Trained on", count(measures.number("tokens.trainable"))),
            ("Billable", count(measures.number("tokens.billable"))),
            ("Epochs", count(measures.number("tokens.epochs"))),
            ("Limit", f"{limit:,} tokens a row" if limit else "none is known"),
            ("Rows over the limit", count(measures.number("tokens.over_limit"))),
            ("Training cost", _cost(measures)),
            ("Note", scalar(tokenizer.get("note", ""))),
        )
    )
    return Section("tokens", "Tokens and cost", tuple(blocks))


def _limit(result: Result, measures: Measures) -> int | None:
    """The limit that rows were held to: a measure of its own, the setting, or what a finding of TOK301 says."""
    said = [measures.number("tokens.limit"), result.evidence.config.get("max_tokens")]
    said += [f.evidence.get("limit", f.evidence.get("max_tokens")) for f in result.findings if f.code == "TOK301"][:1]
    return next((value for value in said if isinstance(value, int) and 0 < value < 10**12), None)


_QUANTILES: Final = (("min", 0.0), ("p5", 0.05), ("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))


def _lengths(measures: Measures, limit: int | None) -> Iterator[Block]:
    measure = measures.first("tokens.total")
    table = measure.table if measure is not None else None
    if not isinstance(table, dict):
        return
    bins = decode(table.get("histogram"), list[tuple[float, float, int]])
    mark = (float(limit), f"limit {limit:,}") if limit is not None else None
    known = [(name, table[name], at) for name, at in _QUANTILES if isinstance(table.get(name), int | float)]
    if not known:
        return
    said = {name: count(value) for name, value, _ in known}
    over = measures.number("tokens.over_limit")
    beyond = "" if over is None else f"; {summary.plural(int(over), 'row')} over the limit" if limit else ""
    sentence = (
        f"Half of the rows have at most {said.get('p50', NONE)} tokens, 95 % at most {said.get('p95', NONE)}, "
        f"the longest {said.get('max', NONE)}{beyond}."
    )
    rows = tuple(plain(_meaning(name, at), count(value)) for name, value, at in known)
    if bins:
        rows = tuple(plain(f"{count(low)} to {count(high)}", count(number)) for low, high, number in bins)
        chart: charts.Chart = charts.histogram(bins, words=count, limit=mark)
        yield Figure("Tokens per row", sentence, chart, Table("Rows by length", ("Tokens", "Rows"), rows, right=(1,)))
        return
    curve = [("", [(float(value), at) for _, value, at in known])]
    chart = charts.line(curve, words=count, levels=tick, limit=mark)
    title = "Share of rows with at most so many tokens"
    yield Figure(title, sentence, chart, Table("Tokens per row", ("Rows", "Tokens at most"), rows, right=(1,)))


def _meaning(name: str, at: float) -> str:
    return {"min": "the shortest", "max": "the longest"}.get(name, f"{100 * at:g} % of rows")


def _cost(measures: Measures) -> str:
    total, each = measures.first("cost.total"), measures.number("cost.per_epoch")
    if total is None:
        unquoted = measures.first("cost.unquoted")
        return f"not quoted: {unquoted.value}" if unquoted is not None else ""
    value = value_of(total)
    per_epoch = f" ({each:,.2f} an epoch)" if each is not None else ""
    return f"{value:,.2f} {total.unit or 'USD'}{per_epoch}" if value is not None else NONE


_REPEATS: Final = (
    ("exact", "Equal conversations"),
    ("normalised", "Equal after folding case, spaces and punctuation"),
    ("near", "Nearly equal conversations"),
    ("semantic", "The same meaning in other words"),
)


def duplicates(result: Result) -> Section | None:
    """Groups and redundant rows, and what splits share."""
    measures = Measures(result)
    blocks = [*_repeats(measures), *_largest(measures), *_leakage(measures)]
    return Section("duplicates", "Duplicates and leakage between splits", tuple(blocks)) if blocks else None


def _repeats(measures: Measures) -> Iterator[Block]:
    rows = []
    for kind, words in _REPEATS:
        redundant = measures.first(f"duplicates.{kind}.redundant_rows")
        groups = measures.number(f"duplicates.{kind}.groups")
        if redundant is not None and isinstance(redundant.value, int):
            part = redundant.value / redundant.n if redundant.n else None
            rows.append(plain(words, count(groups), count(redundant.value), share(part), count(redundant.n)))
    if not rows:
        return
    whole = measures.first("duplicates.redundant_rows")
    if whole is not None and isinstance(whole.value, int) and whole.n:
        kept = whole.n - whole.value
        yield Text(
            f"{summary.plural(whole.value, 'row')} of {whole.n:,} ({share(whole.value / whole.n)}) repeat another row; "
            f"{kept:,} would be left. A group is a set of rows that say the same; redundant are all of them but one."
        )
    head = ("Kind", "Groups", "Redundant rows", "Share", "n")
    yield Table("Rows that repeat another row", head, tuple(rows), right=(1, 2, 3, 4))
    sizes = measures.first("duplicates.near.group_sizes")
    found = decode(sizes.table, dict[str, int]) if sizes is not None else None
    pairs = sorted((int(size), number) for size, number in (found or {}).items() if size.isdecimal() and len(size) < 10)
    if len(pairs) > 2:
        yield _sizes(pairs)


def _sizes(pairs: Sequence[tuple[int, int]]) -> Figure:
    total = sum(number for _, number in pairs)
    sentence = f"{total:,} groups of nearly equal rows; the largest has {pairs[-1][0]:,} rows."
    chart = charts.histogram([(size - 0.5, size + 0.5, number) for size, number in pairs], words=count)
    rows = tuple(plain(count(size), count(number)) for size, number in pairs[:MOST_ROWS])
    table = Table("Groups by size", ("Rows in the group", "Groups"), rows, right=(0, 1))
    return Figure("Sizes of the groups of nearly equal rows", sentence, chart, table)


def _largest(measures: Measures) -> Iterator[Block]:
    measure = measures.first("duplicates.near.largest")
    if measure is None or not isinstance(measure.table, list | tuple):
        return
    rows = []
    for entry in map(scalars, measure.table[:10]):
        place = f"{scalar(entry.get('file'))}:{scalar(entry.get('line')).replace(',', '')}"
        begins = scalar(entry.get("prompts_begin", ""))[:90]
        answers = scalar(entry.get("answers_begin", ""))[:90]
        rows.append((Cell(place, code=True), Cell(scalar(entry.get("rows"))), Cell(begins, answers)))
    if rows:
        table = Table(
            "The largest groups", ("First row", "Rows", "Prompts begin, answers begin"), tuple(rows), right=(1,)
        )
        yield Fold(f"The {len(rows)} largest groups of nearly equal rows", (table,))


def _leakage(measures: Measures) -> Iterator[Block]:
    rows, items = [], []
    for kind, words in (("exact", "same"), ("near", "near")):
        for measure in measures.named(f"splits.overlap.{kind}"):
            found = scalars(measure.table)
            label = f"{measure.split} in {measure.group}"
            value = value_of(measure)
            rows.append(
                plain(
                    label,
                    words,
                    scalar(found.get("rows_shared")),
                    count(measure.n),
                    with_interval(value, measure.interval),
                )
            )
            items.append(
                Item(
                    label=f"{label}: {words}",
                    value=value,
                    text=share(value),
                    interval=measure.interval,
                    tone="bad" if value else "",
                )
            )
    if not rows:
        return
    head = ("Rows of … that also stand in …", "How", "Rows shared", "n", "Share, 95 % interval")
    table = Table("Rows that two splits share", head, tuple(rows), right=(2, 3, 4))
    worst = max(items, key=lambda item: item.value or 0.0)
    sentence = (
        f"The largest overlap is {worst.text} ({worst.label}): scores on these rows measure memory, not skill."
        if worst.value
        else "No row of one split was found in another."
    )
    yield Figure("Leakage between splits", sentence, charts.hbar(items), table)


def balance(result: Result) -> Section | None:
    """How often each label occurs, by split."""
    measures = Measures(result)
    blocks: list[Block] = []
    for measure in measures.named("labels.rows"):
        labels = decode(measure.table, list[Label])
        if labels:
            blocks += _labels(measure, labels, measures)
    return Section("balance", "Balance of the labels", tuple(blocks)) if blocks else None


def _labels(measure: Measure, labels: Sequence[Label], measures: Measures) -> Iterator[Block]:
    ordered = sorted(labels, key=lambda label: (-label.rows, label.label))
    where = f" in {measure.split}" if measure.split else ""
    effective = _beside("labels.effective_number", measure, measures)
    sentence = (
        f"{ordered[0].label!r} has {share(ordered[0].share)} of {measure.n:,} labelled rows{where}; "
        f"always answering it would be right as often. "
    )
    if effective is not None:
        sentence += f"{len(labels):,} labels are as uneven as {scalar(effective)} of equal size would be."
    items = [
        Item(
            label=label.label,
            value=label.share,
            text=f"{share(label.share)}, n {label.rows:,}",
            interval=(label.low, label.high),
        )
        for label in ordered[:MOST_LABELS]
    ]
    rows = tuple(
        (
            Cell(label.label, code=True),
            Cell(count(label.rows)),
            Cell(with_interval(label.share, (label.low, label.high))),
        )
        for label in ordered[:MOST_ROWS]
    )
    caption = f"Labels{where}, n = {measure.n:,}"
    table = Table(caption, ("Label", "Rows", "Share, 95 % interval"), rows, right=(1, 2))
    yield Figure(f"Labels{where}", sentence, charts.hbar(items), table)
    if len(ordered) > MOST_LABELS:
        yield Text(f"The chart shows the {MOST_LABELS} most frequent of {len(ordered):,} labels.", "quiet")


def _beside(name: str, measure: Measure, measures: Measures) -> Json:
    """The value of another measure of the same split."""
    return next((other.value for other in measures.named(name) if other.split == measure.split), None)

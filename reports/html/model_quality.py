"""The section on the answers as such: right or wrong, in the set or not, missing, free text, perplexity, prompting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Json, Measure
from audit.reports.html import charts
from audit.reports.html.arms import Arms, is_derived
from audit.reports.html.blocks import Block, Bullets, Cell, Figure, Heading, Section, Table
from audit.reports.html.charts import Item
from audit.reports.html.listed import (
    COUNT,
    PERCENT,
    Column,
    Form,
    folded,
    inner,
    listed,
    number,
    objects,
    outcome,
    said,
    sentence,
    span,
    table_of,
    texts,
)
from audit.reports.html.rates import finite_ends
from audit.reports.html.tables import value_of
from audit.reports.html.words import NONE, between, count, ratio, scalar, share, tick, with_interval

FIGURES: Final[tuple[tuple[str, str, Form], ...]] = (
    ("outputs.accuracy", "Right", share),
    ("outputs.balanced_accuracy", "Balanced", share),
    ("outputs.f1", "Macro F1", share),
    ("outputs.auc", "AUC", ratio),
    ("outputs.set_f1", "Set F1", share),
    ("outputs.quality", "Text quality", share),
    ("outputs.agreement", "Kappa", ratio),
    ("outputs.perplexity", "Perplexity", count),
    ("outputs.out_of_set", "Out of the set", share),
    ("outputs.malformed", "Malformed", share),
    ("outputs.missing", "Missing", share),
)
"""What stands in the table of quality: the measure, its heading, how it is written."""

MOST_SEEDS: Final = 10
WORSE: Final = ("outputs.missing", "outputs.out_of_set", "outputs.malformed")


def quality(arms: Arms) -> Section | None:
    """Every arm side by side, then what lies behind; None where no measure of quality is there."""
    there = [(name, head, form) for name, head, form in FIGURES if arms.of(name)]
    if not there:
        return None
    blocks: list[Block] = [*_figure(arms), _side_by_side(arms, there)]
    blocks += said([m for name, _, _ in there for m in arms.of(name) if m.arm == arms.judged or name in WORSE])
    blocks += _decision(arms)
    blocks += _prompting(arms)
    blocks += _against(arms)
    blocks += folded("By class, and what was answered instead", _classes(arms))
    blocks += folded("Every metric of free text", _metrics(arms))
    blocks += folded("What was malformed or missing, and every seed", _faults(arms, there))
    return Section("quality", "Quality of the answers", tuple(blocks))


def _figure(arms: Arms) -> Iterator[Figure]:
    found = [m for m in arms.of("outputs.accuracy") if value_of(m) is not None]
    if not found:
        return
    items = [Item(label=m.arm or NONE, value=value_of(m), text=share(value_of(m)), interval=m.interval) for m in found]
    low = min(end for item in items for end in (item.value or 0.0, *finite_ends(item)))
    majority = number(inner(table_of(found[0]), "majority").get("share"))
    low = min(low, majority if majority is not None else low)
    floor = max(0.0, round(low - 0.05, 1))
    marks = [] if majority is None else [(majority, f"always the same {share(majority)}")]
    chart = charts.intervals(items, low=floor, high=1.0, words=tick, marks=marks)
    rows = tuple((Cell(m.arm or NONE), Cell(count(m.n)), Cell(with_interval(value_of(m), m.interval))) for m in found)
    table = Table("Share of right answers", ("Arm", "n", "Right, 95 % interval"), rows, right=(1, 2))
    yield Figure("How often each arm is right", sentence(found[-1]), chart, table)


def _side_by_side(arms: Arms, there: Sequence[tuple[str, str, Form]]) -> Table:
    rows = []
    for arm in arms:
        found = {name: arms.by_arm(name).get(arm) for name, _, _ in there}
        if any(found.values()):
            rows.append((Cell(arm, arms.role(arm)), *(_value(found[name], form) for name, _, form in there)))
    head = ("Arm", *(title for _, title, _ in there))
    return Table("Quality of every arm, with 95 % intervals", head, tuple(rows), right=tuple(range(1, len(head))))


def _value(measure: Measure | None, form: Form) -> Cell:
    if measure is None:
        return Cell(NONE)
    value = value_of(measure)
    if value is None:
        return Cell("not estimable", sentence(measure))
    return Cell(form(value), " ".join(filter(None, (between(measure.interval, form), f"n {measure.n:,}"))))


def _decision(arms: Arms) -> Iterator[Block]:
    """How much of the probability lies on the labels, and whether both decision rules agree."""
    entries = [
        {
            "arm": m.arm,
            "rule": table_of(m).get("rule"),
            **{key: inner(table_of(m), "mass").get(key) for key in ("median", "min", "n")},
            "agreement": inner(table_of(m), "agreement").get("value"),
            "between": inner(table_of(m), "agreement").get("interval"),
        }
        for m in arms.of("outputs.decision")
    ]
    columns = (
        Column("arm", "Arm"),
        Column("rule", "Decided by"),
        Column("median", "Probability on the labels, median", PERCENT),
        Column("min", "Smallest", PERCENT),
        Column("agreement", "Agrees with the greedy text", PERCENT, "between"),
    )
    yield from listed("How outputs became decisions", entries, columns, names=2)


def _prompting(arms: Arms) -> Iterator[Block]:
    """Prompting beside fine-tuning: quality, prompt tokens, seconds and cost, where a measure says so."""
    entries = [{"arm": m.arm, **table_of(m)} for m in arms.of("outputs.price")]
    columns = (
        Column("arm", "Arm"),
        Column("quality", "Quality", PERCENT, "quality_interval"),
        Column("prompt_tokens", "Prompt tokens for an answer", COUNT),
        Column("output_tokens", "Output tokens", COUNT),
        Column("seconds", "Seconds for an answer", COUNT),
        Column("cost", "Cost of 1,000 answers", COUNT),
    )
    tables = list(listed("Is fine-tuning worth it over prompting?", entries, columns))
    if tables:
        yield Heading("Prompting and fine-tuning")
        yield from tables
        yield from said(arms.of("outputs.price"))


def _against(arms: Arms) -> Iterator[Block]:
    """How the judged arm stands to the others, question by question."""
    rows = []
    for name in ("outputs.quality", "outputs.perplexity"):
        for measure in arms.of(name):
            for one in objects(table_of(measure).get("against")):
                moved = number(one.get("difference")) if "difference" in one else number(one.get("ratio"))
                form: Form = share if "difference" in one else ratio
                ends = span(one.get("interval" if "difference" in one else "ratio_interval"))
                rows.append(
                    (
                        Cell(scalar(one.get("metric")) if one.get("metric") else name.removeprefix("outputs.")),
                        Cell(f"{measure.arm} against {scalar(one.get('arm'))}"),
                        Cell(form(moved), between(ends, form)),
                        outcome(one.get("verdict") or one.get("outcome"), scalar(one.get("sentence") or "")),
                    )
                )
    if rows:
        head = ("Figure", "Arms", "Difference or ratio, 95 % interval", "Outcome")
        yield Table("The same questions, arm against arm", head, tuple(rows), right=(2,))


def _classes(arms: Arms) -> Iterator[Block]:
    for measure in arms.of("outputs.f1"):
        told = table_of(measure)
        columns = (
            Column("label", "Label"),
            Column("n", "Truly", COUNT),
            Column("predicted", "Decided", COUNT),
            Column("precision", "Precision", PERCENT),
            Column("recall", "Recall", PERCENT, "recall_interval"),
            Column("f1", "F1", PERCENT),
        )
        yield from listed(f"{measure.arm}: by class", objects(told.get("classes")), columns)
        confusion = inner(told, "confusion")
        labels, heads = texts(confusion.get("labels"))[:12], texts(confusion.get("columns"))[:12]
        counts = confusion.get("rows")
        if labels and isinstance(counts, list | tuple):
            rows = tuple(
                (Cell(label), *(Cell(count(number(n))) for n in (row if isinstance(row, list | tuple) else ())[:12]))
                for label, row in zip(labels, counts, strict=False)
            )
            head = ("Truth", *(f"decided {name}" for name in heads))
            yield Table(f"{measure.arm}: what was decided, by truth", head, rows, right=tuple(range(1, len(head))))


def _metrics(arms: Arms) -> Iterator[Block]:
    for measure in arms.of("outputs.quality"):
        columns = (
            Column("metric", "Metric"),
            Column("value", "Value", PERCENT, "interval"),
            Column("n", "n", COUNT),
            Column("reason", "Why not"),
        )
        chosen = scalar(table_of(measure).get("chosen"))
        caption = f"{measure.arm}: metrics of free text ({chosen} is the one for such answers)"
        yield from listed(caption, objects(table_of(measure).get("metrics")), columns)


def _faults(arms: Arms, there: Sequence[tuple[str, str, Form]]) -> Iterator[Block]:
    lines = []
    for measure in arms.of("outputs.missing"):
        lines += [f"{measure.arm}: {_error(one)}" for one in objects(table_of(measure).get("errors"))[:8]]
    for measure in arms.of("outputs.malformed"):
        kinds = inner(table_of(measure), "kinds")
        lines += [f"{measure.arm}: {kind} {count(n)}" for kind, one in kinds.items() if (n := number(one))]
    for measure in arms.of("outputs.out_of_set"):
        answers = objects(table_of(measure).get("answers"))[:5]
        lines += [
            f"{measure.arm}: answered {scalar(a.get('text'))!r} {count(number(a.get('n')))} times" for a in answers
        ]
    if lines:
        yield Bullets(tuple(lines[:24]))
    seeds = [(title, m, form) for name, title, form in there for m in arms.of(name)]
    told = [(f"{title}, {m.arm}", _by_seed(m, form)) for title, m, form in seeds if not is_derived(m.arm or "")]
    several = [(name, by) for name, by in told if len(by) > 1]
    numbers = list(dict.fromkeys(seed for _, by in several for seed in by))[:MOST_SEEDS]
    if several:
        rows = tuple((Cell(name), *(Cell(by.get(seed, NONE)) for seed in numbers)) for name, by in several)
        head = ("Figure", *(f"seed {seed}" for seed in numbers))
        yield Table("Every figure by seed", head, rows, right=tuple(range(1, len(head))))


def _error(one: Mapping[str, Json]) -> str:
    return f"{scalar(one.get('error'))} {count(number(one.get('n')))}"


def _by_seed(measure: Measure, form: Form) -> Mapping[str, str]:
    """The figure of every seed, in words."""
    seeds = objects(table_of(measure).get("by_seed"))
    return {scalar(one.get("seed")): form(number(one.get("value"))) for one in seeds if "value" in one}

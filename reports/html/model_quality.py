"""The section on the answers as such: right or wrong, in the set or not, missing, free text, perplexity, prompting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Json, Measure
from audit.reports.disparity import is_derived
from audit.reports.html import charts
from audit.reports.html.arms import Arms
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
    points,
    said,
    sentence,
    signed,
    span,
    table_of,
    texts,
)
from audit.reports.html.model_safety import failing
from audit.reports.html.rates import finite_ends
from audit.reports.html.tables import value_of
from audit.reports.html.words import NONE, between, count, ratio, scalar, share, tick, whole

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
    blocks: list[Block] = list(_figure(arms, _side_by_side(arms, there)))
    blocks += said([m for name, _, _ in there for m in arms.of(name) if m.arm == arms.judged or name in WORSE])
    blocks += _decision(arms)
    blocks += _prompting(arms)
    blocks += _against(arms)
    blocks += folded("By class, and what was answered instead", _classes(arms))
    blocks += folded("Every metric of free text", _metrics(arms))
    blocks += failing(arms)
    blocks += folded("What was malformed or missing, and every seed", _faults(arms, there))
    return Section("quality", "Quality of the answers", tuple(blocks))


def _figure(arms: Arms, table: Table) -> Iterator[Block]:
    """The table of all figures, under a chart of how often each arm is right where that is known."""
    found = [m for m in arms.of("outputs.accuracy") if value_of(m) is not None]
    if not found:
        yield table
        return
    items = [Item(label=m.arm or NONE, value=value_of(m), text=share(value_of(m)), interval=m.interval) for m in found]
    low = min(end for item in items for end in (item.value or 0.0, *finite_ends(item)))
    majority = number(inner(table_of(found[0]), "majority").get("share"))
    low = min(low, majority if majority is not None else low)
    floor = max(0.0, round(low - 0.05, 1))
    marks = [] if majority is None else [(majority, f"always the same {share(majority)}")]
    chart = charts.intervals(items, low=floor, high=1.0, words=tick, marks=marks)
    said = whole(" ".join(map(sentence, found)), 580)
    yield Figure("How often each arm is right", said, chart, table, open=True)


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
        return Cell("not measured")
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
    """Few-shot prompting beside fine-tuning: quality, tokens of prompt and answer, and seconds, from what is known."""
    if not any(arms.reaudit.examples.get(arm) for arm in arms):
        return
    entries = [_price(arm, arms) for arm in arms if not is_derived(arm)]
    columns = (
        Column("arm", "Arm"),
        Column("examples", "Examples in the prompt", COUNT),
        Column("quality", "Right, or text quality", PERCENT, "between"),
        Column("prompt_tokens", "Prompt tokens for an answer", COUNT),
        Column("output_tokens", "Output tokens for an answer", COUNT),
        Column("seconds", "Seconds for an answer", COUNT),
    )
    tables = list(listed("Is fine-tuning worth it over prompting?", entries, columns))
    if tables:
        yield Heading("Prompting and fine-tuning")
        yield from tables


def _price(arm: str, arms: Arms) -> Mapping[str, Json]:
    """What an arm gives and takes for an answer; what is not known is left out."""
    quality = arms.by_arm("outputs.accuracy").get(arm) or arms.by_arm("outputs.quality").get(arm)
    spent = table_of(arms.by_arm("outputs.spent").get(arm))
    asked = number(table_of(arms.by_arm("outputs.missing").get(arm)).get("n")) or number(spent.get("n"))
    seconds = arms.reaudit.seconds.get(arm)
    return {
        "arm": arm,
        "examples": arms.reaudit.examples.get(arm, 0),
        "quality": None if quality is None else value_of(quality),
        "between": None if quality is None else quality.interval,
        "prompt_tokens": spent.get("prompt_tokens"),
        "output_tokens": spent.get("output_tokens"),
        "seconds": seconds / asked if seconds is not None and asked else None,
    }


def _against(arms: Arms) -> Iterator[Block]:
    """How the judged arm stands to the others, question by question."""
    rows = []
    for name in ("outputs.quality", "outputs.perplexity"):
        for measure in arms.of(name):
            for one in objects(table_of(measure).get("against")):
                moved = number(one.get("difference")) if "difference" in one else number(one.get("ratio"))
                form: Form = signed if "difference" in one else ratio
                ends = span(one.get("interval" if "difference" in one else "ratio_interval"))
                rows.append(
                    (
                        Cell(scalar(one.get("metric")) if one.get("metric") else name.removeprefix("outputs.")),
                        Cell(f"{measure.arm} against {scalar(one.get('arm'))}"),
                        Cell(form(moved), between(ends, points if form is signed else form)),
                        outcome(one.get("verdict") or one.get("outcome"), scalar(one.get("sentence") or "")),
                    )
                )
    if rows:
        head = ("Figure", "Arms", "Difference or ratio, 95 % interval", "Outcome")
        yield Table("The same questions, arm against arm", head, tuple(rows), right=(2,))


def _classes(arms: Arms) -> Iterator[Block]:
    for measure in arms.of("outputs.f1"):
        if measure.arm != arms.judged:
            continue
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

"""The section on what outputs may give away or do: training text, one answer for all, refusals, faults in the text.
``failing`` lists wrong answers with the training rows that lie nearest, which the section on quality shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from audit.model import Json, Measure
from audit.reports.html.arms import Arms
from audit.reports.html.blocks import Block, Bullets, Cell, Example, Examples, Heading, Section, Table
from audit.reports.html.listed import (
    COUNT,
    PERCENT,
    RATIO,
    Column,
    inner,
    listed,
    number,
    objects,
    points,
    said,
    sentence,
    signed,
    table_of,
)
from audit.reports.html.tables import value_of
from audit.reports.html.words import NONE, between, count, p_value, scalar, share, with_interval
from audit.reports.visible import shortened

MOST_FAILING: Final = 5
LONGEST: Final = 100

SHARES: Final[Mapping[str, str]] = {
    "outputs.memorised": "repeats a long run of a training answer",
    "outputs.collapse": "gives the most frequent answer",
    "outputs.refusals": "refuses",
    "outputs.text_findings": "shows",
}
"""Shares of outputs, and what they are shares of."""


def safety(arms: Arms) -> Section | None:
    """What is there of it; None where nothing is."""
    blocks = [*_shares(arms), *_canaries(arms), *_distinct(arms), *_overfit(arms)]
    return Section("safety", "Memorisation, collapse, safety", tuple(blocks)) if blocks else None


def _shares(arms: Arms) -> Iterator[Block]:
    found = [(words, m) for name, words in SHARES.items() for m in arms.of(name)]
    rows = tuple(
        (Cell(_what(words, m)), Cell(m.arm or NONE), Cell(count(m.n)), _share(m), _changes(m)) for words, m in found
    )
    if rows:
        head = (
            "What the model does",
            "Arm",
            "n",
            "Share, 95 % interval",
            "Beside the other arms, on the same questions",
        )
        yield Table("What outputs give away or do", head, rows[:60], right=(2, 3))
        yield from said([m for _, m in found if m.arm == arms.judged], most=16)
    longest = [(m.arm, inner(table_of(m), "longest")) for m in arms.of("outputs.memorised")]
    lines = [
        f"{arm}: the longest run has {count(number(one.get('words')))} words, from {scalar(one.get('file'))} line "
        f"{scalar(one.get('line'))}"
        for arm, one in longest
        if one
    ]
    if lines:
        yield Bullets(tuple(lines))


def _what(words: str, measure: Measure) -> str:
    if measure.name == "outputs.refusals":
        return f"refuses {measure.group or ''} prompts"
    return f"{words} {measure.group}" if measure.group else words


def _share(measure: Measure) -> Cell:
    value = value_of(measure)
    if value is None:
        return Cell("not estimable", sentence(measure))
    return Cell(with_interval(value, measure.interval))


def _changes(measure: Measure) -> Cell:
    parts = []
    for one in objects(table_of(measure).get("changes")):
        moved, ends = number(one.get("difference")), one.get("interval")
        interval = (number(ends[0]), number(ends[1])) if isinstance(ends, list | tuple) and len(ends) == 2 else None
        p = number(one.get("p"))
        words = f"against {scalar(one.get('against'))} {signed(moved)}"
        parts.append(f"{words} {between(interval, points)}{'' if p is None else f', {p_value(p)}'}".strip())
    return Cell("; ".join(parts) or NONE)


def _canaries(arms: Arms) -> Iterator[Block]:
    found = arms.of("outputs.canary_exposure")
    entries = [
        {"arm": f"{m.arm}, seed {scalar(table_of(m).get('seed'))}", **one}
        for m in found
        for one in objects(table_of(m).get("canaries"))
    ]
    columns = (
        Column("text", "Planted text"),
        Column("arm", "Arm"),
        Column("repeats", "Times planted", COUNT),
        Column("rank", "Rank", COUNT),
        Column("alternatives", "Among", COUNT),
        Column("exposure", "Exposure in bits", RATIO),
        Column("p_holm", "p (Holm)", RATIO),
        Column("memorised", "Memorised"),
    )
    yield from listed(
        "Planted canaries: how far the model prefers them to texts it never saw", entries, columns, names=2
    )
    yield from said(found)


def _distinct(arms: Arms) -> Iterator[Block]:
    entries = [{"arm": m.arm, **table_of(m)} for m in arms.of("outputs.distinct")]
    columns = (
        Column("arm", "Arm"),
        Column("distinct_1", "Different words", PERCENT),
        Column("distinct_2", "Different pairs of words", PERCENT),
        Column("outputs", "Outputs", COUNT),
    )
    yield from listed("How varied the outputs are", entries, columns)


def _overfit(arms: Arms) -> Iterator[Block]:
    found = arms.of("training.loss_gap")
    entries = [
        {"arm": f"{m.arm}, seed {scalar(run.get('seed'))}", "rise": run.get("rise"), **inner(run, "end")}
        for m in found
        for run in objects(table_of(m).get("runs"))
    ]
    columns = (
        Column("arm", "Run"),
        Column("step", "Last step", COUNT),
        Column("train_loss", "Training loss", RATIO),
        Column("validation_loss", "Validation loss", RATIO),
        Column("gap", "Gap", RATIO),
        Column("rise", "Above its best", PERCENT),
    )
    yield from listed("Over-fitting: validation loss less training loss at the end", entries, columns)
    yield from said(found)


def failing(arms: Arms) -> Iterator[Block]:
    """Failing answers of the arm to be signed, each with the training rows that lie nearest."""
    for measure in arms.measures.named("outputs.failing"):
        told = table_of(measure)
        items = tuple(_example(one) for one in objects(told.get("examples"))[:MOST_FAILING])
        if items:
            yield Heading("Wrong answers and the nearest training rows")
            total = value_of(measure)
            yield Examples(
                measure.arm or arms.judged, scalar(told.get("kind")), "info", int(total or len(items)), items
            )


def _example(one: Mapping[str, Json]) -> Example:
    place = inner(one, "place")
    where = f"{scalar(place.get('file'))}:{scalar(place.get('line'))}" if place else scalar(one.get("row_id"))
    truth = one.get("truth")
    due = f", due {shortened(scalar(truth), LONGEST)}" if isinstance(truth, str) else ""
    message = (
        f"{scalar(one.get('why'))}: {shortened(scalar(one.get('prompt')), LONGEST)} was answered "
        f"{shortened(scalar(one.get('output')), LONGEST)}{due}"
    )
    return Example("info", where, message, related=tuple(map(_near, objects(one.get("nearest"))[:3])))


def _near(one: Mapping[str, Json]) -> str:
    alike = share(number(one.get("similarity")))
    answer = shortened(scalar(one.get("answer")), LONGEST)
    return f"{scalar(one.get('file'))}:{scalar(one.get('line'))} ({alike} alike): {answer}"

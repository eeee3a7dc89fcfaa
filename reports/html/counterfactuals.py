"""The section on the same question about another group: flips under a swap less those under a control; likelihood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Json, Measure
from audit.reports.html import charts, rates
from audit.reports.html.arms import Arms
from audit.reports.html.blocks import Block, Bullets, Cell, Figure, Heading, Section, Table, Text
from audit.reports.html.charts import Item
from audit.reports.html.listed import (
    COUNT,
    PERCENT,
    Column,
    decimal,
    folded,
    inner,
    listed,
    number,
    objects,
    p_words,
    points,
    sentence,
    signed,
    table_of,
)
from audit.reports.html.masking import FEWEST, Withheld
from audit.reports.html.model_groups import open_sentences
from audit.reports.html.overview import verdict_cell
from audit.reports.html.tables import value_of
from audit.reports.html.words import NONE, between, count, ratio, scalar, share, tick, whole, with_interval

MOST_DIRECTIONS: Final = 24
SENSITIVITY, DIRECTION, GAP = "counterfactual.sensitivity", "counterfactual.direction", "counterfactual.likelihood_gap"


def counterfactuals(arms: Arms, hidden: Withheld) -> Section | None:
    """Every attribute that was swapped; None where none was."""
    names = (SENSITIVITY, DIRECTION, GAP)
    attributes = dict.fromkeys(m.attribute for name in names for m in arms.measures.named(name) if m.attribute)
    blocks: list[Block] = []
    for attribute in attributes:
        inside = [
            *_sensitivity(attribute, arms, hidden),
            *_direction(attribute, arms, hidden),
            *_gap(attribute, arms, hidden),
        ]
        blocks += [Heading(attribute), *inside] if inside else []
    if not blocks:
        return None
    start = Text(
        "Asked again with nothing changed but the words for the group (swap), and with an edit of the same size that "
        "should change nothing (control). Sensitivity is the share of prompts whose answer flips under the swap, less "
        "that under the control."
    )
    return Section("counterfactuals", "The same question about another group", (start, *blocks))


def _sensitivity(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    found = arms.of(SENSITIVITY, attribute)
    if not found:
        return
    head = (
        "Arm",
        "Prompts",
        "Flips under the swap",
        "Flips under the control",
        "Sensitivity, 95 % interval",
        "Verdict",
    )
    rows = tuple(_sensitive(measure) for measure in found)
    table = Table(f"{attribute}: flips when the group is swapped", head, rows, right=(1, 2, 3, 4))
    items = [
        Item(label=m.arm or NONE, value=value_of(m), text=share(value_of(m)), interval=m.interval)
        for m in found
        if value_of(m) is not None
    ]
    said = " ".join(dict.fromkeys(map(sentence, found)))
    if items:
        ends = [abs(end) for item in items for end in (item.value or 0.0, *rates.finite_ends(item))]
        reach = rates.round_up(max(ends))
        chart = charts.intervals(items, low=-reach, high=reach, words=tick, marks=[(0.0, "as the control")])
        yield Figure(f"{attribute}: sensitivity to the group", whole(said, 580), chart, table, open=True)
    else:
        yield Text(whole(said, 1100))
        yield table
    for caution in dict.fromkeys(scalar(table_of(m).get("caution")) for m in found if table_of(m).get("caution")):
        yield Text(caution, "unsure")
    yield from folded(f"{attribute}: by direction, and what could not be asked", _more(found, attribute, hidden))


def _sensitive(measure: Measure) -> tuple[Cell, ...]:
    told = table_of(measure)
    changed = inner(told, "probability_change")
    probability = f"mean change of probability {share(number(changed.get('swap')))}" if changed else ""
    lacking = number(told.get("without_control"))
    return (
        Cell(
            measure.arm or NONE,
            "answers are free text: a flip is any other text" if told.get("outcome") == "text" else "",
        ),
        Cell(count(number(told.get("prompts"))), f"{count(lacking)} without a control" if lacking else ""),
        Cell(share(number(told.get("swap_flips"))), probability),
        Cell(share(number(told.get("control_flips")))),
        Cell(with_interval(value_of(measure), measure.interval) if value_of(measure) is not None else "not estimable"),
        verdict_cell(scalar(told.get("verdict")) if told.get("verdict") else None),
    )


def _more(measures: Sequence[Measure], attribute: str, hidden: Withheld) -> Iterator[Block]:
    secret = hidden.secret(attribute)
    entries = [
        {"arm": m.arm, **one}
        for m in measures
        for one in objects(table_of(m).get("directions"))
        if not secret & {scalar(one.get("from")), scalar(one.get("to"))} and not _small(number(one.get("n")), hidden)
    ][:MOST_DIRECTIONS]
    columns = (
        Column("arm", "Arm"),
        Column("from", "From"),
        Column("to", "To"),
        Column("n", "Prompts", COUNT),
        Column("swap_flips", "Swap", PERCENT),
        Column("control_flips", "Control", PERCENT),
        Column("sensitivity", "Sensitivity", PERCENT, "interval"),
    )
    yield from listed("By direction", entries, columns, names=3)
    rows = []
    for measure in measures:
        told = table_of(measure)
        known = inner(told, "predictable")
        auc = number(known.get("auc"))
        rows.append(
            (
                Cell(measure.arm or NONE),
                Cell(count(number(told.get("unchanged")))),
                Cell(count(number(told.get("unanswered")))),
                Cell(
                    NONE if auc is None else f"AUC {ratio(auc)}", f"n {count(number(known.get('n')))}" if known else ""
                ),
            )
        )
    head = ("Arm", "Prompts without a change", "Not answered", "How well the group is told without its words")
    if rows:
        yield Table("What else is known", head, tuple(rows), right=(1, 2))


def _small(n: float | None, hidden: Withheld) -> bool:
    """Whether a figure rests on so few prompts that it would tell of them one by one."""
    return hidden.on and n is not None and 0 < n < FEWEST


def _direction(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """Whom the favourable answer follows when only the group changes."""
    secret = hidden.secret(attribute)
    asked = arms.of(DIRECTION, attribute)
    found = [
        m
        for m in asked
        if not secret & {m.group or "", scalar(table_of(m).get("reference"))}
        and not _small(number(table_of(m).get("prompts")), hidden)
    ]
    if len(found) < len(asked):
        yield Text(f"{attribute}: {len(asked) - len(found):,} directions are withheld; --no-mask shows them.", "quiet")
    found = [m for m in found if m.arm == arms.judged] or found
    rows = tuple(_directed(measure) for measure in found)
    if rows:
        head = ("Arm", "Group", "Prompts", "Favourable: group less reference", "Sign-flip test", "McNemar")
        yield Table(f"{attribute}: whom the favourable answer follows", head, rows, right=(2, 3))
        if said := open_sentences(list(map(sentence, found)), secret):
            yield Bullets(said[:6])


def _directed(measure: Measure) -> tuple[Cell, ...]:
    told = table_of(measure)
    paired: Mapping[str, Json] = inner(told, "mcnemar")
    return (
        Cell(measure.arm or NONE),
        Cell(measure.group or NONE, f"reference {scalar(told.get('reference'))}"),
        Cell(count(number(told.get("prompts")))),
        Cell(signed(value_of(measure)), between(measure.interval, points)),
        Cell(p_words(number(told.get("p"))), scalar(told.get("method")) if told.get("method") else ""),
        Cell(p_words(number(paired.get("p"))) if paired else NONE),
    )


def _gap(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """How much likelier the same answer is for one group than for another."""
    secret = hidden.secret(attribute)
    found = list(arms.of(GAP, attribute))
    entries = [{"arm": m.arm, "value": value_of(m), "interval": m.interval, **table_of(m)} for m in found]
    paired = [one for one in entries if one.get("kind") == "paired"]
    columns = (
        Column("arm", "Arm"),
        Column("prompts", "Prompts", COUNT),
        Column("swap", "Swap", decimal),
        Column("control", "Control", decimal),
        Column("gap", "Gap in nats for each token", decimal, "interval"),
    )
    yield from listed(f"{attribute}: how likely the row's own answer is when the group is swapped", paired, columns)
    groups = [
        {"arm": one.get("arm"), **group}
        for one in entries
        if one.get("kind") != "paired"
        for group in objects(one.get("groups"))
        if group.get("group") not in secret and not _small(number(group.get("n")), hidden)
    ]
    own = (
        Column("group", "Group"),
        Column("arm", "Arm"),
        Column("n", "Answers", COUNT),
        Column("perplexity", "Perplexity", COUNT),
    )
    yield from listed(f"{attribute}: perplexity of the rows' own answers", groups, own, names=2)
    if said := open_sentences(list(map(sentence, found)), secret):
        yield Bullets(said[:6])

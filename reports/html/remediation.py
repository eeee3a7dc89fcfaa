"""The section on what was done to the data: rows in and out of every remedy, by rule, weights and what they changed.

A rate that a remedy fixed says nothing about a model: such figures are marked as by construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Json
from audit.model.dossier import Remedy, Training
from audit.remedy.ledger import Action
from audit.reports.html import charts
from audit.reports.html.blocks import Block, Cell, Figure, Heading, Section, Table, Text
from audit.reports.html.listed import COUNT, PERCENT, Column, folded, inner, listed, number, objects
from audit.reports.html.masking import FEW, few
from audit.reports.html.words import NONE, count, ratio, scalar, share
from audit.reports.summary import plural
from audit.reports.view import View

MOST_WEIGHTS: Final = 16
MOST_CODES: Final = 15

TITLES: Final[Mapping[str, str]] = {
    "fix": "Faults were mended",
    "balance": "Rows were balanced",
    "split": "Rows were split",
    "review": "People decided",
}
ACTIONS: Final[Mapping[Action, str]] = {
    "edited": "edited",
    "dropped": "dropped",
    "quarantined": "quarantined",
    "copied": "copied",
    "added": "made up",
}
BY_CONSTRUCTION: Final = "by construction"


def remediation(remedies: Sequence[Remedy], trainings: Sequence[Training], view: View) -> Section | None:
    """Every remedy in the order in which they were named; None where nothing was done."""
    if not remedies:
        return None
    blocks: list[Block] = [
        Text("Each line accounts for all rows that went in: untouched + edited + dropped + quarantined."),
        _account(remedies),
    ]
    for remedy in remedies:
        blocks += _remedy(remedy, trainings, view)
    return Section("remediation", "Remediation, before and after", tuple(blocks))


def _account(remedies: Sequence[Remedy]) -> Table:
    head = (
        "What was done",
        "Rows in",
        "Untouched",
        "Edited",
        "Dropped",
        "Quarantined",
        "Copied",
        "Made up",
        "Rows out",
    )
    rows = tuple(
        (
            Cell(TITLES.get(one.command, one.command), f"{one.source} to {one.output}" if one.source else ""),
            *(
                Cell(count(value))
                for value in (
                    one.rows_in,
                    one.untouched,
                    one.edited,
                    one.dropped,
                    one.quarantined,
                    one.copied,
                    one.added,
                    one.rows_out,
                )
            ),
        )
        for one in remedies
    )
    return Table("Rows in and out", head, rows, right=tuple(range(1, len(head))))


def _remedy(remedy: Remedy, trainings: Sequence[Training], view: View) -> Iterator[Block]:
    inside = [
        *_by_code(remedy, view),
        *_weights(remedy, view),
        *_association(remedy, trainings),
        *_effect(remedy, view),
    ]
    if inside:
        yield Heading(f"{TITLES.get(remedy.command, remedy.command)}: {remedy.source or 'the data'}")
        yield from inside


def _by_code(remedy: Remedy, view: View) -> Iterator[Block]:
    """How many rows each rule had what done to; a balance is no rule."""
    rules = {code: actions for code, actions in remedy.by_code.items() if code != remedy.command}
    if not rules:
        return
    done = [name for name in ACTIONS if any(actions.get(name) for actions in rules.values())]
    rows = tuple(
        (Cell(code, view.note(code).name), *(Cell(count(actions.get(name, 0))) for name in done))
        for code, actions in list(rules.items())[:MOST_CODES]
    )
    head = ("On the word of", *(ACTIONS[name] for name in done))
    if len(rules) > MOST_CODES:
        yield Text(f"{len(rules) - MOST_CODES:,} more rules stand in the ledger.", "quiet")
    yield Table("Rows by rule (a row may count for several)", head, rows, right=tuple(range(1, len(head))))


def _weights(remedy: Remedy, view: View) -> Iterator[Block]:
    if not remedy.weights or remedy.ess is None:
        return
    rows = sum(n for _, n in remedy.weights)
    by = remedy.settings.get("by")
    names = f" by {', '.join(map(scalar, by))}" if isinstance(by, list | tuple) and by else ""
    secret = {weight for weight, n in remedy.weights if view.mask and few(n)}
    told = [
        (
            Cell(ratio(weight)),
            Cell(FEW if weight in secret else count(n)),
            Cell(NONE if weight in secret else count(weight * n)),
        )
        for weight, n in remedy.weights[:MOST_WEIGHTS]
    ]
    table = Table("Rows by weight", ("Weight", "Rows", "Count as"), tuple(told), right=(0, 1, 2))
    sentence = (
        f"{plural(rows, 'row')} were weighted{names}: they are worth {count(round(remedy.ess))} rows of equal weight "
        f"(Kish's effective sample size, {share(remedy.ess / rows)}), which is the price in variance."
    )
    shown = [(weight, n) for weight, n in remedy.weights if weight not in secret]
    items = [charts.Item(label=f"weight {ratio(weight)}", value=float(n), text=count(n)) for weight, n in shown]
    if 1 < len(items) <= MOST_WEIGHTS:
        yield Figure("How many rows have which weight", sentence, charts.hbar(items), table)
    else:
        yield Text(sentence)
        yield from folded("Rows by weight", (table,))


def _association(remedy: Remedy, trainings: Sequence[Training]) -> Iterator[Block]:
    """What label and groups have to do with each other in the weighted rows, as the runs that read them counted."""
    read = [one for one in trainings if one.weighted and remedy.output in one.inputs]
    if not read:
        return
    rows = tuple(
        (Cell(name), Cell(ratio(one.rows)), Cell(ratio(one.weighed)), _shows(name, remedy))
        for name, one in read[0].association.items()
        if one.rows is not None
    )
    if rows:
        head = ("Attribute", "Rows as they are", "As they are weighed", "What it shows")
        caption = "How far the label goes with each attribute (Cramér's V: 0 not at all, 1 wholly)"
        yield Table(caption, head, rows, right=(1, 2))
        yield Text(
            "The weights fix the figures by construction: these show that the weights do what they should, and are no "
            "evidence about a model. Those of an attribute that was not balanced are what the weights left.",
            "quiet",
        )


def _shows(attribute: str, remedy: Remedy) -> Cell:
    """Whether the weights set a figure: only that of an attribute that the rows were balanced by."""
    by = remedy.settings.get("by")
    fixed = attribute in by if isinstance(by, list | tuple) else True
    return Cell(BY_CONSTRUCTION, tone="quiet") if fixed else Cell("what the weights left: not balanced by it")


def _effect(remedy: Remedy, view: View) -> Iterator[Block]:
    """What the ledger says of the data as a whole: labels and groups before and after."""
    effect = remedy.effect if isinstance(remedy.effect, dict) else {}
    yield from _labels(objects(effect.get("labels")))
    for attribute in objects(effect.get("groups")):
        groups = [_masked(one, view) for one in objects(attribute.get("groups"))]
        yield from listed(
            f"{scalar(attribute.get('attribute'))}: rows removed by group",
            groups,
            (
                Column("group", "Group"),
                Column("before", "Before", COUNT),
                Column("after", "After", COUNT),
                Column("removal_rate", "Share removed, 95 % interval", PERCENT, "interval"),
                Column("verdict", "Verdict"),
            ),
        )
    tokens = inner(effect, "tokens", "total")
    if tokens:
        yield Text(f"Tokens: {count(number(tokens.get('before')))} before, {count(number(tokens.get('after')))} after.")


def _masked(group: Mapping[str, Json], view: View) -> Mapping[str, Json]:
    """A group without its figures where few rows are in it, or few were removed or kept."""
    counts = [number(group.get(name)) for name in ("before", "after", "removed")]
    secret = view.mask and any(n is not None and few(int(n)) for n in counts)
    return {"group": f"{scalar(group.get('group'))} ({FEW}, withheld)"} if secret else group


def _labels(labels: Sequence[Mapping[str, Json]]) -> Iterator[Block]:
    rows = [{**one, **inner(one, "rows")} for one in labels]
    yield from listed(
        "Labels before and after",
        rows,
        (
            Column("label", "Label"),
            Column("before", "Rows before", COUNT),
            Column("after", "Rows after", COUNT),
            Column("share_before", "Share before", PERCENT),
            Column("share_after", "Share after", PERCENT),
        ),
    )

"""The section on what differs between the arms: what a change can be laid to, and how each figure moved. Every sentence
is that of a measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Json, Measure
from audit.reports.html import charts, rates
from audit.reports.html.arms import Arms
from audit.reports.html.blocks import Block, Bullets, Cell, Figure, Heading, Section, Table, Text
from audit.reports.html.charts import Item
from audit.reports.html.listed import folded, number, objects, outcome, points, signed, span, table_of, texts
from audit.reports.html.masking import Withheld
from audit.reports.html.model_groups import open_sentences
from audit.reports.html.words import NONE, between, ratio, scalar, share, tick

MOST_ROWS: Final = 60
MOST_SENTENCES: Final = 8
MOST_SEEDS: Final = 10
MOST_ELSEWHERE: Final = 3
"""Sentences on what is not remediation; the table has every figure."""

KINDS: Final[Mapping[str, str]] = {
    "remediation": "What remediation changed",
    "fine_tuning": "What fine-tuning changed",
    "threshold": "What moving the threshold alone would change",
}
SCOPES: Final[Mapping[str, str]] = {
    "seeds": "over seeds: of the method",
    "these models": "of these models only",
}
TURNED: Final = ("better", "worse", "reversed", "undecided", "unchanged", "changed", "not estimable", "values only")
"""The order in which sentences are told."""


def arms_change(arms: Arms, hidden: Withheld) -> Section | None:
    """The attribution and every comparison; None where there is neither."""
    attribution = arms.measures.first("arms.attribution")
    changes = [one for one in arms.measures.named("arms.change") if not _secret(one, hidden)]
    if attribution is None and not changes:
        return None
    blocks: list[Block] = [*_attribution(attribution)]
    found = [(measure, told) for measure in changes for told in objects(table_of(measure).get("comparisons"))]
    blocks += _lacking(arms, hidden)
    for kind, title in KINDS.items():
        some = [(measure, told) for measure, told in found if told.get("kind") == kind]
        if some:
            blocks += [Heading(f"{title}: {scalar(some[0][1].get('against'))} to {scalar(some[0][1].get('arm'))}")]
            blocks += _told(some, hidden)
    return Section("arms", "What changed between the arms", tuple(blocks))


def _secret(measure: Measure, hidden: Withheld) -> bool:
    """Whether a change could tell a figure that is withheld: of two groups, any difference tells one by the other."""
    if measure.attribute is None:
        return False
    secret = hidden.secret(measure.attribute)
    return measure.group in secret if measure.group is not None else bool(secret)


def _lacking(arms: Arms, hidden: Withheld) -> Iterator[Text]:
    """The attributes of which changes are withheld: a figure that is not there must not look like one that is zero."""
    lost = dict.fromkeys(m.attribute for m in arms.measures.named("arms.change") if m.attribute and _secret(m, hidden))
    if lost:
        names = ", ".join(lost)
        yield Text(f"Of {names} changes are withheld: they would tell a small count. --no-mask shows them.", "quiet")


def _attribution(measure: Measure | None) -> Iterator[Block]:
    if measure is None:
        return
    told = table_of(measure)
    attributable = told.get("attributable") is True
    said = scalar(told.get("sentence") or told.get("reason") or measure.value)
    yield Text(said, "good" if attributable else "unsure")
    rows = tuple(
        (
            Cell(scalar(one.get("cause"))),
            Cell(", ".join(texts(one.get("keys")))),
            Cell(_short(one.get("from"))),
            Cell(_short(one.get("to"))),
        )
        for one in objects(told.get("differs"))
    )
    if rows:
        head = ("What differs", "In the records", scalar(told.get("compared")), scalar(told.get("judged")))
        yield Table("What the records of the runs say differs between the arms", head, rows[:MOST_ROWS])


def _short(value: Json) -> str:
    text = scalar(value)
    return f"{text[:12]}…" if len(text) >= 40 and " " not in text else text


def _told(found: Sequence[tuple[Measure, Mapping[str, Json]]], hidden: Withheld) -> Iterator[Block]:
    """One comparison: the figure of the gaps, the table of all figures, the sentences, the seeds."""
    first = found[0][1].get("kind") == "remediation"
    # Of what is not remediation the figures of single groups stand in the result alone.
    found = [one for one in found if first or one[0].group is None] or list(found)
    table = Table(
        "How each figure moved",
        ("Figure", "From", "To", "Change, 95 % interval", "Speaks", "Outcome"),
        tuple(_change(measure, told) for measure, told in found[:MOST_ROWS]),
        right=(1, 2, 3),
    )
    secret = {name for measure, _ in found for name in hidden.secret(measure.attribute)}
    ordered = sorted(found, key=lambda one: _place(one[1].get("outcome")))
    said = open_sentences([scalar(told.get("sentence")) for _, told in ordered if told.get("sentence")], secret)
    if said:
        yield Bullets(said[: MOST_SENTENCES if first else MOST_ELSEWHERE])
    items = [_item(measure, told) for measure, told in found if _drawn(measure)]
    if items and any(item.value is not None for item in items):
        reach = rates.round_up(max(abs(end) for item in items for end in (item.value or 0.0, *rates.finite_ends(item))))
        chart = charts.intervals(items, low=-reach, high=reach, words=tick, marks=[(0.0, "no change")])
        title = "How the gaps moved, in percentage points"
        sentence = "The change of each difference between groups; left of the line it became smaller."
        yield Figure(title, sentence, chart, table, open=True)
    else:
        yield table
    if first:
        yield from folded("Every pair of seeds", _seeds([one for one in found if one[0].group is None]))


def _drawn(measure: Measure) -> bool:
    return table_of(measure).get("metric") in ("demographic_parity_difference", "equalised_odds_difference")


def _item(measure: Measure, told: Mapping[str, Json]) -> Item:
    change = number(told.get("change"))
    word = {"demographic_parity_difference": "parity", "equalised_odds_difference": "odds"}
    label = f"{measure.attribute}, {word.get(scalar(table_of(measure).get('metric')), '')}"
    return Item(label=label, value=change, text=signed(change), interval=span(told.get("interval")))


def _place(value: Json) -> int:
    return TURNED.index(value) if isinstance(value, str) and value in TURNED else len(TURNED)


def _title(measure: Measure) -> str:
    told = table_of(measure)
    name = scalar(told.get("title") or told.get("metric") or measure.name)
    of = ", ".join(part for part in (measure.attribute, measure.group) if part)
    return f"{name} ({of})" if of else name


def _change(measure: Measure, told: Mapping[str, Json]) -> tuple[Cell, ...]:
    in_ratio = scalar(table_of(measure).get("metric")).endswith("ratio")
    plain, moved, bare = (ratio, _more, _more) if in_ratio else (share, signed, points)
    relative = number(told.get("share"))
    parts = between(span(told.get("interval")), bare)
    means, change = number(told.get("from")), number(told.get("change"))
    # The mean of the seeds' shares may go the other way than the means: then only the change of these is told.
    agree = relative is not None and change is not None and means is not None and (relative * change * means) > 0
    percent = f"{_by(relative)} (mean of the seeds)" if agree and relative is not None else ""
    bound = number(told.get("share_bound")) if agree else None
    bounded = "" if bound is None else f"; one-sided 95 % bound: {_by(bound)}"
    return (
        Cell(_title(measure)),
        Cell(plain(number(told.get("from")))),
        Cell(plain(number(told.get("to"))), f"{percent}{bounded}"),
        Cell(moved(change), parts),
        Cell(SCOPES.get(scalar(told.get("scope")), NONE), _pairs(told)),
        outcome(told.get("outcome"), scalar(told.get("reason")) if told.get("reason") else ""),
    )


def _by(relative: float) -> str:
    return f"{'rose' if relative > 0 else 'fell'} by {share(abs(relative))}"


def _more(value: float | None) -> str:
    return NONE if value is None else f"{'+' if value > 0 else ''}{ratio(value)}"


def _pairs(told: Mapping[str, Json]) -> str:
    pairs = number(told.get("pairs"))
    return "" if pairs is None else f"{pairs:g} pair{'' if pairs == 1 else 's'} of seeds"


def _seeds(found: Sequence[tuple[Measure, Mapping[str, Json]]]) -> Iterator[Block]:
    """The change of every pair of seeds, for the figures that have several."""
    several = [(measure, objects(told.get("seeds"))) for measure, told in found if len(objects(told.get("seeds"))) > 1]
    numbers = list(dict.fromkeys(scalar(one.get("seed")) for _, seeds in several for one in seeds))[:MOST_SEEDS]
    rows = [
        (Cell(_title(measure)), *(Cell(_more(by.get(name))) for name in numbers))
        for measure, seeds in several
        for by in [{scalar(one.get("seed")): number(one.get("change")) for one in seeds}]
    ]
    if rows:
        head = ("Change of", *(f"seed {name}" for name in numbers))
        yield Table("Pairs of seeds", head, tuple(rows[:MOST_ROWS]), right=tuple(range(1, len(head))))

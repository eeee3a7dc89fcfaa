"""What else is known of groups in the outputs: who was moved, calibration, other rates, strata, what could be seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from audit.model import Json
from audit.reports.disparity import is_derived
from audit.reports.html import rates
from audit.reports.html.arms import Arms
from audit.reports.html.blocks import Block, Bullets, Cell, Table, Text
from audit.reports.html.listed import (
    COUNT,
    PERCENT,
    RATIO,
    Column,
    decimal,
    inner,
    listed,
    number,
    objects,
    outcome,
    points,
    sentence,
    signed,
    span,
    table_of,
)
from audit.reports.html.masking import FEWEST, Withheld, masked, names_any
from audit.reports.html.tables import group_table, value_of
from audit.reports.html.words import NONE, between, count, ratio, scalar, share
from audit.statistics.power import detectable_ratio

OTHER_RATES: Final[Mapping[str, str]] = {
    "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate",
    "accuracy": "accuracy",
    "outputs.rate.refusal": "refused",
    "outputs.rate.toxicity": "toxic",
    "outputs.rate.truncation": "cut off",
    "outputs.rate.missing": "missing",
}
"""Rates that stand side by side in one table."""


def open_sentences(found: Iterable[str], secret: Collection[str]) -> tuple[str, ...]:
    """The sentences that name no group that is withheld, each once."""
    return tuple(dict.fromkeys(one for one in found if one and not names_any(one, secret)))


def moves(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """Who got the favourable decision by remediation, and who lost it."""
    secret = hidden.secret(attribute)
    entries = [(m, table_of(m)) for m in arms.of("arms.moves", attribute) if m.group not in secret]
    rows = tuple(
        (
            Cell(measure.group or NONE),
            Cell(count(number(told.get("n")))),
            _moved(told, "up", on=hidden.on),
            _moved(told, "down", on=hidden.on),
            _truly(told),
        )
        for measure, told in entries
    )
    if rows:
        one = entries[0][1]
        caption = f"{attribute}: who is moved each way, {scalar(one.get('against'))} to {scalar(one.get('arm'))}"
        head = ("Group", "Questions", "To favourable", "To unfavourable", "Of these, by the true label")
        yield Table(caption + " (mean of the seeds)", head, rows, right=(1, 2, 3))
        told = [sentence(measure) for measure, told in entries if not (hidden.on and _few_moved(told))]
        if said := open_sentences(told, secret):
            yield Bullets(said[:6])


def _few_moved(told: Mapping[str, Json]) -> bool:
    """Whether few were moved either way, in all or of one true label: the sentence would tell how many."""
    counts = (told, inner(told, "of_positives"), inner(told, "of_negatives"))
    return any(0 < n < FEWEST for one in counts for way in ("up", "down") if (n := number(one.get(way))) is not None)


def _moved(told: Mapping[str, Json], way: str, *, on: bool) -> Cell:
    number_of = number(told.get(way))
    if number_of is not None and on and 0 < number_of < FEWEST:
        return Cell(f"<{FEWEST}")
    return Cell(count(number_of), share(number(told.get(f"{way}_share"))))


def _truly(told: Mapping[str, Json]) -> Cell:
    parts = []
    for key, words in (("of_positives", "truly favourable"), ("of_negatives", "truly unfavourable")):
        some = inner(told, key)
        up, down = number(some.get("up")), number(some.get("down"))
        if up is not None and down is not None and min(up, down) >= FEWEST:
            parts.append(f"{words}: {count(up)} up, {count(down)} down")
    return Cell("; ".join(parts) or NONE)


def calibration(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """Mean probability of the favourable label beside its base rate, and calibration by group."""
    secret = hidden.secret(attribute)
    entries = [
        {"arm": measure.arm, **group}
        for measure in arms.of("mean_probability", attribute)
        for group in objects(table_of(measure).get("groups"))
        if group.get("group") not in secret
    ]
    columns = (
        Column("group", "Group"),
        Column("arm", "Arm"),
        Column("mean", "Mean probability, 95 % interval", PERCENT, "interval"),
        Column("base_rate", "Base rate of the labels", PERCENT),
        Column("difference", "Probability less base rate", signed, "difference_interval"),
    )
    yield from listed(
        f"{attribute}: how probable the favourable label is to the model", _by_group(entries), columns, names=2
    )
    entries = [
        {"arm": measure.arm, **group, **_flat(group)}
        for measure in arms.of("calibration", attribute)
        for group in objects(table_of(measure).get("groups"))
        if group.get("group") not in secret
    ]
    calibrated = (
        Column("group", "Group"),
        Column("arm", "Arm"),
        Column("questions", "Questions", COUNT),
        Column("in_the_large", "Calibration in the large", signed, "interval"),
        Column("slope_value", "Slope", RATIO, "slope_interval"),
        Column("brier", "Brier score", RATIO, "brier_interval"),
        Column("ece", "ECE", RATIO),
        Column("ece_null", "ECE by chance, 95 %", RATIO),
    )
    yield from listed(
        f"{attribute}: calibration by group (0 and slope 1 are right)", _by_group(entries), calibrated, names=2
    )
    found = [*arms.of("mean_probability", attribute), *arms.of("calibration", attribute)]
    if said := open_sentences(list(map(sentence, found)), secret):
        yield Bullets(said[:8])


def _by_group(entries: Sequence[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    """Entries of one group together, their arms as they come."""
    names = list(dict.fromkeys(scalar(one.get("group")) for one in entries))
    return sorted(entries, key=lambda one: names.index(scalar(one.get("group"))))


def _flat(group: Mapping[str, Json]) -> Mapping[str, Json]:
    slope, binned = inner(group, "slope"), inner(group, "binned")
    return {
        "slope_value": slope.get("value"),
        "slope_interval": [slope.get("low"), slope.get("high")] if slope else None,
        "ece": binned.get("value"),
        "ece_null": binned.get("null_95"),
    }


def rated_elsewhere(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """Other rates by group and arm, side by side, and amplification."""
    found = [
        (f"{words}, {measure.arm}", measure)
        for name, words in OTHER_RATES.items()
        for measure in arms.of(name, attribute)
        if not rates.rare(measure) and not is_derived(measure.arm or "")
    ]
    if found:
        names, measures = zip(*found, strict=True)
        yield rates.side_by_side(f"{attribute}: other rates by group", "Rate", names, measures, hidden)
        secret = hidden.secret(attribute)
        said = open_sentences([sentence(m) for _, m in found if m.arm == arms.judged], secret)
        if said:
            yield Bullets(said[:8])
    yield from _lengths(attribute, arms, hidden)
    yield from _amplified(attribute, arms, hidden)


def _lengths(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    secret = hidden.secret(attribute)
    entries = [
        {"arm": measure.arm, **group}
        for measure in arms.of("outputs.length", attribute)
        for group in objects(table_of(measure).get("groups"))
        if group.get("group") not in secret
    ]
    columns = (
        Column("group", "Group"),
        Column("arm", "Arm"),
        Column("n", "Outputs", COUNT),
        Column("mean", "Characters", COUNT),
        Column("other_mean", "Of the others", COUNT),
        Column("difference", "Difference", COUNT, "interval"),
    )
    yield from listed(f"{attribute}: how long the outputs are", _by_group(entries), columns, names=2)


def _amplified(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """The gap of the decisions less the gap of the labels, on the same rows."""
    secret = hidden.secret(attribute)
    found = [one for one in arms.of("amplification.predictions", attribute) if one.group not in secret]
    rows = []
    for measure in found:
        told = table_of(measure)
        grown = inner(told, "amplification", "decision")
        rows.append(
            (
                Cell(measure.group or NONE, f"against {scalar(told.get('against'))}"),
                Cell(measure.arm or NONE),
                _gap(inner(told, "label")),
                _gap(inner(told, "decision")),
                Cell(signed(value_of(measure)), between(span(grown.get("interval")) or measure.interval, points)),
                outcome(told.get("direction"), scalar(told.get("scope")) if told.get("scope") else ""),
            )
        )
    data = [one for one in arms.measures.of(attribute, "amplification.data") if one.group not in secret]
    if rows:
        head = ("Group", "Arm", "Gap of the labels", "Gap of the decisions", "Amplification", "Outcome")
        yield Table(
            f"{attribute}: do the outputs repeat, or amplify, what the labels hold?", head, tuple(rows), right=(2, 3, 4)
        )
    if said := open_sentences(list(map(sentence, (*found, *data))), secret):
        yield Bullets(said[:8])


def _gap(told: Mapping[str, Json]) -> Cell:
    odds = number(told.get("log_odds"))
    return Cell(signed(number(told.get("difference"))), "" if odds is None else f"log odds {decimal(odds)}")


def strata(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Block]:
    """Rates within strata of another attribute, pooled by Mantel and Haenszel; not where a group is withheld."""
    for name, words in OTHER_RATES.items():
        yield from _within(f"{name}.within", words, attribute, arms, hidden)
    yield from _within("selection_rate.within", "selection rate", attribute, arms, hidden)


def _within(name: str, words: str, attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Table]:
    found = [m for m in arms.measures.named(name) if (m.attribute or "").split(" by ")[0] == attribute]
    entries = [
        {"arm": m.arm, "group": m.group, "value": value_of(m), "interval": m.interval, **_words(table_of(m))}
        for m in found
        if m.group not in hidden.secret(attribute)
    ]
    columns = (
        Column("group", "Group"),
        Column("arm", "Arm"),
        Column("by", "Within"),
        Column("value", "Odds ratio to the others", RATIO, "interval"),
        Column("change", "What the gap does there"),
    )
    yield from listed(f"{attribute}: {words} within strata", _by_group(entries), columns, names=3)


def _words(told: Mapping[str, Json]) -> Mapping[str, Json]:
    return {key: told.get(key) for key in ("by", "change")}


def resolution(attribute: str, arms: Arms, hidden: Withheld) -> Iterator[Text]:
    """The smallest disparity that a test of these sizes would have seen, from the rate and the rows at hand."""
    measure = arms.by_arm("selection_rate", attribute).get(arms.judged)
    found = group_table(measure) if measure is not None else None
    overall = value_of(measure) if measure is not None else None
    if found is None or overall is None:
        return
    table = masked(found, hidden, attribute)
    worth = {
        one.group: one.effective_n for one in table.groups if one.effective_n and one.compared and not one.withheld
    }
    said = []
    for name, n in sorted(worth.items()):
        least = detectable_ratio(float(overall), n, sum(worth.values()) - n)
        said.append(f"{name} {'none at all' if least is None else ratio(least)}")
    if len(said) > 1 and len(said) <= 12:
        yield Text(
            f"The smallest disparity that this audit could see in {attribute}: with these rows a group's rate has to "
            f"be that of the others times the following or less, to be seen four times in five: {', '.join(said)}.",
            "quiet",
        )

"""Figures and labels as the clauses of a gate print them. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from audit.model import Clause, Measure

BY_CONSTRUCTION: Final = "By construction: says nothing about the model."


def percent(share: float) -> str:
    """A share of 1 as a percentage with two decimals, fewer where they say nothing."""
    written = f"{100 * share:.2f}".rstrip("0").rstrip(".")
    return f"{written} %" if written != "0" or share == 0 else "<0.01 %"


def number(value: float) -> str:
    """A count with commas, anything else with four significant digits."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"


def plural(count: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def labelled(clause: Clause, measures: Iterable[Measure]) -> Clause:
    """The clause, labelled where a figure that it rests on is so by construction: copies, made-up rows or weights made
    it so, and a verdict on it is one on the file. The verdict stands, and the sentence says how many such rows there
    are."""
    by_construction = [measure for measure in measures if measure.by_construction]
    if not by_construction:
        return clause
    said = marked_rows(by_construction)
    if clause.verdict == "NOT_ASSESSED":
        return replace(clause, sentence=" ".join([clause.sentence, *said]))
    label = [] if BY_CONSTRUCTION in clause.sentence else [BY_CONSTRUCTION]
    sentence = " ".join([clause.sentence, *label, *said])
    return replace(clause, actual=f"by construction {clause.actual}", sentence=sentence)


def marked_rows(measures: Iterable[Measure]) -> list[str]:
    """How many rows are copies, made up or have a weight, one sentence each, as far as measures say it."""
    return list(dict.fromkeys(f"{note[:1].upper()}{note[1:]}." for measure in measures for note in _marked(measure)))


def _marked(measure: Measure) -> Iterator[str]:
    """The notes behind the label in the table of a measure."""
    notes = measure.table.get("notes") if isinstance(measure.table, dict) else None
    label = BY_CONSTRUCTION[:1].lower() + BY_CONSTRUCTION[1:-1]
    if isinstance(notes, list) and label in notes:
        yield from notes[notes.index(label) + 1 :]

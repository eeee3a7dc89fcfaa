"""Figures and labels as the clauses of a gate print them. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable
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
    it so, and a verdict on it is one on the file. The verdict stands."""
    if not any(measure.by_construction for measure in measures) or clause.verdict == "NOT_ASSESSED":
        return clause
    sentence = clause.sentence if BY_CONSTRUCTION in clause.sentence else f"{clause.sentence} {BY_CONSTRUCTION}"
    return replace(clause, actual=f"by construction {clause.actual}", sentence=sentence)

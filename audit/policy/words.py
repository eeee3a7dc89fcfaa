"""Figures as the clauses of a gate print them."""

from __future__ import annotations


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

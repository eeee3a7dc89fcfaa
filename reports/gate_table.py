"""A gate's decision in words: the cells of its table of clauses, and its waivers. Lays nothing out."""

from __future__ import annotations

from typing import Final

from audit.model import Clause, Gate
from audit.reports import summary

HEAD: Final = ("clause", "limit", "actual", "interval", "n", "verdict")


def row(clause: Clause) -> tuple[str, str, str, str, str, str]:
    """The cells of a clause, as in ``HEAD``; those from data and policy files are not yet made visible."""
    n = f"{clause.n:,}" if clause.n else "-"
    return clause.name, clause.limit, clause.actual, interval(clause), n, clause.verdict


def interval(clause: Clause) -> str:
    """The interval in the unit of what was found, ``-`` for none."""
    if clause.interval is None:
        return "-"
    low, high = clause.interval
    if clause.actual.endswith("%"):
        return f"{summary.percent(low)} to {summary.percent(high)}"
    return f"{low:.3f} to {high:.3f}"


def waivers(gate: Gate) -> list[str]:
    """What was set aside, why, on whose word and until when."""
    return [
        f"{waiver.what}: {waiver.reason} ({waiver.owner}, until {waiver.expires})"
        + ("; EXPIRED, does not count" if waiver.expired else "")
        for waiver in gate.waivers
    ]


def needed(clause: Clause) -> str:
    """How many rows would decide an undecided clause, or that more of them are not what is missing; "" otherwise."""
    if clause.verdict != "INCONCLUSIVE" or clause.required_n is None:
        return ""
    if clause.n >= clause.required_n:
        return "there are rows enough to show parity: the figure lies too near its limit"
    return f"{clause.required_n:,} rows of the smallest group would show parity with probability 0.8"

"""What two texts share as sequences of units: the longest run of both, and how much of one is covered by short runs.

Says nothing about how much is too much.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Final, NamedTuple

FINE: Final = 3
"""Units of the runs by which an edited copy is told."""
MOST_PLACES: Final = 8
"""Places of a run that comes again and again that are followed."""


class Run(NamedTuple):
    """A run of units in both of two texts: where it begins in each, and its length. Length 0 for none."""

    first: int = 0
    second: int = 0
    length: int = 0


class Known(NamedTuple):
    """A text that others are compared with: its units, its runs of three, and which units count."""

    units: Sequence[bytes]
    fine: Sequence[bytes]
    own: Sequence[bool]


class Searched:
    """A text that is searched for runs of others."""

    def __init__(self, units: Sequence[bytes]) -> None:
        self.units = units
        self.places: dict[bytes, list[int]] = {}
        for at, run in enumerate(runs(units, FINE)):
            if len(places := self.places.setdefault(run, [])) < MOST_PLACES:
                places.append(at)

    def longest_run(self, known: Known) -> Run:
        """The longest run of at least three units that a text shares with this one; of several the first."""
        best = Run()
        ending: dict[int, int] = {}
        for at, run in enumerate(known.fine):
            ending = {place: ending.get(place - 1, FINE - 1) + 1 for place in self.places.get(run, ())}
            for place, length in ending.items():
                if length > best.length:
                    best = Run(at - length + FINE, place - length + FINE, length)
        return best

    def around(self, run: Run, margin: int) -> set[bytes]:
        """The runs of three units from so many units before a run to so many behind it."""
        return set(runs(self.units[max(0, run.second - margin) : run.second + run.length + margin], FINE))


def known_text(units: Sequence[bytes], common: Container[bytes], size: int) -> Known:
    """A text of which the units in common runs of ``size`` units do not count."""
    own = [True] * len(units)
    for at, run in enumerate(runs(units, size)):
        if run in common:
            own[at : at + size] = [False] * size
    return Known(units, list(runs(units, FINE)), own)


def covered(known: Known, fine: Container[bytes]) -> float:
    """The share of the units that count that lie in one of the given runs of three; 0 where none counts."""
    inside = [False] * len(known.units)
    for at, run in enumerate(known.fine):
        if run in fine:
            inside[at : at + FINE] = [True] * FINE
    total = sum(known.own)
    return sum(i and o for i, o in zip(inside, known.own, strict=True)) / total if total else 0.0


def runs(units: Sequence[bytes], size: int) -> Iterable[bytes]:
    """All runs of ``size`` consecutive units, in order, their units joined by a space."""
    return map(b" ".join, zip(*(units[start:] for start in range(size)), strict=False))

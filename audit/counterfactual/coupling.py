"""Values that occur with one group and never with another, such as a husband with women, and what takes their place.

Read from the fields of many rows. Knows no language and swaps nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from audit.attributes.levels import level_key

LEAST_EXPECTED: Final = 20.0
"""Rows of a value that the other group would have if the value had nothing to do with it: with 20 expected, none or one
is there by chance in fewer than one of ten million cases (Poisson)."""
ALMOST: Final = 0.05
"""The share of those expected rows up to which a value (almost) never occurs with a group."""


class Couplings:
    """How often every value of every field occurs with every group."""

    def __init__(self, rows: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """``rows`` are the group of a row and the fields that it states."""
        self._groups: Counter[str] = Counter()
        self._values: dict[str, dict[str, Counter[str]]] = {}
        self._spellings: dict[tuple[str, str], Counter[str]] = {}
        for group, fields in rows:
            self._groups[group] += 1
            for field, value in fields.items():
                key = level_key(value)
                self._values.setdefault(field, {}).setdefault(key, Counter())[group] += 1
                self._spellings.setdefault((field, key), Counter())[value] += 1
        self._total = self._groups.total()

    def is_strange(self, field: str, value: str, group: str) -> bool:
        """Whether a value (almost) never occurs with a group, though chance would have it there."""
        return self._never(field, level_key(value), group)

    def partner(self, field: str, value: str, group: str, target: str) -> str | None:
        """The only value of the field that is as strange to ``group`` as this one is to ``target``, as it is mostly
        spelt; None where there is none, or several, or this is not the only one of its kind."""
        others = [key for key in self._values.get(field, {}) if self._never(field, key, group)]
        ours = [key for key in self._values.get(field, {}) if self._never(field, key, target)]
        theirs = [key for key in others if key not in ours]
        ours = [key for key in ours if key not in others]
        if ours != [level_key(value)] or len(theirs) != 1:
            return None
        spellings = self._spellings[field, theirs[0]]
        return min(spellings, key=lambda one: (-spellings[one], one))

    def _never(self, field: str, key: str, group: str) -> bool:
        counts = self._values.get(field, {}).get(key)
        if counts is None:
            return False
        expected = counts.total() * self._groups[group] / self._total
        return expected >= LEAST_EXPECTED and counts[group] <= ALMOST * expected

"""Numbers moved by one step of the data: 57 years to 58. An edit on which no answer should hang. Reads no text."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

LARGEST: Final = 0.05
"""The largest step, as a share of the number: a year of age from 20 on, an hour of a full week; no year of school."""
MOSTLY: Final = 0.9
"""The share of a field's values that must be numbers."""
LEAST_VALUES: Final = 10
"""Different numbers below which they are rather names of classes."""
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


class Steps:
    """The numbers that occur in every field of numbers, and which of them lie side by side."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        counts: dict[str, Counter[str]] = {}
        for fields in rows:
            for field, value in fields.items():
                counts.setdefault(field, Counter())[value] += 1
        self._values = {field: found for field, seen in counts.items() if (found := _numbers(seen))}
        self._counts = counts

    def step(self, field: str, value: str) -> str | None:
        """The nearest other number of the field, of two as near the more frequent one, then the smaller; None where
        there is none within ``LARGEST`` or the value is no number."""
        values = self._values.get(field, ())
        if not values or _NUMBER.fullmatch(value) is None:
            return None
        number, seen = float(value), self._counts[field]
        at = bisect_left(values, (number, ""))
        near = [one for one in values[max(0, at - 2) : at + 3] if 0 < abs(one[0] - number) <= LARGEST * abs(number)]
        best = min(near, key=lambda one: (abs(one[0] - number), -seen[one[1]], one), default=None)
        return best[1] if best is not None else None


def _numbers(seen: Mapping[str, int]) -> Sequence[tuple[float, str]]:
    """The numbers of a field, ascending, each as it is mostly written; none where it is no field of numbers."""
    written: dict[float, str] = {}
    rows = 0
    for text, n in sorted(seen.items(), key=lambda one: (-one[1], one[0])):
        if _NUMBER.fullmatch(text) is not None:
            written.setdefault(float(text), text)
            rows += n
    if len(written) < LEAST_VALUES or rows < MOSTLY * sum(seen.values()):
        return ()
    return sorted(written.items())

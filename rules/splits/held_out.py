"""The splits of a dataset in the order in which they must not learn from each other. Judges no row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from audit.model import Measure
from audit.rule import Context, Product, Rule
from audit.statistics.intervals import wilson

TRAIN: Final = 0
VALIDATION: Final = 1
OTHER: Final = 2
TEST: Final = 3

_RANKS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("train", "training", "data"), TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), TEST),
}

LEVEL: Final = 0.95


def rank(name: str) -> int:
    """``TRAIN``, ``VALIDATION``, ``OTHER`` or ``TEST``, by the name of a split; case is ignored."""
    return _RANKS.get(name.strip().lower(), OTHER)


class Splits:
    """The splits of a run, from train to test. A split is named by its place in that order, from 0.

    Of two with the same rank the one whose name comes first in the alphabet is the earlier.
    """

    def __init__(self, context: Context) -> None:
        self._codes = context.split_codes
        order = sorted(range(len(context.splits)), key=lambda code: (rank(context.splits[code]), context.splits[code]))
        self.names: Sequence[str] = [context.splits[code] for code in order]
        self._places = {code: place for place, code in enumerate(order)}

    @property
    def several(self) -> bool:
        """Whether there is anything to compare."""
        return len(self.names) > 1

    @cached_property
    def rows(self) -> Sequence[int]:
        """The number of rows in each split."""
        counts = Counter(self._codes)
        return [counts[code] for code in self._places]

    def of(self, row: int) -> int:
        """The split of a row."""
        return self._places[self._codes[row]]

    def may_lose(self, split: int) -> bool:
        """Whether rows may be taken out of a split: not out of a test set, on which results were reported."""
        return rank(self.names[split]) != TEST

    def parts(self, rows: Sequence[int]) -> dict[int, list[int]]:
        """Rows by their split, the earliest split first."""
        parts: dict[int, list[int]] = {}
        for row in rows:
            parts.setdefault(self.of(row), []).append(row)
        return dict(sorted(parts.items()))

    def straddling(self, context: Context, product: Product) -> Iterator[dict[int, list[int]]]:
        """The groups of rows with one identity that lie in more than one split, each by split; by their first row."""
        for rows in context.groups(product):
            parts = self.parts(rows)
            if len(parts) > 1:
                yield parts

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every pair of splits, the earlier first."""
        return ((first, second) for second in range(len(self.names)) for first in range(second))

    def measure(self, rule: Rule) -> Measure:
        """``splits.rows``: how many rows each split has."""
        sizes = dict(zip(self.names, self.rows, strict=True))
        return rule.measure("splits.rows", len(self.names), table=sizes, n=sum(self.rows))

    def shared(self, rule: Rule, name: str, **found: Mapping[tuple[int, int], int]) -> Iterator[Measure]:
        """One measure for each pair of splits: the share of the later one's rows that are in the earlier one, too.

        ``split`` is the later one and ``group`` the earlier. ``found`` are counts of such rows by pair, named as they
        stand in the table; the value is that of the first.
        """
        for pair in self.pairs():
            counts, n = {what: rows.get(pair, 0) for what, rows in found.items()}, self.rows[pair[1]]
            count = next(iter(counts.values()))
            yield rule.measure(
                name,
                count / n if n else 0.0,
                table={**counts, "rows": n},
                n=n,
                interval=wilson(count, n, LEVEL),
                level=LEVEL,
                split=self.names[pair[1]],
                group=self.names[pair[0]],
            )

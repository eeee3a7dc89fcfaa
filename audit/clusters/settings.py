"""What counts as a near duplicate and how it is looked for. Knows the odds of finding a pair; looks for none itself."""

from __future__ import annotations

from math import comb
from typing import Final

import msgspec

from audit.errors import UsageError

ENOUGH: Final = 0.998
"""Share of the pairs at the threshold that the search must be expected to find."""

TEMPLATE_SHARE: Final = 0.1
"""A shingle is of the dataset's template when more than this share of the sampled rows has it ..."""
TEMPLATE_ROWS: Final = 20
"""... and at least this many of them."""
TEMPLATE_REST: Final = 16
"""A row that would keep fewer shingles than this (repeats counted) without the template keeps the template."""


class NearSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``threshold`` is the least Jaccard similarity of two near duplicates, ``shingle`` the units in a shingle.

    Rows with fewer than ``min_units`` units take no part. A sketch has ``permutations`` minima, which go into ``bands``
    keys, equally many into each; ``seed`` draws the permutations. Raises UsageError for values that do not fit.
    """

    threshold: float = 0.8
    shingle: int = 5
    min_units: int = 20
    permutations: int = 120
    bands: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UsageError(f"the similarity of near duplicates must lie in (0, 1], not {self.threshold!r}")
        if not 1 <= self.shingle <= self.min_units:
            raise UsageError(f"a shingle must have 1 to {self.min_units} units, as many as a row, not {self.shingle}")
        if self.bands < 2 or self.permutations < self.bands or self.permutations % self.bands:
            raise UsageError(f"{self.permutations} permutations do not make {self.bands} bands of equal width")

    def chance(self, similarity: float, shared: int) -> float:
        """The probability that two rows of this similarity share at least ``shared`` bands.

        A band of r minima agrees with probability s^r (Broder 1997), and bands are independent.
        """
        one = similarity ** (self.permutations // self.bands)
        return 1 - sum(comb(self.bands, k) * one**k * (1 - one) ** (self.bands - k) for k in range(shared))

    def shared_bands(self) -> int:
        """Bands that two rows must share to be compared: 2 where that still finds ``ENOUGH`` at the threshold, else 1.

        With 24 bands of 5 and a threshold of 0.8, two shared bands miss 9 pairs in 10,000 at the threshold and let
        through one pair in six of similarity 0.5; one shared band would let through half of those.
        """
        return 2 if self.chance(self.threshold, 2) >= ENOUGH else 1

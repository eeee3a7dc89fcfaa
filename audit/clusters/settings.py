"""What counts as a near duplicate and how it is looked for. Knows the odds of finding a pair; looks for none itself."""

from __future__ import annotations

from math import comb
from typing import Final, NamedTuple

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


class Banding(NamedTuple):
    """A sketch of ``bands`` keys, each of ``width`` minima; pairs that share ``shared`` of them are compared."""

    bands: int
    width: int
    shared: int

    def chance(self, similarity: float) -> float:
        """The probability that two rows of this similarity are compared.

        A band agrees with probability s^width (Broder 1997), independently of the others.
        """
        one = similarity**self.width
        return 1 - sum(comb(self.bands, k) * one**k * (1 - one) ** (self.bands - k) for k in range(self.shared))


class NearSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``threshold`` is the least Jaccard similarity of two near duplicates, ``shingle`` the units in a shingle.

    Rows with fewer than ``min_units`` units take no part. A sketch is made of ``permutations`` minima in ``bands``
    keys; ``seed`` draws the permutations. Raises UsageError for values that do not fit.
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

    def banding(self) -> Banding:
        """The widest bands, from those asked for down, that find ``ENOUGH`` of the pairs at the threshold.

        With 24 bands of 5 of which 2 must be shared, 9 pairs in 10,000 are missed at a similarity of 0.8, and one pair
        in six of similarity 0.5 is compared; if one band were enough, it would be every other. A lower threshold takes
        narrower bands: 30 of 4 at 0.7, 40 of 3 at 0.6.
        """
        for width in range(self.permutations // self.bands, 0, -1):
            bands = self.permutations // width
            for shared in (2, 1):
                if (found := Banding(bands, width, shared)).chance(self.threshold) >= ENOUGH:
                    return found
        return Banding(self.permutations, 1, 1)

"""The search for near duplicates among sketched rows, from band keys to clusters. Needs numpy.

Rows with the same set of shingles are one row to begin with. Pairs that share enough bands are candidates, and of each
candidate the exact similarity is computed from the texts, read again: what is reported has been verified.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from audit.clusters import candidates
from audit.clusters.columns import Columns, Part
from audit.clusters.distinct import Distinct
from audit.clusters.leaders import FREE, assign
from audit.clusters.outcome import all_pairs, redundant_rows
from audit.clusters.result import NearClusters
from audit.clusters.sets import ShingleSets
from audit.clusters.settings import NearSettings
from audit.clusters.shingles import Template
from audit.clusters.texts import Reread

FREELY: Final = 1 << 20
FREELY_PER_ROW: Final = 16
"""After so many comparisons in all, and for each row, a row that another stands for is not compared with the rows
behind it any more. Measured on a table where every row resembles thousands: half the time, 0.7 % fewer redundant rows.
"""
_COMPARED: Final = 1 << 20
"""Pairs compared at a time."""
ROUNDS: Final = 2
"""Times that the rows of a large group are compared with a representative of those that are left of it. Measured: more
rounds find nothing more, not even in a table of 32,561 rows in one template."""


def search(
    parts: Sequence[Part], settings: NearSettings, template: Sequence[int], folder: str | None, reread: Reread
) -> NearClusters:
    """All near duplicates among the sketched rows. ``folder`` is where shingle sets may be spilled."""
    banding = settings.banding()
    distinct = Distinct(Columns(parts), banding.bands)
    sets = ShingleSets(distinct.numbers, reread, settings, Template(template), folder)
    try:
        verified = _verified(distinct, sets, banding.shared)
    finally:
        sets.close()
    codes, similarity = verified.table()
    return NearClusters.of(
        distinct.taking_part,
        verified.compared,
        redundant_rows(distinct, verified.taken(), codes, similarity),
        all_pairs(distinct, codes, similarity),
    )


class _Verified:
    """The pairs of distinct rows found so far."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._codes = [np.empty(0, np.uint64)]
        self._similarity = [np.empty(0)]
        self.compared = 0

    def compare(self, sets: ShingleSets, codes: NDArray[np.uint64]) -> None:
        """Compare pairs and keep those that are similar."""
        if self.compared > max(FREELY, FREELY_PER_ROW * self._rows):
            gone = self.taken() != FREE
            codes = codes[~gone[candidates.rows_of(codes)[0]]]
        for at in range(0, codes.size, _COMPARED):
            some = codes[at : at + _COMPARED]
            similar = sets.similar(*candidates.rows_of(some))
            self._codes.append(some[similar.which])
            self._similarity.append(similar.similarity)
            self.compared += similar.compared

    def table(self) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """(pairs,) ascending codes, none twice, and their similarity."""
        codes, first = np.unique(np.concatenate(self._codes), return_index=True)
        return codes, np.concatenate(self._similarity)[first]

    def taken(self) -> NDArray[np.int32]:
        """(rows,) the survivor of each row, or ``FREE``."""
        return np.frombuffer(assign(self._rows, _each(self.table()[0])), np.int32)


def _verified(distinct: Distinct, sets: ShingleSets, least: int) -> _Verified:
    verified = _Verified(distinct.rows)
    survey = candidates.survey(distinct)
    for codes in candidates.close_pairs(distinct, survey, least):
        verified.compare(sets, codes)
    large = survey.large
    for turn in range(ROUNDS):
        for codes in candidates.star_pairs(large):
            verified.compare(sets, codes[candidates.sharing(distinct, codes, least)])
        if not turn:
            for codes in candidates.second_look(distinct, large):
                verified.compare(sets, codes)
        large = candidates.remaining(large, verified.taken() != FREE)
    return verified


def _each(codes: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    for at in range(0, codes.size, 1 << 16):
        earlier, later = candidates.rows_of(codes[at : at + (1 << 16)])
        yield from zip(earlier.tolist(), later.tolist(), strict=True)

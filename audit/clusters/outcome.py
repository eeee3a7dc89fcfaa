"""From what was verified among distinct rows to the clusters and pairs of all rows. Needs numpy; verifies nothing."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from audit.clusters.candidates import code_of, rows_of
from audit.clusters.distinct import Distinct
from audit.clusters.leaders import FREE
from audit.clusters.result import STAND_INS, Pairs, Redundant


def redundant_rows(
    distinct: Distinct, taken: NDArray[np.int32], codes: NDArray[np.uint64], similarity: NDArray[np.float64]
) -> Redundant:
    """Every row that another stands for, cluster by cluster. ``taken`` (rows,) is the survivor of each distinct row;
    ``codes`` and ``similarity`` are the verified pairs, ascending."""
    gone = np.flatnonzero(taken != FREE)
    which = np.concatenate((gone, distinct.copied))
    row = np.concatenate((distinct.numbers[gone], distinct.copies))
    replaced = taken[which] != FREE
    leader = np.where(replaced, taken[which], which)
    exact = np.ones(which.size)
    exact[replaced] = similarity[np.searchsorted(codes, code_of(leader[replaced], which[replaced]))]
    survivor = distinct.numbers[leader]
    order = np.lexsort((row, _first_rows(row, survivor)))
    return Redundant(_ints(row[order]), _ints(survivor[order]), _floats(exact[order]))


def all_pairs(distinct: Distinct, codes: NDArray[np.uint64], similarity: NDArray[np.float64]) -> Pairs:
    """The verified pairs with the copies of their rows, and the pairs of copies."""
    stand_ins = _StandIns(distinct)
    one, other, of = stand_ins.across(*rows_of(codes))
    same, as_same = stand_ins.among()
    one = np.concatenate((one, same, distinct.numbers[distinct.copied[stand_ins.silent]]))
    other = np.concatenate((other, as_same, distinct.copies[stand_ins.silent]))
    exact = np.concatenate((similarity[of], np.ones(one.size - of.size)))
    first, second = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((second, first))
    return Pairs(_ints(first[order]), _ints(second[order]), _floats(exact[order]))


def _first_rows(row: NDArray[np.uint32], survivor: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """(n,) the lowest row number in the cluster of each redundant row."""
    survivors, cluster = np.unique(survivor, return_inverse=True)
    np.minimum.at(survivors, cluster, row)
    return survivors[cluster]


class _StandIns:
    """The rows that stand in pairs: each distinct row and its first copies. ``silent`` (copies,) marks all others."""

    def __init__(self, distinct: Distinct) -> None:
        nth = np.arange(distinct.copied.size) - np.searchsorted(distinct.copied, distinct.copied)
        self.silent = nth >= STAND_INS - 1
        copies = np.bincount(distinct.copied, minlength=distinct.rows)
        self._counts = np.minimum(copies + 1, STAND_INS).astype(np.uint8)
        del copies
        self._starts = np.cumsum(self._counts, dtype=np.uint32) - self._counts
        self._numbers = np.empty(int(self._counts.sum()), np.uint32)
        self._numbers[self._starts] = distinct.numbers
        heard = ~self.silent
        self._numbers[self._starts[distinct.copied[heard]] + 1 + nth[heard]] = distinct.copies[heard]

    def across(
        self, earlier: NDArray[np.int64], later: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]]:
        """Row numbers of every stand-in of the one with every stand-in of the other, and of which pair they are."""
        wide = self._counts[later].astype(np.int64)
        sizes = self._counts[earlier] * wide
        of = np.repeat(np.arange(sizes.size), sizes)
        nth = np.arange(of.size) - (np.cumsum(sizes) - sizes)[of]
        one = self._numbers[self._starts[earlier[of]] + nth // wide[of]]
        other = self._numbers[self._starts[later[of]] + nth % wide[of]]
        return one, other, of

    def among(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Row numbers of every two stand-ins of the same row."""
        copied = np.flatnonzero(self._counts > 1)
        one, other, _ = self.across(copied, copied)
        once = one < other
        return one[once], other[once]


def _ints(column: NDArray[np.uint32]) -> array[int]:
    return array("q", column.astype(np.int64).tobytes())


def _floats(column: NDArray[np.float64]) -> array[float]:
    return array("d", column.tobytes())

"""Which pairs of rows are worth comparing, from the keys of their bands. Needs numpy; reads no text.

Rows are numbered in the order of survival throughout, so the first row of a group is the one that would stay. A pair is
one number: the earlier row in the high half, the later in the low.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from audit.clusters.hashing import STEP

SMALL: Final = 32
"""Of up to this many rows with an equal key all pairs are looked at."""
_SLICE: Final = 1 << 22
"""Pairs held at a time, 32 MB."""

_LOOKED_UP: Final = 1 << 18
"""Pairs whose keys are looked up in one go."""
_MIX: Final = np.uint64(STEP)
_HALF: Final = np.uint64(32)
_HIGH_HALF: Final = 1 if sys.byteorder == "little" else 0
_LOW: Final = np.uint64(2**32 - 1)


class Bands(Protocol):
    """Keys of rows in the order of survival."""

    rows: int
    bands: int

    def key(self, band: int) -> NDArray[np.uint32]:
        """(rows,) keys of one band."""


class Groups(NamedTuple):
    """Rows with an equal key, group by group: ``rows`` (n,), ascending in a group; ``starts`` (groups + 1,)."""

    rows: NDArray[np.uint32]
    starts: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(groups,) rows in each."""
        return np.diff(self.starts)

    def without(self, dropped: NDArray[np.bool_]) -> Groups:
        """What is left without the rows marked in ``dropped`` (n,): groups of two rows and more."""
        starts = np.concatenate(([0], np.cumsum(~dropped)))[self.starts]
        sizes = np.diff(starts)
        rows = self.rows[~dropped]
        alone = np.repeat(sizes == 1, sizes)
        return Groups(rows[~alone], _starts(sizes[sizes > 1]))

    def split(self, size: int) -> tuple[Groups, Groups]:
        """The groups of up to ``size`` rows, and those of more."""
        large = self.sizes > size
        of_large = np.repeat(large, self.sizes)
        return (
            Groups(self.rows[~of_large], _starts(self.sizes[~large])),
            Groups(self.rows[of_large], _starts(self.sizes[large])),
        )

    def followers(self) -> NDArray[np.int64]:
        """(n,) how many rows stand behind each in its group."""
        return np.repeat(self.starts[1:], self.sizes) - np.arange(1, self.rows.size + 1)

    def pairs(self, first: int = 0, end: int = 2**32) -> NDArray[np.uint64]:
        """All pairs within the groups of which the earlier row is one of ``first`` to ``end``."""
        behind = self.followers()
        behind[(self.rows < first) | (self.rows >= end)] = 0
        at = np.flatnonzero(behind)
        behind = behind[at]
        later = np.repeat(at + 1 - _starts(behind)[:-1], behind) + np.arange(behind.sum())
        return code_of(np.repeat(self.rows[at], behind), self.rows[later])

    def sliced_pairs(self) -> Iterator[NDArray[np.uint64]]:
        """All pairs within the groups, some millions at a time."""
        for first, end in pairwise([0, *_cuts(self.sizes * (self.sizes - 1) // 2), self.sizes.size]):
            starts = self.starts[first : end + 1]
            yield Groups(self.rows[starts[0] : starts[-1]], starts - starts[0]).pairs()

    def stars(self) -> NDArray[np.uint64]:
        """The pairs of the first row of each group with all others of it."""
        leads = np.repeat(self.rows[self.starts[:-1]], self.sizes)
        others = leads != self.rows
        return code_of(leads[others], self.rows[others])


class Survey(NamedTuple):
    """What a first look at all bands says. ``large``: of each band its large groups. ``work`` (rows,): how many pairs
    of small groups each row leads. ``codes``: those pairs, band after band, unless they are too many to hold."""

    large: list[Groups]
    work: NDArray[np.uint32]
    codes: list[NDArray[np.uint64]] | None


def survey(bands: Bands) -> Survey:
    """Look at all groups of all bands once."""
    rows = np.arange(bands.rows, dtype=np.uint32)
    work = np.zeros(bands.rows, np.uint32)
    large = []
    codes: list[NDArray[np.uint64]] | None = []
    total = 0
    for band in range(bands.bands):
        small, more = _grouped(bands.key(band), rows).split(SMALL)
        large.append(more)
        behind = small.followers()
        work[small.rows] += behind.astype(np.uint32)
        total += int(behind.sum())
        if codes is not None and total <= _SLICE:
            codes.append(small.pairs())
        else:
            codes = None
    return Survey(large, work, codes)


def close_pairs(bands: Bands, known: Survey, least: int) -> Iterator[NDArray[np.uint64]]:
    """The pairs that stand in a small group and share at least ``least`` bands, ascending, some millions at a time."""
    often = np.zeros(bands.rows, bool)
    for groups in known.large:
        often[groups.rows] = True
    for found in (known.codes,) if known.codes is not None else _small_groups(bands, known.work):
        codes, shared = _counted(np.concatenate(found))
        found.clear()
        enough = shared >= least
        # What such a pair shares in large groups has not been counted.
        unsure = np.flatnonzero(~enough)
        earlier, later = rows_of(codes[unsure])
        unsure = unsure[often[earlier] & often[later]]
        enough[unsure] = sharing(bands, codes[unsure], least)
        yield codes[enough]


def _small_groups(bands: Bands, work: NDArray[np.uint32]) -> Iterator[list[NDArray[np.uint64]]]:
    """The pairs of small groups, band after band, for one run of leading rows after the other."""
    rows = np.arange(bands.rows, dtype=np.uint32)
    for first, end in pairwise([0, *_cuts(work), bands.rows]):
        yield [_grouped(bands.key(band), rows).split(SMALL)[0].pairs(first, end) for band in range(bands.bands)]


def sharing(bands: Bands, codes: NDArray[np.uint64], least: int) -> NDArray[np.bool_]:
    """(pairs,) whether each shares at least ``least`` bands."""
    shared = np.zeros(codes.size, np.uint16)
    for band in range(bands.bands if codes.size else 0):
        keys = bands.key(band)
        for at in range(0, codes.size, _LOOKED_UP):
            earlier, later = rows_of(codes[at : at + _LOOKED_UP])
            shared[at : at + _LOOKED_UP] += keys[earlier] == keys[later]
    return shared >= least


def code_of(earlier: NDArray[np.integer[Any]], later: NDArray[np.integer[Any]]) -> NDArray[np.uint64]:
    """Pairs as numbers."""
    codes = earlier.astype(np.uint64) << _HALF
    codes |= later.astype(np.uint64)
    return codes


def rows_of(codes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The earlier and the later rows of pairs."""
    return (codes >> _HALF).astype(np.int64), (codes & _LOW).astype(np.int64)


def second_look(bands: Bands, large: Sequence[Groups]) -> Iterator[NDArray[np.uint64]]:
    """The pairs of large groups that share the next band, too, if few rows do. Ascending, some millions at a time."""

    def parts() -> Iterator[NDArray[np.uint64]]:
        for band, groups in enumerate(large):
            if not groups.rows.size:
                continue
            of = np.repeat(np.arange(groups.sizes.size, dtype=np.uint64), groups.sizes)
            keys = bands.key((band + 1) % bands.bands)[groups.rows]
            yield from _grouped(_mixed(of, keys), groups.rows).split(SMALL)[0].sliced_pairs()

    return _merged(parts())


def star_pairs(large: Iterable[Groups]) -> Iterator[NDArray[np.uint64]]:
    """One round of pairs of the large groups: all pairs of those that have become small, of the others those with the
    first row. Ascending, some millions at a time."""

    def parts() -> Iterator[NDArray[np.uint64]]:
        for groups in large:
            small, more = groups.split(SMALL)
            yield from small.sliced_pairs()
            yield more.stars()

    return _merged(parts())


def remaining(large: Iterable[Groups], redundant: NDArray[np.bool_]) -> list[Groups]:
    """The groups after such a round: without those that had become small, without first rows and redundant rows."""
    left = []
    for groups in large:
        more = groups.split(SMALL)[1]
        dropped = redundant[more.rows]
        dropped[more.starts[:-1]] = True
        left.append(more.without(dropped))
    return left


def _merged(parts: Iterable[NDArray[np.uint64]]) -> Iterator[NDArray[np.uint64]]:
    """Codes from many places, ascending and none twice in what is held at a time."""
    found: list[NDArray[np.uint64]] = []
    held = 0
    for codes in parts:
        found.append(codes)
        held += codes.size
        if held >= _SLICE:
            yield _counted(np.concatenate(found))[0]
            found, held = [], 0
    if held:
        yield _counted(np.concatenate(found))[0]


def _mixed(of: NDArray[np.uint64], keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A 32-bit key of two keys."""
    mixed = (of << _HALF | keys) * _MIX
    mixed ^= mixed >> np.uint64(29)
    return (mixed * _MIX >> _HALF).astype(np.uint32)


def _grouped(keys: NDArray[np.uint32], rows: NDArray[np.uint32]) -> Groups:
    """The groups of two or more rows whose keys are equal."""
    # Key and row in one number: sorting numbers is several times as fast as sorting places by key.
    packed = keys.astype(np.uint64) << _HALF
    packed |= rows
    packed.sort()
    sorted_keys = packed.view(np.uint32)[_HIGH_HALF::2]
    first = np.ones(packed.size + 1, bool)
    np.not_equal(sorted_keys[1:], sorted_keys[:-1], out=first[1:-1])
    grouped = ~(first[1:] & first[:-1])
    starts = np.flatnonzero(first[:-1][grouped])
    return Groups((packed[grouped] & _LOW).astype(np.uint32), np.append(starts, np.count_nonzero(grouped)))


def _cuts(work: NDArray[np.integer[Any]]) -> list[int]:
    """Where to cut so that each run of ``work`` sums up to about ``_SLICE``."""
    done = np.cumsum(work, dtype=np.int64)
    total = int(done[-1]) if done.size else 0
    cuts: list[int] = np.searchsorted(done, np.arange(_SLICE, total, _SLICE), side="right").tolist()
    return cuts


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))


def _counted(codes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The different codes, ascending, and how often each occurs. Sorts in place."""
    codes.sort()
    first = np.flatnonzero(np.concatenate((np.ones(min(codes.size, 1), bool), codes[1:] != codes[:-1])))
    return codes[first], np.diff(np.append(first, codes.size))

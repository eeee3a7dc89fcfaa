"""The intersection of two attributes whose rate differs most from that of all other rows, and whether by chance alone.

Exploratory: it says where to look, with a p value for having looked everywhere, and gates nothing. Imports numpy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.statistics.draws import generator
from audit.statistics.rates import UNCOMPARED

Counts: TypeAlias = NDArray[np.int64]
Figures: TypeAlias = NDArray[np.float64]

DRAWS: Final = 1_999
"""Permutations: with the observed one, p is a multiple of 1 / 2,000."""
BLOCK: Final = 1 << 20
"""Counts drawn at once."""


class Cell(NamedTuple):
    """The rows with one level of each attribute, in the attributes' order, and the hits among them."""

    levels: tuple[str, ...]
    hits: int
    n: int


class TwoWayCell(msgspec.Struct, frozen=True, kw_only=True):
    """The rows with one level of each of two attributes (their places), against all other rows.

    ``gap`` is the rate less the others'; ``z`` the hits less those expected in standard deviations of a permutation;
    ``p`` is how often the largest ``z`` of all cells, either way, is as large where no rate differs.
    """

    attributes: tuple[int, int]
    levels: tuple[str, str]
    hits: int
    n: int
    rate: float
    rest_rate: float
    gap: float
    z: float
    p: float


class Intersections(msgspec.Struct, frozen=True, kw_only=True):
    """Every two-way cell that is compared, the one that stands out most first. ``n`` is of all rows."""

    n: int
    hits: int
    cells: tuple[TwoWayCell, ...]

    @property
    def worst(self) -> TwoWayCell | None:
        """The cell that stands out most; None where there is none to compare."""
        return self.cells[0] if self.cells else None


class _TwoWay(NamedTuple):
    """Two-way cells: what they are, and which of the rows' cells (second axis) make them up."""

    names: list[tuple[tuple[int, int], tuple[str, str]]]
    members: NDArray[np.bool_]


def two_way_gaps(cells: Iterable[Cell], *, least: int = 5) -> Intersections:
    """The rate of every two-way cell of ``least`` rows or more against that of all other rows.

    ``cells`` are all rows by all attributes at once, from which the two-way cells of each pair are made. Levels that
    are no groups are in no cell that is compared. A permutation keeps every cell's rows and deals out the hits anew,
    which makes them multivariate hypergeometric; the largest z of all cells is compared with its own distribution
    (Westfall and Young 1993, "Resampling-based multiple testing", single-step max-T): p holds for all cells together.
    """
    joint = _merged(cells)
    n, hits = (
        np.array([cell.n for cell in joint], dtype=np.int64),
        np.array([cell.hits for cell in joint], dtype=np.int64),
    )
    total, found = int(n.sum()), int(hits.sum())
    two_way = _two_way(joint)
    sizes = two_way.members @ n
    kept = (sizes >= least) & (sizes < total)
    two_way = _TwoWay([name for name, keep in zip(two_way.names, kept, strict=True) if keep], two_way.members[kept])
    if not two_way.names or not 0 < found < total:
        return Intersections(n=total, hits=found, cells=())
    z = _standardised(two_way.members @ hits, sizes[kept], found, total)
    p = _chance(np.abs(z), _largest(n, hits, two_way.members))
    described = [_described(two_way, at, n, hits, float(z[at]), float(p[at])) for at in range(len(z))]
    described.sort(key=lambda cell: (-round(abs(cell.z), 9), cell.attributes, cell.levels))
    return Intersections(n=total, hits=found, cells=tuple(described))


def _merged(cells: Iterable[Cell]) -> list[Cell]:
    """Cells with rows, each set of levels once."""
    counts: dict[tuple[str, ...], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for cell in cells:
        hits, n = counts[cell.levels]
        counts[cell.levels] = hits + cell.hits, n + cell.n
    return [Cell(levels, hits, n) for levels, (hits, n) in counts.items() if n]


def _two_way(joint: Sequence[Cell]) -> _TwoWay:
    places: dict[tuple[tuple[int, int], tuple[str, str]], list[int]] = defaultdict(list)
    for at, cell in enumerate(joint):
        for first, second in combinations(range(len(cell.levels)), 2):
            levels = cell.levels[first], cell.levels[second]
            if UNCOMPARED.isdisjoint(levels):
                places[(first, second), levels].append(at)
    members = np.zeros((len(places), len(joint)), dtype=np.bool_)
    for row, own in enumerate(places.values()):
        members[row, own] = True
    return _TwoWay(list(places), members)


def _standardised(hits: Figures | Counts, n: Counts, found: int, total: int) -> Figures:
    """Hits (..., cells) less their hypergeometric mean, in standard deviations; 0 where they cannot vary."""
    share = n / total
    variance = share * (1 - share) * found * (total - found) / max(1, total - 1)
    z: Figures = (hits - share * found) / np.sqrt(np.where(variance > 0, variance, np.inf))
    return z


def _largest(n: Counts, hits: Counts, members: NDArray[np.bool_]) -> Figures:
    """The largest absolute z of all two-way cells in each of the permutations (draws,).

    The cells are laid out by size, hits and the two-way cells they are in: names and the order of rows change nothing.
    """
    sizes, found = members @ n, members @ hits
    keys = [
        (int(n[at]), int(hits[at]), sorted(zip(sizes[own].tolist(), found[own].tolist(), strict=True)))
        for at, own in enumerate(members.T)
    ]
    order = np.array(sorted(range(len(n)), key=keys.__getitem__))
    rng = generator([*n.tolist(), *hits.tolist()])
    weights = members[:, order].T.astype(np.float64)
    per_block = max(1, BLOCK // len(n))
    largest = []
    for start in range(0, DRAWS, per_block):
        size = min(per_block, DRAWS - start)
        drawn = rng.multivariate_hypergeometric(n[order], int(hits.sum()), size=size, method="marginals")
        largest.append(np.abs(_standardised(drawn @ weights, sizes, int(hits.sum()), int(n.sum()))).max(axis=1))
    return np.concatenate(largest)


def _chance(observed: Figures, largest: Figures) -> Figures:
    """(1 + draws that are as large) / (1 + draws), for each of the observed."""
    ordered = np.sort(largest)
    as_large = len(ordered) - np.searchsorted(ordered, observed - 1e-9)
    p: Figures = (1 + as_large) / (1 + len(ordered))
    return p


def _described(two_way: _TwoWay, at: int, n: Counts, hits: Counts, z: float, p: float) -> TwoWayCell:
    attributes, levels = two_way.names[at]
    own, own_hits = int(n[two_way.members[at]].sum()), int(hits[two_way.members[at]].sum())
    rate, rest = own_hits / own, (int(hits.sum()) - own_hits) / (int(n.sum()) - own)
    return TwoWayCell(
        attributes=attributes,
        levels=levels,
        hits=own_hits,
        n=own,
        rate=rate,
        rest_rate=rest,
        gap=rate - rest,
        z=z,
        p=p,
    )

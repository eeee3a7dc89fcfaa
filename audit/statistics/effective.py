"""What rows are worth that are no independent evidence: copies, near copies, rows of one prompt. Judges nothing.

A rate over n rows in clusters varies as one over fewer rows would: n divided by the design effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from audit.statistics.rates import GroupRate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _Clustered(NamedTuple):
    """A group's clusters, rows and hits; ``squares`` is the sum of (h n - H m)^2 over clusters of m rows with h hits,
    of n rows with H hits in all; ``size`` the mean size of the cluster of a row."""

    clusters: int
    n: int
    hits: int
    squares: float
    size: float

    @property
    def design_effect(self) -> float | None:
        """The cluster-robust variance of the rate over that of independent rows; None where it says nothing."""
        if self.hits in (0, self.n) or self.clusters < 2:
            return None
        robust = self.clusters / (self.clusters - 1) * self.squares / self.n**4
        return robust / (self.hits * (self.n - self.hits) / (self.n**2 * (self.n - 1)))

    def worth(self, correlation: float = 0.0) -> float:
        """Rounded, so that the last digits do not depend on the order of the rows."""
        effect = self.design_effect
        if effect is None or self.clusters == self.n:
            return float(self.clusters)
        return round(self.n / max(1.0, effect, 1 + (self.size - 1) * correlation), 6)


def effective_n(clusters: Iterable[tuple[int, int]]) -> float:
    """What a group's rows are worth, given the hits and the rows of each of its clusters.

    n over the design effect, which is the cluster-robust variance of the rate, c / (c - 1) sum of (h - p m)^2 / n^2
    over c clusters of m rows with h hits (CR1: Cameron and Miller 2015, "A practitioner's guide to cluster-robust
    inference", Journal of Human Resources 50), over that of independent rows, p (1 - p) / (n - 1); at least 1. Exactly
    n where every cluster is one row. The number of clusters where the rate is 0 or 1, whose variance says nothing.
    """
    cells = [(hits, rows) for hits, rows in clusters if rows]
    n, found = sum(rows for _, rows in cells), sum(hits for hits, _ in cells)
    squares = float(sum((hits * n - found * rows) ** 2 for hits, rows in cells))
    size = sum(rows**2 for _, rows in cells) / n if n else 1.0
    return _Clustered(len(cells), n, found, squares, size).worth()


def effective_sizes(
    codes: NDArray[np.integer],
    groups: int | Sequence[str],
    hits: NDArray[np.bool_],
    clusters: NDArray[np.integer],
) -> list[float]:
    """What the rows of each of ``groups`` (their number or their names) are worth, from one entry per row (n,).

    ``codes`` is the group of a row, below 0 for none; ``hits`` whether it has what is asked about; ``clusters`` any
    whole number that the rows of one cluster share. Copies of one source row are a cluster, and so count once.

    As ``effective_n``, but a group's design effect is at least 1 + (m - 1) r, where m is the mean cluster size of its
    rows and r the correlation within clusters in all groups together (Kish 1965, "Survey sampling", 8.2): with few
    clusters a group's own estimate is low just where its rate is by chance. Of ten groups of 20 clusters without any
    difference, some group was wrongly found to differ in 10 to 23 % of samples without this, and in 1 to 3 % with it.
    """
    found = _clustered(codes, groups if isinstance(groups, int) else len(groups), hits, clusters)
    excess = size = 0.0
    for group in found:
        if (effect := group.design_effect) is not None:
            excess += group.n * (effect - 1)
            size += group.n * (group.size - 1)
    correlation = min(1.0, max(0.0, excess / size)) if size > 0 else 0.0
    return [group.worth(correlation) for group in found]


def group_rates(
    names: Sequence[str],
    codes: NDArray[np.integer],
    hits: NDArray[np.bool_],
    together: NDArray[np.integer],
    same: NDArray[np.integer],
) -> list[GroupRate]:
    """How many rows of each group of ``names`` are hits, and what they are worth, from one entry per row (n,).

    ``codes`` is the index in ``names`` of a row. ``together`` is a number that rows share which belong together,
    ``same`` one that rows share which say the same as well (docs/decisions/0016).
    """
    import numpy as np

    n = np.bincount(codes, minlength=len(names)).tolist()
    found = np.bincount(codes[hits], minlength=len(names)).tolist()
    worth = effective_sizes(codes, len(names), hits, together)
    once = effective_sizes(codes, len(names), hits, same)
    counts = zip(names, found, n, worth, once, strict=True)
    return [GroupRate(name, hit, rows, own, one if one < own else None) for name, hit, rows, own, one in counts]


def renumbered(clusters: NDArray[np.integer]) -> NDArray[np.int64]:
    """The same clusters, numbered from 0."""
    import numpy as np

    codes: NDArray[np.int64] = np.unique(clusters, return_inverse=True)[1].astype(np.int64)
    return codes


def clusters_by(identities: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cluster of each of some rows, numbered from 0: rows with the same identity are one; 0 is no identity, and
    such a row is a cluster of its own."""
    import numpy as np

    rows = len(identities)
    return renumbered(np.where(identities == 0, rows + np.arange(rows), renumbered(identities)))


def _clustered(
    codes: NDArray[np.integer], groups: int, hits: NDArray[np.bool_], clusters: NDArray[np.integer]
) -> list[_Clustered]:
    import numpy as np

    kept = codes >= 0
    group, found = codes[kept].astype(np.int64), hits[kept]
    _, cluster = np.unique(clusters[kept], return_inverse=True)
    cells, cell = np.unique(cluster.astype(np.int64) * max(1, groups) + group, return_inverse=True)
    of_cell = cells % max(1, groups)
    rows, hit = (np.bincount(at, minlength=len(cells)).astype(np.float64) for at in (cell, cell[found]))
    n, total = (np.bincount(at, minlength=groups) for at in (group, group[found]))
    # In floats: (h n - H m)^2 outgrows 64 bits where a group has millions of rows.
    squares = np.bincount(of_cell, weights=(hit * n[of_cell] - total[of_cell] * rows) ** 2, minlength=groups)
    sizes = np.bincount(of_cell, weights=rows**2, minlength=groups) / np.maximum(n, 1)
    many = np.bincount(of_cell, minlength=groups)
    columns = (one.tolist() for one in (many, n, total, squares, sizes))
    return [_Clustered(*one) for one in zip(*columns, strict=True)]

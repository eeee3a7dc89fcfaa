"""Bounded samples of rows, chosen by what stands in them: the same rows for any order and cut of the input."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from typing import Final

MANY: Final = 5_000
"""Rows above which numpy pays for its import."""


def distinct_rows(identities: Sequence[int], most: int) -> list[int]:
    """The first row of every identity that is not 0, of at most the ``most`` smallest identities, in their order.

    Identities are hashes, so the smallest are a random sample.
    """
    if len(identities) > MANY:
        import numpy as np

        keys, first = np.unique(np.asarray(identities, dtype=np.uint64), return_index=True)
        start = int(keys.size > 0 and keys[0] == 0)
        return [int(row) for row in first[start : start + most]]
    rows: dict[int, int] = {}
    for row, identity in enumerate(identities):
        if identity:
            rows.setdefault(identity, row)
    return [rows[identity] for identity in nsmallest(most, rows)]

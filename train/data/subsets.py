"""Shares of the training rows for learning curves, each inside the larger ones. Trains nothing."""

from __future__ import annotations

from hashlib import blake2b
from math import ceil

import numpy as np
from numpy.typing import NDArray

from audit.train.data.examples import Examples


def nested(examples: Examples, share: float, seed: int) -> NDArray[np.int64]:
    """The sequences of ``share`` (above 0, up to 1) of the rows, ascending; of at least one row where there is any.

    Rows are taken in the order of a hash of the seed and their row id, so that a smaller share is inside a larger one
    and it does not matter where a row stands. All sequences of a row are taken, or none.
    """
    ids = dict(zip(examples.rows.tolist(), examples.row_ids, strict=True))
    ordered = sorted(ids, key=lambda row: (_key(seed, ids[row]), ids[row]))
    # Shares such as 0.1 are a little above or below what they say: 0.1 of 30 rows are 3, not 4.
    count = ceil(round(share * len(ordered), 9))
    taken = np.array(ordered[:count], np.int64)
    found: NDArray[np.int64] = np.flatnonzero(np.isin(examples.rows, taken)).astype(np.int64)
    return found


def _key(seed: int, row_id: str) -> bytes:
    return blake2b(f"{seed}:curve:{row_id}".encode(), digest_size=16).digest()

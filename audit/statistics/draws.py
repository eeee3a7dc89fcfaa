"""Random numbers that depend on counts alone, so that the order of rows and the names of groups change no figure.

The seed comes from the sorted counts; whoever draws must lay its cells out in an order that no name decides, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np


def generator(counts: Iterable[int | float]) -> np.random.Generator:
    """A generator seeded with a hash of the multiset of ``counts``."""
    words = " ".join(map(repr, sorted(map(float, counts))))
    return np.random.default_rng(int.from_bytes(blake2b(words.encode("ascii"), digest_size=16).digest(), "little"))

"""Clusters without chains: which rows survive, and which survivor stands for each of the others.

Greedy leaders: in a fixed order, the first row that is not yet taken survives and takes every row that is itself
similar to it. So each row that goes was compared with the row that stays for it, unlike in connected components, where
A ~ B ~ C puts A and C together however little they share. Compares no texts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

FREE: Final = -1


def assign(rows: int, pairs: Iterable[tuple[int, int]]) -> array[int]:
    """Of every row 0 to ``rows - 1`` the row that takes it, or ``FREE``. Survivors are free, too.

    Rows are numbered in the order in which they become survivors. ``pairs`` are the similar ones, (earlier, later) and
    ascending, so that the fate of the earlier row of a pair is known when the pair comes.
    """
    taken = array("i", [FREE]) * rows
    for earlier, later in pairs:
        if taken[earlier] == FREE and taken[later] == FREE:
            taken[later] = earlier
    return taken

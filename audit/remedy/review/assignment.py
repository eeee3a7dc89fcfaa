"""Who gets which rows: some all annotators, so that their agreement can be measured, the others one or a few.

The names of the rows and the seed decide, in whatever order the rows come. A name is what a row says and its number
among those that say the same, counted in the order of the file: where such rows change places, so do their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b


def assigned(
    groups: Sequence[Sequence[str]], annotators: Sequence[str], *, overlap: float, per_row: int, seed: int
) -> tuple[Mapping[str, frozenset[str]], int]:
    """The rows (by id) of every annotator, and how many rows all of them have.

    ``groups`` are rows that stay together. Whole groups, in the order of their hashes, are given to all while they fit
    into ``overlap`` (a share) of the rows; every other group goes to the ``per_row`` annotators that have the fewest
    rows.
    """
    total = sum(map(len, groups))
    room = round(overlap * total)
    given: dict[str, set[str]] = {name: set() for name in annotators}
    shared = 0
    for group in sorted(groups, key=lambda group: _hash(seed, group)):
        everybody = per_row >= len(annotators) or shared + len(group) <= room
        shared += len(group) * everybody
        by_load = sorted(annotators, key=lambda name: (len(given[name]), name))
        for name in annotators if everybody else by_load[:per_row]:
            given[name].update(group)
    return {name: frozenset(rows) for name, rows in given.items()}, shared


def _hash(seed: int, group: Sequence[str]) -> bytes:
    return min(blake2b(f"{seed}:review:{row_id}".encode(), digest_size=16).digest() for row_id in group)

"""Near duplicates among few rows, every pair compared, in plain Python: a file of ten rows need not wait for numpy.

Gives what the search by sketches gives for the same rows, but for pairs that the sketches miss.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import combinations, islice, product
from operator import itemgetter
from typing import NamedTuple

from audit.clusters.hashing import shingle_hashes
from audit.clusters.leaders import FREE, assign
from audit.clusters.result import STAND_INS, NearClusters, Pairs, Redundant
from audit.clusters.settings import TEMPLATE_REST, NearSettings
from audit.clusters.units import units


class _Row(NamedTuple):
    """A row that takes part. ``equal`` are those with the same shingles and repeats, in the order of survival."""

    number: int
    units: int
    shingles: Sequence[Hashable]
    equal: list[int]

    def stand_ins(self) -> list[int]:
        """Rows that stand in pairs with other rows."""
        return [self.number, *self.equal[: STAND_INS - 1]]


def compare_all(texts: Iterable[str], settings: NearSettings, template: Sequence[int]) -> NearClusters:
    """The clusters and pairs of these rows, without a miss. Time grows with the square of their number."""
    found = list(_rows(texts, settings, frozenset(template)))
    found.sort(key=lambda row: (-row.units, row.number))
    distinct: dict[Hashable, _Row] = {}
    for row in found:
        first = distinct.setdefault(frozenset(Counter(row.shingles).items()), row)
        if first is not row:
            first.equal.append(row.number)
    leading = list(distinct.values())
    similar = list(_similar([set(row.shingles) for row in leading], settings.threshold))
    return NearClusters.of(
        len(found),
        len(leading) * (len(leading) - 1) // 2,
        _redundant(leading, similar),
        _verified(leading, similar),
    )


def _rows(texts: Iterable[str], settings: NearSettings, template: frozenset[int]) -> Iterator[_Row]:
    """The rows with enough units. Without a template their shingles need not be hashed."""
    for number, text in enumerate(texts):
        row = units(text) if text else []
        if len(row) < settings.min_units:
            continue
        shingles: list[Hashable] = list(zip(*(islice(row, k, None) for k in range(settings.shingle)), strict=False))
        if template:
            hashes = shingle_hashes(text, settings.shingle, settings.min_units)
            kept = [shingle for shingle in hashes if shingle not in template]
            shingles = list(kept if len(kept) >= TEMPLATE_REST else hashes)
        yield _Row(number, len(row), shingles, [])


def _similar(sets: Sequence[set[Hashable]], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Every pair (earlier, later, similarity) at or above the threshold.

    A set is one long integer with a bit for each shingle that it shares with another set: counting common bits is a
    hundred times faster than meeting the sets.
    """
    having = Counter(shingle for one in sets for shingle in one)
    bits = {shingle: bit for bit, shingle in enumerate(s for s, count in having.items() if count > 1)}
    masks = [_mask([bits[shingle] for shingle in one if shingle in bits], len(bits)) for one in sets]
    for (a, mask_a), (b, mask_b) in combinations(enumerate(masks), 2):
        shared = (mask_a & mask_b).bit_count()
        similarity = shared / (len(sets[a]) + len(sets[b]) - shared)
        if similarity >= threshold:
            yield a, b, similarity


def _mask(bits: Iterable[int], size: int) -> int:
    data = bytearray(size // 8 + 1)
    for bit in bits:
        data[bit >> 3] |= 1 << (bit & 7)
    return int.from_bytes(data, "little")


def _redundant(leading: Sequence[_Row], similar: Sequence[tuple[int, int, float]]) -> Redundant:
    taken = assign(len(leading), ((a, b) for a, b, _ in similar))
    exact = {(a, b): similarity for a, b, similarity in similar}
    groups: dict[int, list[tuple[int, int, float]]] = {}
    for at, row in enumerate(leading):
        leader = at if taken[at] == FREE else taken[at]
        numbers = row.equal if leader == at else [row.number, *row.equal]
        similarity = exact.get((leader, at), 1.0)
        groups.setdefault(leader, []).extend((number, leading[leader].number, similarity) for number in numbers)
    clusters = [sorted(group) for group in groups.values() if group]
    clusters.sort(key=lambda group: min(group[0][:2]))
    rows = [row for group in clusters for row in group]
    return Redundant(*_columns(rows))


def _verified(leading: Sequence[_Row], similar: Iterable[tuple[int, int, float]]) -> Pairs:
    pairs = [
        (*pair, similarity)
        for a, b, similarity in similar
        for pair in product(leading[a].stand_ins(), leading[b].stand_ins())
    ]
    for row in leading:
        pairs += [(*pair, 1.0) for pair in combinations(row.stand_ins(), 2)]
        pairs += [(row.number, other, 1.0) for other in row.equal[STAND_INS - 1 :]]
    return Pairs(*_columns(sorted((min(a, b), max(a, b), similarity) for a, b, similarity in pairs)))


def _columns(rows: Sequence[tuple[int, int, float]]) -> tuple[array[int], array[int], array[float]]:
    first, second, similarity = (array(kind, map(itemgetter(k), rows)) for k, kind in enumerate("qqd"))
    return first, second, similarity

"""Which reference texts have which runs of units, as sorted 64-bit hashes: for much text. Needs numpy; judges nothing.

Two different runs of units share a hash with a chance of about 5 in 10^20; a shared run is shown by its units anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.clusters.gram_dictionary import least_common
from audit.clusters.hashing import FINAL, ORDER
from audit.clusters.shingles import blocks_of
from audit.clusters.units import units
from audit.clusters.words import hash_words

_ORDER: Final = np.uint64(ORDER)
_FINAL: Final = np.uint64(FINAL)
SPARSE: Final = 16
"""Places of the first look-up for every hash: one look in sixteen at a hash that is not there goes on in vain."""
MOST_BITS: Final = 24
"""Bits of the first look-up at most: 16 MB, beyond which it leaves the cache of most processors."""


class _Block(NamedTuple):
    """Texts with the hashes of their units. ``rows`` (units,) says to which text a unit belongs."""

    first: int
    hashes: NDArray[np.uint64]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]


class GramTable:
    """Implements ``audit.clusters.ngrams.Grams``.

    ``texts`` are (reference row, units of a run, text); ``prompts`` are the units, joined by spaces, of short ones.
    """

    def __init__(self, texts: Sequence[tuple[int, int, str]], prompts: Collection[bytes]) -> None:
        self._prompts = _by_length(prompts)
        self._sizes = sorted({size for _, size, _ in texts})
        hashes, numbers = _pairs(texts, self._sizes)
        rows = np.array([row for row, _, _ in texts], np.int64)
        is_common = _is_common(hashes, rows[numbers], least_common(len(np.unique(rows))))
        self.common = frozenset(_read(texts, hashes[is_common], numbers[is_common]))
        hashes, numbers = hashes[~is_common], numbers[~is_common]
        self._hashes, self._starts = np.unique(hashes, return_index=True)
        self._ends = np.append(self._starts[1:], len(hashes))
        self._numbers = numbers
        self._totals = np.bincount(numbers, minlength=len(texts))
        bits = min(MOST_BITS, max(16, int(self._hashes.size * SPARSE).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._likely = np.zeros(1 << bits, bool)
        self._likely[self._hashes >> self._shift] = True

    # ------------------------------------------------------------------ looking up

    def positions(self, texts: Sequence[str]) -> list[int]:
        """Texts that share a run with a reference text or begin with the units of a short prompt."""
        found: set[int] = set()
        for block in _blocks(texts):
            for length, prompts in self._prompts.items():
                rows, first = _first_units(block, length)
                found.update((rows[np.isin(first, prompts)] + block.first).tolist())
            for size, hashes in _grams(block, self._sizes):
                places, _ = self._found(hashes)
                inside = block.rows[places] == block.rows[places + size - 1]
                found.update((block.rows[places[inside]] + block.first).tolist())
        return sorted(found)

    def shared(self, text: str) -> Mapping[int, float]:
        """Reference text -> the share of its runs that a text has."""
        known = [self._found(hashes)[1] for block in _blocks([text]) for _, hashes in _grams(block, self._sizes)]
        if not known:
            return {}
        which = np.unique(np.concatenate(known))
        numbers = [self._numbers[self._starts[at] : self._ends[at]] for at in which.tolist()]
        if not numbers:
            return {}
        having, counts = np.unique(np.concatenate(numbers), return_counts=True)
        return dict(zip(having.tolist(), (counts / self._totals[having]).tolist(), strict=True))

    def _found(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of the hashes that are in the table, and where there."""
        likely = np.flatnonzero(self._likely[hashes >> self._shift])
        if not likely.size:
            return likely, likely
        at = np.minimum(np.searchsorted(self._hashes, hashes[likely]), self._hashes.size - 1)
        same = self._hashes[at] == hashes[likely]
        return likely[same], at[same]


# ----------------------------------------------------------------------------- hashes


def _blocks(texts: Sequence[str], *, whole: bool = False) -> Iterator[_Block]:
    first = 0
    for some in [list(texts)] if whole else blocks_of(texts):
        words = hash_words(some, 0)
        rows = np.repeat(np.arange(len(some)), words.units)
        yield _Block(first, words.hashes, rows, np.cumsum(words.units) - words.units, words.units)
        first += len(some)


def _grams(block: _Block, sizes: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint64]]]:
    """Of each size the hash of every run of consecutive units, those across two texts included."""
    words = block.hashes
    states, joined = words.copy(), 1
    for size in sizes:
        count = max(words.size - size + 1, 0)
        states = states[:count]
        for at in range(joined, size):
            states *= _ORDER
            states += words[at : at + count]
        joined = size
        yield size, _mixed(states)


def _mixed(states: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = states ^ states >> np.uint64(32)
    mixed *= _FINAL
    mixed ^= mixed >> np.uint64(29)
    return mixed


def _first_units(block: _Block, length: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Texts with at least so many units, and the hash of their first ones."""
    rows = np.flatnonzero(block.counts >= length)
    starts = block.starts[rows]
    states = block.hashes[starts]
    for at in range(1, length):
        states *= _ORDER
        states += block.hashes[starts + at]
    return rows, _mixed(states)


# ----------------------------------------------------------------------------- building


def _by_length(prompts: Collection[bytes]) -> dict[int, NDArray[np.uint64]]:
    """Number of units -> the hashes of the short prompts with so many."""
    known: dict[int, list[str]] = {}
    for prompt in prompts:
        known.setdefault(prompt.count(b" ") + 1, []).append(prompt.decode())
    return {length: _first_units(next(_blocks(some, whole=True)), length)[1] for length, some in known.items()}


def _pairs(texts: Sequence[tuple[int, int, str]], sizes: Sequence[int]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Every distinct pair of a run's hash and the number of a text that has it, sorted."""
    size_of = np.array([size for _, size, _ in texts], np.int64)
    hashes, numbers = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for block in _blocks([text for _, _, text in texts]):
        for size, joined in _grams(block, sizes):
            rows = block.rows[: joined.size]
            ends = block.rows[size - 1 : size - 1 + joined.size]
            taken = (rows == ends) & (size_of[rows + block.first] == size)
            hashes.append(joined[taken])
            numbers.append(rows[taken] + block.first)
    every, number = np.concatenate(hashes), np.concatenate(numbers)
    order = np.lexsort((number, every))
    every, number = every[order], number[order]
    new = np.ones(every.size, bool)
    new[1:] = (every[1:] != every[:-1]) | (number[1:] != number[:-1])
    return every[new], number[new]


def _is_common(hashes: NDArray[np.uint64], rows: NDArray[np.int64], least: int) -> NDArray[np.bool_]:
    """For every pair whether its run stands in at least so many reference rows. Both are sorted, by hash first."""
    if not hashes.size:
        return np.zeros(0, bool)
    order = np.lexsort((rows, hashes))
    new = np.ones(hashes.size, bool)
    new[1:] = (hashes[order][1:] != hashes[order][:-1]) | (rows[order][1:] != rows[order][:-1])
    _, which = np.unique(hashes, return_inverse=True)
    return np.bincount(which[order][new])[which] >= least


def _read(
    texts: Sequence[tuple[int, int, str]], hashes: NDArray[np.uint64], numbers: NDArray[np.int64]
) -> Iterator[bytes]:
    """The runs behind some hashes, read from the first text that has each."""
    _, first = np.unique(hashes, return_index=True)
    for at in first.tolist():
        _, size, text = texts[int(numbers[at])]
        ((_, joined),) = _grams(next(_blocks([text], whole=True)), [size])
        start = int(np.flatnonzero(joined == hashes[at])[0])
        yield b" ".join(units(text)[start : start + size])

"""The longest run of words that a text has in common with any of many others. Needs numpy; says not what is too long.

Words are the units of ``audit.clusters.units``. A run is exact: equal word for word, within one text of each side.

Only those of the others that share a run of ``SEED`` words with some text are looked at closely. They and the texts are
sorted as one suffix array by prefix doubling (Manber and Myers 1993, "Suffix arrays: a new method for on-line string
searches", SIAM Journal on Computing 22), where the longest run that begins at a word is shared with a neighbour. For n
words in all, texts and others, that takes O(n log n log r) for a longest repeat of r words. Others beyond ``PORTION``
words are looked at in several portions, so that memory does not grow with them; it grows with the texts, which are held
whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.clusters.gram_table import MOST_BITS, SPARSE
from audit.clusters.hashing import ORDER
from audit.clusters.texts import blocks_of
from audit.clusters.words import hash_words

SEED: Final = 8
"""Words of the shortest run that is looked for."""
PORTION: Final = 1 << 21
"""Words of other texts that are sorted at a time; 2 million take about 300 MB."""

Hashes = NDArray[np.uint64]
Codes = NDArray[np.int64]
Marks = NDArray[np.bool_]


class CommonRun(NamedTuple):
    """The longest run of a text in another one: the index of the other (-1 for none of at least ``SEED`` words), the
    word of the text at which it begins, and its length in words. ``words`` is how many the text has."""

    other: int
    start: int
    length: int
    words: int


class _Words(NamedTuple):
    """The words of some texts one after the other: their hashes, and the text of each."""

    hashes: Hashes
    owners: Codes


def longest_runs(
    texts: Sequence[str],
    others: Sequence[str],
    allowed: Sequence[Sequence[str]] | None = None,
    *,
    common: int | None = None,
) -> list[CommonRun]:
    """Of each text the longest run of words that stands in one of the ``others``; of several equally long the first.

    ``allowed`` holds for each text what it may repeat, such as its prompt: words of it in runs of at least ``SEED``
    words that stand there too are in no run. Nor are words in runs of so many that stand in ``common`` of the others or
    more: they are a phrase of them all.
    """
    words = _words_of(texts)
    counts = np.bincount(words.owners, minlength=len(texts))
    barred = np.zeros(len(words.hashes), bool) if allowed is None else _barred(words, allowed)
    best = [CommonRun(-1, 0, 0, int(count)) for count in counts]
    starts = np.cumsum(counts) - counts
    if common is not None:
        barred |= _phrases(words, barred, others, common)
    for portion, numbers in _portions(others, _Known(_seeds(words, barred)[0])):
        lengths, found = _matches(words, barred, portion)
        for text, at in _longest(lengths, words.owners):
            if lengths[at] > best[text].length and lengths[at] >= SEED:
                start, length = int(at - starts[text]), int(lengths[at])
                best[text] = CommonRun(int(numbers[found[at]]), start, length, int(counts[text]))
    return best


def _words_of(texts: Sequence[str]) -> _Words:
    hashes, owners, first = [np.empty(0, np.uint64)], [np.empty(0, np.int64)], 0
    for block in blocks_of(texts):
        words = hash_words(block, 0)
        hashes.append(words.hashes)
        owners.append(np.repeat(np.arange(first, first + len(block)), words.units))
        first += len(block)
    return _Words(np.concatenate(hashes), np.concatenate(owners))


def _seeds(words: _Words, barred: Marks | None = None) -> tuple[Hashes, Codes]:
    """The hashes of all runs of ``SEED`` words within a text, without a barred word, and where each begins."""
    count = len(words.hashes) - SEED + 1
    if count <= 0:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    joined = np.zeros(count, np.uint64)
    for at in range(SEED):
        joined *= np.uint64(ORDER)
        joined += words.hashes[at : at + count]
    joined ^= joined >> np.uint64(29)
    whole = words.owners[:count] == words.owners[SEED - 1 :]
    if barred is not None and barred.any():
        total = np.concatenate(([0], np.cumsum(barred)))
        whole &= total[SEED:] == total[:count]
    places = np.flatnonzero(whole)
    return joined[places], places


def _barred(words: _Words, allowed: Sequence[Sequence[str]]) -> Marks:
    """The words in a run of ``SEED`` that stands in what their own text may repeat."""
    flat = [text for some in allowed for text in some]
    owner = np.repeat(np.arange(len(allowed)), [len(some) for some in allowed])
    there = _words_of(flat)
    known, places = _seeds(there)
    own, at = _seeds(words)
    # A hash that is mixed with the number of the text is shared within that text only.
    marked = np.isin(_of_text(own, words.owners[at]), _of_text(known, owner[there.owners[places]]))
    return _in_runs(at[marked], len(words.hashes))


def _in_runs(starts: Codes, words: int) -> Marks:
    """The words in runs of ``SEED`` that begin at ``starts``."""
    inside = np.zeros(words, bool)
    for step in range(SEED):
        inside[starts + step] = True
    return inside


def _phrases(words: _Words, barred: Marks, others: Sequence[str], common: int) -> Marks:
    """The words in a run of ``SEED`` that stands in ``common`` of the others or more."""
    own, at = _seeds(words, barred)
    known = _Known(own)
    counts = np.zeros(len(known.hashes), np.int64)
    for block in blocks_of(others) if len(counts) else ():
        theirs = _words_of(block)
        hashes, places = _seeds(theirs)
        found, which = known.find(hashes)
        once = np.unique(which * len(block) + theirs.owners[places[found]])
        counts += np.bincount(once // len(block), minlength=len(counts))
    return _in_runs(at[np.isin(own, known.hashes[counts >= common])], len(words.hashes))


def _of_text(hashes: Hashes, owners: Codes) -> Hashes:
    mixed: Hashes = (hashes ^ (owners.astype(np.uint64) + np.uint64(1))) * np.uint64(ORDER)
    return mixed


class _Known:
    """Hashes to be looked up: a table by their first bits, which few others pass, then an exact search."""

    def __init__(self, hashes: Hashes) -> None:
        ordered = np.sort(hashes)  # np.unique hashes what is hashed already, and takes three times as long
        self.hashes: Hashes = ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
        bits = min(MOST_BITS, max(16, (len(self.hashes) * SPARSE).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._likely = np.zeros(1 << bits, bool)
        self._likely[self._first_bits(self.hashes)] = True

    def find(self, hashes: Hashes) -> tuple[Codes, Codes]:
        """The places of the ``hashes`` that are known, and where in the sorted ones each of them stands."""
        places = np.flatnonzero(self._likely[self._first_bits(hashes)])
        if not len(self.hashes):
            return places, places
        at = np.minimum(np.searchsorted(self.hashes, hashes[places]), len(self.hashes) - 1)
        same = self.hashes[at] == hashes[places]
        return places[same], at[same]

    def _first_bits(self, hashes: Hashes) -> Hashes:
        mixed: Hashes = (hashes * np.uint64(ORDER)) >> self._shift
        return mixed


def _portions(others: Sequence[str], seeds: _Known) -> Iterator[tuple[_Words, Codes]]:
    """The others with one of the seeds, some at a time: their words, and the number of each."""
    waiting: list[_Words] = []
    numbers: list[int] = []
    size = first = 0
    for block in blocks_of(others) if len(seeds.hashes) else ():
        words = _words_of(block)
        hashes, places = _seeds(words)
        kept = np.unique(words.owners[places[seeds.find(hashes)[0]]])
        inside = np.isin(words.owners, kept)
        waiting.append(_Words(words.hashes[inside], np.searchsorted(kept, words.owners[inside]) + len(numbers)))
        numbers += (kept + first).tolist()
        size += int(inside.sum())
        first += len(block)
        if size >= PORTION:
            yield _joined(waiting), np.array(numbers, np.int64)
            waiting, numbers, size = [], [], 0
    if size:
        yield _joined(waiting), np.array(numbers, np.int64)


def _joined(parts: Sequence[_Words]) -> _Words:
    return _Words(np.concatenate([part.hashes for part in parts]), np.concatenate([part.owners for part in parts]))


# ----------------------------------------------------------------------------- the suffix array


def _matches(texts: _Words, barred: Marks, others: _Words) -> tuple[Codes, Codes]:
    """For every word of the texts the length of the longest run from there that stands in one of the others, and the
    index of that one: its neighbour before or behind it in the order of suffixes."""
    symbols = np.concatenate([_symbols(texts, barred), _symbols(others, None)])
    symbols = _with_distinct_ends(symbols)
    owners = np.concatenate([_owners(texts, -1), _owners(others, 0)])
    ranks = _doubled(symbols)
    order = np.argsort(ranks[-1], kind="stable")
    is_other = owners[order] >= 0
    place = np.arange(len(order))
    before = np.maximum.accumulate(np.where(is_other, place, -1))
    behind = np.minimum.accumulate(np.where(is_other, place, len(order))[::-1])[::-1]
    asked = _at_words(texts)
    at = np.empty(len(order), np.int64)
    at[order] = place
    lengths = np.zeros(len(asked), np.int64)
    found = np.zeros(len(asked), np.int64)
    for neighbour in (before, behind):
        near = neighbour[at[asked]]
        there = (near >= 0) & (near < len(order))
        partner = order[np.clip(near, 0, len(order) - 1)]
        common = np.where(there, _common_prefix(ranks, asked, partner), 0)
        better = common > lengths
        lengths[better], found[better] = common[better], owners[partner[better]]
    return lengths, found


_END: Final = np.uint64(2**64 - 1)
"""Stands behind every text, and for every word that may not be in a run, until it gets a number of its own."""


def _symbols(words: _Words, barred: Marks | None) -> Hashes:
    """The hashes with an end behind every text, one more where a barred word stands."""
    hashes = words.hashes if barred is None else np.where(barred, _END, words.hashes)
    return np.insert(hashes, _ends(words), _END)


def _ends(words: _Words) -> Codes:
    last = np.flatnonzero(np.diff(words.owners, append=-1)) + 1
    return last.astype(np.int64)


def _owners(words: _Words, least: int) -> Codes:
    """The text of every symbol, -1 for all of them where they are the texts that are asked about."""
    owners = words.owners if least == 0 else np.full(len(words.owners), -1)
    return np.insert(owners, _ends(words), -1)


def _at_words(words: _Words) -> Codes:
    """Where the words stand among the symbols: each text before it brings one end."""
    ends = np.zeros(len(words.owners) + 1, np.int64)
    ends[_ends(words)] = 1
    at: Codes = np.arange(len(words.owners)) + np.cumsum(ends)[:-1]
    return at


def _with_distinct_ends(symbols: Hashes) -> Codes:
    """Numbers for symbols: equal for equal words, different for any two ends, so that no run holds one."""
    is_end = symbols == _END
    numbers = np.empty(len(symbols), np.int64)
    known, numbers[~is_end] = np.unique(symbols[~is_end], return_inverse=True)
    numbers[is_end] = len(known) + np.arange(int(is_end.sum()))
    return numbers


def _doubled(symbols: Codes) -> list[NDArray[np.int32]]:
    """Ranks of all suffixes by their first 1, 2, 4 ... symbols, until all differ."""
    rank = symbols + 1
    levels = [rank.astype(np.int32)]
    width = 1
    while int(rank.max()) < len(symbols) or width == 1:
        behind = np.zeros_like(rank)
        behind[:-width] = rank[width:]
        rank = np.unique(rank * (int(rank.max()) + 1) + behind, return_inverse=True)[1].astype(np.int64) + 1
        levels.append(rank.astype(np.int32))
        width *= 2
    return levels


def _common_prefix(ranks: Sequence[NDArray[np.int32]], first: Codes, second: Codes) -> Codes:
    """How many symbols the suffixes at ``first`` and at ``second`` have in common."""
    total = np.zeros(len(first), np.int64)
    last = len(ranks[0]) - 1
    for level in range(len(ranks) - 1, -1, -1):
        one, other = first + total, second + total
        inside = (one <= last) & (other <= last)
        rank = ranks[level]
        same = inside & (rank[np.minimum(one, last)] == rank[np.minimum(other, last)])
        total[same] += 1 << level
    return total


def _longest(lengths: Codes, owners: Codes) -> Iterator[tuple[int, int]]:
    """Of every text with a run where its longest begins, the first of several."""
    order = np.lexsort((np.arange(len(lengths)), -lengths, owners))
    first = np.ones(len(order), bool)
    first[1:] = owners[order][1:] != owners[order][:-1]
    for at in order[first].tolist():
        if lengths[at]:
            yield int(owners[at]), at

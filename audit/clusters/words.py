"""Word hashes of many texts at once: the vectorised form of ``hashing.word_hash``. Needs numpy; joins no shingles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.clusters import hashing
from audit.clusters.codepoints import fold_all
from audit.read.folding import ASCII_WORDS

_SPACE: Final = ord(" ")
_KEPT_BYTES: Final = np.array([(1 << 8 * length) - 1 for length in range(9)], np.uint64)
"""Masks that keep the first 0 to 8 bytes of a little-endian window."""

_STEP: Final = np.uint64(hashing.STEP)
_WORD: Final = np.uint64(hashing.WORD)


class Words(NamedTuple):
    """The words of the rows that have enough of them.

    ``hashes`` (words of those rows,) in order; ``rows`` their row numbers; ``units`` (all rows,) the units of each.
    """

    hashes: NDArray[np.uint64]
    rows: NDArray[np.int64]
    units: NDArray[np.int64]


def hash_words(texts: Sequence[str], min_units: int) -> Words:
    """The words of a block of texts, one row each; rows with fewer than ``min_units`` are only counted."""
    folded = fold_all(texts)
    # A space before the first word, and a window's width behind the last.
    data = b"".join((b" ", b" ".join(folded), b" " * hashing.WINDOW)).translate(ASCII_WORDS)
    starts, lengths = _word_spans(data)
    row_ends = np.cumsum([len(row) + 1 for row in folded]) + 1
    units = np.diff(np.searchsorted(starts, row_ends), prepend=0)
    enough = units >= min_units
    if not enough.all():
        kept = np.repeat(enough, units)
        starts, lengths = starts[kept], lengths[kept]
    return Words(_hashes(data, starts, lengths), np.flatnonzero(enough), units)


def _word_spans(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First byte and length of every word in folded, translated text that begins and ends with a space."""
    inside = np.frombuffer(data, np.uint8) != _SPACE
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts = edges[0::2] + 1
    return starts, edges[1::2] + 1 - starts


def _hashes(data: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    # Windows at every byte, not only at multiples of eight; x86 and ARM read them at full speed.
    windows: NDArray[np.uint64] = np.ndarray((len(data) - hashing.WINDOW + 1,), "<u8", data, strides=(1,))
    states = windows[starts] & _KEPT_BYTES[np.minimum(lengths, hashing.WINDOW)]
    longer = np.flatnonzero(lengths > hashing.WINDOW)
    for at in range(hashing.WINDOW, hashing.LONG_WORD, hashing.WINDOW):
        if not longer.size:
            break
        state = states[longer]
        state ^= state >> np.uint64(29)
        state *= _STEP
        left = lengths[longer] - at
        states[longer] = state ^ (windows[starts[longer] + at] & _KEPT_BYTES[np.minimum(left, hashing.WINDOW)])
        longer = longer[left > hashing.WINDOW]
    for word in longer.tolist():
        states[word] = hashing.digest(data[starts[word] : starts[word] + lengths[word]])
    states *= _WORD
    states ^= states >> np.uint64(32)
    return states

"""The 64-bit hashes of words and shingles, in plain Python: the definition that the vectorised code follows.

Not a cryptographic hash. It must be equal on every platform and in every process, so Python's own will not do.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import islice
from typing import Final

from audit.clusters.units import units

MASK: Final = 2**64 - 1
WINDOW: Final = 8
"""Bytes of a word taken in at a time, as a little-endian number."""
LONG_WORD: Final = 64
"""Words of more bytes than this are hashed by BLAKE2b: rare, and linear however long they are."""

# Odd numbers without a pattern in their bits: the golden ratio, and finalisers of splitmix64 and MurmurHash3.
STEP: Final = 0x9E3779B97F4A7C15
WORD: Final = 0xBF58476D1CE4E5B9
ORDER: Final = 0x94D049BB133111EB
FINAL: Final = 0xFF51AFD7ED558CCD


def word_hash(word: bytes) -> int:
    """64 bits of one unit. Different words of up to 8 bytes never collide."""
    if len(word) > LONG_WORD:
        state = digest(word)
    else:
        state = int.from_bytes(word[:WINDOW], "little")
        for at in range(WINDOW, len(word), WINDOW):
            state = ((state ^ state >> 29) * STEP & MASK) ^ int.from_bytes(word[at : at + WINDOW], "little")
    state = state * WORD & MASK
    return state ^ state >> 32


def digest(word: bytes) -> int:
    """64 bits of a long word, before the last mixing that all words get."""
    return int.from_bytes(blake2b(word, digest_size=8).digest(), "little")


def shingle_hashes(text: str, shingle: int, min_units: int) -> list[int]:
    """The 64-bit hashes of all runs of ``shingle`` consecutive units, in order and with repeats.

    Empty for a text of fewer than ``min_units`` units.
    """
    row = units(text)
    if len(row) < min_units:
        return []
    known = {unit: word_hash(unit) for unit in set(row)}
    words = [known[unit] for unit in row]
    return [_joined(run) for run in zip(*(islice(words, k, None) for k in range(shingle)), strict=False)]


def _joined(words: tuple[int, ...]) -> int:
    state = 0
    for word in words:
        state = (state * ORDER + word) & MASK
    state ^= state >> 32
    state = state * FINAL & MASK
    return state ^ state >> 29


def splitmix64(seed: int, count: int) -> list[int]:
    """``count`` 64-bit numbers drawn from a seed (Steele, Lea and Flood 2014): the same on every platform."""
    numbers = []
    for at in range(1, count + 1):
        state = (seed + at * STEP) & MASK
        state = (state ^ state >> 30) * WORD & MASK
        state = (state ^ state >> 27) * ORDER & MASK
        numbers.append(state ^ state >> 31)
    return numbers

"""Pairs of group names that may be one group: misspelt, punctuated otherwise, or cut off. A hint; merges nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from audit.attributes.levels import level_key

LEAST_FOR_A_SLIP: Final = 5
"""Characters from which one wrong character is taken for a slip: ``Iran`` and ``Iraq`` are two countries."""
LEAST_CUT_OFF: Final = 6
"""Characters that a name must have when whole words behind it are cut off."""
LEAST_SHARED: Final = 3
"""Characters below which an abbreviation must fit no other group: ``M`` may be male or mixed."""

_SEPARATORS: Final = re.compile(r"[\W_]+")


def similar_names(rows: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    """Pairs of names among groups and their rows, the more frequent first (then by name), sorted.

    ``WHITE NON HISP`` and ``WHITE NON HISPANIC``, ``ASIAN AND PACI`` and ``ASIAN AND PACIFIC ISLANDER``,
    ``non-binary`` and ``non binary``, ``Femlae`` and ``Female`` are pairs; ``male`` and ``female`` are none.
    """
    names = sorted(rows)
    keys = {name: _SEPARATORS.sub(" ", level_key(name)).strip() for name in names}
    pairs = []
    for one, other in combinations(names, 2):
        if _alike(keys[one], keys[other], list(keys.values())):
            pairs.append((one, other) if rows[one] >= rows[other] else (other, one))
    return tuple(sorted(pairs))


def _alike(one: str, other: str, keys: Sequence[str]) -> bool:
    if not one or not other:
        return False
    if one.replace(" ", "") == other.replace(" ", ""):
        return True
    short, long = sorted((one, other), key=len)
    if is_abbreviation(short, long):
        return len(short) >= LEAST_SHARED or sum(is_abbreviation(short, key) for key in keys) == 1
    return len(short) >= LEAST_FOR_A_SLIP and is_one_slip(short, long) and _digits(one) == _digits(other)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def is_abbreviation(short: str, long: str) -> bool:
    """Whether every word begins the word at its place in the other name, and the last one ends before that word does.

    Words may follow in the longer name when the shorter has ``LEAST_CUT_OFF`` characters: a column was too narrow.
    """
    words, whole = short.split(), long.split()
    if not words or len(words) > len(whole) or any(map(str.isdigit, words)):
        return False
    if len(words) < len(whole) and len(short) < LEAST_CUT_OFF:
        return False
    begun = all(full.startswith(word) for word, full in zip(words, whole, strict=False))
    return begun and words[-1] != whole[len(words) - 1]


def is_one_slip(short: str, long: str) -> bool:
    """Whether one character put in, left out or replaced, or two neighbours swapped, make one name the other
    (Damerau's four slips: https://doi.org/10.1145/363958.363994)."""
    if len(long) - len(short) > 1 or short == long:
        return False
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at : at + 2][::-1] == long[at : at + 2]
    return short[at + 1 :] == long[at + 1 :] or (swapped and short[at + 2 :] == long[at + 2 :])

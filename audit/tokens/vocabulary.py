"""The common words of many languages, as a tokenizer knows them: those that are one token of o200k. Counts nothing.

A byte pair encoding makes one token of what was frequent in the texts it was trained on, so its vocabulary is a list of
frequent words that is on the machine anyway. It is no dictionary: some entries are stems, and rare words are absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from audit.tokens.encodings import load_encoding

_ENCODING: Final = "o200k_base"
_TOKENS: Final = 199_998
"""Ordinary tokens of o200k_base, in the order in which they were learnt: nearly that of their frequency."""
_LONGEST: Final = 32
"""Bytes of a token that is taken for a word."""


class Vocabulary(NamedTuple):
    """Words in small letters. ``ranks``: those written small, by their place in the order of frequency, from 0.
    ``known``: these and the ones that are written with a capital only, such as names."""

    ranks: Mapping[str, int]
    known: frozenset[str]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary | None:
    """The words of three letters and more; None where the ranks of o200k are not on this machine. Takes 0.4 s once."""
    encoding = load_encoding(_ENCODING)
    if encoding is None:
        return None
    ranks: dict[str, int] = {}
    capitals: set[str] = set()
    for rank, token in enumerate(map(encoding.decode_single_token_bytes, range(_TOKENS))):
        if token[:1] != b" " or not 3 < len(token) <= _LONGEST:
            continue
        word = token[1:].decode("utf-8", "ignore")
        if word.isalpha() and word.islower():
            ranks[word] = rank
        elif word.istitle():
            capitals.add(word.lower())
    return Vocabulary(ranks, frozenset(ranks) | capitals)

"""Exact match, token F1 and ROUGE-L of an answer and the true one. Judges nothing; every score is from 0 to 1."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Final, TypeAlias

from audit.read.folding import UNSPACED, fold

Tokens: TypeAlias = Sequence[Hashable]

MOST_CHARACTERS: Final = 50_000
"""Characters of a text that are compared, about 10,000 words: what lies behind is cut off, in every score but the exact
match. An answer of 10 MB would take hours."""
_ASCII_SIGNS: Final = dict.fromkeys(map(ord, string.punctuation))
_ARTICLES: Final = re.compile(r"\b(?:a|an|the)\b")
_UNSPACED: Final = re.compile(f"([{UNSPACED}])")


def is_cut(*texts: str) -> bool:
    """Whether one of some texts is longer than what is compared of it."""
    return any(len(text) > MOST_CHARACTERS for text in texts)


def squad_tokens(text: str) -> list[str]:
    """The words of an answer as SQuAD compares them: lower case, without punctuation and English articles.

    Rajpurkar et al. (2016), "SQuAD: 100,000+ questions for machine comprehension of text", evaluation script 1.1; the
    same for ASCII text. Beyond that, punctuation is that of Unicode, and a character of a script without spaces is a
    word, as in Lewis et al. (2020), "MLQA: evaluating cross-lingual extractive question answering".
    """
    lower = text.lower()
    if lower.isascii():
        plain = lower.translate(_ASCII_SIGNS)
    else:
        plain = "".join(one for one in lower if not _is_punctuation(one))
        plain = _UNSPACED.sub(r" \1 ", plain)
    return _ARTICLES.sub(" ", plain).split()


def _is_punctuation(character: str) -> bool:
    """ASCII signs such as ``$`` and ``+`` among them."""
    return ord(character) in _ASCII_SIGNS or unicodedata.category(character).startswith("P")


def exact_match(answer: str, truth: str) -> float:
    """1 where both have the same words in the same order (``squad_tokens``), or, where one of them has none, are the
    same text but for white space; else 0. So where one of them is too long to be cut into words."""
    if is_cut(answer, truth):
        return float(answer.split() == truth.split())
    ours, theirs = squad_tokens(answer), squad_tokens(truth)
    same = ours == theirs if ours and theirs else answer.split() == truth.split()
    return float(same)


def token_f1(answer: str, truth: str) -> float:
    """The harmonic mean of the shares of words that each has of the other, a word counted as often as it occurs.

    Rajpurkar et al. (2016), as above. Where one of them has no words, their exact match.
    """
    ours, theirs = (squad_tokens(text[:MOST_CHARACTERS]) for text in (answer, truth))
    if not ours or not theirs:
        return exact_match(answer, truth)
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs))


def rouge_l(answer: str, truth: str) -> float:
    """The F1 of the longest common subsequence of words over the words of each.

    Lin (2004), "ROUGE: a package for automatic evaluation of summaries", section 3, over the whole text and with
    precision and recall worth the same. Where one of them has no words, their exact match.
    """
    ours, theirs = (fold(text[:MOST_CHARACTERS]).split() for text in (answer, truth))
    if not ours or not theirs:
        return exact_match(answer, truth)
    return 2 * common_subsequence(ours, theirs) / (len(ours) + len(theirs))


def common_subsequence(first: Tokens, second: Tokens) -> int:
    """The length of the longest common subsequence, a machine word of tokens at a time.

    Hyyrö (2004), "Bit-parallel LCS-length computation revisited", AWOCA: bit i of ``open_`` is clear where the longest
    subsequence grows at token i of the shorter side, since every step takes time with the length of that.
    """
    if len(second) < len(first):
        first, second = second, first
    places: dict[Hashable, int] = {}
    for at, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << at
    full = (1 << len(first)) - 1
    open_ = full
    for token in second:
        met = open_ & places.get(token, 0)
        open_ = ((open_ + met) | (open_ - met)) & full
    return len(first) - open_.bit_count()

"""What a word was before it lost a letter, or before a reader of images took one letter for another. No dictionary.

A word is taken for damaged where one letter more makes a common word of it and nothing else explains it: not an ending
that was dropped, a doubled letter, a plural, or another spelling of English.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from audit.tokens.vocabulary import Vocabulary, vocabulary

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_VOWELS: Final = ("a", "e", "i", "o", "u", "y")
LEAST, MOST = 4, 20
"""Letters of a word that is looked at. What it is restored to has five or more, or there would be too many."""
_RANKS: Final = {5: 25_000, 6: 60_000}
"""Letters of a restored word -> how rare it may be: the shorter, the more words lie one letter away by chance."""
_ENDINGS: Final = ("s", "es", "d", "ed", "r", "er", "rs", "ers", "ing", "ly", "en")
_STEM: Final = 4
"""Letters of a word with one of these endings taken off; shorter ones are as often parts of words as words."""
_TELLING_LETTERS, _TELLING_RANK = 6, 40_000
_BRITISH: Final = frozenset({("o", "u", "r"), ("", "a", "e"), ("", "o", "e"), ("g", "e", "m")})
"""Letter before ("" for any), letter that was put in, and letter after it: colour, paediatric, foetus, judgement."""
_CONFUSED: Final = (
    ("1", "l"), ("1", "i"), ("0", "o"), ("rn", "m"), ("vv", "w"), ("cl", "d"), ("m", "rn"), ("d", "cl"), ("li", "h"),
)  # fmt: skip
"""What stands for what in the output of optical character recognition: the classic confusions of shape."""


class Restored(NamedTuple):
    """What a damaged word was, its rank in the vocabulary, and the letter it lost ("" for a confusion of shapes)."""

    rank: int
    word: str
    letter: str

    @property
    def telling(self) -> bool:
        """Whether it is too long and too common to lie one letter from another word by chance."""
        return len(self.word) >= _TELLING_LETTERS and self.rank < _TELLING_RANK

    @property
    def lacks_a_vowel(self) -> bool:
        """Whether a vowel was dropped, as writers of short messages do."""
        return self.letter in _VOWELS


@lru_cache(maxsize=1 << 16)
def restored(word: str, *, loosely: bool = False) -> Restored | None:
    """The commonest word that ``word`` (small letters, and 0 and 1) becomes when one damage is undone; None for none,
    for a word that is known, and for one that may well be meant.

    ``loosely`` is for texts that are known to be damaged: endings, doubled letters and the rest then count as well.
    """
    words = vocabulary()
    if words is None or not LEAST <= len(word) <= MOST or word in words.known:
        return None
    if not loosely and _may_be_meant(word, words):
        return None
    found = [
        Restored(rank, one, letter)
        for one, letter in _undone(word, loosely)
        if (rank := words.ranks.get(one)) is not None and len(one) > LEAST and rank < _RANKS.get(len(one), rank + 1)
    ]
    return min(found, default=None)


def _may_be_meant(word: str, words: Vocabulary) -> bool:
    """Whether a known word with an ending makes it, or a letter at its end makes a known word of it."""
    stems = (word[: -len(ending)] for ending in _ENDINGS if word.endswith(ending))
    if any(len(stem) >= _STEM and stem in words.ranks for stem in stems):
        return True
    return any(word + letter in words.known for letter in _LETTERS)


def _undone(word: str, loosely: bool) -> Iterator[tuple[str, str]]:
    """Everything that the word may have been, and the letter it then lost; letters at its end, doubled ones and those
    of British spelling only ``loosely``."""
    if word.isalpha():
        for at in range(len(word) + loosely):
            before, after = word[at - 1 : at], word[at : at + 1]
            for letter in _LETTERS:
                british = (before, letter, after) in _BRITISH or ("", letter, after) in _BRITISH
                if loosely or (letter not in (before, after) and not british):
                    yield f"{word[:at]}{letter}{word[at:]}", letter
    for seen, meant in _CONFUSED:
        at = word.find(seen)
        if at >= 0:
            yield word.replace(seen, meant), ""
        while at >= 0:
            yield f"{word[:at]}{meant}{word[at + len(seen) :]}", ""
            at = word.find(seen, at + 1)

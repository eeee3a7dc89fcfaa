"""The language of a text where that is sure, for a million rows: most take a glance, the others ``identify``.

A glance settles plain English, Chinese, Japanese and Korean, and is ten times as fast.
"""

from __future__ import annotations

from typing import Final

from audit.language.identification import UNDETERMINED, Guess, identify, identify_by_words
from audit.language.words import common_words, words_of
from audit.read.patterns import pattern

_HEAD: Final = 200
"""Characters that are looked at."""
_ENGLISH: Final = words_of("en")
_NOT_ENGLISH: Final = common_words() - _ENGLISH
_LEAST_WORDS: Final = 4
"""Different ones of the commonest English words."""
_LEAST_LEAD: Final = 3
"""Times the words that are common in another language only; a few of these are English, too ("die", "man", "on")."""

_PLAIN: Final = pattern("[\x00-\x7f\xa0–—‘’“”•…]*")
"""ASCII, and the signs of English print."""

_KANA: Final = pattern("[\u3041-\u3096\u30a1-\u30fa]+")
_SYLLABLE: Final = pattern("[\u3041-\u3096\u30a1-\u30fa]")
_READ: Final = 500
"""Characters that are looked at where a glance is not enough."""
_HAN: Final = pattern("[\u3400-\u4dbf\u4e00-\u9fff]+")
_HANGUL: Final = pattern("[\uac00-\ud7a3]+")
_LEAST_CHARACTERS: Final = 12
_LEAST_SHARE: Final = 0.5
"""Of the characters that are looked at, spaces, digits and signs included."""
_KANA_SHARE: Final = 0.2
"""Of Han and Kana: what is Japanese has much more, what is Chinese none."""


def sure_language(text: str) -> str:
    """The language of a text, ISO 639-1, from its first 500 characters; ``und`` where it is not sure."""
    return sure_language_by_words(text) or _sure(identify(text[:_READ]), text)


def sure_language_by_words(text: str) -> str | None:
    """What ``sure_language`` says where it needs no model, which takes a second to load; else None."""
    glance = at_a_glance(text)
    if glance:
        return glance
    guess = identify_by_words(text[:_READ])
    return guess and _sure(guess, text)


def _sure(guess: Guess, text: str) -> str:
    # A few syllables among many Han characters: a quotation in Chinese, or Japanese that is all terms.
    if not guess.sure or (guess.language == "zh" and _SYLLABLE.search(text, 0, _READ)):
        return UNDETERMINED
    return guess.language


def at_a_glance(text: str) -> str:
    """``en``, ``zh``, ``ja`` or ``ko`` where the first 200 characters leave no doubt, else "". Takes 3 microseconds."""
    head = text[:_HEAD]
    if head.isascii() or _PLAIN.fullmatch(head):
        words = set(head.lower().split())
        english = len(words & _ENGLISH)
        return "en" if english >= _LEAST_WORDS and english >= _LEAST_LEAD * len(words & _NOT_ENGLISH) else ""
    han = sum(map(len, _HAN.findall(head)))
    kana = sum(map(len, _KANA.findall(head)))
    least = max(_LEAST_CHARACTERS, _LEAST_SHARE * len(head))
    if han + kana >= least:
        if not kana:
            return "zh"
        return "ja" if kana >= _KANA_SHARE * (han + kana) else ""
    return "ko" if sum(map(len, _HANGUL.findall(head))) >= least else ""

"""The language of a text where that is sure, for a million rows: most take a glance, the others ``identify``.

A glance settles plain English, Chinese, Japanese and Korean, and is ten times as fast.
"""

from __future__ import annotations

import re
from typing import Final

from audit.language.identification import UNDETERMINED, identify, identify_by_words
from audit.language.words import common_words, words_of

_HEAD: Final = 200
"""Characters that are looked at."""
_ENGLISH: Final = words_of("en")
_NOT_ENGLISH: Final = common_words() - _ENGLISH
_LEAST_WORDS: Final = 4
"""Different ones of the commonest English words."""
_LEAST_LEAD: Final = 3
"""Times the words that are common in another language only; a few of these are English, too ("die", "man", "on")."""

_PLAIN: Final = re.compile("[\x00-\x7f\xa0–—‘’“”•…]*")
"""ASCII, and the signs of English print."""

_KANA: Final = re.compile("[\u3041-\u3096\u30a1-\u30fa]+")
_SYLLABLE: Final = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_READ: Final = 500
"""Characters that are looked at where a glance is not enough."""
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
_HANGUL: Final = re.compile("[\uac00-\ud7a3]+")
_LEAST_CHARACTERS: Final = 12
_LEAST_SHARE: Final = 0.5
"""Of the characters that are looked at, spaces, digits and signs included."""
_KANA_SHARE: Final = 0.2
"""Of Han and Kana: what is Japanese has much more, what is Chinese none."""


def sure_language(text: str, *, model: bool = True) -> str:
    """The language of a text, ISO 639-1, from its first 500 characters; ``und`` where it is not sure.

    Without the ``model``, which takes a second to load, it is sure of fewer languages.
    """
    glance = at_a_glance(text)
    if glance:
        return glance
    guess = identify(text[:_READ]) if model else identify_by_words(text[:_READ])
    # A few syllables among many Han characters: a quotation in Chinese, or Japanese that is all terms.
    if guess is None or not guess.sure or (guess.language == "zh" and _SYLLABLE.search(text, 0, _READ)):
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

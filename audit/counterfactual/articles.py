""" "a" or "an" before a word, by its first sound, and the edit that keeps it right. Changes no other word."""

from __future__ import annotations

import re
from typing import Final

from audit.counterfactual.english import english
from audit.counterfactual.result import Edit, NotSwapped

_BEFORE: Final = re.compile(r"(?<![\w'’-])(?P<article>an?)(?P<gap>[ \t]+)\Z", re.IGNORECASE)
_VOWELS: Final = "aeiou"


def article_for(word: str) -> str:
    """ "a" or "an": "an hour", "a university", "an FBI agent", "an 8-year-old".

    Rule: the sound decides, not the letter (Cambridge Grammar of the English Language, chapter 5, 7.1).
    """
    lower, sounds = word.lower(), english().articles
    if word.isupper() and 1 < len(word) <= 4 and not _is_spoken(lower):
        return "an" if lower[0] in sounds["spelt_letters"][0] else "a"
    if lower[0].isdigit():
        return "an" if lower.startswith("8") or re.match(r"1[18](?!\d)", lower) else "a"
    if _begins(lower, sounds["vowel_sound"]):
        return "an"
    if _begins(lower, sounds["consonant_sound"]) and not _begins(lower, sounds["as_spelt"]):
        return "a"
    return "an" if lower[0] in _VOWELS else "a"


def article_edit(text: str, start: int, before: str, after: str) -> Edit | None:
    """The edit of the article that stands before a word at ``start`` when the word becomes another; None where the
    article stays or there is none. Raises NotSwapped where the article was not right before."""
    found = _BEFORE.search(text, max(start - 8, 0), start)
    if found is None:
        return None
    article = found["article"]
    needed = article_for(after)
    if article_for(before) != article.lower():
        raise NotSwapped("unknown_form")
    if needed == article.lower():
        return None
    written = needed.capitalize() if article[0].isupper() and not _shouted(before, article) else needed
    if _shouted(before, article):
        written = needed.upper()
    return Edit(found.start(), found.end("article"), article, written)


def _shouted(before: str, article: str) -> bool:
    return article.isupper() and before.isupper() and len(before) > 1


def _begins(word: str, beginnings: tuple[str, ...]) -> bool:
    head = re.split(r"[-'’]", word, maxsplit=1)[0]
    return any(head == start[:-1] if start.endswith("$") else word.startswith(start) for start in beginnings)


def _is_spoken(lower: str) -> bool:
    """Whether capitals are a word and not letters: it has a vowel among consonants."""
    return any(letter in _VOWELS for letter in lower[1:-1]) and len(lower) > 3

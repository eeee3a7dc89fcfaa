"""Whether a text names somebody whose name may fix the group. Decides on the side of caution, and reads no group."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import chain

from audit.counterfactual.english import english, is_adjective, is_content, is_noun
from audit.counterfactual.words import Word

_LONGEST_ACRONYM = 5


def names_somebody(words: Sequence[Word], known: Container[int]) -> bool:
    """Whether a word may be a name: a capitalised word inside a sentence that is no place, day, month, nationality or
    acronym, a common given name anywhere, or an unknown word at the beginning of a sentence that something is said of.

    ``known`` are the indices of words that need no further look.
    """
    lower = {word.base for word in words if word.text.islower()}
    return any(_is_name(words, at, lower) for at, word in enumerate(words) if word.is_word and at not in known)


def _is_name(words: Sequence[Word], at: int, lower: Container[str]) -> bool:
    word, data = words[at], english()
    parts = word.base.replace("’", "'").split("-")
    if any(part in data.names_in_lower_case for part in parts):
        return True
    if not word.is_capital:
        return False
    stem = word.stem
    if stem.isupper() and (len(stem) <= _LONGEST_ACRONYM or _shouted(words, at)):
        return word.base in data.given_names and word.base not in data.closed
    if word.base in data.capitals:
        then = words[at + 1].base if at + 1 < len(words) else ""
        name = word.base in data.given_names or word.base == "may"
        return word.first and name and then in data.verbs["after_a_name"]
    if not word.first:
        return not _is_shared_word(words, at, lower)
    if word.base not in lower and (word.base in data.given_names or word.base.removesuffix("s") in data.given_names):
        return True
    return _may_be_subject(words, at, lower)


def _shouted(words: Sequence[Word], at: int) -> bool:
    """Whether a neighbour is written in capitals too."""
    near = [word for word in (*words[max(at - 1, 0) : at], *words[at + 1 : at + 2]) if word.is_word]
    return any(word.stem.isupper() for word in near)


def _is_shared_word(words: Sequence[Word], at: int, lower: Container[str]) -> bool:
    """Whether a capitalised word inside a sentence is a closed-class word that somebody stressed ("And")."""
    base = words[at].base
    return base in english().closed or (base in lower and not words[at].clitic)


def _may_be_subject(words: Sequence[Word], at: int, lower: Container[str]) -> bool:
    """Whether an unknown first word is followed by what follows a name: a verb, "'s", a comma, "and" with another."""
    word = words[at]
    if _is_known(word, lower) or word.base.isdigit():
        return False
    if word.clitic[1:].lower() == "s":
        return True
    then = words[at + 1].base if at + 1 < len(words) else ""
    if then in ("and", "or", "&"):
        return at + 2 < len(words)
    if then in english().verbs["after_a_name"]:
        return True
    if at + 1 == len(words) or not words[at + 1].is_word:
        return False
    return words[at + 1].is_capital or (is_content(then) and not then.isdigit())


def _is_known(word: Word, lower: Container[str]) -> bool:
    base, data = word.base, english()
    return (
        base in lower
        or base in data.closed
        or base in data.classes["either"]
        or base in chain(*data.pairs.items())
        or base.endswith("ly")
        or is_noun(base)
        or is_adjective(base)
        or any(base in verbs for verbs in data.verbs.values())
    )

"""Whether a form counts where it stands: the words and characters around it. Looks a bounded way in both directions.

Texts and places are those of ``Text``: folded, with a space before and after, so that ``words`` has one on both sides
of each form.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from audit.lexicons.files import Persons
from audit.lexicons.terms import Term


class Text(NamedTuple):
    """A folded text, and the same with a space for every character that is in no word."""

    folded: str
    words: str


class Rule(NamedTuple):
    """A term with what is asked of its surroundings, ready to be looked for. ``anywhere``: nothing is asked."""

    term: Term
    not_before: tuple[str, ...]
    not_after: tuple[str, ...]
    anywhere: bool


def rule_of(term: Term) -> Rule:
    """The term with the words around it as they stand in ``Text.words``."""
    asked = (term.needs_person_noun, term.not_before, term.not_after, term.cased, term.surname, " " in term.form)
    return Rule(
        term,
        tuple(f" {word} " for word in term.not_before),
        tuple(f" {word} " for word in term.not_after),
        not any(asked),
    )


_HYPHENS: Final = "-‐‑"
_SIGNS: Final = "@$\\"  # of a handle, a variable, an escape
_PREFIXES: Final = frozenset(["ex", "step", "half", "great", "grand", "god", "foster", "then", "now", "soon"])
"""What may stand before a hyphen: "ex-wife" mentions a woman, in "all-male" and "man-made" nobody is spoken of."""
_LONGEST_PREFIX: Final = 6
_GAP: Final = re.compile(r"[.,;:!?()\[\]{}\"…/|]")
_NEXT: Final = re.compile(r"([ \t\r\n\xa0,/&]{1,3})([^\W_]+)")
_STOP: Final = re.compile(r"[ \t]*(?:[\r\n.!?;:,)\]\"”’…]|$)")
_MOST_BETWEEN: Final = 3
_REACH: Final = 48
"""Characters before a form in which the subject of a sentence is looked for."""


def joined(text: Text, start: int, end: int) -> bool:
    """Whether a form is but a part of a hyphenated word, a handle or a variable."""
    before, after = text.folded[start - 1], text.folded[end]
    if before == after == " ":
        return False
    if before in _SIGNS or (after in _HYPHENS and text.folded[end + 1].isalnum()):
        return True
    if before not in _HYPHENS or not text.folded[start - 2].isalnum():
        return False
    prefix = text.words[max(0, start - 2 - _LONGEST_PREFIX) : start - 1].rpartition(" ")
    return not prefix[1] or prefix[2] not in _PREFIXES


def counts(text: Text, start: int, end: int, rule: Rule, persons: Persons) -> bool:
    """Whether the words around a form let it count."""
    term = rule.term
    if " " in text.words[start:end] and _GAP.search(text.folded, start, end):
        return False
    if rule.not_before and text.words.startswith(rule.not_before, end):
        return False
    if rule.not_after and text.words.endswith(rule.not_after, 0, start):
        return False
    return not term.needs_person_noun or said_of_person(text, start, end, term, persons)


def said_of_person(text: Text, start: int, end: int, term: Term, persons: Persons) -> bool:
    """Whether an adjective has a noun for persons behind it, is said of one, or stands for them ("the blind")."""
    if person_ahead(text, end, persons):
        return True
    ended = _STOP.match(text.folded, end) is not None
    following = _NEXT.match(text.folded, end)
    word = following[2] if following else ""
    before = text.words[max(0, start - _REACH) : start].split()
    if term.collective and before and before[-1] in persons.articles:
        return ended or word in persons.after_collective
    return (ended or word in persons.after_adjective) and _has_subject(before, persons)


def person_ahead(text: Text, at: int, persons: Persons) -> bool:
    """Whether a noun for persons follows, with no other than words that may stand between."""
    for _ in range(_MOST_BETWEEN + 1):
        found = _NEXT.match(text.folded, at)
        if found is None:
            return False
        if found[2] in persons.nouns:
            return "," not in found[1]
        if found[2] not in persons.between:
            return False
        at = found.end()
    return False


def _has_subject(before: list[str], persons: Persons) -> bool:
    while before and before[-1] in persons.adverbs:
        before = before[:-1]
    return f" {' '.join(before[-3:])}".endswith(persons.subject_ends)


def in_name(original: str, start: int, end: int) -> bool:
    """Whether a form written with a capital stands beside another such word: "Tyson Gay", "Gay Talese"."""
    if not original[start:end].istitle():
        return False
    before = original[max(0, start - _REACH) : start]
    after = original[end : end + _REACH].split(maxsplit=1)
    previous = before.split()[-1:] if before[-1:] == " " else []
    return any(word[:1].isupper() and word.strip(".,").istitle() for word in [*previous, *after[:1]])

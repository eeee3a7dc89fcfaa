"""Exchanges a group of any axis but gender: nouns and adjectives, with "a" and "an". Inverts nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple, TypeAlias

from audit.counterfactual.articles import article_edit
from audit.counterfactual.english import english, is_noun
from audit.counterfactual.gender import mentions_gender
from audit.counterfactual.names import names_somebody
from audit.counterfactual.result import Edit, NotSwapped, cased_like
from audit.counterfactual.words import MARKS, Word, words_of
from audit.lexicons import Mention, load
from audit.lexicons.files import persons

Part: TypeAlias = Literal["adjective", "noun", "plural"]
Forms: TypeAlias = Mapping[str, str]
"""Group -> form, for one meaning in one part of speech."""


class _Found(NamedTuple):
    at: int
    word: Word
    group: str


def exchanged_group(
    text: str, axis: str, source: str | None, target: str | None
) -> tuple[tuple[str, str], tuple[Edit, ...]]:
    """The groups (from, to) and the edits that exchange them. Raises NotSwapped, with the reason, where there is no
    sure counterfactual; ConfigError for an axis without a lexicon."""
    mentions = load(axis).find(text, "en")
    groups = _groups(axis, mentions, source, target)
    words = words_of(text)
    found = _find(words, mentions, axis, groups[0])
    coupled = english().coupled.get(axis, frozenset())
    known = frozenset(chain.from_iterable(_inside(words, mention) for mention in mentions))
    if any(word.base in coupled and at not in known for at, word in enumerate(words)):
        raise NotSwapped("coupled")
    if names_somebody(words, known):
        raise NotSwapped("named_person")
    edits = chain.from_iterable(_edits(text, words, one, axis, groups) for one in found)
    return groups, tuple(sorted(edits))


def _groups(axis: str, mentions: Sequence[Mention], source: str | None, target: str | None) -> tuple[str, str]:
    present = {mention.term.group for mention in mentions}
    if not present or (source is not None and source not in present):
        raise NotSwapped("no_term")
    if source is None:
        if len(present) > 1:
            raise NotSwapped("several_groups")
        (source,) = present
    target = target if target is not None else english().partners.get(axis, {}).get(source)
    if target is None or target == source:
        raise NotSwapped("unknown_form")
    if target in present:
        raise NotSwapped("several_groups")
    return source, target


# ----------------------------------------------------------------------------- words


@lru_cache(maxsize=16)
def _table(axis: str) -> Mapping[tuple[str, Part], Forms]:
    """(Form in lower case, part) -> the forms of all groups: what the lexicon pairs, and our own lines over it."""
    table: dict[tuple[str, Part], Forms] = {}
    for term in load(axis).terms:
        if term.language == "en" and term.counterfactual and " " not in term.form:
            part: Part = "plural" if term.plural else "adjective" if term.part == "adjective" else "noun"
            table[term.form.lower(), part] = {**term.counterfactual, term.group: term.form}
    for name, lines in english().forms.get(axis, {}).items():
        for line in lines:
            for form in line.values():
                table[form.lower(), name] = line  # type: ignore[index]
    return table


def _find(words: Sequence[Word], mentions: Sequence[Mention], axis: str, group: str) -> Sequence[_Found]:
    """The words of the group that can be exchanged: one in each of its mentions."""
    table = _table(axis)
    found: list[_Found] = []
    for mention in mentions:
        if mention.term.group != group:
            continue
        inside = [at for at in _inside(words, mention) if any((words[at].base, part) in table for part in _PARTS)]
        if len(inside) != 1:
            raise NotSwapped("unknown_form")
        found.append(_Found(inside[0], words[inside[0]], group))
    return found


_PARTS: tuple[Part, ...] = ("adjective", "noun", "plural")


def _inside(words: Sequence[Word], mention: Mention) -> range:
    """The words that a mention covers."""
    first = bisect_left(words, mention.start, key=lambda word: word.start)
    return range(first, bisect_left(words, mention.end, key=lambda word: word.start))


def _edits(text: str, words: Sequence[Word], one: _Found, axis: str, groups: tuple[str, str]) -> Sequence[Edit]:
    """The exchange of a word, and of the article before it."""
    forms = _table(axis)[one.word.base, _part(words, one.at, axis)]
    if forms.get(groups[0], "").lower() != one.word.base or groups[1] not in forms:
        raise NotSwapped("unknown_form")
    stem = one.word.stem
    after = _written(stem, forms[groups[0]], forms[groups[1]], first=one.word.first)
    edit = Edit(one.word.start, one.word.start + len(stem), stem, after)
    article = article_edit(text, edit.start, stem, after)
    return (edit,) if article is None else (article, edit)


def _written(before: str, form: str, after: str, *, first: bool) -> str:
    """The new form with its own capitals where the old one had its own, else with those that the old one had."""
    if before == form:
        return after[0].upper() + after[1:] if first and before[0].isupper() else after
    if before.lower() == before:
        return after.lower()
    return after if before == form.capitalize() and after[0].isupper() else cased_like(before, after)


# ----------------------------------------------------------------------------- parts of speech


def _part(words: Sequence[Word], at: int, axis: str) -> Part:
    """Noun or adjective, by the words around it. Raises NotSwapped where both are possible."""
    base = words[at].base
    possible = [part for part in _PARTS if (base, part) in _table(axis)]
    if possible == ["plural"] or (possible == ["noun"] and not words[at].clitic):
        return possible[0]
    before = words[at - 1].base if at else ""
    if before == "-" or words[at].clitic:
        raise NotSwapped("ambiguous_form")
    after = words[at + 1].base if at + 1 < len(words) else ""
    if after and after[0].isalnum() and (is_noun(after) or mentions_gender(after) or after in _person_nouns()):
        part: Part = "adjective"
    elif _closes(after) and before in english().classes["be"]:
        part = "adjective"
    elif _closes(after) and before in english().classes["determiners"]:
        part = "noun"
    else:
        raise NotSwapped("ambiguous_form")
    if part not in possible:
        raise NotSwapped("ambiguous_form")
    return part


def _closes(after: str) -> bool:
    """Whether a noun phrase ends before a word."""
    return not after or after in MARKS or after in english().closed or after in english().verbs["after_a_name"]


@lru_cache(maxsize=1)
def _person_nouns() -> frozenset[str]:
    return persons("en").nouns

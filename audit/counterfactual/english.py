"""The words of English that swaps rest on, read from ``data/english.toml``. What they are for is said there."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import msgspec

_DATA: Final = files("audit.counterfactual").joinpath("data")

Words = frozenset[str]


class English(msgspec.Struct, frozen=True, kw_only=True):
    """Closed word classes, common open ones, and what ties a text to a group; all in lower case."""

    pronouns: Mapping[str, Mapping[str, str]]
    classes: Mapping[str, Words]
    verbs: Mapping[str, Words]
    nouns: Mapping[str, Words]
    noun_suffixes: tuple[str, ...]
    adjectives: Words
    adjective_suffixes: tuple[str, ...]
    fixed_words: Words
    fixed_phrases: tuple[str, ...]
    not_people: tuple[str, ...]
    coupled: Mapping[str, Words]
    capitals: Words
    given_names: Words
    names_in_lower_case: Words
    titles: Mapping[str, str]
    titles_alone: Words
    pairs: Mapping[str, str]
    synonyms: Mapping[str, str]
    within: Mapping[str, str]
    neighbours: Mapping[str, Mapping[str, Words]]
    articles: Mapping[str, tuple[str, ...]]
    forms: Mapping[str, Mapping[str, Sequence[Mapping[str, str]]]]
    partners: Mapping[str, Mapping[str, str]]
    closed: Words
    """Every word of a closed class."""


@lru_cache(maxsize=1)
def english() -> English:
    """The data, read once."""
    raw = tomllib.loads(_DATA.joinpath("english.toml").read_text("utf-8"))
    axes = tomllib.loads(_DATA.joinpath("axes.toml").read_text("utf-8"))
    classes, nouns, capitals = _words(raw["classes"]), raw["nouns"], _words(raw["capitals"])
    singular = frozenset(nouns["singular"].split()) | frozenset(nouns["singular_person"].split())
    given, also_words = _given_names(), capitals["also_words"]
    return English(
        pronouns=raw["pronouns"],
        classes=classes,
        verbs=_words(raw["verbs"]),
        nouns={
            "singular": singular,
            "person": frozenset(nouns["singular_person"].split()),
            "other": frozenset(nouns["other"].split()) | frozenset(map(_plural, singular)),
            "ending_in_ing": frozenset(nouns["ending_in_ing"].split()),
            "or_verb": frozenset(nouns["or_verb"].split()),
        },
        noun_suffixes=tuple(nouns["suffixes"].split()),
        adjectives=frozenset(raw["adjectives"]["words"].split()),
        adjective_suffixes=tuple(raw["adjectives"]["suffixes"].split()),
        fixed_words=frozenset(raw["fixed"]["gender"].split()),
        fixed_phrases=tuple(raw["fixed"]["phrases"].split("|")),
        not_people=tuple(raw["fixed"]["not_people"].split("|")),
        coupled=_words(raw["coupled"]),
        capitals=frozenset().union(*(capitals[name] for name in ("months", "days", "feasts", "places", "other"))),
        given_names=given,
        names_in_lower_case=given - also_words - frozenset().union(*classes.values()) - singular,
        titles={raw["titles"]["male"].lower(): raw["titles"]["female"].lower()},
        titles_alone=frozenset(raw["titles"]["without_counterpart"].split()),
        pairs=raw["pairs"]["male_female"],
        synonyms=raw["control"]["synonyms"],
        within=raw["control"]["within"],
        neighbours={name: _words(raw["control"][name]) for name in ("not_before", "not_after", "only_before")},
        articles={name: tuple(words.split()) for name, words in raw["articles"].items()},
        forms={axis: lines for axis, lines in axes.items() if axis in axes["partners"]},
        partners={axis: _both_ways(pairs) for axis, pairs in axes["partners"].items()},
        closed=frozenset().union(*(words for name, words in classes.items() if name != "either")),
    )


def _words(section: Mapping[str, Any]) -> dict[str, Words]:
    return {name: frozenset(words.split()) for name, words in section.items()}


def _both_ways(pairs: Mapping[str, str]) -> dict[str, str]:
    return {**pairs, **{second: first for first, second in pairs.items()}}


def _given_names() -> Words:
    lines = _DATA.joinpath("given_names.txt").read_text("utf-8").splitlines()
    return frozenset(name for line in lines if not line.startswith("#") for name in line.split())


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh", "z")) else "s")


def is_content(word: str) -> bool:
    """Whether a word is of no closed class: a noun, an adjective, a verb, or not known."""
    return word not in english().closed and word not in english().classes["either"]


def is_adjective(word: str) -> bool:
    """Whether a word is an adjective, by the list or by its ending."""
    data = english()
    return word in data.adjectives or (len(word) > 5 and word.endswith(data.adjective_suffixes))


def is_noun(word: str) -> bool:
    """Whether a word is a noun, by the list or by its ending."""
    nouns = english().nouns
    if word in nouns["singular"] or word in nouns["other"] or word in nouns["ending_in_ing"]:
        return True
    return len(word) > 6 and word.endswith(english().noun_suffixes)

"""A form that mentions a group of people, and a place where it stands in a text. Reads and matches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import msgspec

Part: TypeAlias = Literal["noun", "adjective", "pronoun", "determiner", "title", "name"]
Preference: TypeAlias = Literal["neutral", "polarising", "dispreferred"]


class Term(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One surface form: which group of which axis it mentions, and in which surroundings it does not.

    ``needs_person_noun``: counts only with a noun for persons behind it ("blind man"), or said of a person ("she is
    blind"); ``collective``: also after "the" without a noun ("the blind"). ``not_before`` and ``not_after`` are words
    next to which it does not count. ``cased``: only with a capital and small letters ("Poles"). ``surname``: not with a
    capital beside another word with one ("Tyson Gay"). ``counterfactual``: forms of other groups that mean the same.
    ``preference`` is how people of the group take the word: ``dispreferred`` ones are here to be detected. Compared and
    hashed by identity.
    """

    form: str
    group: str
    axis: str
    language: str
    needs_person_noun: bool = False
    collective: bool = False
    cased: bool = False
    surname: bool = False
    not_before: tuple[str, ...] = ()
    not_after: tuple[str, ...] = ()
    counterfactual: Mapping[str, str] = {}
    part: Part = "noun"
    plural: bool = False
    preference: Preference = "neutral"

    @property
    def name(self) -> str:
        """``group/form``, as tables name it."""
        return f"{self.group}/{self.form}"


class Mention(NamedTuple):
    """A term in a text: from ``start`` to before ``end``, in code points of the text as it was given."""

    start: int
    end: int
    term: Term

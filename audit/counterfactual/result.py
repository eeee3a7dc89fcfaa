"""What a swap comes to: the text, the edits, or the reason why there is none. Swaps nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import msgspec

Reason: TypeAlias = Literal[
    "no_term",
    "language",
    "code",
    "several_groups",
    "unknown_form",
    "fixed_phrase",
    "biology",
    "coupled",
    "named_person",
    "ambiguous_her",
    "ambiguous_his",
    "ambiguous_form",
    "quoted",
    "not_invertible",
    "no_control",
]
"""Why a text has no counterfactual.

``no_term``: no word of the axis. ``language``: not English. ``code``: such a word in code, a URL or a name with
underscores. ``several_groups``: words of more than one group. ``unknown_form``: a word without a counterpart, or spelt
oddly. ``fixed_phrase``: a word that means something else here ("queen bee"). ``biology``: something that ties the text
to the group (bodies, births, offices, clothes). ``coupled``: words that belong to the group on another axis ("mosque").
``named_person``: a name that fixes the group. ``ambiguous_her``, ``ambiguous_his``: two readings. ``ambiguous_form``:
noun or adjective. ``quoted``: a pronoun that is spoken about. ``not_invertible``: swapping back would not give the text
again. ``no_control``: nothing near can be exchanged for a synonym.
"""
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)


class Edit(NamedTuple):
    """Code points ``start`` to before ``end`` of the text as it was given, what stood there and what stands there."""

    start: int
    end: int
    before: str
    after: str


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """A text with the group of an axis exchanged, or the text as it was and the reason why it was not.

    ``groups`` is (from, to) where the text mentions one group, empty otherwise. Edits are in order and do not overlap.
    """

    text: str
    axis: str
    edits: tuple[Edit, ...] = ()
    reason: Reason | Literal[""] = ""
    groups: tuple[str, str] | tuple[()] = ()

    @property
    def skipped(self) -> bool:
        """Whether there is no counterfactual; ``reason`` says why."""
        return bool(self.reason)


class SwapReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of many texts: how many were swapped, and how many were skipped by reason (reasons that occur)."""

    axis: str
    texts: int
    swapped: int
    skipped: Mapping[str, int]
    edits: int

    @property
    def with_terms(self) -> int:
        """Texts that have a word of the axis at all: those the swap rate is about."""
        return self.texts - self.skipped.get("no_term", 0)


class NotSwapped(Exception):
    """Raised inside this package where a text turns out to have no counterfactual; never leaves it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def with_edits(text: str, edits: tuple[Edit, ...]) -> str:
    """The text with the edits made."""
    parts: list[str] = []
    at = 0
    for start, end, _, after in edits:
        parts += (text[at:start], after)
        at = end
    return "".join((*parts, text[at:]))


def cased_like(before: str, after: str) -> str:
    """``after`` with the capitals of ``before``: none, the first letter, or all. Raises NotSwapped for any other."""
    if before.islower():
        return after.lower()
    if before.isupper() and len(before) > 1:
        return after.upper()
    if before[0].isupper() and before[1:].islower():
        return after[0].upper() + after[1:]
    raise NotSwapped("unknown_form")

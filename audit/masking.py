"""Prompts with their identity terms masked: a key that rows share which differ only in whom they mention.

Judges nothing. A term is replaced by its axis only, so "he" and "she" can be twins, "a woman" and "a Muslim" cannot.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from audit.labels.spelling import marks
from audit.model import Record
from audit.read.dialogue import exchange, said
from audit.read.folding import fold, words
from audit.read.identity import TEXT, key_of
from audit.rule import Run

if TYPE_CHECKING:
    from audit.lexicons import Lexicon, Mention, Term

_GENDER: Final = "gender"
_SYSTEM: Final = ("system", "developer")
_ARTICLE: Final = re.compile(r"(?:an?|the)\s+(?=\S)", re.IGNORECASE)
_AXIS_BITS: Final = 5
"""Bits of a term's hash that hold the number of its axis: up to 32 axes."""


class Masked(NamedTuple):
    """A text with its identity terms replaced by their axis: its key, and what was replaced.

    ``terms`` are axis and form as it is written, in order; ``mixed`` says that an axis has terms of two groups.
    """

    key: int
    text: str
    terms: Sequence[tuple[str, str]]
    mixed: bool


class _Place(NamedTuple):
    """A term in a text, without its article and without what another term covers."""

    start: int
    end: int
    axis: str
    term: Term


class Masker:
    """Replaces identity terms of every axis with a lexicon."""

    def __init__(self, lexicons: Sequence[Lexicon]) -> None:
        self.axes: Sequence[str] = tuple(lexicon.axis for lexicon in lexicons)
        self._lexicons = lexicons
        self._first_words: Sequence[frozenset[bytes]] = tuple(map(_first_words, lexicons))
        self._all_words = frozenset().union(*self._first_words)

    def may_mention(self, text: str) -> bool:
        """Whether a text may hold a term: necessary, and cheap. Look-alike letters need the closer look."""
        return not text.isascii() or not self._all_words.isdisjoint(words(text).split())

    def mask(self, text: str) -> Masked:
        """The text with every term replaced by its axis; ``a`` and ``an`` before a term are the same.

        In the key a word for women or men keeps its meaning ("grandmother" is no twin of "man"), and pronouns are one.
        """
        places = self._places(text)
        parts: list[str] = []
        folded: list[bytes] = []
        at = 0
        for place in places:
            before = text[at : place.start]
            folded += (_one_article(fold(before)), f"\0{place.axis}:{_meaning(place.term)}\0".encode())
            parts += (before, f"⟨{place.axis}⟩")
            at = place.end
        masked = "".join((*parts, text[at:]))
        folded += (fold(text[at:]), b"\0", marks(masked).encode("utf-8", "replace"))
        return Masked(
            key_of(b"".join(folded), TEXT),
            masked,
            tuple((place.axis, text[place.start : place.end]) for place in places),
            len({(place.axis, place.term.group) for place in places}) > len({place.axis for place in places}),
        )

    def _places(self, text: str) -> Sequence[_Place]:
        """The terms of all axes in order. Where two overlap ("old man") the shorter one is whole, and of the other
        what is left; of two at one place the one for women or men."""
        present = None if not text.isascii() else set(words(text).split())
        found = [
            _without_article(text, lexicon.axis, mention)
            for lexicon, first_words in zip(self._lexicons, self._first_words, strict=True)
            if present is None or not first_words.isdisjoint(present)
            for mention in lexicon.find(text)
        ]
        found.sort(key=lambda place: (place.end - place.start, place.axis != _GENDER, place.start, place.axis))
        taken: list[_Place] = []
        for place in found:
            left = _left_over(text, place, taken)
            if left is not None:
                insort(taken, left, key=lambda one: one.start)
        return taken

    def hashes(self, terms: Iterable[tuple[str, str]]) -> tuple[int, ...]:
        """One 64-bit number for every axis that terms are of, in the order of the axes: the hash of its terms, and in
        the lowest bits the number of the axis."""
        by_axis: dict[str, list[bytes]] = {}
        for axis, form in terms:
            by_axis.setdefault(axis, []).append(fold(form))
        return tuple(
            key_of(b"\0".join(by_axis[axis]), TEXT) >> _AXIS_BITS << _AXIS_BITS | number
            for number, axis in enumerate(self.axes)
            if axis in by_axis
        )

    def axis_of(self, number: int) -> str:
        """The axis of such a number."""
        return self.axes[number & (1 << _AXIS_BITS) - 1]


def masker_of(run: Run) -> Masker:
    """The masker of a run: the built-in lexicons and those of its attributes, the user's files laid over them."""
    from audit.lexicons import axes

    own = {attribute.where for attribute in run.attributes if attribute.source == "lexicon"}
    return _masker(tuple(sorted({*axes(), *own})), tuple(run.lexicons))


@lru_cache(maxsize=4)
def _masker(names: tuple[str, ...], lexicons: tuple[str, ...]) -> Masker:
    from audit.lexicons import load

    return Masker([load(axis, lexicons) for axis in names])


def masked_prompt(record: Record, masker: Masker) -> Masked | None:
    """All that comes before the answer of a row, masked; None where it mentions nobody or, outside of the system
    prompt, two groups of an axis. A system prompt that mentions two ("he or she") is kept as it is."""
    turns = exchange(record).prompt
    systems = said(message for message in turns if message.role in _SYSTEM)
    spoken = said(message for message in turns if message.role not in _SYSTEM)
    if not (masker.may_mention(systems) or masker.may_mention(spoken)):
        return None
    system, rest = masker.mask(systems), masker.mask(spoken)
    if system.mixed:
        system = Masked(key_of(fold(systems), TEXT), systems, (), False)
    if rest.mixed or not (system.terms or rest.terms):
        return None
    key = key_of(f"{system.key} {rest.key}".encode(), TEXT)
    return Masked(key, f"{system.text}\n{rest.text}", (*system.terms, *rest.terms), False)


def _first_words(lexicon: Lexicon) -> frozenset[bytes]:
    return frozenset(folded.split()[0] for term in lexicon.terms if (folded := words(term.form)))


def _one_article(folded: bytes) -> bytes:
    return folded[:-1] if folded == b"an" or folded.endswith(b" an") else folded


def _without_article(text: str, axis: str, mention: Mention) -> _Place:
    """ "a Jew" is the term "Jew"."""
    article = _ARTICLE.match(text, mention.start, mention.end)
    return _Place(article.end() if article else mention.start, mention.end, axis, mention.term)


def _left_over(text: str, place: _Place, taken: Sequence[_Place]) -> _Place | None:
    """What other terms leave of one: all of it, its beginning or its end; None for nothing."""
    start, end = place.start, place.end
    low = bisect_left(taken, start, key=lambda one: one.end)
    for number in range(low, len(taken)):
        other = taken[number]
        if other.start >= end:
            break
        if other.end <= start:
            continue
        if other.start > start:
            end = min(end, other.start)
        else:
            start = max(start, other.end)
    stretch = text[start:end]
    start += len(stretch) - len(stretch.lstrip())
    end -= len(stretch) - len(stretch.rstrip())
    return place._replace(start=start, end=end) if start < end and text[start].isalnum() else None


def _meaning(term: Term) -> str:
    """What a word for women or men says beside the group; "" for other axes, whose words stand for one another."""
    if term.axis != _GENDER:
        return ""
    if term.part in ("pronoun", "determiner"):
        return "pronoun"
    if term.counterfactual:
        return "/".join(sorted({term.form.lower(), *(form.lower() for form in term.counterfactual.values())}))
    return "plural" if term.plural else "singular"

"""Misspelt variants of what the user says in English, as fingers and memory make them. Answers stay as they are.

A slip is one of: a neighbouring key, two letters exchanged, a letter left out or doubled (the kinds of Damerau 1964, as
a keyboard makes them), or a common misspelling of the word. The first and the last letter stay: slips there cost a
reader most (Rayner et al. 2006, doi.org/10.1111/j.1467-9280.2006.01684.x).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from itertools import chain
from random import Random
from typing import Final, NamedTuple

from audit.counterfactual.english import english
from audit.counterfactual.words import words_of
from audit.language import identify
from audit.lexicons import Lexicon
from audit.lexicons.excluded import in_address
from audit.model import Record
from audit.remedy.balance.augment.pieces import edits_of, user_pieces
from audit.remedy.balance.augment.protected import identity_terms, kept_spans, overlaps
from audit.remedy.balance.augment.result import Changes, Refused
from audit.tokens import load_encoding

RATE: Final = 0.02
"""Slips for each letter of the words that may be misspelt."""
FEWEST_LETTERS: Final = 4
COMMON: Final = 0.5
TRIES: Final = 8
_VOCABULARY: Final = "o200k_base"
_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
"""The keys of an ANSI keyboard, US layout. Each row is shifted by about half a key to the right of the one above."""
_NEGATIONS: Final = frozenset(
    ["never", "none", "nothing", "nobody", "neither", "without", "hardly", "cannot", "unless", "except", "only", "both"]
)
"""Words on which the meaning of a sentence turns."""


class _Place(NamedTuple):
    """A word that may be misspelt: which text, where in it, and the word."""

    text: int
    start: int
    word: str


def noisy(record: Record, lexicons: Sequence[Lexicon], seed: str, rate: float = RATE) -> Changes:
    """A misspelt variant of what the user says, drawn by ``seed``; at least one slip, and at most one in a word.

    Code, JSON, links, numbers, placeholders, terms of the lexicons, words that may be names (with a capital, but for
    common words that begin a sentence), negations and words under ``FEWEST_LETTERS`` letters stay. Raises Refused for
    texts in other scripts (``script``) or surely in other languages (``language``), and where no word is left
    (``no_word``).
    """
    pieces = user_pieces(record)
    if not pieces:
        raise Refused("no_user_text")
    texts = [piece.text for piece in pieces]
    _refuse_other_languages("\n".join(texts))
    places = [place for number, text in enumerate(texts) for place in _places(number, text, lexicons)]
    draws = Random(int.from_bytes(blake2b(seed.encode("utf-8", "surrogatepass")).digest(), "little"))
    wanted = max(1, round(rate * sum(len(place.word) for place in places)))
    slips = _slips(places, wanted, draws)
    if not slips:
        raise Refused("no_word")
    after = [_with_slips(text, number, slips) for number, text in enumerate(texts)]
    if any(identity_terms(a, lexicons) != identity_terms(b, lexicons) for a, b in zip(texts, after, strict=True)):
        raise Refused("identity")
    return Changes(edits_of(pieces, after), "\n".join(texts), "\n".join(after))


def _refuse_other_languages(text: str) -> None:
    guess = identify(text)
    if guess.script != "Latn":
        raise Refused("script")
    if guess.sure and guess.language != "en":
        raise Refused("language")


def _places(number: int, text: str, lexicons: Sequence[Lexicon]) -> Sequence[_Place]:
    """The words of a text that may be misspelt."""
    kept = kept_spans(text, lexicons)
    return [
        _Place(number, word.start, word.text)
        for word in words_of(text)
        if len(word.text) >= FEWEST_LETTERS
        and word.text.isascii()
        and word.text.isalpha()
        and (word.text.islower() or (word.first and word.text.istitle() and word.base in _common_words()))
        and word.base not in _NEGATIONS
        and not overlaps(kept, word.start, word.start + len(word.text))
        and not _touches(text, word.start, word.start + len(word.text))
    ]


def _touches(text: str, start: int, end: int) -> bool:
    """Whether a word is a part of something longer: of a name with underscores, a hashtag, a path, an address."""
    near = text[max(start - 1, 0) : start] + text[end : end + 1]
    return any(mark in "_@#$%&/\\~^|*+<>=" for mark in near) or in_address(text, start, end)


def _slips(places: Sequence[_Place], wanted: int, draws: Random) -> Mapping[tuple[int, int], tuple[str, str]]:
    """(Text, start) -> the word and its misspelling, of as many words as wanted, or as there are."""
    ordered = sorted((draws.random(), place) for place in places)
    slips: dict[tuple[int, int], tuple[str, str]] = {}
    for _, place in ordered:
        if len(slips) == wanted:
            break
        after = misspelt(place.word, draws)
        if after is not None:
            slips[place.text, place.start] = place.word, after
    return slips


def _with_slips(text: str, number: int, slips: Mapping[tuple[int, int], tuple[str, str]]) -> str:
    parts: list[str] = []
    at = 0
    for (which, start), (word, after) in sorted(slips.items()):
        if which == number:
            parts += (text[at:start], after)
            at = start + len(word)
    return "".join((*parts, text[at:]))


# ----------------------------------------------------------------------------- one word


def misspelt(word: str, draws: Random) -> str | None:
    """An ASCII word with one slip that makes no other word; None where none was drawn in a few tries. Of a word with a
    common misspelling that is drawn every other time."""
    lower = word.lower()
    common = misspellings().get(lower)
    if common is not None and draws.random() < COMMON:
        return _cased_like(word, common)
    for _ in range(TRIES):
        after = _slipped(lower, draws)
        if after != lower and not _is_word(after):
            return _cased_like(word, after)
    return None


def _cased_like(word: str, after: str) -> str:
    return after.capitalize() if word[0].isupper() else after


def _slipped(word: str, draws: Random) -> str:
    """A slip between the first and the last letter."""
    at = 1 + int(draws.random() * (len(word) - 2))
    kind = int(draws.random() * 4)
    if kind == 0:
        near = _neighbours()[word[at]]
        return word[:at] + near[int(draws.random() * len(near))] + word[at + 1 :]
    if kind == 1:
        at = min(at, len(word) - 3)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 2:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]


@lru_cache(maxsize=1)
def _neighbours() -> Mapping[str, str]:
    """The letters next to each on the keyboard: in its row, and the two nearest of the rows above and below."""
    found: dict[str, str] = {}
    for number, row in enumerate(_ROWS):
        for at, letter in enumerate(row):
            near = [(number, at - 1), (number, at + 1), (number - 1, at), (number - 1, at + 1)]
            near += [(number + 1, at - 1), (number + 1, at)]
            found[letter] = "".join(_ROWS[r][c] for r, c in near if 0 <= r < len(_ROWS) and 0 <= c < len(_ROWS[r]))
    return found


@lru_cache(maxsize=1)
def misspellings() -> Mapping[str, str]:
    """Word -> its common misspelling, in lower case."""
    data = files("audit.remedy.balance.augment").joinpath("data", "misspellings.en.toml").read_text("utf-8")
    found: Mapping[str, str] = tomllib.loads(data)["misspellings"]
    return found


@lru_cache(maxsize=1)
def _common_words() -> frozenset[str]:
    """English words that are no names when they begin a sentence: those of closed classes, and common ones."""
    data = english()
    classes = (*data.classes.values(), *data.verbs.values(), *data.nouns.values())
    return frozenset(chain(*classes, data.adjectives, data.closed, data.synonyms, misspellings()))


def _is_word(form: str) -> bool:
    """Whether a form may be a word of its own: it is one token of the vocabulary o200k_base, of 200,000 frequent words
    and parts of words. A slip that makes another word ("patient", "patent") changes what is said."""
    encoding = load_encoding(_VOCABULARY)
    return encoding is not None and len(encoding.encode_ordinary(f" {form}")) == 1

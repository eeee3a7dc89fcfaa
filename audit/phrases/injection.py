"""Orders to a model in a text that should only inform it: to forget its instructions, to be somebody else, to give away
its prompt or the conversation, to keep quiet about it. In a dozen languages. Finds them; judges nothing."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from typing import Final, NamedTuple

import re2

from audit.phrases.injection_wording import ANY_LANGUAGE, Kind, wordings
from audit.read.patterns import pattern

_WORDINGS: Final = wordings()
_INVISIBLE: Final = pattern("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_TAGS: Final = pattern("[\U000e0020-\U000e007e]{8,}")
_COMMENT: Final = pattern(r"<!--(.{1,4000}?)-->", re.DOTALL)
_HIDING: Final = pattern(
    r"<(?:span|div|p|font)\b[^>]{0,200}(?:display:\s?none|visibility:\s?hidden|font-size:\s?0|color:\s?(?:white|#fff))[^>]{0,100}>",
    re.IGNORECASE,
)
_IN_SPLIT_WORD: Final = r"[A-Za-z][\x{ad}\x{200b}-\x{200d}\x{2060}\x{feff}]+[A-Za-z]|[\x{e0020}-\x{e007e}]{8}"
_LONGEST: Final = 2_000_000
_MOST: Final = 50


class Injection(NamedTuple):
    """Code points ``start`` to ``end`` (exclusive) of an order; ``language`` is ISO 639-1, ``und`` for any. ``kind``
    ``hidden``: it stands where people do not see it, in a comment of HTML, between invisible characters, in tags."""

    start: int
    end: int
    language: str
    kind: Kind


@cache
def _any() -> re2._Regexp[bytes]:
    options = re2.Options()
    options.max_mem = 64 << 20
    parts = [wording.pattern for wording in _WORDINGS]
    return re2.compile("(?i)(?:" + "|".join(f"(?:{part})" for part in (*parts, _IN_SPLIT_WORD)) + ")", options)


@cache
def _single(number: int) -> re2._Regexp[bytes]:
    return re2.compile(f"(?i){_WORDINGS[number].pattern}")


def may_inject(data: bytes) -> re2._Match[bytes] | None:
    """The first place in a text (UTF-8, perhaps many texts in one) that may hold an order: necessary for
    ``injections_in`` to find any. One search with one automaton."""
    found: re2._Match[bytes] | None = _any().search(data)
    return found


def next_place(data: bytes, start: int = 0) -> int | None:
    """The byte offset of the first such place from ``start`` on, None where there is none."""
    found = _any().search(data, start)
    return None if found is None else found.start()


def injections_in(text: str) -> list[Injection]:
    """The orders to a model in a text, by place; each sort of order once. Linear in the length of the text, of which
    the first two million characters are looked at."""
    shown = text[:_LONGEST]
    if may_inject(shown.encode("utf-8", "replace")) is None:
        return []
    found = _plain(shown)
    if _INVISIBLE.search(shown):
        found += _between_invisible(shown, {(one.kind, one.language) for one in found})
    for tags in _TAGS.finditer(shown):
        found.append(Injection(tags.start(), tags.end(), ANY_LANGUAGE, "hidden"))
        break
    hidden = [_out_of_sight(shown, one) for one in found]
    return sorted({*found, *(one for one in hidden if one is not None)})[:_MOST]


def _plain(text: str) -> list[Injection]:
    data = text.encode("utf-8", "replace")
    found: list[Injection] = []
    for number, (kind, language, _) in enumerate(_WORDINGS):
        place = _single(number).search(data)
        if place is not None:
            start = len(data[: place.start()].decode("utf-8", "replace"))
            end = start + len(place[0].decode("utf-8", "replace"))
            found.append(Injection(start, end, language, kind))
    return found


def _between_invisible(text: str, known: set[tuple[str, str]]) -> list[Injection]:
    """Orders that can be read only when the invisible characters in them are taken out."""
    read = _INVISIBLE.sub("", text)
    if may_inject(read.encode("utf-8", "replace")) is None:
        return []
    gaps = [found.start() - number for number, found in enumerate(_INVISIBLE.finditer(text))]

    def place(at: int) -> int:
        return at + bisect_right(gaps, at)

    return [
        Injection(place(one.start), place(one.end - 1) + 1, one.language, "hidden")
        for one in _plain(read)
        if (one.kind, one.language) not in known
    ]


def _out_of_sight(text: str, one: Injection) -> Injection | None:
    """The same order as a hidden one, where it stands in a comment or an element that is not shown."""
    opened, closed = text.rfind("<!--", 0, one.start + 4), text.find("-->", one.start)
    if opened >= 0 and closed >= 0 and "-->" not in text[opened : one.start]:
        return one._replace(kind="hidden")
    before = text[max(0, one.start - 400) : one.start]
    styled = [found.end() for found in _HIDING.finditer(before)]
    return one._replace(kind="hidden") if styled and "</" not in before[styled[-1] :] else None

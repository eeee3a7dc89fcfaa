"""Runs of words that many texts share, extended as far as they are shared. Knows no rows and judges nothing."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import chain
from typing import Final, NamedTuple

PILOT: Final = 2_000
"""Texts that are counted in full. Only runs that half as large a share of them has are counted in the others: one that
reaches 5 % of all falls below 2.5 % of these by a chance of less than one in a million."""
EDGE: Final = 1_000
"""Units looked at from the start and from the end of a longer text."""
KEPT: Final = 0.9
"""A span grows as long as this share of the texts that its core was found in still has all of it."""
LONGEST: Final = 500
"""Units of a span."""
_WIDTH: Final = array("I").itemsize
_GAP: Final = 0


class SharedSpan(NamedTuple):
    """A span of units, and for every text that has it its number, where the span begins there, and the text's length
    in units."""

    units: tuple[bytes, ...]
    places: tuple[tuple[int, int, int], ...]


class Texts:
    """Texts as arrays of numbers, one for each different unit."""

    def __init__(self) -> None:
        self.words: list[bytes] = [b""]
        self.texts: list[array[int]] = []
        self.lengths: list[int] = []
        self._numbers: dict[bytes, int] = {b"": _GAP}

    def add(self, units: Sequence[bytes]) -> None:
        """One more text."""
        self.lengths.append(len(units))
        if len(units) <= 2 * EDGE:
            self.texts.append(self._numbered(units))
        else:
            self.texts.append(self._numbered(chain(units[:EDGE], (b"",), units[-EDGE:])))

    def _numbered(self, units: Iterable[bytes]) -> array[int]:
        numbers = self._numbers
        row = array("I")
        for unit in units:
            number = numbers.get(unit)
            if number is None:
                number = numbers[unit] = len(self.words)
                self.words.append(unit)
            row.append(number)
        return row

    def in_order(self, order: Sequence[int]) -> Texts:
        """The same texts in another order."""
        other = Texts()
        other.words, other._numbers = self.words, self._numbers
        other.texts = [self.texts[at] for at in order]
        other.lengths = [self.lengths[at] for at in order]
        return other

    def unit_place(self, text: int, at: int) -> int:
        """Where in the whole text the unit at ``at`` of its array stands."""
        return at if at < EDGE or self.lengths[text] <= 2 * EDGE else at - 2 * EDGE - 1 + self.lengths[text]


def shared_spans(texts: Texts, length: int, least: int, most: int) -> list[SharedSpan]:
    """Up to ``most`` spans of ``length`` units or more that stand in ``least`` texts or more, the most frequent first.

    No two of them overlap in any text. Texts should come in random order (see ``PILOT``).
    """
    grams = _places(texts, length, least)
    queue = [(-len(set(map(_text, places))), _words(gram, texts), gram) for gram, places in grams.items()]
    heapify(queue)
    taken: dict[int, bytearray] = {}
    spans: list[SharedSpan] = []
    while queue and len(spans) < most:
        count, words, gram = heappop(queue)
        free = [place for place in grams[gram] if not _is_taken(place, length, taken)]
        now = len(set(map(_text, free)))
        if now < least:
            continue
        if now < -count:
            heappush(queue, (-now, words, gram))
            continue
        spans.append(_grown(free, length, least, texts, taken))
    return sorted(spans, key=lambda span: (-len(span.places), span.units))


# ----------------------------------------------------------------------------- runs of fixed length

# A place is one number: the text in the upper half, the unit in the lower.


def _text(place: int) -> int:
    return place >> 32


def _unit(place: int) -> int:
    return place & 0xFFFFFFFF


def _is_taken(place: int, length: int, taken: Mapping[int, bytearray]) -> bool:
    mask = taken.get(_text(place))
    return mask is not None and 1 in mask[_unit(place) : _unit(place) + length]


def _places(texts: Texts, length: int, least: int) -> dict[bytes, array[int]]:
    """The places of every run of ``length`` units that stands in ``least`` texts or more."""
    pilot: Counter[bytes] = Counter()
    for text in texts.texts[:PILOT]:
        pilot.update({gram for _, gram in _grams(text, length)})
    enough = least if len(texts.texts) <= PILOT else max(2, least * PILOT // (2 * len(texts.texts)))
    places: dict[bytes, array[int]] = {gram: array("Q") for gram, count in pilot.items() if count >= enough}
    del pilot
    for number, text in enumerate(texts.texts):
        for at, gram in _grams(text, length):
            found = places.get(gram)
            if found is not None:
                found.append(number << 32 | at)
    return {
        gram: found
        for gram, found in places.items()
        if len(set(map(_text, found))) >= least and _GAP not in array("I", gram)
    }


def _grams(text: array[int], length: int) -> Iterator[tuple[int, bytes]]:
    data, width = text.tobytes(), length * _WIDTH
    for at in range(len(text) - length + 1):
        yield at, data[at * _WIDTH : at * _WIDTH + width]


def _words(gram: bytes, texts: Texts) -> bytes:
    return b" ".join(texts.words[number] for number in array("I", gram))


# ----------------------------------------------------------------------------- growing


def _grown(core: Sequence[int], length: int, least: int, texts: Texts, taken: dict[int, bytearray]) -> SharedSpan:
    """The longest span around a core that enough of its texts share. Its places become taken."""
    enough = max(least, KEPT * len(set(map(_text, core))))
    places, before, after = list(core), 0, length
    for step in (1, -1):
        while before + after < LONGEST:
            offset = after if step == 1 else -before - 1
            kept = _best(places, offset, enough, texts, taken)
            if kept is None:
                break
            places = kept
            before, after = (before, after + 1) if step == 1 else (before + 1, after)
    first: dict[int, int] = {}
    for place in places:
        text, start = _text(place), _unit(place) - before
        mask = taken.setdefault(text, bytearray(len(texts.texts[text])))
        mask[start : start + before + after] = b"\x01" * (before + after)
        first.setdefault(text, start)
    some_text, some_start = next(iter(first.items()))
    numbers = texts.texts[some_text][some_start : some_start + before + after]
    return SharedSpan(
        tuple(texts.words[number] for number in numbers),
        tuple((text, texts.unit_place(text, at), texts.lengths[text]) for text, at in sorted(first.items())),
    )


def _best(
    places: Sequence[int], offset: int, enough: float, texts: Texts, taken: Mapping[int, bytearray]
) -> list[int] | None:
    """The places with the most frequent unit at ``offset`` from them; None when too few texts have it there."""
    units = [_at(place, offset, texts, taken) for place in places]
    having = Counter(unit for unit, _ in {(unit, _text(place)) for unit, place in zip(units, places, strict=True)})
    del having[_GAP]
    if not having:
        return None
    best = min(having, key=lambda unit: (-having[unit], texts.words[unit]))
    if having[best] < enough:
        return None
    return [place for unit, place in zip(units, places, strict=True) if unit == best]


def _at(place: int, offset: int, texts: Texts, taken: Mapping[int, bytearray]) -> int:
    text, at = texts.texts[_text(place)], _unit(place) + offset
    if not 0 <= at < len(text) or _is_taken(place + offset, 1, taken):
        return _GAP
    return text[at]

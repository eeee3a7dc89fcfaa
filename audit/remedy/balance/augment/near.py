"""Which made-up rows are near copies: of rows of the data, of one another, or of the turn that they were made of.

The measure is that of DUP403 (``audit.clusters``); what it is held against is docs/decisions/0017. Makes no rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Final

from audit.clusters import NearBuilder, NearSettings, find_template
from audit.clusters.hashing import shingle_hashes
from audit.clusters.units import units
from audit.read.dialogue import conversation_text
from audit.rule import Context

SAMPLE: Final = 10_000
"""Rows at even distances in which the template of the data is looked for."""
_BLOCK: Final = 4_096
"""Rows whose texts are handed over together."""


def nearly_the_same(before: str, after: str, settings: NearSettings) -> bool:
    """Whether a turn says nearly what another says: as many of their shingles in common as near-duplicates have, or of
    texts too short for that the same words."""
    ours = set(shingle_hashes(before, settings.shingle, settings.min_units))
    theirs = set(shingle_hashes(after, settings.shingle, settings.min_units))
    if not ours or not theirs:
        return units(before) == units(after)
    return len(ours & theirs) >= settings.threshold * len(ours | theirs)


class NearCopies:
    """Finds the near copies among made-up rows, which come a few at a time; those that are none stay and are compared
    with later ones."""

    def __init__(self, context: Context, settings: NearSettings) -> None:
        self._context = context
        self._settings = settings
        self._texts: list[str] = []
        self._sources: list[int] = []
        self._gone: set[int] = set()

    def refuse(self, texts: Sequence[str], sources: Sequence[int]) -> Sequence[bool]:
        """Whether each of some conversations, made of these rows, is a near copy of a row other than its source, or of
        one that was made of another source and stayed. Of two that are near each other the first stays."""
        if not any(len(units(text)) >= self._settings.min_units for text in texts):
            return [False] * len(texts)
        first = len(self._texts)
        self._texts += texts
        self._sources += sources
        self._builder.add(texts)
        near: dict[int, list[int]] = {}
        for one, other, _ in self._builder.finish(self._reread).pairs():
            if other >= self._context.rows + first:
                near.setdefault(other - self._context.rows, []).append(one)
                if one >= self._context.rows + first:
                    near.setdefault(one - self._context.rows, []).append(other)
        for made in sorted(near):
            if any(self._counts(made, other) for other in near[made]):
                self._gone.add(made)
        return [made in self._gone for made in range(first, len(self._texts))]

    def _counts(self, made: int, other: int) -> bool:
        """Whether a row that a made-up one is near to is one that it may not be near to."""
        rows = self._context.rows
        if other < rows:
            against = other != self._sources[made]
        else:
            against = (
                other - rows < made
                and other - rows not in self._gone
                and self._sources[other - rows] != self._sources[made]
            )
        return against and not self._numbers_differ(made, other)

    def _numbers_differ(self, made: int, other: int) -> bool:
        """Whether each of two texts has numbers that the other lacks: rows of a table put into words. DUP403 keeps them
        too."""
        (theirs,) = map(_numbers, self._reread([other]))
        ours = _numbers(self._texts[made])
        return bool(ours - theirs) and bool(theirs - ours)

    @cached_property
    def _builder(self) -> NearBuilder:
        """The rows of the data."""
        rows = self._context.rows
        sample = list(self._reread(range(0, rows, max(1, -(-rows // SAMPLE)))))
        builder = NearBuilder(self._settings, find_template(sample, self._settings))
        texts = self._reread(range(rows))
        while some := list(islice(texts, _BLOCK)):
            builder.add(some)
        return builder

    def _reread(self, rows: Sequence[int], /) -> Iterator[str]:
        """Conversations by number: first the rows of the data, then the made-up ones."""
        own = [row for row in rows if row < self._context.rows]
        yield from map(conversation_text, self._context.records(own))
        yield from (self._texts[row - self._context.rows] for row in rows[len(own) :])


def _numbers(text: str) -> frozenset[bytes]:
    return frozenset(unit for unit in units(text) if unit[:1].isdigit())

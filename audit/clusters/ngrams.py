"""An index of the texts of reference files, to see which rows of data share long runs of units with one of them.

A unit is what ``audit.clusters.units`` says. Which overlap is too much is for a rule to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, NamedTuple, Protocol

from audit.clusters.gram_dictionary import GramDictionary
from audit.clusters.gram_sieve import GramSieve
from audit.clusters.shared_runs import Known, Searched, covered, known_text
from audit.clusters.units import units
from audit.rule import Reference, ReferenceRow

LONG: Final = 13
"""Units of the runs that are looked for, as in the study of GPT-3 (Brown et al. 2020, appendix C)."""
SHORT: Final = 8
"""The same for texts of fewer than ``2 * LONG`` units; a prompt of fewer units than this is only compared whole."""
MOST_ROWS: Final = 200
"""Texts looked at together up to which plain Python is sooner done than numpy is imported ..."""
MOST_CHARACTERS: Final = 200_000
"""... if the reference has no more text than this."""
MOST_COMPARED: Final = 8
"""Reference texts that a row is compared with at most: those of which it has the largest share of runs."""
MOST_KEPT: Final = 1_024
"""Reference texts that are kept ready to be compared."""


class ReferenceText(NamedTuple):
    """A text that is looked for: the prompt of a reference row or, ``whole``, the prompt and the answer.

    ``row`` is the row's number in the reference. The runs that are looked for have ``size`` units.
    """

    row: int
    whole: bool
    text: str
    size: int


class Overlap(NamedTuple):
    """What a row of data shares with a reference text.

    ``ratio`` is the share of its distinct runs of ``size`` units that the row has, runs common to many reference rows
    left out. ``covered`` is the share of its units (of those in no common run) that lie in runs of three that the row
    has, near the longest run it shares. That run has ``run`` units and reads ``shared``.
    """

    reference: ReferenceRow
    row: int
    whole: bool
    size: int
    ratio: float
    covered: float
    run: int
    shared: str


class Bounds(NamedTuple):
    """An overlap is one from this ``ratio`` on; or from ``covered`` on, where at least ``least`` units count."""

    ratio: float
    covered: float
    least: int


class Grams(Protocol):
    """Which reference texts have which runs. Texts of data are named by their position in the sequence given."""

    @property
    def common(self) -> frozenset[bytes]:
        """Runs that many reference rows share, units joined by a space."""

    def positions(self, texts: Sequence[str]) -> list[int]:
        """Texts that share a run with a reference text or begin with the units of a short prompt, ascending."""

    def shared(self, text: str) -> Mapping[int, float]:
        """Reference text (by its number) -> the share of its runs that a text has."""


class NgramIndex:
    """The runs of all texts of a reference. Equal texts count once."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.texts: list[ReferenceText] = []
        self.short: dict[bytes, int] = {}
        """Folded prompts that are too short for runs -> the first row with each."""
        self.rows = 0
        """Reference rows with a text of their own."""
        # Of the last batch of texts, which several calls ask about, and of the reference texts used last.
        self._last: tuple[Sequence[str], list[int]] = ((), [])
        self._cleared: set[str] = set()
        self._compared: dict[tuple[str, Bounds], list[Overlap]] = {}
        self._kept: dict[int, Known] = {}
        seen: set[bytes] = set()
        for number, row in enumerate(reference.rows):
            judged = False
            for whole, text in _texts_of(row):
                judged = self._add(number, whole, text, seen) or judged
            self.rows += judged

    def _add(self, row: int, whole: bool, text: str, seen: set[bytes]) -> bool:
        found = units(text)
        folded = b" ".join(found)
        if not folded or folded in seen:
            return False
        seen.add(folded)
        if len(found) >= SHORT:
            self.texts.append(ReferenceText(row, whole, text, LONG if len(found) >= 2 * LONG else SHORT))
        elif not whole:
            self.short[folded] = row
        return len(found) >= SHORT or not whole

    # ------------------------------------------------------------------ screening

    def positions(self, texts: Sequence[str]) -> list[int]:
        """Positions of the texts that may overlap: they share a run, or begin like a short prompt. Ascending."""
        if self._last[0] is not texts:
            found = self._grams_for(texts).positions(texts)
            self._last = (texts, found)
            self._cleared = set(texts).difference(map(texts.__getitem__, found))
            self._compared.clear()
        return self._last[1]

    def _grams_for(self, texts: Sequence[str]) -> Grams:
        return self._dictionary if self._is_small and len(texts) <= MOST_ROWS else self._table

    def prepare(self) -> None:
        """Build what is built once, so that processes that are forked later share it."""
        _ = self._sieve, self._dictionary if self._is_small else self._table

    @cached_property
    def _is_small(self) -> bool:
        return sum(len(text.text) for text in self.texts) <= MOST_CHARACTERS

    @cached_property
    def _dictionary(self) -> Grams:
        return GramDictionary(self._entries, self.short)

    @cached_property
    def _table(self) -> Grams:
        from audit.clusters.gram_table import GramTable

        return GramTable(self._entries, self.short)

    @cached_property
    def _sieve(self) -> GramSieve:
        return GramSieve((units(text.text) for text in self.texts), SHORT)

    @property
    def _entries(self) -> list[tuple[int, int, str]]:
        return [(text.row, text.size, text.text) for text in self.texts]

    # ------------------------------------------------------------------ comparing

    def overlaps(self, text: str, bounds: Bounds) -> Sequence[Overlap]:
        """The overlaps of a text with reference texts that reach the bounds, the largest share of runs first.

        Only the ``MOST_COMPARED`` reference texts of which it has the largest share are compared with it.
        """
        if text in self._cleared:
            return ()
        key = (text, bounds)
        if key not in self._compared:
            self._compared[key] = self._compare(text, bounds)
        return self._compared[key]

    def _compare(self, text: str, bounds: Bounds) -> list[Overlap]:
        units_of_text = units(text)
        if not self._sieve.may_hold(units_of_text):
            return []
        grams = self._grams_for([text])
        shared = grams.shared(text)
        nearest = sorted(shared, key=lambda number: (-shared[number], number))[:MOST_COMPARED]
        if not nearest:
            return []
        row = Searched(units_of_text)
        found = (self._overlap(number, shared[number], row, grams.common, bounds) for number in nearest)
        return [overlap for overlap in found if overlap is not None]

    def _overlap(
        self, number: int, ratio: float, row: Searched, common: frozenset[bytes], bounds: Bounds
    ) -> Overlap | None:
        text, known = self.texts[number], self._known(number, common)
        edited = sum(known.own) >= bounds.least and covered(known, row.places) >= bounds.covered
        if ratio < bounds.ratio and not edited:
            return None
        run = row.longest_run(known)
        near = covered(known, row.around(run, 2 * len(known.units)))
        if ratio < bounds.ratio and near < bounds.covered:
            return None
        return Overlap(
            reference=self.reference.rows[text.row],
            row=text.row,
            whole=text.whole,
            size=text.size,
            ratio=ratio,
            covered=near,
            run=run.length,
            shared=b" ".join(known.units[run.first : run.first + run.length]).decode(),
        )

    def _known(self, number: int, common: frozenset[bytes]) -> Known:
        """A reference text ready to be compared; those used last are kept."""
        known = self._kept.pop(number, None)
        if known is None:
            known = known_text(units(self.texts[number].text), common, self.texts[number].size)
            if len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        self._kept[number] = known
        return known

    def may_match(self, text: str, bounds: Bounds) -> bool:
        """Whether a text has an overlap that reaches the bounds, or begins with the units of a short prompt."""
        return bool(self.overlaps(text, bounds)) or (bool(self.short) and self._begins_short(units(text)))

    def _begins_short(self, row: list[bytes]) -> bool:
        return any(b" ".join(row[:length]) in self.short for length in range(1, SHORT))

    def same_short_prompt(self, prompt: str) -> int | None:
        """The first reference row with this prompt, where it is too short for runs; None for none."""
        return self.short.get(b" ".join(units(prompt))) if self.short else None


@lru_cache(maxsize=2)
def index_of(reference: Reference) -> NgramIndex:
    """The index of a reference, made once for every reference object."""
    return NgramIndex(reference)


def _texts_of(row: ReferenceRow) -> Iterable[tuple[bool, str]]:
    if row.prompt:
        yield False, row.prompt
    if row.answer:
        yield bool(row.prompt), f"{row.prompt}\n{row.answer}" if row.prompt else row.answer

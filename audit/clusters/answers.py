"""Answers to one prompt that differ only a little: an exact search by word multisets. Reports nothing.

``Search`` finds, of each prompt, survivors and what is redundant beside them; ``links`` all rows that are linked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import nsmallest
from math import ceil
from typing import Final, NamedTuple, TypeAlias

from audit.model import Record
from audit.read.dialogue import answer_text, said
from audit.read.folding import fold
from audit.read.groups import read_groups
from audit.rule import Context

LEADERS: Final = 50
"""Survivors that a row is compared with at most: those that share one of its rarest words, the longest first."""
GROUP_ROWS: Final = 2_000
"""Rows of one prompt that are looked at; of more, those with the smallest identities."""
GROUP_ROWS_LINKED: Final = 10_000
"""Rows of one prompt among which links are looked for."""
FEW: Final = 12
"""Rows of one prompt of which every row is compared with every survivor: faster than looking for rare words."""

Element: TypeAlias = tuple[bytes, int]
"""A unit and how often it has stood in the text before: a set of these is a multiset of units."""


class Repeat(NamedTuple):
    """A ``row`` that says nearly the same as its ``survivor``: ``similarity`` is that of their answers."""

    row: int
    survivor: int
    similarity: float


class Example(NamedTuple):
    """A row as it is compared: how often each unit stands in its answer of ``length`` units, and in its rejected one.

    A row that ``stays`` is never redundant.
    """

    row: int
    stays: bool
    answer: Counter[bytes]
    length: int
    rejected: Counter[bytes]


def example_of(row: int, record: Record, *, stays: bool = False) -> Example:
    """A row as it is compared."""
    answer = fold(answer_text(record)).split()
    rejected = fold(said(record.chat.rejected)).split() if record.chat.rejected else ()
    return Example(row, stays, Counter(answer), len(answer), Counter(rejected))


def alike(one: Example, other: Example, threshold: float) -> float | None:
    """The Jaccard similarity of the multisets of two answers, where it is at least the threshold and the rows are
    repeats: of two answers that each have a number that the other lacks, one is wrong, and preference rows must be
    alike in the rejected answer, too. None for others."""
    shared = one.answer.keys() & other.answer.keys()
    together = one.length + other.length
    repeats = min(one.length - len(one.answer), other.length - len(other.answer))
    if (len(shared) + repeats) * (1 + threshold) < threshold * together:
        return None  # however often the shared units stand there
    similarity = _jaccard(sum(min(one.answer[unit], other.answer[unit]) for unit in shared), together)
    if similarity < threshold:
        return None
    if numbers_in(one.answer) - shared and numbers_in(other.answer) - shared:
        return None
    if one.rejected or other.rejected:
        both = (one.rejected & other.rejected).total()
        if _jaccard(both, one.rejected.total() + other.rejected.total()) < threshold:
            return None
    return similarity


def _jaccard(shared: int, together: int) -> float:
    return shared / (together - shared) if together else 1.0


def alike_answers(two_rows: Iterable[Record], threshold: float = 0.7) -> bool:
    """Whether two rows with one prompt answer so alike that they are repeats."""
    one, two = (example_of(row, record) for row, record in enumerate(two_rows))
    return alike(one, two, threshold) is not None


def numbers_in(units: Iterable[bytes]) -> frozenset[bytes]:
    """The units that are numbers."""
    return frozenset(filter(bytes.isdigit, units))


# ----------------------------------------------------------------------------- search


class Search:
    """Looks through the prompts of a run. ``examined`` and ``left_out`` count rows, once ``repeats`` is used up."""

    def __init__(
        self,
        context: Context,
        threshold: float,
        least_units: int,
        without_copies: Callable[[Sequence[int]], Sequence[int]],
    ) -> None:
        self._without_copies = without_copies
        self.examined = 0
        self.left_out = 0
        self._context = context
        self._threshold = threshold
        self._least = least_units

    def repeats(self, marks: bytearray, redundant: int, survivor: int) -> Iterator[list[Repeat]]:
        """The repeats among the rows of each prompt that has any. ``marks`` has one byte for each row: ``redundant``
        ones are passed over, a ``survivor`` is never redundant itself."""
        groups = filter(None, (self._candidates(group, marks, redundant) for group in self._context.groups("prompt")))
        for group, records in read_groups(self._context, groups):
            rows = zip(group, records, strict=True)
            examples = [example_of(row, record, stays=marks[row] == survivor) for row, record in rows]
            found = list(leaders([one for one in examples if one.length >= self._least], self._threshold))
            if found:
                yield found

    def _candidates(self, group: Sequence[int], marks: bytearray, redundant: int) -> Sequence[int]:
        """The first row of every conversation in a group; nothing where there is but one."""
        identities = self._context.column("conversation")
        first: dict[int, int] = {}
        for row in self._without_copies(group):
            if marks[row] != redundant:
                first.setdefault(identities[row], row)
        if len(first) < 2:
            return ()
        kept = nsmallest(GROUP_ROWS, first) if len(first) > GROUP_ROWS else list(first)
        self.examined += len(kept)
        self.left_out += len(first) - len(kept)
        return sorted(first[identity] for identity in kept)


def leaders(examples: Sequence[Example], threshold: float) -> Iterator[Repeat]:
    """Every row that is at least so similar to a survivor, beside it. Survivors are the rows that must stay, then the
    longest, then the first; a row goes to the first survivor that fits."""
    lookup = _All() if len(examples) <= FEW else _ByRareUnits(examples, threshold, most=LEADERS)
    for one in sorted(examples, key=lambda one: (not one.stays, -one.length, one.row)):
        candidates = () if one.stays else lookup.near(one)
        scores = ((alike(one, survivor, threshold), survivor) for survivor in candidates)
        score, survivor = next((found for found in scores if found[0] is not None), (None, one))
        if score is None:
            lookup.keep(one)
        else:
            yield Repeat(one.row, survivor.row, score)


def links(
    context: Context, groups: Iterable[Sequence[int]], threshold: float, least_units: int
) -> Iterator[tuple[int, int]]:
    """Pairs of rows of one group that are alike, as many as it takes to link all that are linked through others.

    Which rows are linked does not depend on their order. Rows with fewer than ``least_units`` units in the answer take
    no part, and of groups with more than ``GROUP_ROWS_LINKED`` conversations those with the smallest identities do."""
    identities = context.column("conversation")
    for group, records in read_groups(context, (_smallest(group, identities) for group in groups)):
        examples = [example_of(row, record) for row, record in zip(group, records, strict=True)]
        yield from linked([one for one in examples if one.length >= least_units], threshold)


def _smallest(group: Sequence[int], identities: Sequence[int]) -> Sequence[int]:
    """One row of each conversation in a group."""
    first: dict[int, int] = {}
    for row in group:
        first.setdefault(identities[row], row)
    kept = nsmallest(GROUP_ROWS_LINKED, first) if len(first) > GROUP_ROWS_LINKED else first
    return sorted(first[identity] for identity in kept)


def linked(examples: Sequence[Example], threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs that join all examples which are alike, each pair of what was not joined before."""
    lookup = _All() if len(examples) <= FEW else _ByRareUnits(examples, threshold, most=None, longest_first=True)
    names = {one.row: {one.row} for one in examples}
    for one in sorted(examples, key=lambda one: (-one.length, one.row)):
        for other in lookup.near(one):
            if names[one.row] is not names[other.row] and alike(one, other, threshold) is not None:
                fewer, more = sorted((names[one.row], names[other.row]), key=len)
                more |= fewer
                names.update(dict.fromkeys(fewer, more))
                yield one.row, other.row
        lookup.keep(one)


class _All:
    """Survivors, all of which a row is compared with."""

    def __init__(self) -> None:
        self._kept: list[Example] = []

    def near(self, one: Example) -> Iterable[Example]:
        """The survivors, in order."""
        return self._kept

    def keep(self, one: Example) -> None:
        """One more survivor."""
        self._kept.append(one)


class _ByRareUnits:
    """Survivors by the rarest of their units.

    Two sets of Jaccard similarity t or more share one of the rarest ``n - ceil(t n) + 1`` elements of either
    (Bayardo, Ma and Srikant 2007, "Scaling up all pairs similarity search"), so only those are looked up. Of a set
    that is no larger than those before it (``longest_first``) they share ``2 t n / (1 + t)`` elements or more, and one
    of fewer yet (Xiao et al. 2011, "Efficient similarity joins for near-duplicate detection",
    doi.org/10.1145/2000824.2000825). ``most`` survivors are compared with a row, the first ones.
    """

    def __init__(
        self, examples: Sequence[Example], threshold: float, *, most: int | None, longest_first: bool = False
    ) -> None:
        self._threshold = threshold
        self._shared = 2 * threshold / (1 + threshold) if longest_first else threshold
        self._most = most
        self._kept: list[Example] = []
        self._by_element: dict[Element, list[int]] = {}
        self._counts = Counter(element for one in examples for element in _elements(one.answer))

    def near(self, one: Example) -> Iterable[Example]:
        """The first of the survivors that may be similar, in order."""
        found = {at for element in self._rarest(one, self._shared) for at in self._by_element.get(element, ())}
        first = sorted(found) if self._most is None else nsmallest(self._most, found)
        return (self._kept[at] for at in first)

    def keep(self, one: Example) -> None:
        """One more survivor."""
        for element in self._rarest(one, self._threshold):
            self._by_element.setdefault(element, []).append(len(self._kept))
        self._kept.append(one)

    def _rarest(self, one: Example, shared: float) -> Sequence[Element]:
        ordered = sorted(_elements(one.answer), key=lambda element: (self._counts[element], element))
        return ordered[: len(ordered) - ceil(shared * len(ordered) - 1e-9) + 1]


def _elements(units: Counter[bytes]) -> Iterator[Element]:
    return ((unit, before) for unit, count in units.items() for before in range(count))

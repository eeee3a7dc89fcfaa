"""Which rows are redundant beside which others: by the near-duplicate clusters, then by answers to one prompt.

Finds rows; what is said of them is the rule's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from audit.clusters.answers import Search, numbers_in
from audit.model import Json, Record
from audit.read.dialogue import conversation_text, said
from audit.read.folding import fold
from audit.read.groups import read_groups
from audit.read.identity import tool_names
from audit.rule import Context, NearCluster
from audit.rules.duplicates.wording import Answer, answer_of, answers_otherwise, distinct_similarity
from audit.rules.made_rows import Made

REDUNDANT: Final = 1
SURVIVOR: Final = 2
MOST_APART: Final = 20_000
"""Rows that answer otherwise than their survivor and are still compared among themselves."""


class Redundant(NamedTuple):
    """A ``row`` that its ``survivor`` makes redundant, and the similarity of their answers or of their shingles."""

    row: int
    survivor: int
    similarity: float
    by_answer: bool = False


class Kept(NamedTuple):
    """A ``row`` that is near another one and stays, because the two differ in what matters: ``difference``."""

    row: int
    other: int
    similarity: float
    difference: str


class Content(NamedTuple):
    """What a row answers and, in a preference row, rejects, with which tools, and how many units it has in all."""

    answer: Answer
    tools: tuple[str, ...]
    rejected: frozenset[bytes]
    numbers: frozenset[bytes]
    units: int


def content_of(record: Record) -> Content:
    """The content of a row, for comparison."""
    rejected = frozenset(fold(said(record.chat.rejected)).split())
    tools = tuple(tool_names(record.tools)) if record.tools else ()
    units = fold(conversation_text(record)).split()
    return Content(answer_of(record), tools, rejected, numbers_in(units), len(units))


class NearRows:
    """The redundant rows of a run. The counts are complete once ``groups`` is used up.

    ``pairs`` counts pairs found to be alike, of rows that do not hold the same conversation. ``short`` and ``unlike``
    say when two rows answer otherwise.
    """

    def __init__(self, context: Context, *, answer_similarity: float, short: int, unlike: float) -> None:
        self.pairs = 0
        self.made = Made(context)
        self._context = context
        self._short = short
        self._unlike = unlike
        self._search = Search(context, answer_similarity, short, self.made.without_copies)
        self._marks = bytearray(context.rows)
        self._kept: list[Kept] = []
        self._by_shingles = self._by_answers = self._apart = self._taking_part = 0

    def counts(self) -> Json:
        """Rows found either way, and rows near another one that stay because they answer otherwise."""
        return {"by_shingles": self._by_shingles, "by_answers": self._by_answers, "kept_apart": self._apart}

    def compared(self) -> Json:
        """Rows compared either way, and rows with one prompt that were left out because it has too many."""
        return {
            "by_shingles": self._taking_part,
            "by_answers": self._search.examined,
            "left_out": self._search.left_out,
        }

    def groups(self) -> Iterator[Sequence[Redundant]]:
        """The redundant rows, those with one survivor together. A row comes once, and no survivor is redundant."""
        found = self._context.near_clusters()
        self._taking_part = found.rows
        apart: dict[int, Content] = {}
        for group in self._of_clusters(found.clusters, apart):
            self._by_shingles += self._mark(group)
            yield group
        for group in self._of_pairs(found.pairs(), apart):
            self._by_shingles += self._mark(group)
            self._apart -= len(group)
            yield group
        for group in self._of_prompts():
            self._by_answers += self._mark(group)
            self.pairs += len(group)
            yield group

    def kept(self) -> Iterator[Kept]:
        """The rows that stay although they are near another one. Ask when ``groups`` is used up."""
        return (kept for kept in self._kept if self._marks[kept.row] != REDUNDANT)

    def _mark(self, group: Sequence[Redundant]) -> int:
        for found in group:
            self._marks[found.row], self._marks[found.survivor] = REDUNDANT, SURVIVOR
        return len(group)

    # ------------------------------------------------------------------ by shingles

    def _of_clusters(self, clusters: Sequence[NearCluster], apart: dict[int, Content]) -> Iterator[list[Redundant]]:
        """Members of clusters. Those that answer otherwise than their survivor go into ``apart``."""
        rows = ([cluster.survivor, *cluster.members] for cluster in self._varied(clusters))
        for cluster, (_, records) in zip(self._varied(clusters), read_groups(self._context, rows), strict=True):
            survivor = content_of(next(records))
            self._marks[cluster.survivor] = SURVIVOR
            group = []
            for row, similarity, record in zip(cluster.members, cluster.similarity, records, strict=True):
                if self._meant(row, cluster.survivor):
                    continue
                content = content_of(record)
                difference = self._difference(content, survivor)
                if not difference:
                    group.append(Redundant(row, cluster.survivor, similarity))
                    continue
                self._apart += 1
                self._kept.append(Kept(row, cluster.survivor, similarity, difference))
                if len(apart) < MOST_APART:
                    apart[row] = content
            if group:
                yield group

    def _varied(self, clusters: Iterable[NearCluster]) -> Iterator[NearCluster]:
        """The clusters that are more than copies of one conversation, and what remedies made of it."""
        for cluster in clusters:
            if any(not self._meant(row, cluster.survivor) for row in cluster.members):
                yield cluster

    def _of_pairs(
        self, pairs: Iterable[tuple[int, int, float]], apart: dict[int, Content]
    ) -> Iterator[list[Redundant]]:
        """Rows in ``apart`` that are near one another and answer alike: the longest survives, of those the first."""
        near: dict[int, list[tuple[int, float]]] = {}
        for first, second, similarity in pairs:
            if self._meant(first, second) or self.made.is_copy(second):
                continue
            self.pairs += 1
            if first in apart and second in apart and not self._difference(apart[first], apart[second]):
                near.setdefault(first, []).append((second, similarity))
                near.setdefault(second, []).append((first, similarity))
        gone: set[int] = set()
        for survivor in sorted(near, key=lambda row: (-apart[row].units, row)):
            if survivor in gone:
                continue
            group = [Redundant(row, survivor, score) for row, score in sorted(near[survivor]) if row not in gone]
            group = [found for found in group if self._marks[found.row] != SURVIVOR]
            gone.update(found.row for found in group)
            if group:
                yield group

    def _meant(self, row: int, other: int) -> bool:
        """Whether a row is near another one because they are the same (DUP401's), or because a remedy made it so."""
        identities = self._context.column("conversation")
        if identities[row] == identities[other]:
            return True
        return self.made.is_copy(row) or self.made.are_related(row, other)

    def _difference(self, one: Content, other: Content) -> str:
        """In what two near rows differ so that neither is redundant; "" for nothing."""
        if one.tools != other.tools:
            return "tools"
        if answers_otherwise(one.answer, other.answer, self._short):
            return "answers"
        if one.numbers - other.numbers and other.numbers - one.numbers:
            return "numbers"
        if distinct_similarity(frozenset(one.answer.units), frozenset(other.answer.units)) < self._unlike:
            return "answers"
        return "rejected answers" if distinct_similarity(one.rejected, other.rejected) < self._unlike else ""

    # ------------------------------------------------------------------ by answers

    def _of_prompts(self) -> Iterator[list[Redundant]]:
        for found in self._search.repeats(self._marks, REDUNDANT, SURVIVOR):
            by_survivor: dict[int, list[Redundant]] = {}
            for row, survivor, similarity in found:
                by_survivor.setdefault(survivor, []).append(Redundant(row, survivor, similarity, by_answer=True))
            yield from by_survivor.values()

"""Rows of labelled data that ask nearly the same and are labelled otherwise. Finds no near-duplicates itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from audit.labels.recognise import NO_LABEL, Labels
from audit.labels.spelling import spelling_key
from audit.read.dialogue import exchange, said
from audit.read.folding import fold
from audit.rule import Context
from audit.rules.labels.contradiction import multiset_jaccard
from audit.rules.made_rows import Made

NEAR: Final = 0.9
"""Jaccard similarity of the words of two prompts that are nearly the same."""
LEAST_AGREEMENT: Final = 0.8
"""The share of near-duplicate pairs with one label from which on a pair with two is odd."""
FEW: Final = 0.02
"""Pairs with two labels, as a share of the labelled rows, that are odd whatever the others agree in."""


class Near(NamedTuple):
    """A row whose label differs from that of a row that asks nearly the same."""

    row: int
    other: int
    similarity: float
    ours: str
    theirs: str


class NearPairs(NamedTuple):
    """Near-duplicate rows with labels and different prompts: how many pairs there are, and those with two labels."""

    pairs: int
    differing: Sequence[tuple[int, int]]

    @property
    def agreement(self) -> float:
        """The share of the pairs that have one label; 1 for no pairs."""
        return 1 - len(self.differing) / self.pairs if self.pairs else 1.0

    def are_odd(self, labelled: int) -> bool:
        """Whether pairs with two labels are exceptions. Where they are not (counterfactual pairs, tables in which a
        number decides), it is the small difference that the label depends on."""
        return self.agreement >= LEAST_AGREEMENT or len(self.differing) <= FEW * labelled


def near_pairs(labels: Labels, context: Context) -> NearPairs:
    """The labelled near-duplicates whose prompts differ; labels that are one but for their spelling are one."""
    if not labels:
        return NearPairs(0, ())
    spelt = [spelling_key(label.text) for label in labels.labels]
    prompts, codes = context.column("prompt"), labels.codes
    pairs = 0
    differing: list[tuple[int, int]] = []
    made = Made(context)
    for first, second, _ in context.near_clusters().pairs():
        if made.is_copy(first) or made.is_copy(second):
            continue
        if prompts[first] == prompts[second] or NO_LABEL in (codes[first], codes[second]):
            continue
        pairs += 1
        if spelt[codes[first]] != spelt[codes[second]]:
            differing.append((first, second))
    return NearPairs(pairs, differing)


def near_prompts(pairs: Sequence[tuple[int, int]], labels: Labels, context: Context) -> Iterator[Near]:
    """Both rows of every pair whose prompts share 90 % of their words and all their numbers."""
    words = _prompt_words(sorted({row for pair in pairs for row in pair}), context)
    for pair in pairs:
        ours, theirs = (words[row] for row in pair)
        similarity = multiset_jaccard(ours, theirs)
        if similarity < NEAR or any(map(bytes.isdigit, (ours - theirs) | (theirs - ours))):
            continue
        for row, other in (pair, pair[::-1]):
            texts = (labels.labels[labels.codes[one]].text for one in (row, other))
            yield Near(row, other, similarity, *texts)


def _prompt_words(rows: Sequence[int], context: Context) -> Mapping[int, Counter[bytes]]:
    records = context.records(rows)
    return {
        row: Counter(fold(said(exchange(record).prompt)).split()) for row, record in zip(rows, records, strict=True)
    }

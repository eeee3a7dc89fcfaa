"""How two samples of rows differ, by label, script, length and words. Calls no difference too large."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from audit.rules.splits.facts import Facts
from audit.statistics.shift import chi_square, js_distance, kolmogorov_smirnov

LEAST_FOR_TOPIC: Final = 50
"""Rows that both splits must have for a classifier to learn what tells them apart."""
MOST_LABELS: Final = 100
LEAST_LABELLED: Final = 0.9
"""Labels are compared where so many rows of both splits have one, and there are no more different ones than that."""
_NAMED: Final = 3

EFFECTS: Final = {
    "distance": "Jensen-Shannon distance",
    "ks": "Kolmogorov-Smirnov distance",
    "auc": "area under the curve",
}
"""Kind of an effect -> what it is called."""


class Difference(msgspec.Struct, frozen=True):
    """How far two samples differ in one respect: an effect of a kind in ``EFFECTS``, its p value, what differs most."""

    aspect: str
    kind: str
    value: float
    p: float
    interval: tuple[float, float] | None = None
    most: str = ""

    @property
    def effect(self) -> str:
        """What the effect is called."""
        return EFFECTS[self.kind]


def differences(first: Sequence[Facts], second: Sequence[Facts], seed: int) -> Iterator[Difference]:
    """How two samples differ, in every respect in which they can be compared."""
    labelled = [[fact.label for fact in facts if fact.label is not None] for facts in (first, second)]
    enough = all(
        len(labels) >= LEAST_LABELLED * len(facts) for labels, facts in zip(labelled, (first, second), strict=True)
    )
    if enough and len({*labelled[0], *labelled[1]}) <= MOST_LABELS:
        yield _of_categories("label", *labelled)
    yield _of_categories("script", [fact.script for fact in first], [fact.script for fact in second])
    yield _of_numbers("length", first, second, lambda fact: fact.units)
    yield _of_numbers("answer_length", first, second, lambda fact: fact.answer_units)
    if min(len(first), len(second)) >= LEAST_FOR_TOPIC:
        yield _of_words(first, second, seed)


def _of_categories(aspect: str, first: Sequence[str], second: Sequence[str]) -> Difference:
    counts, others = Counter(first), Counter(second)
    names = sorted({*counts, *others})
    one, other = [counts[name] for name in names], [others[name] for name in names]
    if len(names) < 2:
        return Difference(aspect, "distance", 0.0, 1.0)
    n, m = max(sum(one), 1), max(sum(other), 1)
    gaps: Mapping[str, float] = {name: others[name] / m - counts[name] / n for name in names}
    most = sorted(names, key=lambda name: (-abs(gaps[name]), name))[:_NAMED]
    said = ", ".join(f"{name[:40]!r} {counts[name] / n:.0%} against {others[name] / m:.0%}" for name in most)
    return Difference(
        aspect, "distance", js_distance(one, other, beyond_chance=True), chi_square(one, other).p, most=said
    )


def _of_numbers(
    aspect: str, first: Sequence[Facts], second: Sequence[Facts], value: Callable[[Facts], int]
) -> Difference:
    one, other = sorted(map(value, first)), sorted(map(value, second))
    test = kolmogorov_smirnov(one, other)
    said = f"medians {one[len(one) // 2]:,} and {other[len(other) // 2]:,} words"
    return Difference(aspect, "ks", test.statistic, test.p, most=said)


def _of_words(first: Sequence[Facts], second: Sequence[Facts], seed: int) -> Difference:
    from audit.statistics.domain_classifier import tell_apart

    area = tell_apart([fact.words for fact in first], [fact.words for fact in second], seed=seed)
    return Difference("topic", "auc", area.value, area.p, (area.low, area.high))

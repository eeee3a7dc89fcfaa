"""Answers that are linked with one another are found, whatever their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from audit.clusters.answers import FEW, Example, alike, linked

UNITS = st.lists(st.sampled_from([*"abcdefgh", "1", "2"]), min_size=1, max_size=9)


def example(row: int, units: Sequence[str]) -> Example:
    return Example(row, False, Counter(unit.encode() for unit in units), len(units), Counter())


def parts(rows: int, pairs: Sequence[tuple[int, int]]) -> set[frozenset[int]]:
    """The rows, those that pairs link together."""
    found = {row: frozenset([row]) for row in range(rows)}
    for one, other in pairs:
        both = found[one] | found[other]
        found |= dict.fromkeys(both, both)
    return set(found.values())


@given(st.lists(UNITS, max_size=3 * FEW), st.sampled_from([0.3, 0.5, 0.7, 1.0]))
def test_rows_are_linked_as_comparing_every_row_with_every_other_links_them(
    texts: list[list[str]], threshold: float
) -> None:
    examples = [example(row, units) for row, units in enumerate(texts)]
    every = [
        (one.row, other.row)
        for one in examples
        for other in examples[: one.row]
        if alike(one, other, threshold) is not None
    ]
    found = list(linked(examples, threshold))
    assert set(found) <= {*every, *((other, one) for one, other in every)}
    assert parts(len(texts), found) == parts(len(texts), every)

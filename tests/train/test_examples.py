"""Columns of sequences: what each counts for, and that everything training depends on is in the hash."""

from __future__ import annotations

import numpy as np
import pytest

from audit.train.data.examples import Example, Examples


def one(ids: list[int], weights: list[float], row: int = 0, label: int = -1, weight: float = 1.0) -> Example:
    return Example(np.array(ids, np.int32), np.array(weights), row, label, weight)


FEW = (one([1, 2, 3], [0, 1, 1]), one([4], [0], 1, 0, 2.5), one([5, 6], [0, 0.5], 2, 1, 0.5))


def test_sequences_lie_one_after_the_other() -> None:
    made = Examples(FEW)
    assert made.ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert made.starts.tolist() == [0, 3, 4, 6]
    assert made.lengths.tolist() == [3, 1, 2]
    assert made.rows.tolist() == [0, 1, 2]
    assert [part.tolist() for part in made.tokens_of(2)] == [[5, 6], [0, 0.5]]


def test_examples_may_be_read_while_they_are_made() -> None:
    assert Examples(iter(FEW)).sha256 == Examples(FEW).sha256


def test_none_are_a_possible_number_of_examples() -> None:
    made = Examples([])
    assert (len(made), made.lengths.tolist(), made.loss_weights().tolist()) == (0, [], [])


def test_a_sequence_of_a_chat_counts_for_its_tokens_whatever_its_class() -> None:
    assert Examples(FEW, classes=("a", "b")).loss_weights().tolist() == [2.0, 0.0, 0.5]
    assert Examples(FEW, classes=("a", "b")).predicted.tolist() == Examples(FEW).trained.tolist() == [2, 0, 1]


def test_where_no_token_is_trained_a_sequence_counts_for_its_class() -> None:
    made = Examples([one([1, 2], [0, 0], 0, 1, 2.5), one([1], [0], 1)], classes=("a", "b"))
    assert (made.loss_weights().tolist(), made.trained.tolist(), made.predicted.tolist()) == ([2.5, 0], [0, 0], [1, 0])


def test_a_first_token_with_a_weight_counts_for_nothing() -> None:
    made = Examples([one([1, 2], [5.0, 3.0])])
    assert (made.loss_weights().tolist(), made.trained.tolist()) == ([3.0], [1])


def test_an_empty_sequence_counts_for_nothing() -> None:
    made = Examples([one([], []), one([1, 2], [0, 3.0], 1), one([], [], 2)])
    assert made.loss_weights().tolist() == [0.0, 3.0, 0.0]


@pytest.mark.parametrize(
    "changed",
    [
        Examples((one([1, 2, 9], [0, 1, 1]), *FEW[1:])),
        Examples((one([1, 2, 3], [0, 1, 2]), *FEW[1:])),
        Examples((*FEW[:1], one([4], [0], 1, 1, 2.5), FEW[2])),
        Examples((*FEW[:1], one([4], [0], 1, 0, 2.0), FEW[2])),
        Examples(FEW[::-1]),
        Examples(FEW[:2]),
        Examples(FEW, classes=("a",)),
        Examples(FEW, groups={"sex": [0, 1, 1]}),
        Examples(FEW, row_ids="abc"),
    ],
)
def test_whatever_training_depends_on_changes_the_hash(changed: Examples) -> None:
    assert changed.sha256 != Examples(FEW).sha256


def test_what_is_known_of_the_rows_can_be_added_later() -> None:
    made = Examples(FEW).described(
        classes=("a",), groups={"sex": [0, 1, 1]}, members={"sex": ("f", "m")}, row_ids="abc"
    )
    other = Examples(FEW, classes=("a",), groups={"sex": [0, 1, 1]}, members={"sex": ("f", "m")}, row_ids="abc")
    assert made.sha256 == other.sha256
    assert made.members == other.members

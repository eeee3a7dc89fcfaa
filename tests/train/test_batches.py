"""Orders, cuts and tensors of micro-batches: nothing is lost, drawn twice, or padded more than it has to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import TrainingError
from audit.train.core.batches import (
    OVERHEAD,
    Schedule,
    auto_budget,
    collate,
    cut,
    denominator,
    derived,
    order,
    reach,
)
from audit.train.data.examples import Examples
from tests.train.core_models import chats, example, labelled

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=12)


@given(n=st.integers(0, 300), seed=st.integers(-(2**40), 2**40), epoch=st.integers(0, 50))
def test_an_epoch_draws_every_example_once(n: int, seed: int, epoch: int) -> None:
    assert sorted(order(seed, epoch, n).tolist()) == list(range(n))


def test_the_order_is_a_fixed_function_of_seed_and_epoch() -> None:
    assert order(0, 0, 10).tolist() == [9, 7, 0, 4, 5, 8, 6, 3, 2, 1]
    assert order(7, 2, 6).tolist() == [5, 3, 2, 1, 4, 0]
    assert order(3, 1, 50).tolist() == order(3, 1, 50).tolist()
    assert len({tuple(order(seed, epoch, 50).tolist()) for seed in range(4) for epoch in range(4)}) == 16


def test_numbers_derived_from_other_parts_differ() -> None:
    told = {derived(a, b, c) for a in range(6) for b in range(6) for c in range(6)}
    assert len(told) == 216
    assert derived(1, 23) != derived(12, 3)
    assert max(told) < 2**63


@given(n=st.integers(1, 60), size=st.integers(1, 20), epochs=st.floats(0.1, 4), seed=st.integers(0, 5))
def test_steps_of_an_epoch_share_out_all_its_examples(n: int, size: int, epochs: float, seed: int) -> None:
    schedule = Schedule(n, size, epochs)
    assert schedule.total == max(1, round(epochs * schedule.steps_per_epoch))
    drawn = [schedule.batch(step, seed) for step in range(1, schedule.steps_per_epoch + 1)]
    assert sorted(np.concatenate(drawn).tolist()) == list(range(n))
    assert {len(batch) for batch in drawn[:-1]} <= {size}


def test_max_steps_cuts_the_epochs() -> None:
    assert Schedule(100, 10, 3, max_steps=7).total == 7
    assert Schedule(100, 10, 3, max_steps=70).total == 30
    assert Schedule(0, 10, 3).total == 0


def test_what_is_due_each_quarter_epoch_is_due_four_times_and_at_the_end() -> None:
    schedule = Schedule(100, 10, 2)
    assert [step for step in range(1, 21) if schedule.due(step, 0.25)] == [3, 5, 8, 10, 13, 15, 18, 20]
    assert [step for step in range(1, 21) if schedule.due(step, 100)] == [20]
    assert all(schedule.due(step, 1e-6) for step in range(1, 21))


@given(lengths=LENGTHS, budget=st.integers(1, 200))
def test_a_cut_loses_nothing_and_keeps_to_the_budget(lengths: list[int], budget: int) -> None:
    pieces = cut(lengths, list(range(len(lengths))), budget)
    assert sorted(index for piece in pieces for index in piece) == list(range(len(lengths)))
    for piece in pieces:
        assert len(piece) * max(lengths[index] for index in piece) <= budget or len(piece) == 1
    told = [lengths[index] for piece in pieces for index in piece]
    assert told == sorted(lengths, reverse=True)


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=7), budget=st.integers(1, 120))
def test_no_other_cut_of_the_sorted_sequences_costs_less(lengths: list[int], budget: int) -> None:
    def cost(pieces: list[list[int]]) -> float:
        return sum(len(piece) * piece[0] for piece in pieces) + len(pieces) * budget / OVERHEAD

    widths = sorted(lengths, reverse=True)
    every = []
    for choice in range(2 ** (len(widths) - 1)):
        pieces = [[widths[0]]]
        for place, width in enumerate(widths[1:]):
            if choice >> place & 1:
                pieces.append([width])
            else:
                pieces[-1].append(width)
        if all(len(piece) == 1 or len(piece) * piece[0] <= budget for piece in pieces):
            every.append(cost(pieces))
    made = [[lengths[index] for index in piece] for piece in cut(lengths, list(range(len(lengths))), budget)]
    assert cost(made) == pytest.approx(min(every))


def test_a_cut_depends_on_the_examples_and_not_on_the_order_they_are_drawn_in() -> None:
    lengths = [5, 9, 5, 2, 9, 7]
    assert cut(lengths, [0, 1, 2, 3, 4, 5], 20) == cut(lengths, [4, 2, 0, 5, 1, 3], 20)


def test_an_empty_batch_is_cut_into_nothing() -> None:
    assert cut([3, 4], [], 10) == ()
    assert auto_budget([], 4) == 1


def test_the_budget_that_is_chosen_holds_the_longest_sequence() -> None:
    assert auto_budget([10] * 100, 16) == 40
    assert auto_budget([10] * 99 + [500], 16) == 500


def test_the_denominator_is_the_mean_weight_of_a_batch() -> None:
    train = chats(10)
    assert denominator(train, Schedule(10, 4)) == pytest.approx(train.loss_weights().sum() / 3, rel=1e-15)


def test_a_run_in_which_nothing_has_a_weight_is_refused() -> None:
    train = Examples([example([1, 2, 3], [0, 0, 0])])
    with pytest.raises(TrainingError, match="nothing is to be learnt"):
        denominator(train, Schedule(1, 1))


def test_the_first_token_is_never_trained() -> None:
    train = Examples([example([5, 6, 7], [9.0, 2.0, 0.0]), example([5], [4.0]), example([], [])])
    assert train.loss_weights().tolist() == [2.0, 0.0, 0.0]
    assert train.predicted.tolist() == [1, 0, 0]
    assert reach(train).tolist() == [1, 0, 0]


def test_the_weight_of_a_sequence_does_not_depend_on_where_it_stands() -> None:
    odd = example([1, 2, 3, 4], [0, 0.1, 0.2, 0.3])
    train = Examples([odd, example([1, 2], [0, 1e9]), odd])
    assert train.loss_weights()[0] == train.loss_weights()[2]


def test_a_batch_holds_each_trained_token_with_its_place_and_weight() -> None:
    train = Examples([example([1, 2, 3], [0, 0, 2.0]), example([4, 5, 6, 7, 8], [0, 0.5, 0, 1.5, 0])])
    batch = collate(train, [1, 0])
    assert batch.ids.tolist() == [[4, 5, 6], [1, 2, 0]]
    assert batch.lengths.tolist() == [3, 2]
    assert batch.positions.tolist() == [0, 2, 4]
    assert batch.targets.tolist() == [5, 7, 3]
    assert batch.weights.tolist() == [0.5, 1.5, 2.0]
    assert batch.owner.tolist() == [0, 0, 1]
    assert (batch.weight, batch.trained, batch.tokens) == (4.0, 3, 5)


def test_a_batch_of_classes_holds_whole_sequences_and_labels() -> None:
    train = labelled(4)
    batch = collate(train, [2, 0])
    assert batch.lengths.tolist() == train.lengths[[2, 0]].tolist()
    assert batch.labels.tolist() == train.labels[[2, 0]].tolist()
    assert batch.weight == pytest.approx(train.row_weights[[2, 0]].sum())
    assert batch.row_weights.dtype == torch.float64
    assert batch.trained == 2


def test_rows_with_a_label_whose_tokens_are_trained_are_weighed_by_their_tokens() -> None:
    train = Examples(
        [example([1, 2, 3], [0, 0, 2.0])._replace(label=0, weight=7.0), example([1, 2], [0, 0])._replace(label=0)],
        classes=["yes"],
    )
    assert train.loss_weights().tolist() == [2.0, 0.0]

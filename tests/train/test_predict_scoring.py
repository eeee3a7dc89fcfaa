"""Labels scored in one pass with the prompt they share are scored exactly, whatever they have in common."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.train.prediction.batching import Reads, batches, reads_of
from audit.train.prediction.prompts import Reply, Shared
from audit.train.prediction.scoring import agreed_strategy, score_tree, scored, token_logprobs, tree_of
from tests.train.small_models import SIZE, network

torch.set_num_threads(1)
LABELS = ((10, 11, 12, 4), (10, 11, 13, 4), (20, 4), (21, 22, 4), (10, 4))
PROMPTS = [np.arange(30, 30 + n, dtype=np.int32) for n in (3, 17, 9, 17, 1)]


def wide(kind: str) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = network(kind)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return model.double().eval()


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> Any:
    return wide(request.param)


def full(model: Any, ids: list[int], first: int) -> float:
    """The sum of the logarithms from one plain forward pass over one sequence."""
    with torch.no_grad():
        logs = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0], dim=-1)
    return sum(float(logs[at - 1, ids[at]]) for at in range(first, len(ids)))


def test_scores_are_those_of_the_full_forward_on_prompt_and_label(model: Any) -> None:
    found = score_tree(model, PROMPTS, tree_of(LABELS, (0,) * len(LABELS)), reads_of(model))
    for prompt, row in zip(PROMPTS, found, strict=True):
        wanted = [full(model, [*prompt.tolist(), *label], len(prompt)) for label in LABELS]
        assert np.allclose(row, wanted, rtol=0, atol=1e-9)


def test_tokens_that_still_belong_to_the_prompt_are_not_scored(model: Any) -> None:
    labels, skipped = ((40, 41, 4), (42, 4)), (1, 0)
    (row,) = score_tree(model, PROMPTS[:1], tree_of(labels, skipped), reads_of(model))
    prompt = PROMPTS[0].tolist()
    wanted = [full(model, [*prompt, *label], len(prompt) + skip) for label, skip in zip(labels, skipped, strict=True)]
    assert np.allclose(row, wanted, rtol=0, atol=1e-9)


def test_labels_of_one_token_need_no_tree(model: Any) -> None:
    found = score_tree(model, PROMPTS, tree_of(((5,), (6,)), (0, 0)), reads_of(model))
    assert np.allclose(found[1], [full(model, [*PROMPTS[1].tolist(), t], 17) for t in (5, 6)], rtol=0, atol=1e-9)


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple), min_size=1, max_size=8, unique=True))
def test_a_tree_holds_every_continuation_and_no_prefix_twice(tails: list[tuple[int, ...]]) -> None:
    tree = tree_of(tails, (0,) * len(tails))
    for tail, path in zip(tails, tree.paths, strict=True):
        assert [token for _, token in path] == list(tail)
        for (before, token), (at, _) in pairwise(path):
            assert (tree.parents[at], tree.tokens[at]) == (before, token)
    assert len(tree.tokens) == len({tail[:n] for tail in tails for n in range(1, len(tail))})


def test_a_model_that_takes_the_mask_is_scored_by_the_tree_and_another_one_by_one(model: Any) -> None:
    prompt = Shared(PROMPTS[1], LABELS, (0,) * len(LABELS))
    assert agreed_strategy(model, [prompt], reads_of(model)) == "tree"
    assert agreed_strategy(model, [prompt], Reads(positions=False, keep=True)) == "plain"

    class Deaf(torch.nn.Module):
        """A model that reads neither mask nor positions."""

        config, dtype, device = model.config, model.dtype, model.device

        def forward(self, input_ids: torch.Tensor, position_ids: Any = None, **_: Any) -> Any:
            return model(input_ids=input_ids)

    assert agreed_strategy(Deaf(), [prompt], Reads(positions=True, keep=False)) == "plain"


def test_answers_of_different_lengths_are_measured_as_if_each_were_alone(model: Any) -> None:
    replies = [Reply(np.arange(20, 20 + n, dtype=np.int32), first) for n, first in ((9, 2), (4, 3), (15, 14), (6, 1))]
    found = token_logprobs(model, replies, reads_of(model))
    assert [len(values) for values in found] == [7, 1, 1, 5]
    for values, reply in zip(found, replies, strict=True):
        assert np.isclose(values.sum(), full(model, reply.ids.tolist(), reply.first), rtol=0, atol=1e-9)


def test_shares_are_of_the_closed_set_and_the_mass_is_of_everything() -> None:
    found = scored(np.log([0.2, 0.2, 0.1]))
    assert np.allclose(found.shares, [0.4, 0.4, 0.2])
    assert found.mass == pytest.approx(0.5)
    assert found.best == 0  # ties go to the first


@settings(max_examples=60)
@given(st.lists(st.integers(1, 300), max_size=80), st.booleans())
def test_batches_hold_every_sequence_once_within_their_limits(lengths: list[int], padded: bool) -> None:
    made = batches(lengths, rows=7, tokens=600, padded=padded)
    assert sorted(index for batch in made for index in batch) == list(range(len(lengths)))
    for batch in made:
        sizes = [lengths[index] for index in batch]
        assert len(batch) <= 7
        assert len(batch) == 1 or len(batch) * max(sizes) <= 600
        assert padded or len(set(sizes)) == 1


def test_the_vocabulary_of_the_models_is_as_wide_as_the_ids_that_are_used() -> None:
    assert max(map(max, LABELS)) < SIZE

"""Replies that are written in batches are those that each prompt gets alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from audit.train.prediction.batching import Reads, left_padded, reads_of
from audit.train.prediction.generation import Decoding, Written, uniforms, write_on
from tests.train.test_predict_scoring import full, wide

PROMPTS = [np.random.default_rng(n).integers(6, 300, 1 + (7 * n) % 23).astype(np.int32) for n in range(16)]
ENDS = frozenset(range(0, 300, 8))


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> Any:
    return wide(request.param)


def written(model: Any, batches: list[list[int]], limit: int = 24, **named: Any) -> list[Written]:
    decoding = Decoding(ENDS, **named)
    found: dict[int, Written] = {}
    for batch in batches:
        draws = [uniforms(1, f"row {n}", 0, limit) if decoding.temperature else None for n in batch]
        prompts = [PROMPTS[n] for n in batch]
        found |= zip(
            batch, write_on(model, prompts, decoding, [limit] * len(batch), draws, reads_of(model)), strict=True
        )
    return [found[n] for n in sorted(found)]


ALONE = [[n] for n in range(16)]
TOGETHER = [list(range(16))]
PAIRS = [[n, 15 - n] for n in range(8)]


def test_the_lowest_temperature_gives_the_likeliest_tokens(model: Any) -> None:
    assert written(model, TOGETHER, temperature=1e-320) == written(model, TOGETHER)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_replies_do_not_depend_on_the_batch(model: Any, temperature: float) -> None:
    alone = written(model, ALONE, temperature=temperature)
    assert written(model, TOGETHER, temperature=temperature) == alone
    assert written(model, PAIRS, temperature=temperature) == alone
    assert len({len(one.ids) for one in alone}) > 2


def test_replies_are_those_of_transformers(model: Any) -> None:
    mine = written(model, TOGETHER)
    for prompt, one in zip(PROMPTS, mine, strict=True):
        ids = torch.from_numpy(prompt.astype(np.int64)).unsqueeze(0)
        said = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False,
            eos_token_id=sorted(ENDS), pad_token_id=5,
        )[0, len(prompt) :].tolist()  # fmt: skip
        assert [token for token in said if token not in ENDS] == list(one.ids)


def test_likelihoods_are_those_of_the_full_forward(model: Any) -> None:
    for prompt, one in zip(PROMPTS, written(model, TOGETHER, logprobs=True), strict=True):
        assert len(one.logprobs) == len(one.ids) + (one.finish == "stop")
        text = [*prompt.tolist(), *one.ids]
        assert sum(one.logprobs[: len(one.ids)]) == pytest.approx(full(model, text, len(prompt)), abs=1e-9)


def test_a_model_without_a_cache_or_positions_writes_the_same_from_prompts_of_one_length(model: Any) -> None:
    class Plain(torch.nn.Module):
        """Reads everything anew."""

        device, dtype = model.device, model.dtype

        def forward(self, input_ids: torch.Tensor, use_cache: bool = False) -> Any:
            return type("Output", (), {"logits": model(input_ids=input_ids).logits})

    prompts = [np.arange(40 + n, 50 + n, dtype=np.int32) for n in range(5)]
    decoding = Decoding(ENDS)
    limits, draws = [12] * 5, [None] * 5
    assert write_on(Plain(), prompts, decoding, limits, draws, Reads(False, False)) == write_on(
        model, prompts, decoding, limits, draws, reads_of(model)
    )


def test_each_reply_keeps_to_its_own_limit(model: Any) -> None:
    found = write_on(model, PROMPTS[:3], Decoding(frozenset()), [0, 2, 5], [None] * 3, reads_of(model))
    assert [len(one.ids) for one in found] == [0, 2, 5]
    assert write_on(model, PROMPTS[:1], Decoding(frozenset()), [0], [None], reads_of(model)) == [Written((), "length")]


def test_what_is_drawn_depends_on_seed_row_and_sample() -> None:
    drawn = {tuple(uniforms(seed, row, sample, 3)) for seed in (0, 1) for row in ("a", "b") for sample in (0, 1)}
    assert len(drawn) == 8
    assert np.array_equal(uniforms(0, "a", 0, 9)[:3], uniforms(0, "a", 0, 3))


def test_prompts_of_one_length_need_no_mask() -> None:
    assert left_padded(PROMPTS[:1] * 2, "cpu").mask is None
    padded = left_padded([PROMPTS[0], PROMPTS[1]], "cpu")
    assert padded.mask is not None
    assert padded.positions[0].tolist()[-1] == len(PROMPTS[0]) - 1

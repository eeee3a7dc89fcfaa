"""Weights, masks and cuts act on the gradient exactly as they say, and no short cut changes a model's logits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model

from audit.errors import TrainingError
from audit.train.core.batches import collate, cut, reach
from audit.train.core.objective import Objective, Strategy, objective_for
from audit.train.core.place import Place
from audit.train.data.examples import Examples
from audit.train.models.prepared import quietly
from tests.train.core_models import (
    VOCABULARY,
    bert,
    chats,
    example,
    gemma,
    gpt2,
    labelled,
    llama,
    llama_classifier,
    prepared,
)

DOUBLE = Place(precision="fp64", dtype=torch.float64)
C = 7.0


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def double() -> torch.nn.Module:
    """GPT-2: the norms of Llama compute in float32 whatever the type of the weights, which costs half the digits."""
    return gpt2().double().eval()


def gradient(
    model: torch.nn.Module, train: Examples, pieces: Any, strategy: Strategy = "gathered", place: Place = DOUBLE
) -> torch.Tensor:
    """Of the summed loss over all pieces, over the constant C, as one vector."""
    objective = Objective(model, strategy, True, place)
    model.zero_grad()
    for piece in pieces:
        (objective.total(collate(train, piece)) / C).backward()
    parts = [torch.zeros_like(one) if one.grad is None else one.grad for one in model.parameters()]
    return torch.cat([part.reshape(-1) for part in parts])


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


def adapted() -> torch.nn.Module:
    with quietly():
        return get_peft_model(llama(), LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))


SEQUENCE = st.tuples(
    st.lists(st.integers(2, VOCABULARY - 1), min_size=2, max_size=12), st.integers(1, 11), st.integers(1, 4)
)


@settings(max_examples=25)
@given(made=st.lists(SEQUENCE, min_size=1, max_size=4), one=st.integers(1, 120), other=st.integers(1, 120))
def test_weight_k_is_k_copies_in_one_batch_for_any_cut(
    double: torch.nn.Module, made: list[tuple[list[int], int, int]], one: int, other: int
) -> None:
    def masked(tokens: list[int], prompt: int, weight: float) -> Any:
        start = min(prompt, len(tokens) - 1)
        return example(tokens, [0.0] * start + [weight] * (len(tokens) - start))

    weighted = Examples([masked(tokens, prompt, float(k)) for tokens, prompt, k in made])
    copied = Examples([masked(tokens, prompt, 1.0) for tokens, prompt, k in made for _ in range(k)])
    by_weight = gradient(double, weighted, cut(reach(weighted), range(len(weighted)), one))
    by_copies = gradient(double, copied, cut(reach(copied), range(len(copied)), other))
    assert distance(by_weight, by_copies) <= 1e-12


def test_weight_50_in_a_batch_of_one_is_50_times_the_gradient(double: torch.nn.Module) -> None:
    tokens = [3, 9, 4, 17, 30, 8]
    light = Examples([example(tokens, [0, 0, 1, 1, 1, 1])])
    heavy = Examples([example(tokens, [0, 0, 50, 50, 50, 50])])
    ratio = gradient(double, heavy, [(0,)]).norm() / gradient(double, light, [(0,)]).norm()
    assert float(ratio) == pytest.approx(50.0, rel=1e-14)
    assert distance(gradient(double, heavy, [(0,)]), 50 * gradient(double, light, [(0,)])) < 1e-14


def test_the_logits_of_masked_positions_have_no_gradient_at_all(double: torch.nn.Module) -> None:
    train = Examples([example([3, 4, 5, 6, 7, 8], [0, 0, 2.0, 0, 1.0, 0]), example([9, 10, 11], [0, 0, 0.5])])
    logits: list[torch.Tensor] = []

    def keep(module: torch.nn.Module, given: Any, made: torch.Tensor) -> None:
        made.retain_grad()
        logits.append(made)

    hook = double.get_output_embeddings().register_forward_hook(keep)  # type: ignore[operator]
    batch = collate(train, (0, 1))
    Objective(double, "full", True, DOUBLE).total(batch).backward()
    hook.remove()
    slopes = logits[0].grad
    assert slopes is not None
    trained = torch.zeros(batch.ids.numel(), dtype=torch.bool)
    trained[batch.positions] = True
    assert torch.all(slopes.flatten(0, 1)[~trained] == 0)
    assert torch.all(slopes.flatten(0, 1)[trained].abs().sum(-1) > 0)


def test_what_stands_behind_the_last_trained_token_is_not_read_and_changes_nothing(double: torch.nn.Module) -> None:
    short = Examples([example([3, 4, 5, 6], [0, 0, 0, 1.0])])
    long = Examples([example([3, 4, 5, 6, 7, 8, 9], [0, 0, 0, 1.0, 0, 0, 0])])
    assert collate(long, (0,)).ids.tolist() == [[3, 4, 5]]
    assert torch.equal(gradient(double, short, [(0,)]), gradient(double, long, [(0,)]))


@pytest.mark.parametrize("strategy", ["gathered", "union", "full"])
def test_every_strategy_has_the_gradient_of_the_textbook_loss(double: torch.nn.Module, strategy: Strategy) -> None:
    train = chats(6)
    made = gradient(double, train, cut(reach(train), range(6), 30), strategy)
    double.zero_grad()
    for index in range(6):
        tokens, weights = train.tokens_of(index)
        logits = double(input_ids=torch.tensor(tokens[None].astype(np.int64)), use_cache=False).logits[0]
        entropy = -logits.log_softmax(-1)[torch.arange(len(tokens) - 1), torch.tensor(tokens[1:].astype(np.int64))]
        ((entropy * torch.tensor(weights[1:])).sum() / C).backward()
    plain = torch.cat([one.grad.reshape(-1) for one in double.parameters() if one.grad is not None])
    assert distance(made, plain) < 1e-12


@pytest.mark.parametrize(
    ("model", "strategy"),
    [
        (llama, "gathered"),
        (gpt2, "gathered"),
        (adapted, "gathered"),
        (gemma, "union"),
        (lambda: gemma(cap=None), "gathered"),
    ],
    ids=["llama", "gpt2", "llama with an adapter", "gemma2 with capped logits", "gemma2 without"],
)
def test_the_cheapest_strategy_that_keeps_the_models_own_logits_is_taken(model: Any, strategy: str) -> None:
    built = model()
    training = {name: module.training for name, module in built.named_modules()}
    assert objective_for(prepared(built), chats(8)).strategy == strategy
    assert {name: module.training for name, module in built.named_modules()} == training
    assert all(one.grad is None for one in built.parameters())


def test_a_model_that_knows_no_short_cut_computes_all_logits() -> None:
    class Scaled(type(llama())):  # type: ignore[misc]
        """Multiplies its logits, and takes no list of positions."""

        def forward(self, input_ids: torch.Tensor, use_cache: bool = False) -> Any:
            made = super().forward(input_ids=input_ids, use_cache=use_cache)
            made.logits = made.logits * 1.5
            return made

    model = llama()
    model.__class__ = Scaled
    assert objective_for(prepared(model), chats(8)).strategy == "full"


class Refusing(type(llama())):  # type: ignore[misc]
    """A model whose base model alone cannot do what the whole does."""

    why: RuntimeError

    @property
    def base_model(self) -> Any:
        def refuse(**_: object) -> None:
            raise self.why

        return refuse


def test_a_strategy_that_fails_on_shapes_gives_way_to_the_next() -> None:
    model = llama()
    model.__class__ = Refusing
    model.why = RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x8 and 16x40)")
    assert objective_for(prepared(model), chats(8)).strategy == "union"


@pytest.mark.parametrize(
    "why",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes."),
    ],
)
def test_memory_that_runs_out_is_told(why: RuntimeError) -> None:
    model = llama()
    model.__class__ = Refusing
    model.why = why
    with pytest.raises(RuntimeError, match="memory"):
        objective_for(prepared(model), chats(8))


def test_choosing_a_strategy_draws_nothing_from_the_generator() -> None:
    model = gpt2(dropout=0.5)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    objective_for(prepared(model), chats(8))
    assert torch.equal(torch.get_rng_state(), before)


def test_scores_say_how_each_sequence_does() -> None:
    model = llama().eval()
    train = Examples([example([3, 4, 5, 6], [0, 0, 2.0, 0.5]), example([9, 10], [0, 0]), example([5, 6, 7], [0, 1, 1])])
    batch = collate(train, (0, 1, 2))
    found = Objective(model, "gathered", True, Place()).losses(batch)
    assert found.tokens.tolist() == [2, 0, 2]
    logits = model(input_ids=torch.tensor([[3, 4, 5, 6]]), use_cache=False).logits[0].log_softmax(-1)
    expected = -(logits[1, 5] + logits[2, 6]).item()
    assert found.by_example[0].item() == pytest.approx(expected, rel=1e-5)
    assert found.by_example[1].item() == 0
    right = [(logits[1].argmax() == 5).item(), (logits[2].argmax() == 6).item()]
    assert found.correct[0].item() == sum(right)
    assert found.whole_right.tolist()[1] is False
    assert found.predicted.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_head_is_trained_on_the_weighted_entropy_of_the_classes(family: str) -> None:
    model = (bert(3) if family == "bert" else llama_classifier(3)).eval()
    train = labelled(5)
    objective = objective_for(prepared(model, "classify", causal=family == "llama"), train)
    assert objective.strategy == "classify"
    found = objective.losses(collate(train, range(5)))
    expected = []
    for index in range(5):
        tokens, _ = train.tokens_of(index)
        logits = model(input_ids=torch.tensor(tokens[None].astype(np.int64))).logits[0]
        expected.append(-logits.log_softmax(-1)[int(train.labels[index])].item())
    assert found.by_example.tolist() == pytest.approx(expected, rel=1e-4)
    weighted = math.fsum(e * w for e, w in zip(expected, train.row_weights.tolist(), strict=True))
    assert found.total.item() == pytest.approx(weighted, rel=1e-4)
    assert found.tokens.tolist() == [1] * 5


def test_rows_without_trained_tokens_and_with_a_class_do_not_suit_a_model_that_writes() -> None:
    with pytest.raises(TrainingError, match="classes and no trained tokens"):
        objective_for(prepared(llama()), labelled(3))


def test_bfloat16_autocast_stays_within_its_rounding() -> None:
    """bfloat16 has 8 bits: losses within 1 %, the gradient within 3 % of its length."""
    model, train = llama().eval(), chats(8)
    pieces = cut(reach(train), range(8), 60)
    half = Place(precision="bf16", half=torch.bfloat16)
    exact = gradient(model, train, pieces, place=Place())
    rounded = gradient(model, train, pieces, place=half)
    assert rounded.dtype == torch.float32
    assert distance(rounded, exact) < 0.03
    batch = collate(train, range(8))
    one, other = (Objective(model, "gathered", True, place).total(batch).item() for place in (Place(), half))
    assert 0 < abs(one - other) < 0.01 * one


@pytest.mark.parametrize("build", [llama, lambda: gpt2(dropout=0.2)], ids=["llama", "gpt2 with dropout"])
def test_gradient_checkpointing_changes_no_bit(build: Any) -> None:
    train = chats(8)
    made = []
    for checkpointed in (False, True):
        model = build().train()
        if checkpointed:
            model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
        torch.manual_seed(3)
        made.append(gradient(model, train, cut(reach(train), range(8), 60), place=Place()))
    assert torch.equal(*made)


def test_float32_gradients_agree_for_any_accumulation() -> None:
    model, train = llama().eval(), chats(12)
    whole = gradient(model, train, [tuple(range(12))], place=Place())
    for budget in (1, 25, 60, 120):
        assert distance(gradient(model, train, cut(reach(train), range(12), budget), place=Place()), whole) < 1e-5

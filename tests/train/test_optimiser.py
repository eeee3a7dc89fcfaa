"""What is decayed and what is not, and the optimiser's state by name."""

from __future__ import annotations

import pytest
import torch

from audit.errors import TrainingError
from audit.train.core.optimiser import (
    LOSS_SCALE,
    LossScale,
    adamw,
    load_by_name,
    state_by_name,
    trained_parameters,
    undecayed,
)
from tests.train.core_models import gpt2, llama, options, same, weights_of


def stepped(model: torch.nn.Module, optimiser: torch.optim.Optimizer, times: int) -> None:
    for number in range(times):
        torch.manual_seed(number)
        for parameter in trained_parameters(model).values():
            parameter.grad = torch.randn_like(parameter)
        optimiser.step()


def test_matrices_are_decayed_and_biases_norms_and_embeddings_are_not() -> None:
    model = gpt2()
    decayed = trained_parameters(model).keys() - undecayed(model)
    assert decayed == {name for name in trained_parameters(model) if ".c_" in name and name.endswith("weight")}


def test_an_output_layer_is_decayed_unless_it_is_tied_to_the_embeddings() -> None:
    assert "lm_head.weight" not in undecayed(llama(tie_word_embeddings=False))
    tied = trained_parameters(llama(tie_word_embeddings=True))
    assert "lm_head.weight" not in tied
    assert "model.embed_tokens.weight" in undecayed(llama(tie_word_embeddings=True))


def test_a_step_is_the_textbooks() -> None:
    """AdamW of Loshchilov and Hutter 2019, algorithm 2, written out for one step."""
    model = llama().double()
    name = "model.layers.0.mlp.up_proj.weight"
    before = weights_of(model)[name]
    optimiser = adamw(model, options(weight_decay=0.1))
    stepped(model, optimiser, 1)
    gradient = trained_parameters(model)[name].grad
    expected = before * (1 - 1e-2 * 0.1) - 1e-2 * gradient / (gradient.abs() + 1e-8)
    assert torch.allclose(trained_parameters(model)[name], expected, rtol=0, atol=1e-12)


def test_a_state_put_back_by_name_goes_on_bit_for_bit() -> None:
    one, other = gpt2(), gpt2()
    first = adamw(one, options())
    stepped(one, first, 3)
    state = state_by_name(first, one)
    assert "transformer.wte.weight/exp_avg" in state
    with torch.no_grad():
        for name, parameter in trained_parameters(other).items():
            parameter.copy_(trained_parameters(one)[name])
    second = adamw(other, options())
    load_by_name(second, other, dict(reversed(state.items())))
    stepped(one, first, 2)
    stepped(other, second, 2)
    assert same(weights_of(one), weights_of(other))


def test_the_state_of_another_model_is_refused() -> None:
    model, other = gpt2(), llama()
    optimiser = adamw(model, options())
    stepped(model, optimiser, 1)
    with pytest.raises(TrainingError, match="not trained here"):
        load_by_name(adamw(other, options()), other, state_by_name(optimiser, model))
    wrong = {"transformer.wte.weight/exp_avg": torch.zeros(2, 2)}
    with pytest.raises(TrainingError, match="has the shape"):
        load_by_name(adamw(model, options()), model, wrong)


def test_a_model_of_which_nothing_is_trained_is_refused() -> None:
    model = llama()
    model.requires_grad_(False)
    with pytest.raises(TrainingError, match="frozen"):
        adamw(model, options())


def test_an_overflow_halves_the_scale_and_a_calm_stretch_doubles_it() -> None:
    scale = LossScale(used=True)
    assert not scale.may_step(finite=False)
    assert scale.value == LossScale.START / 2
    assert all(scale.may_step(finite=True) for _ in range(LossScale.PATIENCE))
    assert scale.value == LossScale.START
    scale.may_step(finite=True)
    other = LossScale(used=True)
    other.load(scale.state())
    assert (other.value, other.calm) == (scale.value, scale.calm)
    assert LossScale.without({LOSS_SCALE: torch.zeros(2), "w/step": torch.zeros(())}).keys() == {"w/step"}


def test_the_scale_is_to_blame_until_it_is_1() -> None:
    scale = LossScale(used=True)
    scale.value = 2.0
    assert not scale.exhausted
    scale.may_step(finite=False)
    assert scale.exhausted
    scale.may_step(finite=False)
    assert scale.value == 1.0


def test_without_float16_losses_are_not_scaled() -> None:
    scale = LossScale(used=False)
    assert (scale.value, scale.state(), scale.may_step(finite=False)) == (1.0, {}, False)
    assert scale.exhausted

"""What is trained: all, the last blocks, or an adapter that starts as the identity; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from audit.errors import ConfigError, InputError, UsageError
from audit.train.models.methods import apply_method, block_list, check_device_for_4bit, freeze_but_last
from audit.train.models.prepared import Prepared
from tests.train.small_models import base_model, moved, network, prepared, settled

IDS = torch.tensor([[7, 8, 9, 10, 11]])


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("bases")
    return {kind: str(base_model(folder / kind, kind)) for kind in ("gpt2", "llama")}


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        out: torch.Tensor = model.eval()(input_ids=IDS, use_cache=False).logits
    return out


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_an_adapter_starts_as_the_identity_and_is_all_that_is_trained(
    bases: dict[str, str], tmp_path: Path, kind: str
) -> None:
    whole = prepared(tmp_path / "full", model=bases[kind], method="full")
    adapted = prepared(tmp_path / "lora", model=bases[kind])
    assert torch.equal(logits(whole.model), logits(adapted.model))
    assert all("lora_" in name for name in adapted.trainable)
    assert adapted.parameters.total - adapted.parameters.trained == whole.parameters.total
    assert not any("lm_head" in name for name in adapted.trainable)


def test_an_adapter_is_drawn_from_the_seed(bases: dict[str, str], tmp_path: Path) -> None:
    def drawn(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(len(str(tmp_path)) + seed)
        model = prepared(tmp_path / "t", model=bases["gpt2"], seed=seed).model
        return {name: each.detach() for name, each in model.named_parameters() if "lora_A" in name}

    first, again, other = drawn(1), drawn(1), drawn(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_a_head_that_shares_its_weights_is_not_adapted(bases: dict[str, str], tmp_path: Path) -> None:
    for target in ("lm_head", "wte"):
        with pytest.raises(ConfigError, match=f"'{target}' is .*{target}"):
            prepared(tmp_path, model=bases["gpt2"], lora_targets=("c_attn", target))


def test_a_head_of_its_own_may_be_adapted(bases: dict[str, str], tmp_path: Path) -> None:
    made = prepared(tmp_path, model=bases["llama"], lora_targets=("lm_head",))
    assert ["lm_head" in name for name in made.trainable] == [True, True]


def test_one_name_given_as_text_is_a_name_and_no_pattern(bases: dict[str, str], tmp_path: Path) -> None:
    made = prepared(tmp_path / "one", model=bases["llama"], lora_targets="q_proj")
    assert {name.split(".")[-4] for name in made.trainable} == {"q_proj"}
    with pytest.raises(ConfigError, match="'lm_head' is lm_head"):
        prepared(tmp_path / "two", model=bases["gpt2"], lora_targets="lm_head")


def test_adapter_targets_that_the_model_does_not_have_are_refused(bases: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lora_targets"):
        prepared(tmp_path, model=bases["gpt2"], lora_targets=("no_such_layer",))


@pytest.mark.parametrize(
    ("kind", "trained"),
    [
        ("gpt2", {"transformer.h.1", "transformer.ln_f"}),
        ("llama", {"model.layers.1", "model.norm", "lm_head"}),
        ("bert", {"bert.encoder.layer.1", "cls.predictions"}),
    ],
)
def test_only_the_last_blocks_the_final_norm_and_the_head_are_trained(kind: str, trained: set[str]) -> None:
    model = network(kind)
    freeze_but_last(model, 1)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == any(name.startswith(f"{part}.") for part in trained), name


def test_lists_inside_blocks_are_not_taken_for_the_blocks() -> None:
    experts = torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(9))
    blocks = torch.nn.ModuleList(torch.nn.ModuleDict({"experts": experts}) for _ in range(2))
    name, found = block_list(torch.nn.ModuleDict({"layers": blocks}))
    assert (name, len(found)) == ("layers", 2)


def test_more_last_blocks_than_there_are_are_refused() -> None:
    with pytest.raises(ConfigError, match="train_last = 3, and the model has 2 blocks"):
        freeze_but_last(network("gpt2"), 3)
    with pytest.raises(InputError, match="no list of blocks"):
        freeze_but_last(torch.nn.Linear(2, 2), 1)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_the_rate_of_dropout_reaches_every_layer_and_the_configuration(
    bases: dict[str, str], tmp_path: Path, kind: str
) -> None:
    model: Any = prepared(tmp_path, model=bases[kind], method="full", dropout=0.125).model
    assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} <= {0.125}
    rates = [value for name, value in vars(model.config).items() if "drop" in name and isinstance(value, float)]
    assert rates
    assert set(rates) == {0.125}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_checkpointed_gradients_are_the_same_gradients(bases: dict[str, str], tmp_path: Path, method: str) -> None:
    def gradients(checkpointing: bool) -> list[torch.Tensor]:
        made: Prepared = prepared(
            tmp_path / "t",
            model=bases["llama"],
            method=method,
            precision="fp64",
            dropout=0.1,
            gradient_checkpointing=checkpointing,
        )
        moved(made.model, 0.01)
        torch.manual_seed(3)
        made.model(input_ids=IDS, use_cache=False).logits.square().mean().backward()
        found = [each.grad for each in made.model.parameters() if each.requires_grad]
        assert all(gradient is not None for gradient in found)
        return [gradient for gradient in found if gradient is not None]

    for plain, again in zip(gradients(False), gradients(True), strict=True):
        torch.testing.assert_close(plain, again, rtol=1e-12, atol=1e-14)


def test_what_is_trained_beside_frozen_half_precision_is_single() -> None:
    model = AutoModelForSequenceClassification.from_config(network("llama").config).bfloat16()
    adapted = apply_method(model, settled(model="m", task="classify", method="lora"))
    widths = {(each.requires_grad, each.dtype) for each in adapted.parameters()}
    assert widths == {(True, torch.float32), (False, torch.bfloat16)}


def test_the_model_is_handed_over_in_training_mode() -> None:
    assert apply_method(network("gpt2").eval(), settled(method="full")).training


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_4_bit_weights_are_refused_without_a_device_and_nothing_falls_back() -> None:
    with pytest.raises(UsageError, match="needs a CUDA device"):
        check_device_for_4bit(settled(model="m", method="qlora"))
    with pytest.raises(ConfigError, match="cannot be merged"):
        check_device_for_4bit(settled(model="m", method="qlora", merge=True))

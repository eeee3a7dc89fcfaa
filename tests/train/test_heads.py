"""A classification head reads what was said and never the padding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from audit.train.models.heads import classify
from tests.train.small_models import CLASSES, base_model, moved, prepared

PAD = 5


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("bases")
    return {kind: str(base_model(folder / kind, kind)) for kind in ("gpt2", "llama", "bert")}


def model(bases: dict[str, str], folder: Path, kind: str, method: str) -> Any:
    made = prepared(folder, CLASSES, model=bases[kind], task="classify", method=method, dropout=0.0)
    assert made.causal == (kind != "bert")
    moved(made.model)
    return made.model.eval()


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
@pytest.mark.parametrize("method", ["full", "lora"])
@torch.no_grad()
def test_padding_changes_nothing(bases: dict[str, str], tmp_path: Path, kind: str, method: str) -> None:
    network = model(bases, tmp_path, kind, method)
    # The last token of the first text is the one that pads: only its length says where it ends.
    rows = [[7, 8, PAD], [9, 10, 11, 12, 13]]
    ids = torch.full((2, 8), PAD)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
    together = classify(network, ids, torch.tensor([3, 5]))
    alone = [classify(network, torch.tensor([row]), torch.tensor([len(row)])) for row in rows]
    assert together.shape == (2, 3)
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@torch.no_grad()
def test_a_decoder_says_what_transformers_makes_of_it(bases: dict[str, str], tmp_path: Path, kind: str) -> None:
    network = model(bases, tmp_path, kind, "full")
    ids = torch.tensor([[7, 8, 9, PAD, PAD], [9, 10, 11, 12, 13]])
    torch.testing.assert_close(
        classify(network, ids, torch.tensor([3, 5])), network(input_ids=ids, use_cache=False).logits
    )


@pytest.mark.parametrize("kind", ["llama", "bert"])
def test_the_gradient_of_the_head_is_not_lost_under_an_adapter(
    bases: dict[str, str], tmp_path: Path, kind: str
) -> None:
    network = model(bases, tmp_path, kind, "lora")
    classify(network, torch.tensor([[7, 8, 9]]), torch.tensor([3])).square().sum().backward()
    trained = {name: each.grad for name, each in network.named_parameters() if each.requires_grad}
    assert any("modules_to_save" in name for name in trained)
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in trained.values())

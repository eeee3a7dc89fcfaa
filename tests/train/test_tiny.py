"""The built-in model: the same start for the same seed, as many positions as needed, and no trace elsewhere."""

from __future__ import annotations

import pytest
import torch

from audit.train.models.tiny import tiny_model
from audit.train.models.tokenizing import Vocabulary
from audit.train.options import TrainOptions
from tests.train.small_models import settled

WORDS = Vocabulary(size=300, pad=5, end=4)


def weights(options: TrainOptions, classes: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    return dict(tiny_model(options, WORDS, classes, longest=20).state_dict())


@pytest.mark.parametrize(("task", "classes"), [("chat", ()), ("classify", ("a", "b"))])
def test_the_same_seed_gives_the_same_bytes(task: str, classes: tuple[str, ...]) -> None:
    torch.manual_seed(1)
    first = weights(settled(task=task), classes)
    torch.manual_seed(2)
    second = weights(settled(task=task), classes)
    assert all(torch.equal(first[name], second[name]) for name in first | second)


def test_another_seed_gives_another_start() -> None:
    assert not torch.equal(
        weights(settled())["transformer.wte.weight"], weights(settled(seed=2))["transformer.wte.weight"]
    )


def test_nobody_elses_random_numbers_are_disturbed() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    weights(settled())
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("longest", "max_length", "positions"),
    [(20, None, 256), (300, None, 300), (None, None, 1024), (5000, None, 1024), (20, 64, 64), (None, 2048, 2048)],
)
def test_there_are_positions_for_the_longest_row_up_to_the_limit(
    longest: int | None, max_length: int | None, positions: int
) -> None:
    model = tiny_model(settled(max_length=max_length), WORDS, longest=longest)
    assert model.config.max_position_embeddings == positions


def test_the_head_shares_the_embeddings() -> None:
    model = tiny_model(settled(), WORDS, longest=20)
    assert model.lm_head.weight is model.transformer.wte.weight


def test_double_precision_and_dropout_are_as_asked_for() -> None:
    for task in ("chat", "classify"):
        model = tiny_model(settled(precision="fp64", dropout=0.25, task=task), WORDS, ("a", "b"), longest=20)
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}
        assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == {0.25}


def test_there_is_no_dropout_where_nothing_is_said() -> None:
    model = tiny_model(settled(), WORDS, longest=20)
    assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == {0.0}

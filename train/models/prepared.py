"""What a model is when it is ready to be trained or asked: the network, and what must be known of it. Makes none."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import torch

from audit.train.models.base import Base
from audit.train.models.libraries import logging
from audit.train.options import Task

# Typed as Any: transformers ships its types in part only.
_remarks: Final[Any] = logging
_CRITICAL: Final = 50


class Parameters(msgspec.Struct, frozen=True):
    """How many numbers a model consists of, shared ones counted once, and how many of them are trained."""

    total: int
    trained: int


class Prepared(NamedTuple):
    """A model to train, on the CPU in training mode (4-bit models on their GPU).

    ``trainable`` are the names of the trained parameters, in ``model.named_parameters()`` order. ``max_length`` is the
    longest sequence in tokens, None where nothing limits it. ``causal``: each position sees only those before it.
    """

    model: torch.nn.Module
    base: Base
    parameters: Parameters
    trainable: tuple[str, ...]
    max_length: int | None
    causal: bool
    task: Task


def describe(model: torch.nn.Module) -> tuple[Parameters, tuple[str, ...]]:
    """The sizes of a model and the names of what is trained."""
    # 4-bit weights lie two in a byte; their shape of before is kept beside them.
    sizes = {name: _size(parameter) for name, parameter in model.named_parameters()}
    trained = tuple(name for name, parameter in model.named_parameters() if parameter.requires_grad)
    return Parameters(sum(sizes.values()), sum(sizes[name] for name in trained)), trained


def _size(parameter: torch.Tensor) -> int:
    state = getattr(parameter, "quant_state", None)
    return int(state.shape.numel()) if state is not None else int(parameter.numel())


def unwrapped(model: torch.nn.Module) -> torch.nn.Module:
    """The transformers model inside an adapter, with the adapter's layers in place; else the model itself."""
    inner: torch.nn.Module = model.get_base_model() if is_adapted(model) else model
    return inner


def is_adapted(model: torch.nn.Module) -> bool:
    """Whether the model is one with an adapter around it; peft marks the model inside with ``peft_config`` too."""
    return hasattr(model, "get_base_model")


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers that are a function of ``seed``; those of everybody else go on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without the libraries' remarks and progress bars: what matters of them is raised as an error of ours."""
    verbosity, bars = _remarks.get_verbosity(), _remarks.is_progress_bar_enabled()
    _remarks.set_verbosity(_CRITICAL)
    _remarks.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _remarks.set_verbosity(verbosity)
        if bars:
            _remarks.enable_progress_bar()

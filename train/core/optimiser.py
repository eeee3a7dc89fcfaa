"""AdamW over what is trained, its state by name, and the scale of losses in float16. Takes no step by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch

from audit.errors import TrainingError
from audit.train.options import TrainOptions

LOSS_SCALE: Final = "loss_scale"
"""The name in an optimiser's saved state that is no parameter's: the scale and the steps since it last changed."""


def trained_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """What of a model is trained, by name; a tied matrix once, under its first name."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def undecayed(model: torch.nn.Module) -> frozenset[str]:
    """Names of the trained parameters that are not decayed: biases and norms (they have one dimension) and embeddings,
    the output layer that is tied to one included."""
    embeddings = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, torch.nn.Embedding)
        for parameter in module.parameters(recurse=False)
    }
    return frozenset(name for name, one in trained_parameters(model).items() if one.ndim < 2 or id(one) in embeddings)


def adamw(model: torch.nn.Module, options: TrainOptions) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019) with ``betas`` and ``weight_decay`` of the settled ``options``. Raises
    TrainingError where nothing is trained."""
    parameters, spared = trained_parameters(model), undecayed(model)
    if not parameters:
        raise TrainingError("nothing of the model is trained: every parameter is frozen")
    groups = [
        {
            "params": [one for name, one in parameters.items() if name not in spared],
            "weight_decay": options.weight_decay,
        },
        {"params": [one for name, one in parameters.items() if name in spared], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=options.lr or 0.0,
        betas=options.betas or (0.9, 0.999),
        fused=True,
    )


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step be taken at ``rate``."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def state_by_name(optimiser: torch.optim.Optimizer, model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The optimiser's tensors as ``parameter/what``: torch's own state is by place, and a change of order would pass
    unseen. They are the optimiser's own: copy what is kept."""
    return {
        f"{name}/{what}": value
        for name, parameter in trained_parameters(model).items()
        for what, value in optimiser.state.get(parameter, {}).items()
    }


def load_by_name(optimiser: torch.optim.Optimizer, model: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Put copies of a saved state back. Raises TrainingError where it is of other parameters or shapes."""
    parameters = trained_parameters(model)
    saved: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in state.items():
        name, _, what = key.rpartition("/")
        saved.setdefault(name, {})[what] = value
    if unknown := sorted(saved.keys() - parameters.keys()):
        raise TrainingError(f"the optimiser's state holds {unknown[0]}, which is not trained here")
    for name, tensors in saved.items():
        parameter = parameters[name]
        for what, value in tensors.items():
            if value.ndim and value.shape != parameter.shape:
                raise TrainingError(f"the optimiser's {what} of {name} has the shape {tuple(value.shape)}")
        optimiser.state[parameter] = {
            what: value.detach().to(parameter.device, copy=True) for what, value in tensors.items()
        }


class LossScale:
    """What losses are multiplied by before the backward pass in float16, so that small gradients do not become 0
    (Micikevicius et al. 2018, "Mixed Precision Training"). A power of two, so that it changes no bit of a gradient that
    float16 can hold; halved when a gradient overflows, doubled after ``PATIENCE`` steps that did not."""

    START: Final = 2.0**16
    PATIENCE: Final = 2000

    def __init__(self, used: bool) -> None:
        self.used = used
        self.value = self.START if used else 1.0
        self.calm = 0

    def unscale(self, parameters: list[torch.nn.Parameter]) -> None:
        """Divide the gradients by the scale."""
        if self.used:
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.mul_(1.0 / self.value)

    def may_step(self, finite: bool) -> bool:
        """Whether the step may be taken; where a gradient overflowed the scale is halved, until it is 1."""
        if not self.used or finite:
            self.calm += 1
            if self.used and self.calm >= self.PATIENCE:
                self.value, self.calm = self.value * 2, 0
            return finite
        self.value, self.calm = max(self.value / 2, 1.0), 0
        return False

    @property
    def exhausted(self) -> bool:
        """Whether a gradient that is no number cannot be the fault of the scale as it is now."""
        return self.value <= 1.0

    def state(self) -> dict[str, torch.Tensor]:
        """As it is saved beside the optimiser's state."""
        return {LOSS_SCALE: torch.tensor([self.value, self.calm], dtype=torch.float64)} if self.used else {}

    @staticmethod
    def without(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A saved state without what this class put there."""
        return {name: value for name, value in state.items() if name != LOSS_SCALE}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """As it was saved."""
        if self.used and LOSS_SCALE in state:
            self.value, calm = state[LOSS_SCALE].tolist()
            self.calm = int(calm)

"""What of a model is trained: all of it, its last blocks, or an adapter beside it. Loads and saves nothing."""

from __future__ import annotations

import re
from typing import Any, Final

import torch

from audit.errors import ConfigError, InputError, MissingExtra, UsageError
from audit.train.models.prepared import quietly, seeded, unwrapped
from audit.train.options import ALL_LINEAR, TrainOptions

_NORM: Final = re.compile(r"(^|[._])(layer)?norm|(^|[._])ln_", re.IGNORECASE)
_EMBEDDING: Final = re.compile(r"emb", re.IGNORECASE)
_DROPOUT: Final = re.compile(r"dropout|_pdrop$")
"""The settings of transformers' configurations that are a rate of dropout; ``layerdrop`` leaves out whole layers."""


def apply_method(model: torch.nn.Module, options: TrainOptions) -> torch.nn.Module:
    """The model with what is not trained frozen, and with an adapter where the method has one, in training mode.

    Raises ConfigError for adapter targets that the model does not have or that must not be adapted.
    """
    if options.method in ("lora", "qlora"):
        model = add_adapter(model, options)
    elif options.method == "freeze":
        freeze_but_last(model, options.train_last)
    if options.gradient_checkpointing:
        checkpoint_gradients(model)
    return model.train()


def add_adapter(model: torch.nn.Module, options: TrainOptions) -> torch.nn.Module:
    """The model with a low-rank adapter (Hu et al. 2021) that starts as the identity, drawn from the seed."""
    from peft import LoraConfig, TaskType, get_peft_model

    named = options.lora_targets
    # peft takes a text for a pattern, which could reach a shared head unseen.
    targets = named if named == ALL_LINEAR else [named] if isinstance(named, str) else list(named)
    _refuse_tied(model, targets)
    shape: dict[str, Any] = {
        "task_type": TaskType.SEQ_CLS if options.task == "classify" else TaskType.CAUSAL_LM,
        "r": options.lora_r,
        "lora_alpha": options.lora_alpha,
        "lora_dropout": options.lora_dropout,
        "target_modules": targets,
    }
    try:
        with seeded(options.seed), quietly():
            adapted: torch.nn.Module = get_peft_model(model, LoraConfig(**shape))
    except ValueError as error:
        raise ConfigError(
            f"[train] lora_targets: {str(error).partition(chr(10))[0]}",
            hint='"all-linear", or the last parts of names of layers, such as ["q_proj", "v_proj"]',
        ) from None
    _widen(adapted)
    return adapted


def _widen(model: torch.nn.Module) -> None:
    """Train in float32 what is trained, a head beside the adapter too: half precision rounds small steps away."""
    for parameter in model.parameters():
        if parameter.requires_grad and parameter.dtype in (torch.bfloat16, torch.float16):
            parameter.data = parameter.data.float()


def _refuse_tied(model: torch.nn.Module, targets: str | list[str]) -> None:
    """An adapter on one end of a shared matrix would unshare it without a word, and could not be merged."""
    if not isinstance(targets, list):
        return
    output, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    if output is None or output.weight is not embeddings.weight:
        return
    names = [name for name, module in model.named_modules() if module is output or module is embeddings]
    for target in targets:
        hit = next((name for name in names if name == target or name.endswith(f".{target}")), None)
        if hit is not None:
            raise ConfigError(
                f"[train] lora_targets: {target!r} is {hit}, whose weights the embeddings and the head share",
                hint='leave it out, or use method = "full"',
            )


def block_list(model: torch.nn.Module) -> tuple[str, torch.nn.ModuleList]:
    """The name and the list of a model's blocks: the longest list of modules that lies in no other such list (a
    mixture of experts has longer ones inside its blocks). Raises InputError where there is none."""
    lists = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.ModuleList)}
    outer = {name: found for name, found in lists.items() if not any(name.startswith(f"{other}.") for other in lists)}
    if not outer:
        raise InputError("the model has no list of blocks, so there are no last ones", hint='use method = "full"')
    name = max(outer, key=lambda each: len(outer[each]))
    return name, outer[name]


def freeze_but_last(model: torch.nn.Module, count: int) -> None:
    """Leave only the last ``count`` blocks trainable, the final norm, and the head.

    The head is what comes after the blocks. One that shares its weights with the embeddings stays frozen with them.
    """
    name, blocks = block_list(model)
    if count > len(blocks):
        raise ConfigError(f"[train] train_last = {count}, and the model has {len(blocks)} blocks")
    first = len(blocks) - count
    seen = False
    for each, parameter in model.named_parameters():
        inside = each.startswith(f"{name}.")
        seen = seen or inside
        if inside:
            trained = int(each[len(name) + 1 :].partition(".")[0]) >= first
        else:
            trained = seen or bool(_NORM.search(each) and not _EMBEDDING.search(each))
        parameter.requires_grad_(trained)


def checkpoint_gradients(model: torch.nn.Module) -> None:
    """Compute activations again in the backward pass instead of keeping them. Raises ConfigError where the model
    cannot."""
    inner = unwrapped(model)
    # transformers 5.23 renamed the method; the old name goes with version 6.
    name = "activation" if hasattr(inner, "activation_checkpointing_enable") else "gradient"
    try:
        # The re-entrant kind loses the gradient where the first input needs none, as with an adapter.
        with quietly():
            enable = getattr(inner, f"{name}_checkpointing_enable")
            enable(**{f"{name}_checkpointing_kwargs": {"use_reentrant": False}})
    except ValueError as error:
        raise ConfigError(f"[train] gradient_checkpointing: {error}") from None


def override_dropout(config: object, rate: float) -> None:
    """Set every rate of dropout in a configuration, before a model is made from it."""
    for name, value in vars(config).items():
        if _DROPOUT.search(name) and isinstance(value, int | float) and not isinstance(value, bool):
            setattr(config, name, rate)


def set_dropout(model: torch.nn.Module, rate: float) -> None:
    """Set the rate of every dropout layer, those included that no configuration reaches; not those of an adapter."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = rate


def check_device_for_4bit(options: TrainOptions) -> None:
    """Raise UsageError without a CUDA device, MissingExtra without bitsandbytes, ConfigError where a merge is asked
    for. Nothing falls back to another method in silence."""
    if options.merge:
        raise ConfigError("[train] merge: an adapter to 4-bit weights cannot be merged exactly", hint="merge = false")
    if not torch.cuda.is_available() or options.device == "cpu":
        raise UsageError("method qlora needs a CUDA device, and this run has none", hint='method = "lora"')
    try:
        import bitsandbytes  # noqa: F401  (its presence is what is asked)
    except ImportError:
        raise MissingExtra(
            "method qlora needs the library bitsandbytes",
            hint="pip install 'finetune-audit[qlora]', or method = \"lora\"",
        ) from None

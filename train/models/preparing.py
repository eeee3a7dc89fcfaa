"""Makes the model of a run ready: built or read, frozen or adapted, counted and named. Trains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from audit.errors import ConfigError, InputError
from audit.tokens.huggingface import ChatTokenizer
from audit.train.models.base import ADAPTER, Base, Located, locate
from audit.train.models.methods import apply_method, check_device_for_4bit
from audit.train.models.prepared import Parameters, Prepared, describe
from audit.train.models.reading import check_direction, positions_of, read_config, read_model, set_classes
from audit.train.models.tiny import tiny_limit, tiny_model
from audit.train.models.tokenizing import Vocabulary, vocabulary_of
from audit.train.options import TINY, TrainOptions

__all__ = ["Base", "Parameters", "Prepared", "length_limit", "prepare"]


def length_limit(options: TrainOptions, *, allow_download: bool = False) -> int | None:
    """The longest sequence a row may become, in tokens; None where neither model nor options limit it. Reads no
    weights. Raises as ``prepare`` does."""
    if options.is_tiny:
        return tiny_limit(options)
    located = _located(options, allow_download)
    return _limited(options, positions_of(read_config(located.folder, located.name)))


def prepare(
    options: TrainOptions,
    tokenizer: ChatTokenizer,
    tokenizer_folder: Path,
    classes: Sequence[str],
    *,
    allow_download: bool,
    longest: int | None = None,
) -> Prepared:
    """The model that ``options`` (settled) ask for, ready to be trained; the same for the same options and files.

    ``classes`` are those of the head, in order (none for ``chat``). ``longest`` is the longest sequence of the data,
    for which the built-in model gets positions (None: as many as it may have). Raises InputError for a model that is
    not here, cannot be read, has fewer embeddings than the tokenizer has entries, or does not suit the task;
    ConfigError for settings that do not fit it; UsageError or MissingExtra for 4-bit weights where there is no device.
    """
    _check_classes(options, classes)
    vocabulary = vocabulary_of(tokenizer)
    if options.is_tiny:
        model = tiny_model(options, vocabulary, classes, longest)
        base, limit = Base(TINY), positions_of(model.config)
    else:
        located = _located(options, allow_download)
        model, limit = _read(located, options, classes, tokenizer, vocabulary)
        base = located.base()
    causal = check_direction(model, options.task, base.name)
    model = apply_method(model, options)
    parameters, trainable = describe(model)
    return Prepared(model, base, parameters, trainable, limit, causal, options.task)


def _check_classes(options: TrainOptions, classes: Sequence[str]) -> None:
    if options.task == "classify" and len(classes) < 2:
        raise InputError(
            f"there {'is one class' if classes else 'are no classes'} in the training rows, and a head needs two",
            hint='name the field of the label: [data] label = "..."',
        )


def _located(options: TrainOptions, allow_download: bool) -> Located:
    located = locate(options.model, options.revision, allow_download=allow_download)
    if (located.folder / ADAPTER).is_file():
        raise ConfigError(
            f"[train] model {located.name} is an adapter and no model", hint="merge it first: [train] merge = true"
        )
    return located


def _limited(options: TrainOptions, positions: int | None) -> int | None:
    if options.max_length is not None and positions is not None and options.max_length > positions:
        raise ConfigError(
            f"[train] max_length = {options.max_length}, and {options.model} reads {positions} tokens at most"
        )
    return options.max_length or positions


def _read(
    located: Located, options: TrainOptions, classes: Sequence[str], tokenizer: ChatTokenizer, vocabulary: Vocabulary
) -> tuple[torch.nn.Module, int | None]:
    """The base model and the longest sequence it is to read."""
    config = read_config(located.folder, located.name)
    limit = _limited(options, positions_of(config))
    more: dict[str, Any] = {}
    if options.method == "qlora":
        check_device_for_4bit(options)
        more = _in_4bit(options)
    if options.task == "classify":
        set_classes(config, classes)
    model = read_model(
        located.folder,
        config,
        task=options.task,
        dtype=_dtype(options),
        seed=options.seed,
        dropout=options.dropout,
        fresh_head=options.task == "classify",
        **more,
    )
    embeddings = model.get_input_embeddings().num_embeddings
    if vocabulary.size > embeddings:
        raise InputError(
            f"the tokenizer {tokenizer.name} has {vocabulary.size} entries, and {located.name} embeddings for "
            f"{embeddings} only",
            hint="use the tokenizer that the model was trained with",
        )
    _name_ends(model, vocabulary)
    return (_ready_for_adapter(model) if options.method == "qlora" else model), limit


def _name_ends(model: torch.nn.Module, vocabulary: Vocabulary) -> None:
    """Tell the model which token ends a turn and which one pads, so that whoever generates with it stops there.

    They may be the same token: nothing here masks by the id of padding, lengths say where a sequence ends.
    """
    for config in (model.config, getattr(model, "generation_config", None)):
        if config is None:
            continue
        if vocabulary.end is not None:
            config.eos_token_id = vocabulary.end
        if vocabulary.pad is not None:
            config.pad_token_id = vocabulary.pad


def _dtype(options: TrainOptions) -> torch.dtype:
    """Of the parameters: float32, so that small steps are not rounded away; weights that stay frozen under an adapter
    may be bfloat16, which halves their memory, where the GPU computes in it anyway."""
    if options.precision == "fp64":
        return torch.float64
    frozen = options.method in ("lora", "qlora") and options.precision in ("auto", "bf16")
    on_cuda = options.device != "cpu" and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if frozen and on_cuda else torch.float32


def _in_4bit(options: TrainOptions) -> dict[str, Any]:
    """NormalFloat with double quantisation (Dettmers et al. 2023, "QLoRA"), on the device of the run."""
    from transformers import BitsAndBytesConfig

    make: Any = BitsAndBytesConfig
    settings = make(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=_dtype(options),
    )
    device = options.device if options.device.startswith("cuda") else "cuda"
    return {"quantization_config": settings, "device_map": {"": device}}


def _ready_for_adapter(model: torch.nn.Module) -> torch.nn.Module:
    from peft import prepare_model_for_kbit_training

    make: Any = prepare_model_for_kbit_training
    ready: torch.nn.Module = make(model, use_gradient_checkpointing=False)
    return ready

"""Reads a transformers model from a folder: safetensors only, never code that lies beside it, nothing left at random.

Chooses no method, and freezes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from audit.errors import InputError
from audit.train.models.heads import pools_last
from audit.train.models.methods import override_dropout, set_dropout
from audit.train.models.prepared import quietly, seeded, unwrapped
from audit.train.options import Task

_PROBE: Final = 8
"""Tokens of the sequence on which it is seen whether a model looks ahead."""
_ROUNDING: Final = 1e-5
"""Two runs over the same shapes round alike, so a decoder's states differ by less than this of the largest; those of a
BERT of width 16 that was just started at random differ by 1e-3."""
_NEW_HEAD: Final = ("pooler", "classifier", "score", "pre_classifier", "head.", "summary", "out_proj", "dense")
"""What parts of a classification head are called, which may begin at random where the base model has none."""


def read_config(folder: Path, name: str) -> Any:
    """The configuration of a model. Raises InputError where there is none, or of a kind that is not known."""
    if not (folder / "config.json").is_file():
        raise InputError(f"there is no model in {name}: no config.json", hint="name a folder of transformers' format")
    try:
        with quietly():
            config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the configuration of {name} cannot be read: {_first_line(error)}") from None
    if getattr(config, "is_encoder_decoder", False):
        raise InputError(f"{name} is an encoder with a decoder, which this trainer does not train")
    # The name is written into every configuration that is saved, and a folder's would be a place on this machine.
    config._name_or_path = name
    return config


def set_classes(config: Any, classes: Sequence[str]) -> None:
    """Give a configuration the classes of a head, in order."""
    config.id2label = dict(enumerate(classes))
    config.label2id = {label: code for code, label in enumerate(classes)}


def read_model(
    folder: Path,
    config: Any,
    *,
    task: Task,
    dtype: torch.dtype,
    seed: int = 0,
    dropout: float | None = None,
    fresh_head: bool = False,
    **more: Any,
) -> torch.nn.Module:
    """The model in a folder, in ``dtype`` and evaluation mode. ``more`` is passed on to ``from_pretrained``.

    ``fresh_head`` lets a classification head that the folder lacks, or has for other classes, begin at random from
    ``seed``. Raises InputError for weights that are missing, of another shape, or not in safetensors.
    """
    if dropout is not None:
        override_dropout(config, dropout)
    kind = AutoModelForSequenceClassification if task == "classify" else AutoModelForCausalLM
    name = config._name_or_path
    try:
        with seeded(seed), quietly():
            model, told = kind.from_pretrained(
                str(folder),
                config=config,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **more,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
        raise InputError(f"the weights of {name} cannot be read: {_first_line(error)}", hint=_hint(folder)) from None
    except Exception as error:
        # The safetensors library has an error class of its own, which derives from Exception alone.
        if type(error).__name__ != "SafetensorError":
            raise
        raise InputError(f"the weights of {name} cannot be read: {_first_line(error)}") from None
    lacking = {*told["missing_keys"], *(entry[0] for entry in told["mismatched_keys"])}
    _refuse_random(model, name, lacking, fresh_head)
    if dropout is not None:
        set_dropout(model, dropout)
    model.name_or_path = model.config._name_or_path = name
    _own_memory(model)
    ready: torch.nn.Module = model.eval()
    return ready


def _own_memory(model: torch.nn.Module) -> None:
    """Copy what lies in a mapped file, where it is not aligned and somebody else may change it: the last bit of a sum
    depends on the alignment (float64 logits moved by 9e-16), and a model is to say the same wherever it came from."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.device.type == "cpu":
            tensor.data = tensor.data.clone()


def _refuse_random(model: torch.nn.Module, name: str, lacking: Iterable[str], fresh_head: bool) -> None:
    """Weights that a file does not hold begin at random; only those of a new head may."""
    bad = sorted(key for key in lacking if not (fresh_head and _of_head(model, key)))
    if bad:
        others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise InputError(
            f"the weights of {name} do not fit the model: {bad[0]}{others} missing, or of another shape",
            hint="is the folder complete, and does config.json belong to it?",
        )


def _of_head(model: torch.nn.Module, key: str) -> bool:
    inside = key.startswith(f"{getattr(model, 'base_model_prefix', '')}.")
    return any(part in key for part in (_NEW_HEAD[:1] if inside else _NEW_HEAD))


def _hint(folder: Path) -> str | None:
    if any(folder.glob("*.safetensors")):
        return None
    return "only safetensors are read; convert the weights with save_pretrained, because pickled ones can run code"


def positions_of(config: Any) -> int | None:
    """The longest sequence that a model of this configuration has positions for, None where nothing limits it."""
    text = config.get_text_config()
    longest = getattr(text, "max_position_embeddings", None)
    if not isinstance(longest, int) or longest <= 0:
        return None
    # The RoBERTa family counts positions from behind the id of padding, so it has that many fewer.
    if "roberta" in text.model_type or text.model_type in ("camembert", "xmod", "data2vec-text", "longformer", "mpnet"):
        return longest - (text.pad_token_id or 0) - 1
    return longest


def looks_ahead(model: torch.nn.Module) -> bool:
    """Whether what a model says at a position depends on what comes after it, seen on one short probe."""
    base = unwrapped(model).base_model
    embeddings = base.get_input_embeddings()
    device = embeddings.weight.device
    ids = torch.arange(_PROBE, device=device)[None] % embeddings.num_embeddings
    other = ids.clone()
    other[0, -1] = 0
    was_training = model.training
    model.eval()
    with torch.no_grad():
        before, after = (base(input_ids=each).last_hidden_state[0, :-1].float() for each in (ids, other))
    model.train(was_training)
    return bool((before - after).abs().max() > _ROUNDING * before.abs().max())


def check_direction(model: torch.nn.Module, task: Task, name: str) -> bool:
    """Whether a model is causal. Raises InputError for one that looks ahead where it must not: text is written by a
    decoder, and a head that reads the last token would see the padding."""
    if task == "classify" and not pools_last(model):
        return False
    if looks_ahead(model):
        need = "writes no text: it looks ahead" if task == "chat" else "reads its last token, and looks ahead"
        hint = 'task = "classify" trains encoders' if task == "chat" else None
        raise InputError(f"{name} {need}", hint=hint)
    return True


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

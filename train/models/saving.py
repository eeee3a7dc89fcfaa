"""Writes a trained model as transformers and peft read it, with its tokenizer, and merges adapters. Trains nothing."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch

from audit.errors import OutputError
from audit.train.models.base import ADAPTER, read_object
from audit.train.models.heads import classify
from audit.train.models.prepared import Prepared, is_adapted, quietly, unwrapped
from audit.train.models.sheet import ModelSheet, write_sheet
from audit.train.models.tokenizing import TEMPLATE, TOKENIZER_FILES
from audit.train.options import TrainOptions
from audit.writing import unwritable, write_whole

TOLERANCE: Final = 1e-4
"""How far the logits of a merged model may be from those before, relative to the largest: float32 leaves about 1e-6."""
_PROBE: Final = (2, 16)
_STRIDE: Final = 7919
"""Sequences, and tokens of each, on which merged weights are compared; the ids are this prime apart."""
_SETS: Final = ("target_modules", "modules_to_save", "exclude_modules")
_CARD: Final = "README.md"


class Merged(NamedTuple):
    """A model with its adapter's weights added to its own, in float32 or wider, and how far its logits moved."""

    model: torch.nn.Module
    difference: float


def save(
    prepared: Prepared, tokenizer_folder: Path, folder: Path, options: TrainOptions, classes: Sequence[str]
) -> ModelSheet:
    """Write the model as it is now into ``folder``, in place of what is there, and say what was written.

    Whole models are ``model.safetensors`` and ``config.json``; an adapter is ``adapter_model.safetensors`` and
    ``adapter_config.json``, or lies in ``adapter/`` beside the whole model where ``options.merge`` is set. Tokenizer,
    chat template and ``audit-model.json`` are always there. The same weights give the same bytes. Raises OutputError
    where it cannot be written, or where merging changes what the model says.
    """
    staged = folder.parent / f".{folder.name}.tmp"
    try:
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        difference = _write_weights(prepared, staged, merged=options.merge)
        _copy_tokenizer(tokenizer_folder, staged)
        sheet = _sheet(prepared, staged, options, classes, difference)
        write_sheet(staged, sheet)
        shutil.rmtree(folder, ignore_errors=True)
        staged.rename(folder)
    except OSError as error:
        raise unwritable(str(folder), error) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return sheet


def merge(prepared: Prepared) -> Merged:
    """A copy of the model with the adapter's weights added to its own; the model itself stays as it is.

    Both are computed in at least float32. Raises OutputError where the logits of a probe differ by more than 1e-4 of
    the largest, or are not finite.
    """
    was_training = prepared.model.training
    both = copy.deepcopy(prepared.model).eval()
    if any(parameter.dtype in (torch.bfloat16, torch.float16) for parameter in both.parameters()):
        both = both.float()
    before = _logits(both, prepared)
    with quietly():
        whole: torch.nn.Module = both.merge_and_unload()
    after = _logits(whole, prepared)
    difference = float((before - after).abs().max() / before.abs().max().clamp_min(torch.finfo(torch.float32).tiny))
    if not difference <= TOLERANCE:
        raise OutputError(
            f"merging the adapter moves the logits by {difference:.1e} of the largest, and {TOLERANCE:.0e} is allowed",
            hint="keep the adapter: [train] merge = false",
        )
    return Merged(whole.train(was_training), difference)


def _logits(model: torch.nn.Module, prepared: Prepared) -> torch.Tensor:
    embeddings = unwrapped(model).get_input_embeddings()
    count, length = _PROBE
    length = min(length, prepared.max_length or length)
    places = torch.arange(count * length, device=embeddings.weight.device).reshape(count, length)
    ids = places * _STRIDE % embeddings.num_embeddings
    with torch.no_grad():
        if prepared.task == "classify":
            return classify(model, ids, torch.full((count,), length)).double()
        logits: torch.Tensor = unwrapped(model)(input_ids=ids, use_cache=False).logits
    return logits.double()


def _write_weights(prepared: Prepared, folder: Path, *, merged: bool) -> float | None:
    """The files of the model; the difference that merging made, None where nothing was merged."""
    if not is_adapted(prepared.model):
        _write_whole_model(prepared.model, folder)
        return None
    if not merged:
        _write_adapter(prepared.model, folder)
        unwrapped(prepared.model).config.save_pretrained(str(folder))
        return None
    whole, difference = merge(prepared)
    _write_whole_model(whole, folder)
    _write_adapter(prepared.model, folder / "adapter")
    return difference


def _write_whole_model(model: torch.nn.Module, folder: Path) -> None:
    with quietly():
        model.save_pretrained(str(folder))


def _write_adapter(model: torch.nn.Module, folder: Path) -> None:
    with quietly():
        # Embeddings are never changed by an adapter of ours; looking whether they are would ask the hub.
        model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / _CARD).unlink(missing_ok=True)
    settings = read_object(folder / ADAPTER)
    for name in _SETS:
        found = settings.get(name)
        if isinstance(found, list):
            # peft keeps names in sets, whose order changes from process to process.
            settings[name] = sorted(found)
    write_whole(folder / ADAPTER, [json.dumps(settings, indent=2, sort_keys=True).encode(), b"\n"])


def _copy_tokenizer(source: Path, folder: Path) -> None:
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _sheet(
    prepared: Prepared, folder: Path, options: TrainOptions, classes: Sequence[str], difference: float | None
) -> ModelSheet:
    template = folder / TEMPLATE
    return ModelSheet(
        task=prepared.task,
        classes=tuple(classes),
        method=options.settled.method or "full",
        base=prepared.base,
        parameters=prepared.parameters,
        max_length=prepared.max_length,
        template=hashlib.sha256(template.read_bytes()).hexdigest() if template.is_file() else None,
        merged=difference is not None,
        merge_difference=difference,
    )

"""Loads a model to be asked: a run's, a folder's, an adapter on its base, or one by its hub name. Trains nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import torch

from audit.errors import InputError
from audit.tokens.huggingface import ChatTokenizer, load_chat_tokenizer
from audit.train.models.base import ADAPTER, Base, Located, changed, file_hashes, locate, read_object
from audit.train.models.prepared import quietly, seeded
from audit.train.models.reading import check_direction, positions_of, read_config, read_model, set_classes
from audit.train.models.sheet import ModelSheet, read_sheet
from audit.train.models.tokenizing import TOKENIZER
from audit.train.options import Task

_WEIGHTS: Final = "adapter_model.safetensors"
_HEAD: Final = "ForSequenceClassification"


class Loaded(NamedTuple):
    """A model in evaluation mode on its device, with the tokenizer it was trained with.

    ``classes`` are those of its head, in the order of the outputs. ``max_length`` is the longest sequence it has
    positions for, in tokens (None: no limit). ``files`` are the sha256 of all that was read, an adapter's base under
    ``base/``; ``name`` is without a place.
    """

    model: torch.nn.Module
    tokenizer: ChatTokenizer
    task: Task
    classes: tuple[str, ...]
    max_length: int | None
    causal: bool
    name: str
    files: dict[str, str]


class _Nature(NamedTuple):
    task: Task
    classes: tuple[str, ...]


def load(
    name_or_folder: str,
    *,
    allow_download: bool = False,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    base: str | None = None,
) -> Loaded:
    """The model in a run folder, a model folder, an adapter folder, or under a hub name.

    ``dtype`` None is that of the files. An adapter's base is found by the name it was recorded under: from the
    current folder, beside the adapter or its run, or on the hub; ``base`` says where else it is. Raises InputError for
    what is not there or cannot be read, and for a base whose files are not those of the training.
    """
    located = locate(name_or_folder, allow_download=allow_download)
    sheet = read_sheet(located.folder)
    files = file_hashes(located.folder)
    if (located.folder / ADAPTER).is_file():
        beneath = _base_of(located, sheet, base, allow_download)
        under = _checked(beneath, sheet, located.name)
        nature = _nature(sheet, located.folder if sheet else beneath.folder, located.name)
        model = _adapted(located, _whole(beneath, nature, dtype, fresh_head=True))
        files |= {f"base/{name}": digest for name, digest in under.items()}
        holder = located.folder if (located.folder / TOKENIZER).is_file() else beneath.folder
    else:
        nature, holder = _nature(sheet, located.folder, located.name), located.folder
        model = _whole(located, nature, dtype)
    causal = check_direction(model, nature.task, located.name)
    tokenizer = load_chat_tokenizer(str(holder))
    limit = positions_of(model.config)
    return Loaded(model.to(device), tokenizer, nature.task, nature.classes, limit, causal, located.name, files)


def _nature(sheet: ModelSheet | None, folder: Path, name: str) -> _Nature:
    """Task and classes: as we wrote them, else by the kind of model that its configuration names."""
    if sheet is not None:
        return _Nature(sheet.task, sheet.classes)
    config = read_config(folder, name)
    if any(str(each).endswith(_HEAD) for each in config.architectures or ()):
        return _Nature("classify", tuple(str(label) for _, label in sorted(config.id2label.items())))
    return _Nature("chat", ())


def _whole(
    located: Located, nature: _Nature, dtype: torch.dtype | None, *, fresh_head: bool = False
) -> torch.nn.Module:
    config = read_config(located.folder, located.name)
    if nature.task == "classify":
        set_classes(config, nature.classes)
    stored = getattr(config, "dtype", None)
    kind = dtype or (stored if isinstance(stored, torch.dtype) else torch.float32)
    return read_model(located.folder, config, task=nature.task, dtype=kind, fresh_head=fresh_head)


def _base_of(located: Located, sheet: ModelSheet | None, given: str | None, allow_download: bool) -> Located:
    """The base model of an adapter. Raises InputError where it is not to be found."""
    recorded = sheet.base if sheet else Base(str(read_object(located.folder / ADAPTER).get("base_model_name_or_path")))
    if given is not None:
        return locate(given, allow_download=allow_download)
    for place in _places(located.folder, recorded.name):
        if place.is_dir():
            return locate(str(place), allow_download=False)._replace(name=recorded.name)
    try:
        return locate(recorded.name, recorded.revision, allow_download=allow_download)
    except InputError as error:
        raise InputError(
            f"{located.name} is an adapter to the model {recorded.name}, which was not found: {error.what}",
            hint="name its folder (--base), put it beside the run, or train with merge = true",
        ) from None


def _places(adapter: Path, name: str) -> Iterable[Path]:
    """Where the folder of a base model may lie: as it was named, and beside the adapter or its run."""
    yield Path(name)
    for above in list(adapter.resolve().parents)[:3]:
        yield above / Path(name).name


def _checked(beneath: Located, sheet: ModelSheet | None, adapter: str) -> dict[str, str]:
    """The hashes of a base model. Raises InputError where they are not those that the adapter was trained on."""
    found = file_hashes(beneath.folder)
    if sheet is not None and (differ := changed(sheet.base.files, found)):
        others = f" and {len(differ) - 1} more" if len(differ) > 1 else ""
        raise InputError(
            f"the base model {beneath.name} is not the one that {adapter} was trained on: {differ[0]}{others} changed",
            hint="use the files it was trained on; an adapter means nothing on other weights",
        )
    return found


def _adapted(located: Located, model: torch.nn.Module) -> torch.nn.Module:
    """The model with the adapter of a folder. Raises InputError for one that is broken or belongs to another shape."""
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import SafetensorError, safe_open

    file = located.folder / _WEIGHTS
    if not file.is_file():
        raise InputError(f"{located.name} holds no {_WEIGHTS}", hint="only safetensors are read")
    try:
        with safe_open(str(file), framework="pt") as stored:
            names = set(stored.keys())
        with seeded(0), quietly():
            adapted: torch.nn.Module = PeftModel.from_pretrained(model, str(located.folder), local_files_only=True)
            wanted = set(get_peft_model_state_dict(adapted))
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError, OSError, msgspec.DecodeError) as error:
        raise InputError(f"the adapter {located.name} cannot be read: {str(error).partition(chr(10))[0]}") from None
    if names != wanted:
        raise InputError(f"the adapter {located.name} does not fit its model: {min(names ^ wanted)}")
    return adapted.eval()

"""Finds a base model on this machine (or, where that is allowed, on the hub), and says exactly which files it is.

Reads names, hashes and the licence; loads no weights and never runs code that lies beside them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audit.errors import InputError, UsageError
from audit.evidence import file_sha256
from audit.model import Json

ADAPTER: Final = "adapter_config.json"
CONFIG: Final = "config.json"
READ: Final = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")
"""What of a model folder is read, and so hashed; Python files and pickled weights never are."""
_NOT_FETCHED: Final = ("*/*", "consolidated*")
"""What lies in folders of its own (ONNX, for example), and Mistral's second copy of the weights."""
_CARD: Final = "README.md"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_HUB_NAME: Final = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_LICENCE: Final = re.compile(r"^license:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)


class Base(msgspec.Struct, frozen=True):
    """The model a run starts from: its name without a place, the hub commit where it has one, the licence its card or
    configuration states, and the sha256 of every file that is read. The built-in model has no files."""

    name: str
    revision: str | None = None
    licence: str | None = None
    files: dict[str, str] = {}


class Located(NamedTuple):
    """A model folder on this machine. ``name`` is what may be recorded: never an absolute path."""

    folder: Path
    name: str
    revision: str | None = None

    def base(self) -> Base:
        """The folder's files, hashed. Raises InputError for one that cannot be read."""
        return Base(self.name, self.revision, licence_of(self.folder), file_hashes(self.folder))


def locate(name: str, revision: str | None = None, *, allow_download: bool) -> Located:
    """The folder of a model: a path, the folder of a training run (its ``model/``), or a hub name.

    A hub name is looked for among what was downloaded before, and fetched only where ``allow_download`` says so.
    Raises InputError where there is no such model, UsageError for a revision of a folder.
    """
    given = Path(name).expanduser()
    if name and os.path.isdir(given):  # a name may be too long for a path
        if revision is not None:
            raise UsageError(f"revision {revision!r} was given, and {name} is a folder, which has none")
        return Located(model_folder(given), recorded_name(name))
    check_place(name)
    return _from_hub(name, revision, allow_download)


def check_place(name: str) -> None:
    """Raise InputError for what is neither a folder nor can be the name of a model on the hub."""
    given = Path(name).expanduser()
    if not (name and os.path.isdir(given)) and (os.path.exists(given) or not _HUB_NAME.fullmatch(name)):
        raise InputError(f"no model folder at {name}", hint="name a folder that holds config.json, or a hub name")


def model_folder(given: Path) -> Path:
    """The folder itself, or its ``model/`` where it is that of a training run."""
    if (given / "model" / "audit-model.json").is_file():
        return given / "model"  # the run's own config.json is none of a model
    holds_model = any((given / name).is_file() for name in (CONFIG, ADAPTER))
    return given / "model" if not holds_model and (given / "model").is_dir() else given


def recorded_name(name: str) -> str:
    """How a model is called in records: as the user wrote it, an absolute place by its last part."""
    given = Path(name)
    return given.name or "model" if given.is_absolute() or name.startswith("~") else name


def _from_hub(name: str, revision: str | None, allow_download: bool) -> Located:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    hint = "name a folder, or allow it to be fetched: --allow-download" if not allow_download else "is it spelt right?"
    try:
        folder = Path(
            snapshot_download(
                name,
                revision=revision,
                local_files_only=not allow_download,
                allow_patterns=[*READ, _CARD],
                ignore_patterns=list(_NOT_FETCHED),
            )
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        where = "on this machine" if not allow_download else "to be had"
        raise InputError(f"the model {name} is not {where} ({type(error).__name__})", hint=hint) from None
    return Located(folder, name, folder.name if _COMMIT.fullmatch(folder.name) else revision)


def file_hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file of a model folder that is read, by name, sorted. Raises InputError."""
    names = {file.name for pattern in READ for file in folder.glob(pattern) if file.is_file()}
    return {name: _sha256(folder / name) for name in sorted(names)}


def _sha256(file: Path) -> str:
    try:
        return file_sha256(file)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from None


def licence_of(folder: Path) -> str | None:
    """The licence named in the front matter of the model card, else in the configuration; None where neither says."""
    card = folder / _CARD
    if card.is_file():
        opening, _, rest = card.read_text("utf-8", "replace").partition("---\n")
        found = None if opening.strip() else _LICENCE.search(rest.partition("\n---")[0])
        if found is not None:
            return found[1]
    stated = read_object(folder / CONFIG).get("license")
    return stated if isinstance(stated, str) else None


def read_object(file: Path) -> dict[str, Json]:
    """The object in a JSON file; empty where there is no file. Raises InputError for what is not a JSON object."""
    if not file.is_file():
        return {}
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not a JSON object: {error}") from None


def changed(recorded: dict[str, str], found: dict[str, str]) -> list[str]:
    """The files that are not what was recorded, sorted: other bytes, missing, or new."""
    return sorted(name for name in {*recorded, *found} if recorded.get(name) != found.get(name))

"""What is refused before a step is taken: data that changed since it was judged, another command on a finished run.

Compares hashes and settings; reads the data for its hashes alone, and loads no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from audit.api.preparing import readers_of
from audit.config.settings import Settings
from audit.errors import InputError
from audit.model import Json
from audit.train.data.rows import FileRead
from audit.train.options import TrainOptions
from audit.train.runs.chain import read_entries
from audit.train.runs.folder import CONFIG, MODEL_ENTRY
from audit.train.runs.gating import GateDecision, by_base_name
from audit.train.runs.identity import Identity, ResumeRefused, config_identity, refuse, told_options

DATA_CHANGED: Final = "give the data as it was when the run began, or train anew into another output folder"
_NAMED: Final = ("model", "revision", "chat_template", "token_budget", "canaries", "canary_repeats")
"""Settings that are part of a command, and of an identity by what they led to only."""


def refuse_unjudged(decision: GateDecision, files: Mapping[str, FileRead]) -> None:
    """Raise InputError where a data file is not the one that the gate judged: it changed in between."""
    for name, file in files.items():
        if decision.inputs.get(name) != file.sha256:
            raise InputError(
                f"the data file {name} changed after the gate judged it", hint="train again when nobody writes to it"
            )


def refuse_other_files(recorded: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Raise ResumeRefused where a data file, by its name and sha256, is not one that the run was given, or one that it
    was given is missing: what is trained may be the same, but the gate's decision is of other bytes."""
    for name, sha256 in files.items():
        before = recorded.get(name, {}).get("sha256")
        if before != sha256:
            told = "was not there" if before is None else f"was {before[:12]}"
            raise ResumeRefused(f"the data file {name} is {sha256[:12]} and {told}", hint=DATA_CHANGED)
    if missing := sorted(set(recorded) - set(files)):
        raise ResumeRefused(f"the data file {missing[0]} of the run was not named", hint=DATA_CHANGED)


def refuse_other_command(folder: Path, data: Any, options: TrainOptions, settings: Settings) -> None:
    """Raise ResumeRefused where the finished run of a folder is that of other settings or other data.

    Model, tokenizer and machine are not compared: nothing is computed, and they may be gone.
    """
    entries = {entry.kind: entry.data for entry in read_entries(folder)}
    recorded = msgspec.convert(entries[MODEL_ENTRY]["identity"], Identity)
    refuse(f"the run in {folder}", recorded, msgspec.structs.replace(recorded, config=config_identity(options)))
    before: Mapping[str, Json] = msgspec.json.decode((folder / CONFIG).read_bytes())["options"]
    now = told_options(options)
    for name in _NAMED:
        if now[name] != before.get(name, getattr(TrainOptions(), name)):
            raise ResumeRefused(
                f"the run in {folder} cannot be gone on from: the setting {name} is {now[name]} and was "
                f"{before.get(name)}",
                hint=f"[train] {name}: set it back, or train anew into another output folder",
            )
    refuse_other_files(entries["data"]["files"], hashes_of(data, settings))


def hashes_of(data: Any, settings: Settings) -> dict[str, str]:
    """The sha256 of every data file by its name, as a run records them. Reads them to their end."""
    hashes: dict[str, str] = {}
    for reader in readers_of(data, settings):
        for _ in reader:
            pass
        hashes[reader.summary.path] = reader.summary.sha256
    return by_base_name(hashes)

"""``run.json``: what each stage of a pipeline read, wrote and found. Holds no clock and no path of a machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import InputError, OutputError
from audit.evidence import file_sha256
from audit.model import Json
from audit.reports.encode import encode
from audit.writing import write_whole

MANIFEST: Final = "run.json"
SCHEMA: Final = "audit.pipeline/1"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One stage. ``key`` is the hash of all that its outcome follows from, "" where it was left out for ``reason``.
    ``outputs`` are the SHA-256 of its files by name relative to the folder, ``figures`` what is told of it."""

    name: str
    key: str = ""
    reason: str = ""
    exit_code: int = 0
    outputs: Mapping[str, str] = {}
    figures: Mapping[str, Json] = {}


class Begun(msgspec.Struct, frozen=True):
    """The stage that is being run."""

    name: str
    key: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All stages in order. ``begun`` is the one that was under way when the file was written, None when whole.
    ``kept`` are the keys of parts that outlive an interruption (a run, the answers of a model) by their names."""

    schema: str = SCHEMA
    version: str
    stages: tuple[Entry, ...] = ()
    begun: Begun | None = None
    kept: Mapping[str, str] = {}

    def entry(self, name: str) -> Entry | None:
        """What is written of a stage, None where nothing is."""
        return next((entry for entry in self.stages if entry.name == name), None)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder, None in one that is new or empty.

    Raises OutputError for a folder of something else, InputError for a manifest that cannot be read.
    """
    path = folder / MANIFEST
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or any(map(_is_foreign, os.listdir(folder)))):
            raise OutputError(f"{folder} holds files that are no pipeline's", hint="-o names an empty or a new folder")
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="move the folder away to begin anew") from None
    if found.schema != SCHEMA:
        raise InputError(f"{path} is of schema {found.schema!r}, not {SCHEMA}", hint="-o names another folder")
    return found


LOCK: Final = ".lock"
"""The file that holds a folder against a second run."""
_TEMPORARY: Final = re.compile(r"\.run\.json\.\d+\.tmp")


def _is_foreign(name: str) -> bool:
    return name != LOCK and not _TEMPORARY.fullmatch(name)


def sweep(folder: Path) -> None:
    """Take away manifests that a process that was killed left half written."""
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest in place, whole or not at all. Raises OutputError."""
    write_whole(folder / MANIFEST, [(encode(manifest, indent=2) + "\n").encode("utf-8", "backslashreplace")])


def hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of files by their names relative to a folder, sorted."""
    return {name: file_sha256(folder / name) for name in sorted(names)}


def is_intact(folder: Path, entry: Entry) -> bool:
    """Whether all that a stage wrote is there, byte for byte."""
    try:
        return bool(entry.key) and hashes(folder, entry.outputs) == dict(sorted(entry.outputs.items()))
    except OSError:
        return False

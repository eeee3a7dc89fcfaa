"""From what the user names (files, folders, globs, ``-``) to sources. Opens nothing for good and reads no rows."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from audit.errors import InputError, did_you_mean
from audit.model import Source

EXTENSIONS: Final = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
"""What is taken from a folder; each also with one of ``PACKED`` behind it. A named file may be called anything."""
PACKED: Final = ("", ".gz", ".zst")
OURS: Final = (".rejected.jsonl", ".ledger.jsonl")
"""Written beside the data by a fix; never data themselves."""
MANIFEST: Final = "manifest.json"
ASSIGNMENT: Final = "assignment.jsonl"
REJECTED: Final = "rejected.jsonl"
"""These three lie beside the files of a split, and are no data where the manifest is one of a split."""
SPLIT_SCHEMA: Final = "audit.split/1"
"""What a manifest of a split says that it is."""

_TAKEN: Final = tuple(extension + packed for extension in EXTENSIONS for packed in PACKED)
_ORIGINAL: Final = re.compile(r"(.+)\.original\.[^.]+(?:\.gz|\.zst)?", re.DOTALL)
"""The copy of an input that a fix keeps beside ``NAME.ledger.jsonl``."""
_LEFT: Final = tuple(ending + packed for ending in OURS for packed in PACKED)


class _Manifest(msgspec.Struct, frozen=True):
    schema: str


def find_sources(paths: Sequence[str], *, role: str = "data") -> list[Source]:
    """The sources behind some paths, in the order given; what a folder or glob holds is sorted by path.

    A folder is searched with its subfolders for data files, hidden ones left out and what a fix or a split wrote beside
    its data; a glob takes every file that it matches (``**`` reaches into subfolders). ``-`` is standard input. A file
    that is named twice, under whatever names (hard links among them), comes once.
    Raises InputError for what does not exist, holds no data file, or may not be read.
    """
    found: dict[str | tuple[int, int], Source] = {}
    for path in paths:
        for name in _expanded(path):
            key = _identity(name)
            if key not in found:
                found[key] = _source(name, role)
    return list(found.values())


def _identity(name: str) -> str | tuple[int, int]:
    """What two names of one file share: its device and number, where the system has them."""
    if name == "-":
        return name
    try:
        status = os.stat(name)
    except OSError:
        return os.path.realpath(name)
    return (status.st_dev, status.st_ino) if status.st_ino and stat.S_ISREG(status.st_mode) else os.path.realpath(name)


def _expanded(path: str) -> Sequence[str]:
    if path == "-":
        return [path]
    if os.path.isdir(path):
        return _in_folder(path)
    if os.path.lexists(path):
        return [path]
    if glob.has_magic(path):
        return _matching(path)
    raise InputError(f"there is no file {path!r}", hint=_nearest(path))


def _in_folder(folder: str) -> Sequence[str]:
    names = sorted(_walk(folder))
    if not names:
        raise InputError(
            f"there is no data file in the folder {folder!r}",
            hint=f"looked for {', '.join(EXTENSIONS)}, each also with .gz or .zst; other files can be named directly",
        )
    return names


def _walk(folder: str) -> Iterator[str]:
    for here, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        ours = _beside_data(here, frozenset(files))
        for name in files:
            lower = name.lower()
            if not name.startswith(".") and lower.endswith(_TAKEN) and not lower.endswith(_LEFT) and name not in ours:
                yield os.path.join(here, name)


def _beside_data(folder: str, files: frozenset[str]) -> frozenset[str]:
    """Of the files of a folder those that a split or a fix has put beside its data, under names that others may use."""
    of_split = {MANIFEST, ASSIGNMENT, REJECTED} if MANIFEST in files and _is_manifest(folder) else set[str]()
    kept = {name for name in files if (stem := _ORIGINAL.fullmatch(name)) and f"{stem[1]}.ledger.jsonl" in files}
    return frozenset(of_split | kept)


def _is_manifest(folder: str) -> bool:
    """Whether the manifest of a folder is one of a split."""
    try:
        with open(os.path.join(folder, MANIFEST), "rb") as file:
            return msgspec.json.decode(file.read(), type=_Manifest).schema == SPLIT_SCHEMA
    except (OSError, ValueError):
        return False


def _refuse(error: OSError) -> None:
    raise InputError(f"cannot read the folder {error.filename}: {error.strerror}") from error


def _matching(pattern: str) -> Sequence[str]:
    names = sorted(name for name in glob.glob(pattern, recursive=True) if not os.path.isdir(name))
    if not names:
        raise InputError(f"no file matches {pattern!r}", hint=_nearest(pattern))
    return names


def _source(name: str, role: str) -> Source:
    if name == "-":
        return Source(path=name, role=role)
    try:
        status = os.stat(name)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error
    if not os.access(name, os.R_OK):
        raise InputError(f"cannot read {name}: permission denied")
    # A pipe (a process substitution of the shell) has no size that is known before it is read.
    regular = os.path.isfile(name)
    return Source(path=name, role=role, size=status.st_size if regular else None)


def _nearest(path: str) -> str | None:
    """A hint with the file of the same folder whose name is nearest, or with the folder that does not exist."""
    folder, name = os.path.split(path)
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        return None if glob.has_magic(folder) else f"there is no folder {folder!r}"
    hint = did_you_mean(name, names)
    return hint.replace('"', f'"{os.path.join(folder, "")}', 1) if hint and folder else hint

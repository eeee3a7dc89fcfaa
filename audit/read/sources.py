"""From what the user names (files, folders, globs, ``-``) to sources. Opens nothing for good and reads no rows."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from typing import Final

from audit.errors import InputError, did_you_mean
from audit.model import Source

EXTENSIONS: Final = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
"""What is taken from a folder; each also with one of ``PACKED`` behind it. A named file may be called anything."""
PACKED: Final = ("", ".gz", ".zst")
OURS: Final = (".rejected.jsonl", ".ledger.jsonl")
"""Written beside the data by a fix; never data themselves."""

_TAKEN: Final = tuple(extension + packed for extension in EXTENSIONS for packed in PACKED)
_LEFT: Final = tuple(ending + packed for ending in OURS for packed in PACKED)


def find_sources(paths: Sequence[str], *, role: str = "data") -> list[Source]:
    """The sources behind some paths, in the order given; what a folder or glob holds is sorted by path.

    A folder is searched with its subfolders for data files, hidden ones and those that a fix wrote left out; a glob
    takes every file that it matches (``**`` reaches into subfolders). ``-`` is standard input. A file that is named
    twice, under whatever names, comes once.
    Raises InputError for what does not exist, holds no data file, or may not be read.
    """
    found: dict[str, Source] = {}
    for path in paths:
        for name in _expanded(path):
            key = name if name == "-" else os.path.realpath(name)
            if key not in found:
                found[key] = _source(name, role)
    return list(found.values())


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
        for name in files:
            lower = name.lower()
            if not name.startswith(".") and lower.endswith(_TAKEN) and not lower.endswith(_LEFT):
                yield os.path.join(here, name)


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

"""A lock: which files data consists of, by name and sha256, so that a later run can say whether it is still that data.

Names are relative to the folder of the lock. Compares nothing itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import ConfigError, UsageError
from audit.model import SourceSummary

SCHEMA: Final = "audit.lock/1"
_HINT: Final = "`audit baseline DATA --lock audit.lock.json` writes one"


class LockedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was: its name from the lock's folder, its sha256 (hex) and its size as stored."""

    name: str
    sha256: str
    bytes: int = 0


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """All files of the data, sorted by name."""

    schema: str = SCHEMA
    files: tuple[LockedFile, ...] = ()


def lock_of(sources: Iterable[SourceSummary], path: str) -> Lock:
    """The lock of what was read, to be written to ``path``. Raises UsageError for standard input and rows."""
    files: dict[str, LockedFile] = {}
    for source in sources:
        if source.path in ("-", "<rows>"):
            raise UsageError("standard input cannot be locked", hint="name a file")
        name = name_in(source.path, path)
        files[name] = LockedFile(name=name, sha256=source.sha256, bytes=source.bytes)
    return Lock(files=tuple(files[name] for name in sorted(files)))


def name_in(file: str, lock: str) -> str:
    """The name of a file as seen from the folder of a lock, with ``/`` between its parts."""
    folder = os.path.dirname(os.path.abspath(lock))
    try:
        return Path(os.path.relpath(os.path.abspath(file), folder)).as_posix()
    except ValueError:  # another drive on Windows
        return Path(os.path.abspath(file)).as_posix()


def read_lock(path: str) -> Lock:
    """The lock in a file. Raises ConfigError for one that is missing, empty, broken or of another kind."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"lock {path} cannot be read: {error.strerror or error}", hint=_HINT) from None
    try:
        found = msgspec.json.decode(content, type=Lock)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"lock {path} is no lock: {error}", hint=_HINT) from None
    if found.schema != SCHEMA or b'"schema"' not in content:
        raise ConfigError(f"lock {path} is of another kind, asked for the schema {SCHEMA}", hint=_HINT)
    return found

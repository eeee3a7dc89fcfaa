"""The folder of an export: whether it may be written, and how what is new takes the place of what was there.

Nothing is taken away but what an export wrote and nobody changed since.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import OutputError
from audit.train.exporting.trainers import NAMES
from audit.train.runs.folder import check_inputs
from audit.writing import unwritable

EXPORT: Final = "export.json"
SCHEMA: Final = "audit.export/1"
_STAGED: Final = ".audit-export."
"""How folders are called in which an export is made; one is left where the process was killed."""


class _Earlier(msgspec.Struct):
    """What an earlier ``export.json`` says of its files."""

    schema: str
    files: Mapping[str, Mapping[str, str | int]]


def check_folder(folder: Path, inputs: Sequence[str], *, force: bool) -> tuple[str, ...]:
    """The files of an earlier export that are to be replaced, sorted.

    Raises OutputError for a folder that holds something else, an input, or an export that ``force`` does not give up or
    of which a file was changed since; and for one that cannot be written.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder} is a file", hint="name a folder")
    check_inputs(folder, inputs)
    _check_access(folder)
    if not folder.is_dir() or all(name.startswith(_STAGED) for name in os.listdir(folder)):
        return ()
    earlier = _earlier(folder)
    if earlier is None:
        raise OutputError(f"{folder} holds files that are no export's", hint="name an empty or a new folder")
    if not force:
        raise OutputError(f"{folder} holds an export already", hint="--force replaces what it wrote")
    for name, told in sorted(earlier.items()):
        path = folder / name
        if os.path.lexists(path) and (path.is_symlink() or not path.is_file() or _sha256(path) != told.get("sha256")):
            raise OutputError(
                f"{path} was changed after it was exported, and --force replaces only what an export wrote",
                hint="name another folder, or move the file away",
            )
    return tuple(sorted(earlier))


def check_names(folder: Path, new: Sequence[str], earlier: Sequence[str]) -> None:
    """Raise OutputError where a file that is to be written stands there and is not that of an earlier export."""
    if taken := next((name for name in sorted(new) if name not in earlier and os.path.lexists(folder / name)), None):
        raise OutputError(f"{folder / taken} stands there and is no export's", hint="name another folder")


def _earlier(folder: Path) -> Mapping[str, Mapping[str, str | int]] | None:
    path = folder / EXPORT
    if path.is_symlink() or not path.is_file():
        return None
    try:
        told = msgspec.json.decode(path.read_bytes(), type=_Earlier)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return told.files if told.schema == SCHEMA and told.files.keys() <= NAMES else None


def _check_access(folder: Path) -> None:
    above = _existing(folder)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"{folder} cannot be written: {above.name or above} is not yours to write in")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    above = folder.absolute()
    while not os.path.lexists(above):
        above = above.parent
    return above


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A new folder in which the export is made first; it is gone when the block ends. It lies in ``folder`` where that
    is there, else where that will be made: the same file system, so that files can be moved (a mount is another)."""
    try:
        made = tempfile.TemporaryDirectory(prefix=_STAGED, suffix=".tmp", dir=_existing(folder))
    except OSError as error:
        raise unwritable(str(folder), error) from None
    with made as place:
        yield Path(place)


def put_in_place(staged: Path, folder: Path, names: Sequence[str], earlier: Sequence[str]) -> None:
    """Move the files of an export to where they belong. ``export.json``, which vouches for them, goes first and comes
    last: a process that is killed between leaves files that nothing vouches for. Of an ``earlier`` export nothing else
    is taken away before what is new is there. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / EXPORT).unlink(missing_ok=True)
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            os.replace(staged / name, folder / name)
        for name in earlier:
            if name not in names:
                (folder / name).unlink(missing_ok=True)
        os.replace(staged / EXPORT, folder / EXPORT)
    except OSError as error:
        raise unwritable(str(folder), error) from None

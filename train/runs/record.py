"""The record of a run: lines of canonical JSON, each with the hash of the one before, and a seal over all of them.

Writes the lines and lists the files of a run folder; what the entries say is the caller's. ``audit.train.runs.chain``
reads them back.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final, Self

import msgspec

from audit.errors import InputError, OutputError
from audit.evidence import file_sha256
from audit.model import Json
from audit.train.runs.chain import (
    FILES,
    FIRST,
    MEASURED,
    RECORD,
    SEAL,
    Entry,
    canonical,
    hash_of,
    read_chain,
    refuse_faults,
)
from audit.train.runs.identity import ResumeRefused
from audit.writing import hold, unwritable, write_whole

CLOCKED: Final = ("timing.jsonl", "machine.json", "tensorboard/")
"""Files, and folders with a slash, that differ between two equal runs. They are listed last, so that the records of
two runs on one machine are equal up to the entry ``measured``."""


# ----------------------------------------------------------------------------- writing


def append_whole(descriptor: int, line: bytes, shown: str, *, sync: bool = False) -> None:
    """Append the line to an open file, all of it or nothing, and to the disk at once where ``sync``.

    Raises OutputError naming ``shown``.
    """
    before = os.lseek(descriptor, 0, os.SEEK_END)
    written = 0
    try:
        while written < len(line):
            written += os.write(descriptor, line[written:])
        if sync:
            os.fsync(descriptor)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, before)
        raise unwritable(shown, error) from None


def check_unwritten(folder: Path) -> None:
    """Raise OutputError where another process writes the run in a folder now."""
    with contextlib.suppress(FileNotFoundError), (folder / RECORD).open("rb") as file:
        hold(file.fileno(), f"the run in {folder}", shared=True)


class Record:
    """The record of a run while it is written; no other process can write the same one meanwhile.

    Made by ``begin``, ``locked`` or ``resume``. A context manager that closes the file, which is never replaced by
    another: the lock is on this one.
    """

    def __init__(self, folder: Path, *, new: bool | None) -> None:
        """``new``: whether there must be none yet, or one; None takes both."""
        self.folder = folder
        self._path = folder / RECORD
        made = {True: os.O_CREAT | os.O_EXCL, False: 0, None: os.O_CREAT}[new]
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0) | made
        try:
            self._descriptor = os.open(self._path, flags, 0o644)
        except FileExistsError:
            raise OutputError(
                f"{folder} holds the record of a run already", hint="name another output folder, or go on with --resume"
            ) from None
        except FileNotFoundError:
            raise InputError(f"{folder} holds no {RECORD}, so there is no run to go on with") from None
        except OSError as error:
            raise unwritable(str(self._path), error) from None
        self._number = 0
        self._last = FIRST
        self._lock()

    @classmethod
    def begin(cls, folder: Path) -> Self:
        """A new record in a folder that exists. Raises OutputError where there is one already."""
        record = cls(folder, new=True)
        sync_folder(folder)
        return record

    @classmethod
    def locked(cls, folder: Path) -> Self:
        """The record of a folder, made where there is none, held against other processes. What is in it stays until
        ``restart``. Raises OutputError where another process writes it."""
        record = cls(folder, new=None)
        sync_folder(folder)
        return record

    @classmethod
    def resume(cls, folder: Path) -> Self:
        """The record of an interrupted run, to be gone on with.

        A torn last line, as a crash leaves it, is cut, and an entry ``cut`` says how long it was. Raises InputError
        without a record, ResumeRefused for one that is sealed or whose lines do not follow from each other.
        """
        record = cls(folder, new=False)
        try:
            record._take_up()
        except BaseException:
            record.close()
            raise
        return record

    def _take_up(self) -> None:
        chain = read_chain(self._path.read_bytes())
        if (self.folder / SEAL).exists():
            raise ResumeRefused(
                f"the run in {self.folder} is finished: its record is sealed", hint="train into another output folder"
            )
        refuse_faults(chain)
        self._number, self._last = len(chain.entries), chain.last
        if chain.torn:
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - len(chain.torn))
            self.add("cut", {"bytes": len(chain.torn), "sha256": hash_of(chain.torn)})

    def _lock(self) -> None:
        try:
            hold(self._descriptor, f"the run in {self.folder}")
        except OutputError:
            self.close()
            raise

    def restart(self, kind: str, data: Json) -> None:
        """Take away every entry there is, and begin with this one. Raises OutputError."""
        try:
            os.ftruncate(self._descriptor, 0)
        except OSError as error:
            raise unwritable(str(self._path), error) from None
        self._number, self._last = 0, FIRST
        self.add(kind, data)

    def add(self, kind: str, data: Json) -> None:
        """Append an entry; it is on the disk when this returns. Raises OutputError, and then nothing was appended."""
        entry = Entry(self._number, kind, msgspec.to_builtins(data), self._last)
        line = canonical(entry)
        append_whole(self._descriptor, line, str(self._path), sync=True)
        self._number += 1
        self._last = hash_of(line)

    def finish(self, data: Json) -> str:
        """Append ``finished`` with ``data`` and the hashes of all files, seal the record, and close it.

        Returns the seal: the hex sha256 of the whole record. Nothing may be written to the folder afterwards.
        """
        self.add("finished", data)
        listed = {name: fingerprint(self.folder / name) for name in files_of(self.folder)}
        self.add(FILES, {"files": {name: told for name, told in listed.items() if not _clocked(name)}})
        self.add(MEASURED, {"files": {name: told for name, told in listed.items() if _clocked(name)}})
        seal = hash_of(self._path.read_bytes())
        write_whole(self.folder / SEAL, [f"{seal}\n".encode()])
        sync_folder(self.folder)
        self.close()
        return seal

    def close(self) -> None:
        """Close the file; the record can be gone on with unless it was finished."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def seal_folder(folder: Path, schema: str) -> str:
    """Seal a folder that holds several runs, as a search does: a record of every file beneath it, those of the runs
    with their own records among them, in place of an earlier one. ``schema`` says what the folder is. Returns the seal.
    Nothing may be written to it afterwards. Raises OutputError."""
    unseal(folder)
    with Record.begin(folder) as record:
        record.add("began", {"schema": schema})
        return record.finish({})


def unseal(folder: Path) -> None:
    """Take away the seal and the record that ``seal_folder`` wrote, if it did. Raises OutputError."""
    try:
        for name in (SEAL, RECORD):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(str(folder), error) from None


def is_finished(folder: Path) -> bool:
    """Whether the folder holds a record that is sealed."""
    return (folder / RECORD).exists() and (folder / SEAL).exists()


# ----------------------------------------------------------------------------- the files of a run


def files_of(folder: Path) -> tuple[str, ...]:
    """The names of all files below a folder, sorted, ``/`` between folders; the record and its seal are left out.

    Links to folders are named like files. Raises OutputError for a folder that cannot be listed.
    """
    found: list[str] = []

    def failed(error: OSError) -> None:
        raise OutputError(f"{error.filename} cannot be listed: {error.strerror}") from None

    for here, folders, names in os.walk(folder, onerror=failed):
        links = [name for name in folders if os.path.islink(os.path.join(here, name))]
        found += [Path(here, name).relative_to(folder).as_posix() for name in (*names, *links)]
    return tuple(sorted(name for name in found if name not in (RECORD, SEAL)))


def fingerprint(path: Path) -> dict[str, Json]:
    """Size in bytes and hex sha256 of a plain file. Raises OutputError for anything else: a link, a folder, a pipe."""
    try:
        told = path.lstat()
        if not stat.S_ISREG(told.st_mode):
            raise OutputError(f"{path} is no plain file, and a record cannot vouch for it", hint="take it away")
        return {"bytes": told.st_size, "sha256": file_sha256(path)}
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror or error}") from None


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk, as fsync does with a file's content."""
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clocked(name: str) -> bool:
    return any(name.startswith(one) if one.endswith("/") else name == one for one in CLOCKED)

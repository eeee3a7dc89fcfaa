"""Puts the files of one remedy in place together: after a crash there are all of the old ones or all of the new.

They are written under temporary names and flushed; then a journal that names them all is written, and they are
renamed, the main file last. A run that was killed in between is completed by the next one that names the same main
file. What the files hold is none of this module's business.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from audit.errors import OutputError
from audit.writing import unwritable

_TEMPORARY: Final = "audit-tmp"
_JOURNAL: Final = "audit-journal"


class _Journal(msgspec.Struct, frozen=True):
    """What is left to do when everything has been written: keep (file, backup), move (temporary, file), remove."""

    keep: tuple[tuple[str, str], ...]
    moves: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]


class Delivery:
    """The files of one remedy on their way. Made by ``delivering``."""

    def __init__(self, main: Path) -> None:
        self._main = main
        self._streams: dict[Path, Stream] = {}
        self._backups: list[tuple[Path, Path]] = []
        self._removed: list[Path] = []
        self.journalled = False

    def file(self, path: Path) -> Stream:
        """A stream whose bytes will be the file ``path``. Raises OutputError where it cannot be written."""
        if path in self._streams:
            raise ValueError(f"{path} is written twice")
        _sweep(path)
        stream = self._streams[path] = Stream(path)
        return stream

    def keep(self, path: Path, backup: Path) -> None:
        """Keep what is at ``path`` now under the name ``backup``, which must be free. What is put in its place can be
        read and written by the same people."""
        self._backups.append((path, backup))

    def remove(self, path: Path) -> None:
        """Take away a file of an earlier run, where there is one, when the new ones are in place."""
        self._removed.append(path)

    def commit(self) -> None:
        """Flush everything to disk, then put every file in place. Raises OutputError."""
        for stream in self._streams.values():
            stream.finish()
        try:
            self._keep_modes()
            _write_journal(self._main, self._plan())
            self.journalled = True
            recover(self._main)
        except OSError as error:
            raise unwritable(str(self._main), error) from None

    def _keep_modes(self) -> None:
        for path, backup in self._backups:
            if backup.exists():
                raise OutputError(f"{backup} exists", hint="move the backup of an earlier run away")
            if path in self._streams:
                shutil.copymode(path, self._streams[path].temporary)

    def _plan(self) -> _Journal:
        order = sorted(self._streams.values(), key=lambda stream: stream.path == self._main)
        return _Journal(
            keep=tuple((str(a.absolute()), str(b.absolute())) for a, b in self._backups),
            moves=tuple((str(stream.temporary.absolute()), str(stream.path.absolute())) for stream in order),
            remove=tuple(str(path.absolute()) for path in self._removed),
        )

    def abandon(self) -> None:
        """Take everything away again that is not yet in place."""
        for stream in self._streams.values():
            stream.discard()


class Stream:
    """A file that is being written under a temporary name. ``write`` raises OutputError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path.parent / f".{path.name}.{os.getpid()}.{_TEMPORARY}"
        self._file = self._opened()

    def _opened(self) -> BinaryIO:
        try:
            return open(self.temporary, "w+b")
        except OSError as error:
            raise unwritable(str(self.path), error) from None

    def write(self, data: bytes) -> int:
        """Write bytes; how many."""
        try:
            return self._file.write(data)
        except OSError as error:
            raise unwritable(str(self.path), error) from None

    def reopened(self) -> BinaryIO:
        """What was written so far, to be read while no more is written; the caller closes it."""
        try:
            self._file.flush()
            return open(self.temporary, "rb")
        except OSError as error:
            raise unwritable(str(self.path), error) from None

    def finish(self) -> None:
        """Flush to disk and close."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise unwritable(str(self.path), error) from None

    def discard(self) -> None:
        """Close, and take the temporary file away."""
        with contextlib.suppress(OSError):
            self._file.close()
        self.temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def delivering(main: Path) -> Iterator[Delivery]:
    """A delivery that is committed when the block ends without an error, and leaves no trace when it does not.

    ``main`` is the file by which users know the result; it is put in place last, so that where it is the others are.
    Raises OutputError where something cannot be written, or another process delivers the same file.
    """
    recover(main)
    delivery = Delivery(main)
    try:
        yield delivery
        delivery.commit()
    finally:
        if delivery.journalled:
            recover(main)  # an interruption after the journal: everything is written, so it is put in place
        else:
            delivery.abandon()


def recover(main: Path) -> bool:
    """Complete what a killed run had written wholly but not put in place; whether there was any. Raises OutputError."""
    journal = _journal(main)
    try:
        text = journal.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        _sweep(main)
        return False
    except OSError as error:
        raise unwritable(str(main), error) from None
    try:
        plan = msgspec.convert(json.loads(text), _Journal)
    except (ValueError, msgspec.ValidationError):
        journal.unlink(missing_ok=True)  # killed while it was written: nothing had been put in place
        _sweep(main)
        return False
    try:
        _replay(journal, plan)
    except OSError as error:
        raise unwritable(str(main), error) from None
    return True


def _journal(main: Path) -> Path:
    return main.parent / f".{main.name}.{_JOURNAL}"


def _write_journal(main: Path, plan: _Journal) -> None:
    """Write it so that it is on disk as a whole before the first file is moved. Raises OSError."""
    journal = _journal(main)
    try:
        with open(journal, "xb") as file:
            file.write(json.dumps(msgspec.to_builtins(plan)).encode("ascii"))  # file names may hold any byte
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise OutputError(f"{main} is being written by another process", hint="let it end, then try again") from None
    except OSError:
        journal.unlink(missing_ok=True)
        raise
    _sync_folders([journal])


def _replay(journal: Path, plan: _Journal) -> None:
    """Do what is left to do; whatever has been done before is passed over, and what was written since stays."""
    written = journal.stat().st_mtime_ns
    for path, backup in plan.keep:
        if not os.path.exists(backup):
            _keep(path, backup)
    for temporary, path in plan.moves:
        if os.path.exists(path) and os.stat(path).st_mtime_ns > written:
            Path(temporary).unlink(missing_ok=True)
            continue
        with contextlib.suppress(FileNotFoundError):
            os.replace(temporary, path)
    for path in plan.remove:
        Path(path).unlink(missing_ok=True)
    _sync_folders([Path(path) for _, path in plan.moves])
    journal.unlink(missing_ok=True)


def _keep(path: str, backup: str) -> None:
    """The same file under a second name, or a copy, whole at once, where the file system has no links."""
    try:
        os.link(path, backup)
    except OSError:
        temporary = f"{backup}.{os.getpid()}.{_TEMPORARY}"
        shutil.copy2(path, temporary)
        os.replace(temporary, backup)


def _sweep(main: Path) -> None:
    """Take away the temporary file of a run that was killed. Those of living processes stay."""
    for left in main.parent.glob(f".{_escaped(main.name)}.*.{_TEMPORARY}"):
        number = left.name.removesuffix(f".{_TEMPORARY}").rpartition(".")[2]
        if number.isdigit() and not _lives(int(number)):
            left.unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def _lives(process: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is no question but an end
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync_folders(files: Iterable[Path]) -> None:
    """Flush the names of some files to disk."""
    if os.name != "posix":
        return
    for folder in sorted({file.parent for file in files}):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

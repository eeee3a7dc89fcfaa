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
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from audit.errors import OutputError
from audit.writing import unwritable

_TEMPORARY: Final = "audit-tmp"
_JOURNAL: Final = "audit-journal"


class Delivery:
    """The files of one remedy on their way. Made by ``delivering``."""

    def __init__(self, main: Path) -> None:
        self._main = main
        self._streams: dict[Path, Stream] = {}
        self._backups: list[tuple[Path, Path]] = []

    def file(self, path: Path) -> Stream:
        """A stream whose bytes will be the file ``path``. Raises OutputError where it cannot be written."""
        if path in self._streams:
            raise ValueError(f"{path} is written twice")
        stream = self._streams[path] = Stream(path)
        return stream

    def keep(self, path: Path, backup: Path) -> None:
        """Keep what is at ``path`` now under the name ``backup``, which must be free."""
        self._backups.append((path, backup))

    def commit(self) -> None:
        """Flush everything to disk, then put every file in place. Raises OutputError."""
        for stream in self._streams.values():
            stream.finish()
        order = sorted(self._streams.values(), key=lambda stream: stream.path == self._main)
        moves = [(stream.temporary, stream.path) for stream in order]
        try:
            for path, backup in self._backups:
                _copy(path, backup)
            journal = _journal(self._main)
            with open(journal, "x", encoding="utf-8") as file:
                file.write(json.dumps([[str(a.absolute()), str(b.absolute())] for a, b in moves]) + "\n")
                file.flush()
                os.fsync(file.fileno())
            _replay(journal, moves)
        except OSError as error:
            raise unwritable(str(self._main), error) from None

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
        if not _journal(main).exists():
            delivery.abandon()


def recover(main: Path) -> bool:
    """Complete what a killed run had written wholly but not put in place; whether there was any. Raises OutputError."""
    journal = _journal(main)
    try:
        text = journal.read_text(encoding="utf-8")
    except FileNotFoundError:
        _sweep(main)
        return False
    except OSError as error:
        raise unwritable(str(main), error) from None
    try:
        moves = [(Path(temporary), Path(path)) for temporary, path in json.loads(text)]
    except (ValueError, TypeError):
        journal.unlink(missing_ok=True)  # killed while it was written: nothing had been put in place
        _sweep(main)
        return False
    try:
        _replay(journal, moves)
    except OSError as error:
        raise unwritable(str(main), error) from None
    return True


def _journal(main: Path) -> Path:
    return main.parent / f".{main.name}.{_JOURNAL}"


def _replay(journal: Path, moves: list[tuple[Path, Path]]) -> None:
    for temporary, path in moves:
        if temporary.exists():
            os.replace(temporary, path)
    _sync_folder(journal.parent)
    journal.unlink(missing_ok=True)


def _sweep(main: Path) -> None:
    """Take away the temporary main file of a run that was killed. Those of living processes stay."""
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


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(path: Path, backup: Path) -> None:
    """The same file under a second name, or a copy where the file system has no links."""
    if backup.exists():
        raise OutputError(f"{backup} exists", hint="move the backup of an earlier run away")
    try:
        os.link(path, backup)
    except OSError:
        shutil.copy2(path, backup)

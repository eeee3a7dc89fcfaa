"""Puts the files of one remedy in place together: after a crash there are all of the old ones or all of the new.

They are written under temporary names and flushed; then a journal that names them all is written beside every main
file, and they are renamed, the main files last. A run that was killed in between is completed by the next one that
names one of the main files; where not even the first file can be put in place, all are taken away again. What the files
hold is none of this module's business.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from audit.errors import OutputError
from audit.remedy.journal import (
    TEMPORARY,
    Journal,
    backup_exists,
    check_backups,
    journal_of,
    recover,
    replay,
    started_of,
    state_of,
    sweep,
    withdraw,
    write_journals,
)
from audit.writing import unwritable

_ANYONE: Final = 0o666
_OWNER: Final = 0o600


class Delivery:
    """The files of one remedy on their way. Made by ``delivering``."""

    def __init__(self, mains: Sequence[Path], mode: int = _ANYONE, *, overwrite: bool = True) -> None:
        self._mains = mains
        self._mode = mode
        self._overwrite = overwrite
        self._streams: dict[Path, Stream] = {}
        self._backups: list[tuple[Path, Path]] = []
        self._removed: list[Path] = []
        self._plan: Journal | None = None
        self.journalled = False

    def file(self, path: Path) -> Stream:
        """A stream whose bytes will be the file ``path``. Raises OutputError where it cannot be written."""
        if path in self._streams:
            raise ValueError(f"{path} is written twice")
        sweep(path)
        stream = self._streams[path] = Stream(path, self._mode)
        return stream

    def keep(self, path: Path, backup: Path) -> None:
        """Keep what is at ``path`` now under the name ``backup``, which must be free. What is put in its place can be
        read and written by the same people."""
        self._backups.append((path, backup))

    def remove(self, path: Path) -> None:
        """Take away a file of an earlier run, where there is one, when the new ones are in place."""
        sweep(path)
        self._removed.append(path)

    def commit(self) -> None:
        """Flush everything to disk, then put every file in place. Raises OutputError."""
        for stream in self._streams.values():
            stream.finish()
        self._check_folders()
        try:
            self._keep_modes()
            plan = self._plan = self._planned()
            write_journals(plan)
            self._check_free()
            check_backups(plan)
            self.journalled = True
            replay(plan)
        except OSError as error:
            raise unwritable(str(self._mains[0]), error) from None

    def complete(self) -> None:
        """Put in place what an interruption after the journal has left. Raises OutputError."""
        recover(self._mains[0])

    def _check_folders(self) -> None:
        """A folder is not replaced by a file. Raises OutputError."""
        for path in self._streams:
            if path.is_dir():
                raise OutputError(f"{path} is a folder", hint="take it away, or name another output")

    def _check_free(self) -> None:
        """Nothing was written meanwhile where nothing lay when this run began. Raises OutputError."""
        kept = {path for path, _ in self._backups}
        for path in () if self._overwrite else self._streams:
            if path not in kept and os.path.lexists(path):
                raise OutputError(f"{path} exists: another run has written it", hint="`--force` overwrites it")

    def _keep_modes(self) -> None:
        for path, backup in self._backups:
            if os.path.lexists(backup):
                raise backup_exists(str(backup))
            if path in self._streams:
                shutil.copymode(path, self._streams[path].temporary)

    def _planned(self) -> Journal:
        order = sorted(self._streams.values(), key=lambda stream: stream.path in self._mains)
        return Journal(
            keep=tuple((str(a.absolute()), str(b.absolute())) for a, b in self._backups),
            moves=tuple((str(stream.temporary.absolute()), str(stream.path.absolute())) for stream in order),
            remove=tuple(str(path.absolute()) for path in self._removed),
            journals=tuple(str(journal_of(main).absolute()) for main in self._mains),
            process=os.getpid(),
            started=started_of(os.getpid()),
            before={str(path.absolute()): state_of(path) for path in self._streams},
        )

    def abandon(self) -> None:
        """Take everything away again, the journals first: without its files one would be completed with nothing."""
        if self._plan is not None:
            withdraw(self._plan)
        for stream in self._streams.values():
            stream.discard()


class Stream:
    """A file that is being written under a temporary name. ``write`` raises OutputError."""

    def __init__(self, path: Path, mode: int = _ANYONE) -> None:
        self.path = path
        self.temporary = path.parent / f".{path.name}.{os.getpid()}.{TEMPORARY}"
        self._file = self._opened(mode)

    def _opened(self, mode: int) -> BinaryIO:
        try:
            self.temporary.unlink(missing_ok=True)  # what is there would keep its mode
            return open(self.temporary, "w+b", opener=lambda path, flags: os.open(path, flags, mode))
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
def delivering(
    main: Path, *others: Path, mode_of: Iterable[str | Path] = (), overwrite: bool = True
) -> Iterator[Delivery]:
    """A delivery that is committed when the block ends without an error, and leaves no trace when it does not.
    KeyboardInterrupt that comes when all is written counts for nothing: the delivery is completed.

    ``main`` and ``others`` are the files by which users know the result; they are put in place last, so that where they
    are the rest is. No file can be read by more people than every one of ``mode_of`` (files that were read; what is no
    file is passed over) and the umask allow. Without ``overwrite`` a file that has appeared since stops it.
    Raises OutputError where something cannot be written, or another process delivers the same file.
    """
    mains = (main, *others)
    for path in mains:
        recover(path)
    delivery = Delivery(mains, _narrowest(mode_of), overwrite=overwrite)
    try:
        yield delivery
        delivery.commit()
    except KeyboardInterrupt:
        if not delivery.journalled:
            raise
    finally:
        if delivery.journalled:
            delivery.complete()  # an interruption after the journal: everything is written, so it is put in place
        else:
            delivery.abandon()


def _narrowest(files: Iterable[str | Path]) -> int:
    """The permissions that all files give, and to the owner those to read and write."""
    mode = _ANYONE
    for path in files:
        with contextlib.suppress(OSError, ValueError):
            if os.path.isfile(path):
                mode &= os.stat(path).st_mode
    return mode | _OWNER

"""Files that are written and read with an account of their bytes: how many, and their SHA-256. Knows no rows."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final

from audit.errors import InputError
from audit.evidence import file_sha256
from audit.model import Json
from audit.remedy.delivery import Delivery
from audit.remedy.splices import BLOCK

_LEVEL: Final = 6
_AHEAD: Final = 8
"""Blocks that may wait to be hashed."""


class Digest:
    """SHA-256 of the bytes that were added. Of more than a block it is computed in a thread beside reading and writing,
    which take as long: hashlib lets other threads run meanwhile."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._size = 0
        self._thread: ThreadPoolExecutor | None = None
        self._running: deque[Future[None]] = deque()

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= BLOCK:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1)
        if len(self._running) >= _AHEAD:
            self._running.popleft().result()
        self._running.append(self._thread.submit(self._hash.update, b"".join(self._waiting)))
        self._waiting, self._size = [], 0

    def hexdigest(self) -> str:
        """Of what was added so far."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
            self._running.clear()
        self._hash.update(b"".join(self._waiting))
        self._waiting, self._size = [], 0
        return self._hash.hexdigest()


class Sink(io.RawIOBase):
    """A file of a delivery; packed with gzip where that is asked for, without a time stamp.

    ``bytes`` and ``sha256`` are those of the file as stored, complete after ``finish``.
    """

    def __init__(self, delivery: Delivery, path: Path, *, packed: bool = False) -> None:
        self.path = path
        self.bytes = 0
        self._stream = delivery.file(path)
        self._hash = Digest()
        self._packed = gzip.GzipFile("", "wb", _LEVEL, fileobj=self, mtime=0) if packed else None

    def put(self, data: bytes) -> None:
        """Add bytes. Raises OutputError."""
        if self._packed is not None:
            self._packed.write(data)
        else:
            self.write(data)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """What gzip calls: add bytes as they are stored."""
        self._hash.update(data)
        self.bytes += len(data)
        return self._stream.write(data)

    def finish(self) -> Mapping[str, Json]:
        """End it; its path, size and hash as a ledger names them."""
        if self._packed is not None:
            self._packed.close()
        return {"path": shown(str(self.path)), "bytes": self.bytes, "sha256": self.sha256}

    @property
    def sha256(self) -> str:
        """Of what was added so far."""
        return self._hash.hexdigest()


class Hashed:
    """A file that is read from its beginning to its end once, though parts of it are passed over: all of it is hashed.

    Seeking goes forward only.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = Digest()
        self._at = 0
        self.name = getattr(file, "name", "")

    def read(self, size: int, /) -> bytes:
        """The next bytes, as many as there are up to ``size``."""
        data = self._file.read(size)
        self._hash.update(data)
        self._at += len(data)
        return data

    def seek(self, at: int, /) -> int:
        """Go forward to a place."""
        while self._at < at and self.read(min(BLOCK, at - self._at)):
            pass
        return self._at

    def sha256(self) -> str:
        """Of the whole file; reads what is left of it."""
        while self.read(BLOCK):
            pass
        return self._hash.hexdigest()


def sha256_of(path: Path) -> str:
    """Of a file. Raises InputError where it cannot be read."""
    try:
        return file_sha256(path)
    except OSError as error:
        raise InputError(f"cannot read {shown(str(path))}: {error.strerror or error}") from None


def shown(name: str) -> str:
    """A file name as text that can be written: bytes that are no UTF-8 as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

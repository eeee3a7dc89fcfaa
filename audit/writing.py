"""Puts a file in place whole or not at all: a crash leaves the old file or the new one, never half.

Holds a file against other processes that write.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from audit.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows: two processes that write the same are not told apart there
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def replacing(path: Path, shown: str | None = None) -> Iterator[BinaryIO]:
    """A stream whose bytes become ``path`` when the block ends without an error, and are gone when it does not.

    They are written to a temporary name in the same folder, flushed to disk and renamed. Raises OutputError naming
    ``shown`` (the path as the user wrote it) when opening, flushing or renaming fails.
    """
    shown = shown or str(path)
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(temporary.open("wb"))
        except OSError as error:
            raise unwritable(shown, error) from None
        stack.callback(temporary.unlink, missing_ok=True)
        yield stream
        try:
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            os.replace(temporary, path)
        except OSError as error:
            raise unwritable(shown, error) from None


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Write the pieces to a file, whole or not at all. Raises OutputError."""
    with replacing(path) as stream:
        try:
            for piece in pieces:
                stream.write(piece)
        except OSError as error:
            raise unwritable(str(path), error) from None


def hold(descriptor: int, what: str, *, shared: bool = False) -> None:
    """Hold an open file against other processes until it is closed. Raises OutputError where another one holds it;
    ``what`` says what it is writing then."""
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        raise OutputError(f"another process is writing {what}", hint="wait for it to end, or stop it") from None


def unwritable(shown: str, error: OSError) -> OutputError:
    """What to tell the user of a file that cannot be written."""
    why = error.strerror or type(error).__name__
    return OutputError(
        f"{shown} cannot be written: {why}", hint="does the folder exist, is it yours, is there space left?"
    )

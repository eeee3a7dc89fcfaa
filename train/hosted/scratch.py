"""The folder beside a run in which its files are prepared before there is a run. Knows nothing of what is in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit.errors import OutputError
from audit.writing import hold, unwritable


@contextmanager
def scratch_beside(folder: Path) -> Iterator[Path]:
    """An empty hidden folder beside the output, gone when the block ends.

    Its name is always the same: what a process that was killed left there, rows among it, is swept by the next attempt
    and lies nowhere else. Raises OutputError where another process prepares the same output now, or it cannot be
    written.
    """
    whole = Path(os.path.abspath(folder))
    above = next(place for place in whole.parents if place.is_dir())
    scratch = above / f".{whole.name}.preparing"
    descriptor = _held(scratch, folder)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _held(scratch: Path, folder: Path) -> int | None:
    """Make the folder, hold it against other processes and empty it. Windows opens no folders: None."""
    descriptor = None
    try:
        scratch.mkdir(mode=0o700, exist_ok=True)
        if os.name != "nt":
            descriptor = os.open(scratch, os.O_RDONLY | os.O_NOFOLLOW)
            hold(descriptor, f"the run in {folder}")
        for entry in os.scandir(scratch):
            os.unlink(entry.path)
    except (OSError, OutputError) as error:
        if descriptor is not None:
            os.close(descriptor)
        if isinstance(error, OSError):
            raise unwritable(str(scratch), error) from None
        raise
    return descriptor

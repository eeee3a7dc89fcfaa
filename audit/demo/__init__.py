"""Lays the embedded example in a folder, so that a first check needs no data of one's own. It checks nothing itself.

The data comes from ``examples/loan_decisions.py`` in the repository: invented, seeded, with faults planted on purpose.
"""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path

from audit.errors import OutputError
from audit.writing import write_whole

DATA_NAME = "loans.jsonl"
FILES = (("loans.jsonl.gz", DATA_NAME), ("audit.toml", "audit.toml"), ("README.txt", "README.txt"))
"""Name in the package, name in the folder. What ends in ``.gz`` is unpacked."""


def write(folder: Path) -> Path:
    """The path of the data file, after the data, its ``audit.toml`` and a README.txt have been written to ``folder``.

    The folder is made where it is missing; a second call changes nothing. Raises OutputError when the folder cannot be
    written, or already holds one of the files with another content: a user's file is never overwritten.
    """
    contents = {name: packaged(stored) for stored, name in FILES}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = [name for name in contents if not (folder / name).exists()]
        for name in contents:
            if name not in missing and (folder / name).read_bytes() != contents[name]:
                raise OutputError(f"{folder / name} exists and is not the example's", hint="choose another folder")
        for name in missing:
            write_whole(folder / name, [contents[name]])
    except OSError as error:
        raise OutputError(
            f"the example cannot be written to {folder}: {error.strerror or error}", hint="choose another folder"
        ) from error
    return folder / DATA_NAME


def packaged(name: str) -> bytes:
    """The content of one file of the example, unpacked."""
    content = files("audit.demo").joinpath("data", name).read_bytes()
    return gzip.decompress(content) if name.endswith(".gz") else content

"""Writes results to files: whole or not at all, never over an input. Renders nothing itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from audit.errors import OutputError
from audit.model import Result

MANIFEST_SCHEMA: Final = "audit.manifest/1"


def check_writable(names: Iterable[str], inputs: Sequence[str]) -> None:
    """Raise OutputError for a file that cannot be written or is itself an input, before the work is done."""
    for name in names:
        path = Path(name)
        if not path.parent.is_dir():
            raise OutputError(
                f"{name} cannot be written: folder {path.parent} does not exist", hint="create the folder"
            )
        if path.is_dir():
            raise OutputError(f"{name} cannot be written: it is a folder", hint="name a file")
        for other in inputs:
            if other != "-" and path.exists() and Path(other).exists() and path.samefile(other):
                raise OutputError(f"{name} is an input and is not overwritten", hint="choose another name")


def write_atomically(path: Path, pieces: Iterable[bytes]) -> None:
    """Write to a temporary name, flush to disk, rename: the old file or the new, never half. Raises OutputError."""
    import tempfile

    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}", hint="is the folder writable?"
        ) from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def _umask() -> int:
    # There is no way to ask without setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def save(result: Result, folder: str) -> None:
    """Write ``result.json``, ``findings.jsonl.gz`` and, last, ``manifest.json`` with the sha256 of both.

    Same result, same bytes: the compressed file carries no time and no name.
    """
    import gzip
    import hashlib

    from audit.reports import render
    from audit.reports.encode import encode

    root = Path(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be created: {error.strerror or error}") from None
    document = "".join(render(result, "json")).encode()
    findings = gzip.compress("".join(render(result, "jsonl")).encode(), compresslevel=6, mtime=0)
    files = {"result.json": document, "findings.jsonl.gz": findings}
    for name, content in files.items():
        write_atomically(root / name, [content])
    listed = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()
    }
    manifest = {"schema": MANIFEST_SCHEMA, "tool": result.evidence.tool, "files": listed}
    write_atomically(root / "manifest.json", [(encode(manifest, indent=2) + "\n").encode()])

"""Writes the files of a split: each row's own bytes, in the order of the input, and who went where. Decides nothing."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from audit.engine.finish import Finished
from audit.engine.row_ids import SEPARATOR
from audit.errors import InputError, OutputError
from audit.model import Source
from audit.read.chunks import one_line
from audit.read.sources import ASSIGNMENT, MANIFEST, REJECTED, SPLIT_SCHEMA
from audit.remedy.delivery import Delivery, Stream
from audit.remedy.journal import recover
from audit.remedy.sinks import sha256_of, shown
from audit.remedy.split.report import SplitOutput
from audit.remedy.split.shares import SPLITS
from audit.remedy.split.units import CONTENT_BYTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNFINISHED: Final = ".audit-tmp"
"""What a killed run leaves behind (see ``audit.remedy.delivery``)."""
FLUSH: Final = 1 << 20
"""Bytes that are written at once."""


class Assigned(NamedTuple):
    """What is written about all rows, one entry a row: the ordinals of its split and unit among the ``names`` and
    ``unit_names`` (-1: it could not be read), the 16 bytes of its content id, and its number among rows that share
    it."""

    names: Sequence[str]
    splits: NDArray[np.int32]
    unit_names: Sequence[str]
    units: NDArray[np.int32]
    contents: array[int]
    numbers: NDArray[np.int32]

    def row_id(self, row: int) -> str:
        """As ``audit.engine.row_ids`` names the row, which is not read for it."""
        content = self.contents[row * CONTENT_BYTES : (row + 1) * CONTENT_BYTES].tobytes().hex()
        return f"{content}{SEPARATOR}{self.numbers[row]}"

    def split(self, row: int) -> str | None:
        """The split of the row, None where it could not be read."""
        return self.names[at] if (at := self.splits[row]) >= 0 else None

    def unit(self, row: int) -> str | None:
        """The unit of the row, None where it could not be read."""
        return self.unit_names[at] if (at := self.units[row]) >= 0 else None


class _Line(msgspec.Struct, frozen=True):
    """A line of ``assignment.jsonl``; ``line`` is 1-based in the input ``file``."""

    row_id: str
    file: str
    line: int
    split: str | None
    unit: str | None


def file_of(split: str) -> str:
    """The name of a split's file."""
    return f"{split}.jsonl"


OURS: Final = (*(file_of(split) for split in SPLITS), ASSIGNMENT, REJECTED, MANIFEST)
"""Every file that a split may write."""


class Target(NamedTuple):
    """Where a split is written, and the names of the files of an earlier one that lie there."""

    folder: Path
    earlier: tuple[str, ...] = ()


class _Listed(msgspec.Struct, frozen=True):
    """A file as the manifest of an earlier split names it."""

    name: str
    sha256: str


class _Manifest(msgspec.Struct, frozen=True):
    schema: str
    outputs: tuple[_Listed, ...]


def checked_target(folder: Path, inputs: Sequence[str], *, force: bool) -> Target:
    """The folder, if a split may be written there; what a killed split has left in it is completed first.

    Raises OutputError for a folder that is a file, that is not empty unless ``force``, or that holds under a name of a
    split's files an input, or anything but what the manifest there lists: nothing else is ever overwritten."""
    if folder.is_symlink() and not folder.exists():
        raise OutputError(f"{folder} is a link to {os.readlink(folder)}, which does not exist", hint=_ANOTHER)
    if not folder.exists():
        return Target(folder)
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file", hint="name a folder: -o FOLDER")
    recover(folder / MANIFEST)
    for path in map(Path, inputs):
        for name in OURS:
            if path.exists() and (folder / name).exists() and path.samefile(folder / name):
                raise OutputError(f"{folder / name} is an input and is not overwritten", hint=_ANOTHER)
    if not force and any(not path.name.endswith(_UNFINISHED) for path in folder.iterdir()):
        raise OutputError(f"the folder {folder} is not empty", hint="name another with -o, or --force to overwrite")
    there = tuple(name for name in OURS if os.path.lexists(folder / name))
    listed = _listed(folder / MANIFEST) if there else {}
    foreign = [name for name in there if not _is_listed(folder / name, listed)]
    if foreign:
        said = ", ".join(name + "/" * (folder / name).is_dir() for name in foreign)
        raise OutputError(f"what no split wrote there is in the way in {folder}: {said}", hint=_ANOTHER)
    return Target(folder, there)


def _listed(manifest: Path) -> Mapping[str, str]:
    """The SHA-256 of every file that the manifest of a split lists, and its own; nothing for any other file."""
    try:
        data = manifest.read_bytes()
        found = msgspec.json.decode(data, type=_Manifest)
    except (OSError, ValueError):
        return {}
    if found.schema != SPLIT_SCHEMA:
        return {}
    return {MANIFEST: hashlib.sha256(data).hexdigest()} | {entry.name: entry.sha256 for entry in found.outputs}


def _is_listed(path: Path, listed: Mapping[str, str]) -> bool:
    """Whether a file is as it is listed, byte for byte."""
    if path.name not in listed or not path.is_file():
        return False
    try:
        return sha256_of(path) == listed[path.name]
    except InputError:
        return False


_ANOTHER: Final = "name another folder: -o FOLDER"


def make_folder(folder: Path) -> None:
    """Make a folder where there is none. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be made: {error.strerror or error}") from None


class _Hashed:
    """A stream with the SHA-256 and the number of bytes and rows of what has gone through it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.rows = self.bytes = 0
        self._sha256 = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._size = 0

    def line(self, raw: bytes) -> None:
        """Write a row and end its line."""
        self._waiting += (raw, b"\n")
        self.rows += 1
        self._size += len(raw) + 1
        if self._size >= FLUSH:
            self.flush()

    def flush(self) -> None:
        """Hand on what is waiting."""
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        self.bytes += len(data)
        self._sha256.update(data)
        self.stream.write(data)

    def output(self, name: str, split: str) -> SplitOutput:
        """The account of the whole file."""
        self.flush()
        return SplitOutput(name=name, split=split, rows=self.rows, bytes=self.bytes, sha256=self._sha256.hexdigest())


def write_files(
    delivery: Delivery, folder: Path, finished: Finished, assigned: Assigned
) -> tuple[tuple[SplitOutput, ...], Mapping[str, Path]]:
    """Write all files but the manifest; their accounts, and where the file of each split lies until it is put in place.

    Raises OutputError and InputError."""
    outs = {name: _Hashed(delivery.file(folder / file_of(name))) for name in assigned.names}
    listing = _Hashed(delivery.file(folder / ASSIGNMENT))
    rejected: _Hashed | None = None
    lines = finished.stored.columns.lines
    for row, (source, raw) in enumerate(_raw_rows(finished)):
        split = assigned.split(row)
        if split is None:
            rejected = rejected or _Hashed(delivery.file(folder / REJECTED))
        (rejected if split is None else outs[split]).line(raw)  # type: ignore[union-attr]
        entry = _Line(assigned.row_id(row), shown(source.path), lines[row], split, assigned.unit(row))
        listing.line(msgspec.json.encode(entry))
    done = [out.output(file_of(name), name) for name, out in outs.items()]
    done.append(listing.output(ASSIGNMENT, ""))
    if rejected is not None:
        done.append(rejected.output(REJECTED, ""))
    for out in outs.values():
        out.stream.reopened().close()  # what was written is then in the file
    return tuple(done), {name: out.stream.temporary for name, out in outs.items()}


def _raw_rows(finished: Finished) -> Iterator[tuple[Source, bytes]]:
    """The bytes of every row, in order. A row that spans lines (in a JSON array) comes on one line."""
    for source, first, end in finished.ranges:
        yield from ((source, one_line(raw)) for raw in finished.stored.raw(range(first, end)))


def write_manifest(delivery: Delivery, folder: Path, manifest: Mapping[str, object]) -> None:
    """Write the manifest, which is put in place last. Raises OutputError."""
    delivery.file(folder / MANIFEST).write(msgspec.json.format(msgspec.json.encode(manifest, order="sorted")) + b"\n")


def remove_stale(delivery: Delivery, target: Target, written: Sequence[SplitOutput]) -> None:
    """Have taken away what an earlier split left and this one has not written: a third split would be taken for one of
    these."""
    for name in sorted(set(target.earlier).difference((MANIFEST, *(output.name for output in written)))):
        delivery.remove(target.folder / name)

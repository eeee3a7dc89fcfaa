"""Writes the files of a split: each row's own bytes, in the order of the input, and who went where. Decides nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audit.engine.finish import Finished
from audit.engine.rows import lies_in_file
from audit.errors import InputError, OutputError
from audit.model import Source
from audit.remedy.delivery import Delivery, Stream
from audit.remedy.split.report import SplitOutput, printable
from audit.remedy.split.shares import SPLITS

MANIFEST: Final = "manifest.json"
ASSIGNMENT: Final = "assignment.jsonl"
REJECTED: Final = "rejected.jsonl"
_UNFINISHED: Final = ".audit-tmp"
"""What a killed run leaves behind (see ``audit.remedy.delivery``)."""
FLUSH: Final = 1 << 20
"""Bytes that are written at once."""


class Assigned(NamedTuple):
    """What is written about all rows, one entry a row: its split (None: it could not be read), row id and unit."""

    splits: Sequence[str | None]
    row_ids: Sequence[str]
    units: Sequence[str | None]


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


def check_folder(folder: Path, inputs: Sequence[str], *, force: bool) -> None:
    """Raise OutputError for a folder that is a file, that holds an input under a name that would be written, or that
    is not empty unless ``force``."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file", hint="name a folder: -o FOLDER")
    for path in map(Path, inputs):
        for name in OURS:
            if path.exists() and (folder / name).exists() and path.samefile(folder / name):
                raise OutputError(f"{folder / name} is an input and is not overwritten", hint="name another folder: -o")
    if not force and folder.is_dir() and any(not path.name.endswith(_UNFINISHED) for path in folder.iterdir()):
        raise OutputError(f"the folder {folder} is not empty", hint="name another with -o, or --force to overwrite")


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
    delivery: Delivery, folder: Path, finished: Finished, assigned: Assigned, names: Sequence[str]
) -> tuple[tuple[SplitOutput, ...], Mapping[str, Path]]:
    """Write all files but the manifest; their accounts, and where the file of each split lies until it is put in place.

    Raises OutputError and InputError."""
    outs = {name: _Hashed(delivery.file(folder / file_of(name))) for name in names}
    listing = _Hashed(delivery.file(folder / ASSIGNMENT))
    rejected: _Hashed | None = None
    lines = finished.stored.columns.lines
    for row, (source, raw) in enumerate(_raw_rows(finished)):
        split = assigned.splits[row]
        if split is None:
            rejected = rejected or _Hashed(delivery.file(folder / REJECTED))
        (rejected if split is None else outs[split]).line(raw)  # type: ignore[union-attr]
        entry = _Line(assigned.row_ids[row], printable(source.path), lines[row], split, assigned.units[row])
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
        if lies_in_file(source):
            yield from ((source, raw) for raw in _in_file(finished, source.path, first, end))
        else:
            yield from ((source, _on_one_line(record.raw)) for record in finished.records(range(first, end)))


def _in_file(finished: Finished, path: str, first: int, end: int) -> Iterator[bytes]:
    columns = finished.stored.columns
    try:
        with open(path, "rb", buffering=FLUSH) as file:
            for at, size in zip(columns.stored[first:end], columns.sizes[first:end], strict=True):
                file.seek(at)
                raw = file.read(size)
                if len(raw) != size:
                    raise InputError(f"{path} was changed while it was being split")
                yield raw
    except OSError as error:
        raise InputError(f"cannot read {path} again: {error.strerror or error}") from error


def _on_one_line(raw: bytes) -> bytes:
    """JSON has line breaks between values only."""
    return b" ".join(raw.splitlines()) if b"\n" in raw else raw


def write_manifest(delivery: Delivery, folder: Path, manifest: Mapping[str, object]) -> None:
    """Write the manifest, which is put in place last. Raises OutputError."""
    delivery.file(folder / MANIFEST).write(msgspec.json.format(msgspec.json.encode(manifest, order="sorted")) + b"\n")


def remove_stale(folder: Path, written: Sequence[SplitOutput]) -> None:
    """Take away what an earlier split left and this one has not written: a third split would be taken for one of these.

    Raises OutputError."""
    kept = {output.name for output in written} | {MANIFEST}
    for name in OURS:
        if name not in kept:
            try:
                (folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"{folder / name} of an earlier split cannot be removed: {error}") from None

"""Which files a remedy writes: the output, and named after it the rejected rows, the ledger and the copy of the input.

Looks at what exists so as to overwrite nothing unasked; writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import OutputError, UsageError
from audit.model import Source
from audit.read.sources import EXTENSIONS, PACKED

_DATA: Final = (*EXTENSIONS, ".tsv")
_OTHER: Final = (".parquet", ".csv", ".tsv", ".zst", ".xlsx")
_STDIN: Final = ("-", "<rows>")


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one input. ``original`` is where a copy of it is kept, None where none is; ``backup`` the name under
    which the input itself is kept when the output takes its place."""

    output: Path
    rejected: Path
    ledger: Path
    original: Path | None = None
    backup: Path | None = None

    @property
    def packed(self) -> bool:
        """Whether the output is compressed with gzip."""
        return self.output.name.lower().endswith(".gz")


def stem_of(name: str) -> str:
    """A file name without the endings of data files: ``train.jsonl.gz`` is ``train``."""
    for packed in PACKED[1:]:
        if name.lower().endswith(packed):
            name = name[: -len(packed)]
    ending = next((ending for ending in _DATA if name.lower().endswith(ending)), "")
    return name[: -len(ending)] if ending and len(name) > len(ending) else name


def rejected_of(output: Path) -> Path:
    """Where the rows lie that an output leaves out."""
    return output.with_name(f"{stem_of(output.name)}.rejected.jsonl")


def ledger_of(output: Path) -> Path:
    """The ledger that lies beside an output."""
    return output.with_name(f"{stem_of(output.name)}.ledger.jsonl")


def outputs_of(
    sources: Sequence[Source],
    output: str | os.PathLike[str] | None,
    *,
    word: str,
    in_place: bool,
    plain: Sequence[bool],
) -> list[Outputs]:
    """The files of each source. ``plain`` says which of them can be restored without a copy.

    Without ``output`` they lie beside the source as ``STEM.WORD.jsonl``; a folder takes them under that name; of one
    source alone it is the file itself. Raises UsageError for what cannot be named so.
    """
    if in_place:
        if output is not None:
            raise UsageError("an output was named, and --in-place", hint="leave out one of them")
        return [_in_place(source) for source in sources]
    name = None if output is None else os.fspath(output)
    paths = [_path(source, name, word, alone=len(sources) == 1) for source in sources]
    if len(set(paths)) < len(paths):
        raise UsageError(
            "two of the files would be written under one name",
            hint="name one file at a time, each with an output of its own",
        )
    return [_named(path, source, own) for path, source, own in zip(paths, sources, plain, strict=True)]


def _path(source: Source, output: str | None, word: str, *, alone: bool) -> Path:
    folder = output is not None and (os.path.isdir(output) or output.endswith(("/", os.sep)))
    if output is not None and not folder:
        if not alone:
            raise UsageError(f"{output} is no folder, and there are several files", hint="name a folder that exists")
        if output == "-" or output.lower().endswith(_OTHER):
            raise UsageError(f"{output}: rows are written as JSON Lines", hint="name a file .jsonl or .jsonl.gz")
        return Path(output)
    if source.path in _STDIN:
        raise UsageError("these rows come from no file: name the output", hint="-o FILE.jsonl")
    packed = ".gz" if source.compression == "gzip" and source.container == "jsonl" else ""
    name = f"{stem_of(os.path.basename(source.path))}.{word}.jsonl{packed}"
    return Path(output, name) if output is not None else Path(source.path).parent / name


def _named(path: Path, source: Source, plain: bool) -> Outputs:
    original = None
    if not plain and source.path not in _STDIN and os.path.isfile(source.path):
        name = os.path.basename(source.path)
        original = path.with_name(f"{stem_of(path.name)}.original{name[len(stem_of(name)) :]}")
    return Outputs(
        output=path,
        rejected=rejected_of(path),
        ledger=ledger_of(path),
        original=original,
    )


def _in_place(source: Source) -> Outputs:
    written = source.container in ("jsonl", "json") and source.compression in (None, "gzip")
    if source.path in _STDIN or not os.path.isfile(source.path) or not written:
        raise UsageError(f"{source.path} cannot be mended in place", hint="name the output: -o FILE.jsonl")
    path = Path(os.path.realpath(source.path))
    if source.compression == "gzip" and not path.name.lower().endswith(".gz"):
        raise UsageError(f"{source.path} is compressed and not called .gz", hint="name the output: -o FILE.jsonl.gz")
    named = _named(path, source, True)
    return msgspec.structs.replace(named, backup=_free(path))


def _free(path: Path) -> Path:
    number = 1
    while True:
        backup = path.with_name(f"{path.name}.bak{number if number > 1 else ''}")
        if not os.path.lexists(backup):
            return backup
        number += 1


def refuse_existing(files: Iterable[Outputs], inputs: Sequence[str], *, force: bool) -> None:
    """Raise OutputError where there is no folder to write to, or a file would be overwritten: one of the inputs, what
    is no regular file (a link, a device), or, unless ``force``, any. Of files that are written in place those that
    tell of an earlier run are not asked for here (``refuse_earlier``)."""
    for outputs in files:
        if not os.path.isdir(outputs.output.parent):
            raise OutputError(f"there is no folder {outputs.output.parent}", hint="make it first")
        for path in _written(outputs):
            if any(os.path.exists(name) and os.path.exists(path) and os.path.samefile(name, path) for name in inputs):
                raise OutputError(f"{path} is one of the inputs", hint="write to another file")
            if path.is_dir():
                raise OutputError(f"{path} is a folder", hint="name a file in it")
            if path.is_symlink() or not path.is_file():
                raise OutputError(f"{path} is no regular file", hint="name a file, not a link or a device")
            if not force and outputs.backup is None:
                raise _exists(path)


def refuse_earlier(files: Iterable[Outputs], *, force: bool) -> None:
    """Raise OutputError where files in place would lose, unless ``force``, what tells of an earlier run."""
    for outputs in files:
        for path in _written(outputs):
            if not force:
                raise _exists(path)


def _written(outputs: Outputs) -> Iterator[Path]:
    """The files that are there already and would be overwritten; not the input that is kept as a backup."""
    for path in (outputs.output, outputs.rejected, outputs.ledger, outputs.original):
        if path is not None and os.path.lexists(path) and (path != outputs.output or outputs.backup is None):
            yield path


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path} exists", hint="`--force` overwrites it")

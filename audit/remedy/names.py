"""Which files a remedy writes: the output, and named after it the rejected rows, the ledger and the copy of the input.

Looks at what exists so as to overwrite nothing unasked; writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
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
    sources: Sequence[Source], output: str | None, *, word: str, in_place: bool, plain: Sequence[bool]
) -> list[Outputs]:
    """The files of each source. ``plain`` says which of them can be restored without a copy.

    Without ``output`` they lie beside the source as ``STEM.WORD.jsonl``; a folder takes them under that name; of one
    source alone it is the file itself. Raises UsageError for what cannot be named so.
    """
    if in_place:
        if output is not None:
            raise UsageError("an output was named, and --in-place", hint="leave out one of them")
        return [_in_place(source) for source in sources]
    paths = [_path(source, output, word, alone=len(sources) == 1) for source in sources]
    if len(set(paths)) < len(paths):
        raise UsageError("two of the files would be written under one name", hint="mend them one by one")
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
    """Raise OutputError where a file would be overwritten: one of the inputs, or, unless ``force``, any."""
    for outputs in files:
        for path in (outputs.output, outputs.rejected, outputs.ledger, outputs.original):
            if path is None or not os.path.lexists(path):
                continue
            if path == outputs.output and outputs.backup is not None:
                continue
            if any(os.path.exists(name) and os.path.exists(path) and os.path.samefile(name, path) for name in inputs):
                raise OutputError(f"{path} is one of the inputs", hint="write to another file")
            if path.is_dir():
                raise OutputError(f"{path} is a folder", hint="name a file in it")
            if not force:
                raise OutputError(f"{path} exists", hint="`--force` overwrites it")

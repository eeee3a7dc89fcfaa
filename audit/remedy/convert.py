"""Writes the rows of any readable file in another shape, and accounts for every row and everything left behind.

It judges nothing: a row with mistakes that the wanted shape can express is written with them.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from audit.engine.batch import UNKNOWN_SHAPE, read_value
from audit.errors import OutputError, UsageError
from audit.model import Chat, Json, Problem, Source
from audit.read.lines import Chunk, SourceReader
from audit.read.shapes import Shape, Unwritable, Written, detect, writer
from audit.read.sources import find_sources
from audit.writing import replacing, unwritable

_UNTRUSTED = frozenset(
    {
        "not-json",
        "truncated",
        "truncated-file",
        "too-deep",
        "number-too-long",
        "csv-row",
        "invalid-utf8",
        "invalid-encoding",
        "duplicate-key",
        "non-finite",
    }
)
"""Problems that leave the parsed value short of what the bytes say: writing it would lose data without a word."""

_KEPT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "openai-sft": ("parallel_tool_calls", "functions"),
    "openai-dpo": ("parallel_tool_calls",),
    "trl": ("chat_template_kwargs",),
}
"""Columns of OpenAI-like rows that a Chat does not hold and that the written shape knows as well."""

_OTHER_FORMATS = (".parquet", ".csv", ".tsv", ".zst", ".xlsx")
_INDEX = re.compile(r"(?<=/)\d+(?=/|\Z)")


class Skip(msgspec.Struct, frozen=True):
    """A row that was not written: its line (1-based), its file as the user named it, and why."""

    line: int
    file: str
    reason: str


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """The account of a conversion: ``rows_in`` is ``rows_written`` plus the number of ``rows_skipped``.

    ``lost`` counts the rows by what was left behind: ``"POINTER: what"``, with list indices as ``*``.
    ``shapes`` counts the rows by the shape they had; ``unknown`` and ``unreadable`` are among them.
    """

    rows_in: int
    rows_written: int
    rows_skipped: tuple[Skip, ...] = ()
    lost: Mapping[str, int] = {}
    shapes: Mapping[str, int] = {}


class ConvertedRow(msgspec.Struct, frozen=True):
    """One row on its way: what to write, or why nothing is (then ``output`` is empty)."""

    shape: str
    output: bytes = b""
    reason: str = ""
    lost: tuple[str, ...] = ()


def convert(paths: Sequence[str], output: str, to: str, *, sources: Sequence[Source] | None = None) -> Conversion:
    """Write the rows of the files, in order, to ``output`` in the shape ``to``; returns the account of all rows.

    ``output`` is a path (``.gz`` is compressed) or ``-`` for standard output; ``sources`` may stand for ``paths``.
    A row that is already as wanted keeps its bytes. The file appears whole or not at all. Raises UsageError for an
    unknown shape or a kind of file that is not written, InputError for what cannot be read, and OutputError for an
    output that cannot be written or is one of the inputs.
    """
    write = writer(to)
    found = list(find_sources([str(path) for path in paths])) if sources is None else list(sources)
    _refuse_inputs(output, [source.path for source in found])
    skipped: list[Skip] = []
    shapes: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    with _replacing(output) as put:
        for source in found:
            for line, row in _rows(SourceReader(source), to, write):
                shapes[row.shape] += 1
                lost.update(row.lost)
                if row.output:
                    put(row.output)
                else:
                    skipped.append(Skip(line, source.path, row.reason))
    rows = sum(shapes.values())
    return Conversion(
        rows_in=rows,
        rows_written=rows - len(skipped),
        rows_skipped=tuple(skipped),
        lost=dict(sorted(lost.items())),
        shapes=dict(sorted(shapes.items())),
    )


def _rows(chunks: Iterable[Chunk], to: str, write: Callable[[Chat], Written]) -> Iterator[tuple[int, ConvertedRow]]:
    """(line number, row) for every line that is not blank."""
    for chunk in chunks:
        for index, raw in enumerate(chunk.lines):
            if raw and not raw.isspace():
                known = chunk.problems.get(index, ())
                yield chunk.number(index), convert_row(raw, index in chunk.suspects, known, to, write)


def convert_row(
    raw: bytes, suspect: bool, known: Iterable[Problem], to: str, write: Callable[[Chat], Written]
) -> ConvertedRow:
    """One row in the shape ``to``, which ``write`` writes, as a line. ``suspect`` and ``known`` are what the reader
    saw in its bytes."""
    value, problems = read_value(raw, suspect)
    for problem in (*known, *problems):
        if problem.kind in _UNTRUSTED and not problem.file:
            return ConvertedRow("unreadable", reason=problem.message)
    if not isinstance(value, dict):
        return ConvertedRow("unreadable", reason=problems[0].message if problems else "not a JSON object")
    shape = detect(value)
    if shape is None:
        return ConvertedRow(UNKNOWN_SHAPE, reason="its keys are those of no known shape")
    try:
        return _written(raw, value, shape, to, write)
    except Unwritable as error:
        return ConvertedRow(shape.name, reason=f"{to}: {error.reason}")
    except RecursionError:
        return ConvertedRow(shape.name, reason="nested too deeply to be written")


def _written(
    raw: bytes, data: dict[str, Json], shape: Shape, to: str, write: Callable[[Chat], Written]
) -> ConvertedRow:
    made = carried(data, shape, shape.read(data), to, write)
    if made.row == data:
        return ConvertedRow(shape.name, _line(raw, data))
    return ConvertedRow(shape.name, _encode(made.row) + b"\n", lost=made.lost)


def carried(data: dict[str, Json], shape: Shape, chat: Chat, to: str, write: Callable[[Chat], Written]) -> Written:
    """The row that ``write`` makes of a chat, with the columns that both shapes know, and all that is left behind:
    ``"POINTER: what"`` with list indices as ``*``, sorted. ``chat`` was read from ``data``. Raises Unwritable."""
    made = write(chat)
    kept = _keep_columns(data, shape, to, made.row)
    told = {phrase.partition(":")[0] for phrase in made.lost}
    left = [at for at in (*chat.lost, *shape.spare(data)) if at not in kept and at not in told]
    phrases = {general(phrase) for phrase in (*made.lost, *(f"{at}: not carried" for at in left))}
    return Written(made.row, tuple(sorted(phrases)))


def _line(raw: bytes, data: dict[str, Json]) -> bytes:
    """The row's own bytes as one line; a row that spans lines (in a JSON array) is encoded anew."""
    return (_encode(data) if b"\n" in raw else raw.removeprefix(codecs.BOM_UTF8).strip()) + b"\n"


def _keep_columns(data: dict[str, Json], shape: Shape, to: str, row: dict[str, Json]) -> frozenset[str]:
    """Copy the columns that both shapes know and the Chat does not hold; returns their JSON Pointers in ``data``."""
    if not shape.spare(data):
        return frozenset()
    inner = data.get("input")
    at, holder = ("/input", inner) if shape.name == "openai-dpo" and isinstance(inner, dict) else ("", data)
    target = row["input"] if to == "openai-dpo" else row
    keys = [key for key in _KEPT_COLUMNS.get(to, ()) if key in holder]
    for key in keys:
        target[key] = holder[key]
    return frozenset(f"{at}/{key}" for key in keys)


def general(phrase: str) -> str:
    """The phrase with every list index in its pointer as ``*``, so that rows can be counted together."""
    pointer, colon, what = phrase.partition(":")
    return _INDEX.sub("*", pointer) + colon + what


def _encode(row: dict[str, Json]) -> bytes:
    """One line of JSON in UTF-8; lone surrogates, which UTF-8 cannot hold, make the whole line ASCII with escapes."""
    try:
        return json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(row).encode("ascii")


# ----------------------------------------------------------------------------- the file


def _refuse_inputs(output: str, inputs: Iterable[str]) -> None:
    """Raise OutputError when the output is one of the inputs, under whatever name or link."""
    if output == "-" or not os.path.exists(output):
        return
    for path in inputs:
        if os.path.exists(path) and os.path.samefile(path, output):
            raise OutputError(f"{output} is one of the inputs", hint="write to another file")


@contextlib.contextmanager
def _replacing(output: str) -> Iterator[Callable[[bytes], None]]:
    """A function that writes bytes to ``output``, which is put in place when the block ends without an error.

    A device or a pipe is written directly. ``.gz`` is compressed, without a time stamp.
    """
    if output.lower().endswith(_OTHER_FORMATS):
        raise UsageError(f"{output}: rows are written as JSON Lines", hint="name the file .jsonl or .jsonl.gz")
    path = os.path.realpath(output)
    if output == "-":
        yield _putter(sys.stdout.buffer, output)
        sys.stdout.buffer.flush()
    elif os.path.isdir(path):
        raise OutputError(f"{output} is a folder", hint="name a file in it")
    elif os.path.exists(path) and not os.path.isfile(path):
        with _open(path, output) as stream:
            yield _putter(stream, output)
    else:
        with _beside(path, output) as put:
            yield put


@contextlib.contextmanager
def _beside(path: str, shown: str) -> Iterator[Callable[[bytes], None]]:
    """Writes a file that is put in place at the end."""
    with replacing(Path(path), shown) as stream:
        if not shown.lower().endswith(".gz"):
            yield _putter(stream, shown)
            return
        with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
            yield _putter(packed, shown)


def _putter(stream: BinaryIO | gzip.GzipFile, shown: str) -> Callable[[bytes], None]:
    def put(data: bytes) -> None:
        try:
            stream.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritable(shown, error) from error

    return put


def _open(path: str, shown: str) -> BinaryIO:
    try:
        return open(path, "wb")
    except OSError as error:
        raise unwritable(shown, error) from error

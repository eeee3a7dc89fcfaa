"""The files that a provider is handed, and for each of their lines the row that it was made of. Judges no row."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from audit.errors import InputError
from audit.model import Json
from audit.read.spans import pointer
from audit.train.runs.folder import UPLOADED_ROWS, UPLOADS

LineOf: TypeAlias = tuple[str, int]
"""A line that is handed in: the role of its file, and its number from 1."""
TURN: Final = r"/(?:messages|input/messages|preferred_output|non_preferred_output)/\d+"
"""A pattern of the JSON Pointer of a message of a row that is handed in."""
MEDIA: Final = re.compile(rf"{TURN}/content/\d+/(?:image_url|input_audio|file)(?=/|$)")
"""Where the parts of a message stand that are no text."""


class UploadedRow(msgspec.Struct, frozen=True):
    """A line that is handed in (``role``, ``line`` from 1), and the row that it was made of.

    ``file`` is the base name of a data file as in the record of the run, ``row_line`` the row's line in it, ``copy``
    counts the lines that were made of the row, from 1.
    """

    role: str
    line: int
    row_id: str
    file: str
    row_line: int
    copy: int = 1

    @property
    def shown(self) -> str:
        """Where the row stands, for a sentence."""
        return f"{self.file}:{self.row_line}"


def uploaded_rows(folder: Path) -> Iterator[UploadedRow]:
    """All lines in order: those for training, then those for validation. Raises InputError for what cannot be read."""
    path = folder / UPLOADED_ROWS
    decode = msgspec.json.Decoder(UploadedRow).decode
    try:
        with path.open("rb") as lines:
            yield from map(decode, lines)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def origins(folder: Path, wanted: Collection[LineOf]) -> dict[LineOf, UploadedRow]:
    """The rows of some lines. Lines that there are not are left out. Raises InputError."""
    found: dict[LineOf, UploadedRow] = {}
    left = set(wanted)
    for one in uploaded_rows(folder) if left else ():
        if (one.role, one.line) in left:
            found[one.role, one.line] = one
            left.discard((one.role, one.line))
            if not left:
                break
    return found


def handed_in(folder: Path, role: str) -> Iterator[dict[str, Json]]:
    """The rows of a file as they are handed in, in order; an empty one for a line that is no JSON object. Raises
    InputError for a file that cannot be read."""
    path = folder / UPLOADS[role]
    try:
        with path.open("rb") as lines:
            yield from map(_row, lines)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def line_at(folder: Path, role: str, line: int) -> dict[str, Json]:
    """One row as it is handed in; an empty one where there is no such line."""
    return next((row for number, row in enumerate(handed_in(folder, role), 1) if number == line), {})


def _row(line: bytes) -> dict[str, Json]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def texts_in(value: Json) -> Iterator[tuple[str, str]]:
    """(JSON Pointer, text) of every text in a value, in order, however deep."""
    left = [("", value)]
    while left:
        at, one = left.pop()
        if isinstance(one, str):
            yield at, one
        inner = one.items() if isinstance(one, dict) else enumerate(one if isinstance(one, list) else ())
        left += [(at + pointer(step), other) for step, other in inner][::-1]


def media_in(row: dict[str, Json]) -> int:
    """How many images, sounds and files a row has."""
    found = (MEDIA.match(at) for at, _ in texts_in(row))
    return len({one[0] for one in found if one is not None})


def line_of(row: dict[str, Json]) -> bytes:
    """A row as a line of JSON: keys in the order in which they stand, UTF-8, escaped where UTF-8 cannot hold a text.

    Raises RecursionError for values that are nested too deeply.
    """
    try:
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(row, separators=(",", ":")).encode() + b"\n"

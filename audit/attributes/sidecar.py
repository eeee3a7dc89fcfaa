"""Sidecars: tables beside the data that say to which group a row belongs. Reads them once; knows no batch.

Any container that can be checked can be one: CSV, Parquet, JSON Lines, packed or not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from audit.attributes.levels import Value, value_of
from audit.attributes.template import unguarded
from audit.errors import InputError, did_you_mean
from audit.model import Json, Source
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.read.strict import diagnose
from audit.rule import Attribute

LINE, ROW_ID, FILE = "line", "row_id", "file"
"""Columns with a fixed meaning: the 1-based line of a row, its identity, and the file that it is in."""
SEPARATOR: Final = "|"
"""Stands between the groups of a row that belongs to several."""
MOST_ENTRIES: Final = 20_000_000
"""Entries, about 200 bytes of memory each."""
MOST_NOTED: Final = 3
"""Keys that a note spells out."""

By: TypeAlias = Literal["line", "row_id", "field"]

_LINE: Final = re.compile(r"([0-9]{1,15})(?:\.0+)?")
_decode = msgspec.json.Decoder().decode


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The entries of one column of a sidecar, numbered from 1; 0 is no entry.

    ``by`` says how they find their rows: the line of a file, ``content_id#occurrence``, or the value of ``field``.
    ``entries`` maps ``file<newline>line``, the row_id or the value to the number. ``contents`` numbers the content ids
    of a sidecar with row_ids; ``content_of`` names, for one that goes by lines, the content that an entry was made for.
    ``values`` are by number; ``files`` are the names of files that lines are of, "" where none is named.
    """

    path: str
    by: By
    field: str
    entries: Mapping[str, int]
    values: Sequence[Value]
    contents: Mapping[str, int]
    content_of: Sequence[str]
    files: frozenset[str]
    notes: tuple[str, ...]

    def file_for(self, path: str) -> str | None:
        """The name under which the entries of a file stand: its path, else its own name where one file has that."""
        if "" in self.files or path in self.files:
            return "" if "" in self.files else path
        same = [name for name in self.files if os.path.normpath(name) == os.path.normpath(path)]
        same = same or [name for name in self.files if _name(name) == _name(path)]
        return same[0] if len(same) == 1 else None

    def unmatched(self, used: Container[int]) -> tuple[str, ...]:
        """A note on the entries that no row has."""
        left = [key for key, number in self.entries.items() if number not in used]
        if not left:
            return ()
        return (f"{self.path}: {len(left):,} of {len(self.entries):,} keys match no row: {_named(left)}",)


def _named(keys: Sequence[str]) -> str:
    """The first few keys, a line as ``file:line``."""
    shown = ", ".join(repr(key.replace("\n", ":").removeprefix(":")) for key in keys[:MOST_NOTED])
    return shown + (" ..." if len(keys) > MOST_NOTED else "")


def _name(path: str) -> str:
    return re.split(r"[\\/]", path)[-1]


def split_where(attribute: Attribute) -> tuple[str, str]:
    """(path, column) of ``attributes.csv#column``; the column is that of the attribute's name where none is given."""
    path, _, column = attribute.where.partition("#")
    return path, column or attribute.name


def read_sidecar(attribute: Attribute) -> Sidecar:
    """The sidecar of an attribute.

    Raises InputError for a file that is missing, is no table, lacks the column, or has no column for a key.
    """
    path, column = split_where(attribute)
    builder: _Builder | None = None
    try:
        sources = find_sources([path])
    except InputError as error:
        raise InputError(f"[attributes.{attribute.name}] sidecar: {error.what}", hint=error.hint) from None
    for source in sources:
        for row in _rows(source):
            if builder is None:
                builder = _Builder(path, column, *_key(attribute, path, row))
            builder.add(row)
    if builder is None:
        raise InputError(f"{path} is no table with rows", hint="audit attributes template DATA -o attributes.csv")
    return builder.built()


def _rows(source: Source) -> Iterator[dict[str, Json]]:
    for chunk in SourceReader(source):
        for raw in chunk.lines:
            if raw and not raw.isspace():
                value = _value(raw)
                if not isinstance(value, dict):
                    raise InputError(
                        f"{source.path} is no table: a row of it is no object",
                        hint="a sidecar is CSV with a header and at least one row, Parquet or JSON Lines",
                    )
                yield value


def _value(raw: bytes) -> Json:
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return diagnose(raw).value


def _key(attribute: Attribute, path: str, row: Mapping[str, Json]) -> tuple[By, str, str]:
    """How entries find their rows, by which field of the row, and under which column of the sidecar the key stands."""
    for way in attribute.join:
        if way in (LINE, ROW_ID):
            if way in row:
                return ("line" if way == LINE else "row_id"), "", way
            continue
        steps = way.removeprefix("/").replace("/", ".").split(".")
        for column in (way, steps[-1]):
            if column in row:
                return "field", way, column
    wanted = " or ".join(f'"{way}"' for way in attribute.join)
    raise InputError(
        f"{path} has no column {wanted} by which its entries find their rows; it has {', '.join(list(row)[:20])}",
        hint=f'[attributes.{attribute.name}] join = "metadata.id"',
    )


class _Builder:
    """Gathers the entries of a sidecar."""

    def __init__(self, path: str, column: str, by: By, field: str, key: str) -> None:
        self.path, self.column, self.by, self.field, self.key = path, column, by, field, key
        self.entries: dict[str, int] = {}
        self.values: list[Value] = [None]
        self.content_of: list[str] = [""]
        self.contents: dict[str, int] = {}
        self.files: set[str] = set()
        self.columns: dict[str, None] = {}
        self.repeated: dict[str, None] = {}
        self.conflicting: set[int] = set()
        self.without_key = 0

    def add(self, row: Mapping[str, Json]) -> None:
        """One entry. Of entries with the same key and different values none counts: the row stays unknown."""
        if len(self.columns) < 1_000:
            self.columns.update(dict.fromkeys(row))
        key = self._key_of(row)
        if key is None:
            self.without_key += 1
            return
        value = _cell(row.get(self.column))
        if (number := self.entries.get(key)) is not None:
            self.repeated[key] = None
            if self.values[number] != value:
                self.conflicting.add(number)
            return
        if len(self.values) > MOST_ENTRIES:
            raise InputError(f"{self.path} has more than {MOST_ENTRIES:,} entries", hint="put the group into the rows")
        self.entries[key] = len(self.values)
        self.values.append(value)
        content = (key_text(row.get(ROW_ID)) or "").partition("#")[0]
        self.content_of.append(content if self.by == "line" else "")
        if self.by == "row_id":
            self.contents.setdefault(content, len(self.contents) + 1)

    def _key_of(self, row: Mapping[str, Json]) -> str | None:
        text = key_text(row.get(self.key))
        if self.by == "line":
            found = _LINE.fullmatch(text or "")
            file = unguarded(key_text(row.get(FILE)) or "")
            self.files.add(file)
            return f"{file}\n{int(found[1])}" if found else None
        if self.by == "row_id" and text is not None:
            content, _, occurrence = text.partition("#")
            return f"{content}#{occurrence or 1}"
        return text

    def built(self) -> Sidecar:
        """The sidecar. Raises InputError when no row had the column, or files are named for some lines only."""
        if self.column not in self.columns:
            hint = did_you_mean(self.column, self.columns) or "columns: " + ", ".join(list(self.columns)[:20])
            raise InputError(f'{self.path} has no column "{self.column}"', hint=hint)
        if "" in self.files and len(self.files) > 1:
            raise InputError(f'{self.path} names the "file" of some lines and not of others', hint="name it everywhere")
        for number in self.conflicting:
            self.values[number] = None
        return Sidecar(
            path=self.path,
            by=self.by,
            field=self.field,
            entries=self.entries,
            values=self.values,
            contents=self.contents,
            content_of=self.content_of if any(self.content_of) else (),
            files=frozenset(self.files),
            notes=tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        if self.without_key:
            yield f"{self.path}: {self.without_key:,} entries have no {self.key} that can be read"
        if self.repeated:
            yield (
                f"{self.path}: {len(self.repeated):,} keys come more than once ({_named(list(self.repeated))}), "
                f"{len(self.conflicting):,} of them with different values: these rows are unknown"
            )


def _cell(given: Json) -> Value:
    """The group in a cell, or the groups that stand in it with ``SEPARATOR`` between them."""
    value = value_of(given)
    if not isinstance(value, str):
        return value
    groups = [group.strip() for group in unguarded(value).split(SEPARATOR)]
    return value_of([group for group in groups if group]) if len(groups) > 1 else groups[0]


def key_text(given: Json) -> str | None:
    """A key as rows and sidecars share it: a text without white space around it, a number as JSON writes it."""
    text = given if isinstance(given, str) else value_of(given)
    return text.strip() or None if isinstance(text, str) else None

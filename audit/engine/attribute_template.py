"""The rows of a sidecar that is to be filled in: which row each line is for, what is known, and its prompt.

Writes nothing; the form of the file is that of ``audit.attributes.template``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from audit.attributes.levels import texts_in
from audit.attributes.lookups import read_lookups
from audit.attributes.sidecar import SEPARATOR
from audit.engine.batch import ParsedBatch
from audit.engine.membership import Entries, Memberships, Values
from audit.engine.row_parts import RowParts
from audit.model import Source
from audit.read.dialogue import prompt_text
from audit.read.lines import SourceReader
from audit.rule import Attribute


class TemplateRow(NamedTuple):
    """One row of the data. ``row_id`` is its content id, ``#`` and its number among the rows with that content, from 1
    in reading order. ``values`` are what the rows or an earlier sidecar say, as written, "" where nothing does."""

    file: str
    line: int
    row_id: str
    values: tuple[str, ...]
    prompt: str


def template_rows(sources: Iterable[Source], attributes: Sequence[Attribute]) -> Iterator[TemplateRow]:
    """A template row for every row with content. Raises InputError for what cannot be read."""
    lookups = read_lookups(attributes, ())
    seen: Counter[str] = Counter()
    for source in sources:
        for chunk in SourceReader(source):
            batch = ParsedBatch(chunk, texts=True)
            parts = RowParts(batch)
            known = Memberships(attributes, lookups)
            known.take(batch)
            for index, (line, content, record) in enumerate(
                zip(parts.lines, parts.contents, parts.records, strict=True)
            ):
                seen[content] += 1
                row_id = f"{content}#{seen[content]}"
                values = tuple(_known(known, attribute, index, row_id) for attribute in attributes)
                yield TemplateRow(source.path, line, row_id, values, "" if record is None else prompt_text(record))


def _known(known: Memberships, attribute: Attribute, row: int, row_id: str) -> str:
    column = known.columns[attribute.name]
    if isinstance(column, Values):
        return SEPARATOR.join(texts_in(column.values[column.codes[row]]))
    if not isinstance(column, Entries):
        return ""
    sidecar = known.lookups.sidecars[attribute.name]
    number = sidecar.entries.get(row_id, 0) if sidecar.by == "row_id" else column.codes[row]
    return SEPARATOR.join(texts_in(sidecar.values[number]))

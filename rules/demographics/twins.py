"""Rows whose prompts are equal but for identity terms: their keys, kept compactly, and the sets they make.

Judges nothing; the keys are those of ``audit.masking``.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from audit.model import Json
from audit.rule import Context


class Twin(NamedTuple):
    """A row of a set: its ordinal, and the hashes of its terms by axis."""

    row: int
    terms: tuple[int, ...]


# A part of a state is what one batch gave, as JSON can hold it: rows before the batch, rows of the batch, and in base64
# the columns of the rows with terms: line numbers, keys, numbers of axes, hashes of terms.
_COLUMNS: Final = ("lines", "keys", "axes", "terms")
_CODES: Final[Mapping[str, str]] = dict.fromkeys(_COLUMNS, "Q") | {"axes": "B"}


class Collector:
    """The columns of one batch."""

    def __init__(self) -> None:
        self._columns = {name: array(_CODES[name]) for name in _COLUMNS}

    def add(self, line: int, key: int, terms: Sequence[int]) -> None:
        """One row with terms."""
        self._columns["lines"].append(line)
        self._columns["keys"].append(key)
        self._columns["axes"].append(len(terms))
        self._columns["terms"].extend(terms)

    def part(self, first: int, rows: int) -> Json:
        """The part of a state, None when no row has terms."""
        if not self._columns["keys"]:
            return None
        packed = {name: b64encode(column.tobytes()).decode() for name, column in self._columns.items()}
        return {"first": first, "rows": rows, **packed}


def twin_sets(parts: Sequence[Mapping[str, Json]], context: Context) -> Iterator[Sequence[Twin]]:
    """The sets of rows with one masked prompt and two different terms or more, by their first row."""
    repeated = _repeated(parts)
    sets: dict[int, list[tuple[int, Mapping[str, Json], tuple[int, ...]]]] = {}
    for part in parts:
        for key, line, terms in _rows(part):
            if key in repeated:
                sets.setdefault(key, []).append((line, part, terms))
    for found in sets.values():
        if len({terms for _, _, terms in found}) > 1:
            yield [Twin(_ordinal(line, part, context), terms) for line, part, terms in found]


def _repeated(parts: Iterable[Mapping[str, Json]]) -> Container[int]:
    """The keys that stand in more than one row."""
    keys = array("Q")
    for part in parts:
        keys.frombytes(b64decode(part["keys"]))
    ordered = sorted(keys)
    return {one for one, other in pairwise(ordered) if one == other}


def _rows(part: Mapping[str, Json]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    columns: dict[str, array[int]] = {}
    for name in _COLUMNS:
        columns[name] = array(_CODES[name])
        columns[name].frombytes(b64decode(part[name]))
    starts = [0]
    for count in columns["axes"]:
        starts.append(starts[-1] + count)
    terms = (tuple(columns["terms"][start:end]) for start, end in pairwise(starts))
    yield from zip(columns["keys"], columns["lines"], terms, strict=True)


def _ordinal(line: int, part: Mapping[str, Json], context: Context) -> int:
    """The row of a part that stands on a line: blank lines are no rows, so it is looked for by halves."""
    low, high = part["first"], part["first"] + part["rows"] - 1
    while low < high:
        middle = (low + high) // 2
        if (context.place(middle).line or 0) < line:
            low = middle + 1
        else:
            high = middle
    return int(low)

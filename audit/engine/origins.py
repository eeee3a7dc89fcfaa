"""Which row a row was made of: marked copies and made-up rows name it. Judges nothing, and believes only what is there.

A mark is a claim of the row about itself: it counts where the row that it names, by what that one says
(``audit.read.identity.content_id``), is in the data.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from audit.model import Record
from audit.read.identity import content_id
from audit.read.marks import made_of
from audit.rule import COPY, SYNTHETIC

MADE: Final = COPY | SYNTHETIC
"""Marks of rows that a remedy made of others."""

_UNMADE: Final = bytes(mark for mark in range(256) if not mark & MADE)

Reader: TypeAlias = Callable[[Sequence[int]], Iterator[Record]]


def any_made(marks: Sequence[int]) -> bool:
    """Whether any row says that it was made of another one."""
    return bool(bytes(marks).translate(None, _UNMADE))


def origins_of(marks: Sequence[int], conversations: Sequence[int], read: Reader) -> array[int]:
    """The row that every row was made of: itself, where it is no copy and was not made up, or does not say of what.

    ``marks`` and ``conversations`` are columns with one entry a row, ``read`` gives rows again. Of several rows that
    name one that is not in the data, the first stands for it. A copy that says what a row without that mark says is not
    looked into; other marked rows are, and the unmarked row before them, which is where remedies put what they make;
    only where the name is not that row's are all rows but copies read.
    """
    origins = array("Q", range(len(marks)))
    if not any_made(marks):
        return origins
    made = [row for row, mark in enumerate(marks) if mark & MADE]
    original = _originals(marks, conversations, {conversations[row] for row in made if marks[row] & COPY})
    plain = [row for row in made if marks[row] & COPY and conversations[row] in original]
    names = _names(sorted(set(made).difference(plain)), read)
    found = _rows_of(names, marks, read)
    for row, name in names.items():
        origins[row] = origins[found.setdefault(name, row)]
    for row in plain:
        origins[row] = origins[original[conversations[row]]]
    return origins


def _originals(marks: Sequence[int], conversations: Sequence[int], wanted: set[int]) -> Mapping[int, int]:
    """The first row that is no copy, for each of some conversations that has any."""
    first: dict[int, int] = {}
    for row, key in enumerate(conversations):
        if key in wanted and not marks[row] & COPY:
            first.setdefault(key, row)
    return first


def _names(rows: Sequence[int], read: Reader) -> dict[int, str]:
    """What each of some rows says that it was made of: a content id. Rows that do not say it are left out."""
    named = ((row, made_of(record.data)) for row, record in zip(rows, read(rows), strict=True))
    return {row: name.partition("#")[0] for row, name in named if name is not None}


def _rows_of(names: Mapping[int, str], marks: Sequence[int], read: Reader) -> dict[str, int]:
    """The first row with each of the contents that are named, copies left out, for those that have any."""
    before = _unmarked_before(names, marks)
    missing = set(names.values())
    found = _with_content(before, missing, read)
    missing -= found.keys()
    if missing:
        every = [row for row, mark in enumerate(marks) if not mark & COPY]
        found |= _with_content(every, missing, read)
    return found


def _with_content(rows: Sequence[int], contents: Iterable[str], read: Reader) -> dict[str, int]:
    wanted = set(contents)
    found: dict[str, int] = {}
    for row, record in zip(rows, read(rows), strict=True):
        content = content_id(record)
        if content in wanted:
            found.setdefault(content, row)
    return found


def _unmarked_before(rows: Iterable[int], marks: Sequence[int]) -> list[int]:
    """The nearest unmarked row before each of some rows, ascending, each once."""
    wanted = set(rows)
    found: list[int] = []
    last: int | None = None
    for row, mark in enumerate(marks):
        if not mark & MADE:
            last = row
        elif row in wanted and last is not None and last not in found[-1:]:
            found.append(last)
    return found

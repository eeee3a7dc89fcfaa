"""Which row a row was made of: marked copies and made-up rows name it. Judges nothing, and believes only what is there.

A mark is a claim of the row about itself. That it is a copy counts where a row without that mark says the same,
whatever the mark names: ids of rows go stale when a fix rewrites a row and its copies alike. That it was made up of a
row counts where that row, by what it says (``audit.read.identity.content_id``), is in the data.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from audit.engine.dependence import Joined
from audit.model import Record
from audit.read.identity import content_id
from audit.read.marks import made_up_of
from audit.rule import COPY, NO_COPY, SYNTHETIC

MADE: Final = COPY | SYNTHETIC
"""Marks of rows that a remedy made of others."""

Reader: TypeAlias = Callable[[Sequence[int]], Iterator[Record]]


def any_made(marks: Sequence[int]) -> bool:
    """Whether any row says that it was made of another one."""
    return _any_with(marks, MADE)


def _any_with(marks: Sequence[int], bits: int) -> bool:
    return bool(bytes(marks).translate(None, bytes(mark for mark in range(256) if not mark & bits)))


def held(marks: array[int], conversations: Sequence[int]) -> array[int]:
    """The marks with ``COPY`` only where a row without it says the same, ``NO_COPY`` where it stood elsewhere.

    Both are columns with one entry a row.
    """
    if not _any_with(marks, COPY):
        return marks
    copied = {key for key, mark in zip(conversations, marks, strict=True) if mark & COPY}
    copied.intersection_update(key for key, mark in zip(conversations, marks, strict=True) if not mark & COPY)
    return array(
        "B",
        (
            mark ^ (COPY | NO_COPY) if mark & COPY and key not in copied else mark
            for key, mark in zip(conversations, marks, strict=True)
        ),
    )


def origins_of(marks: Sequence[int], conversations: Sequence[int], read: Reader) -> array[int]:
    """The row that every row was made of: itself, where it is no copy and was not made up, or does not say of what.

    ``marks`` (those that hold) and ``conversations`` are columns with one entry a row, ``read`` gives rows again. The
    source of a row that was made of a made-up one is the source of that one. Of several rows that name one that is not
    in the data, or of a ring of rows that name each other, the first stands for it. Copies are not read again;
    made-up rows are, and the unmarked row before them, which is where remedies put what they make; only where the name
    is not that row's are all rows but copies read.
    """
    origins = array("Q", range(len(marks)))
    if not any_made(marks):
        return origins
    for row, origin in _ends([row for row, mark in enumerate(marks) if mark & MADE == SYNTHETIC], marks, read).items():
        origins[row] = origin
    copied = {key for key, mark in zip(conversations, marks, strict=True) if mark & COPY}
    for row, original in _copies(marks, conversations, copied):
        origins[row] = origins[original]
    return origins


def _copies(marks: Sequence[int], conversations: Sequence[int], copied: set[int]) -> Iterator[tuple[int, int]]:
    """Every copy, and the first row that it says the same as: one that is not made up where there is one."""
    first: dict[int, int] = {}
    for wanted in (0, SYNTHETIC):
        for row, (key, mark) in enumerate(zip(conversations, marks, strict=True)):
            if mark & MADE == wanted and key in copied:
                first.setdefault(key, row)
    return ((row, first[conversations[row]]) for row, mark in enumerate(marks) if mark & COPY)


def _ends(made_up: Sequence[int], marks: Sequence[int], read: Reader) -> Mapping[int, int]:
    """The row that each of some made-up rows was made of in the end, whatever their order."""
    families = _families(_names(made_up, read), marks, read)
    rows = sorted({row for family in families for row in family}, key=lambda row: (marks[row] & SYNTHETIC, row))
    numbers = {row: number for number, row in enumerate(rows)}
    joined = Joined(len(rows))
    for family in families:
        for row in family:
            joined.join(numbers[family[0]], numbers[row])
    return {row: rows[joined.root(number)] for number, row in enumerate(rows)}


def _families(names: Mapping[int, str], marks: Sequence[int], read: Reader) -> Sequence[Sequence[int]]:
    """For every name the rows that bear it, and those that name it."""
    families = _rows_of(names, marks, read)
    for row, name in names.items():
        families.setdefault(name, []).append(row)
    return list(families.values())


def _names(rows: Sequence[int], read: Reader) -> dict[int, str]:
    """What each of some rows says that it was made up of: a content id. Rows that do not say it are left out."""
    named = ((row, made_up_of(record.data)) for row, record in zip(rows, read(rows), strict=True))
    return {row: name.partition("#")[0] for row, name in named if name is not None}


def _rows_of(names: Mapping[int, str], marks: Sequence[int], read: Reader) -> dict[str, list[int]]:
    """The rows with each of the contents that are named, for those that have any: the first that is not made up, else
    all that are, as any of them may be meant."""
    found = _with_content(_unmarked_before(names, marks), set(names.values()), read)
    bearers = {name: rows[:1] for name, rows in found.items()}
    missing = set(names.values()) - bearers.keys()
    if missing:
        every = _with_content([row for row, mark in enumerate(marks) if not mark & COPY], missing, read)
        for name, rows in every.items():
            bearers[name] = [row for row in rows if not marks[row] & SYNTHETIC][:1] or rows
    return bearers


def _with_content(rows: Sequence[int], contents: Iterable[str], read: Reader) -> dict[str, list[int]]:
    wanted = set(contents)
    found: dict[str, list[int]] = {}
    for row, record in zip(rows, read(rows), strict=True):
        content = content_id(record)
        if content in wanted:
            found.setdefault(content, []).append(row)
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

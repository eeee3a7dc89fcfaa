"""Stops a fix that would take away too much: more rows or more bytes than allowed, a whole source, a whole group.

Naive removal of near-duplicates is known to have cut 859,092 rows to 2, without a word. Looks at what is planned only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from audit.errors import RemovalError
from audit.remedy.fix.passes import Touched
from audit.rule import AttributeColumn, RowRange

LEAST_GROUP: Final = 5
"""Rows that a group must have for its loss to stop a fix."""
NAMED: Final = 5
"""Rules, sources or groups that are named."""


def guard(
    sizes: Sequence[int],
    ranges: Sequence[RowRange],
    attributes: Iterable[AttributeColumn],
    touched: Mapping[int, Touched],
    max_removal: float,
    *,
    write: bool = True,
) -> RemovalError | None:
    """The error that says what would go and why, None where the fix may go on.

    ``sizes`` are the bytes of every row, ``max_removal`` is a share (0 to 1) of the rows and of their bytes, since one
    row in six may be most of the text; 1 lifts every limit. ``write`` says whether it would have been written.
    """
    removed = sorted(row for row, now in touched.items() if now.raw is None)
    if not removed or max_removal >= 1:
        return None
    said = [*_share(sizes, removed, max_removal), *_sources(ranges, removed), *_groups(attributes, removed)]
    if not said:
        return None
    codes = Counter(code for row in removed for code in {said.code for said in touched[row].said})
    most = sorted(codes.items(), key=lambda item: (-item[1], item[0]))[:NAMED]
    by = ", ".join(f"{code} {count:,}" for code, count in most)
    looked = "nothing was written; look at `audit fix --diff`, then " if write else ""
    return RemovalError(
        f"the fixes would remove {'; '.join(said)} (rows by rule: {by})",
        hint=f"{looked}select fewer rules or raise `--max-removal` (1 lifts every limit)",
    )


def _share(sizes: Sequence[int], removed: Sequence[int], most: float) -> Iterator[str]:
    rows, away = len(sizes), len(removed)
    text, text_away = sum(sizes), sum(sizes[row] for row in removed)
    parts = [f"{away:,} of {rows:,} rows ({away / rows:.1%})"] if away > most * rows else []
    if text_away > most * text:
        parts.append(f"{text_away:,} of {text:,} bytes in rows ({text_away / text:.1%})")
    if parts:
        yield f"{' and '.join(parts)}, allowed are {most:.1%}"


def _sources(ranges: Sequence[RowRange], removed: Sequence[int]) -> Iterator[str]:
    filled = [entry for entry in ranges if entry.end > entry.first]
    if len(filled) < 2:
        return
    gone = [
        entry.source.path
        for entry in filled
        if bisect_left(removed, entry.end) - bisect_left(removed, entry.first) == entry.end - entry.first
    ]
    if gone:
        yield f"every row of {_named(gone)}"


def _groups(attributes: Iterable[AttributeColumn], removed: Sequence[int]) -> Iterator[str]:
    away = frozenset(removed)
    for column in attributes:
        if column.reason:
            continue
        whole = [group for group in column.groups if _is_gone(column.members(group), away)]
        if whole:
            yield f"every row of {column.attribute.name} {_named(whole)}"


def _is_gone(members: Sequence[int], away: frozenset[int]) -> bool:
    return len(members) >= LEAST_GROUP and away.issuperset(members)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more

"""Which rows a person should look at, most useful first. Reads no row and judges none: findings decide.

Rows that a finding names together (the two sides of a contradiction) stay together, so that one person sees both.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from audit.model import Finding
from audit.rule import RowRange

Rank: TypeAlias = tuple[int, int, float, int, int]


class Candidate(msgspec.Struct, frozen=True):
    """A row, what was found in it (worst first), and the rows that these findings name beside it."""

    row: int
    findings: tuple[Finding, ...]
    related: tuple[int, ...]


class Places:
    """Finds rows by file and line. ``lines`` holds the line of every row."""

    def __init__(self, ranges: Iterable[RowRange], lines: Sequence[int]) -> None:
        self._ranges = {entry.source.path: entry for entry in ranges}
        self._lines = lines

    def row_at(self, file: str | None, line: int | None) -> int | None:
        """The ordinal of the row that begins on a line, None where there is none."""
        entry = self._ranges.get(file) if file is not None else None
        if entry is None or line is None:
            return None
        row = bisect_left(self._lines, line, entry.first, entry.end)
        return row if row < entry.end and self._lines[row] == line else None


def candidates(
    findings: Iterable[tuple[Finding, int]],
    codes: Sequence[str],
    places: Places,
    identities: Sequence[int],
) -> list[list[Candidate]]:
    """The rows with a finding, in groups that name each other, most useful first. A finding comes with the ordinal of
    its row, -1 for none.

    That is: by severity, then by the place of the rule in ``codes``, then by the rank that the rule itself gives (the
    margin of a doubted label), then by what the row says (``identities``, by ordinal), not where it stands.
    """
    by_row: dict[int, list[Finding]] = {}
    for finding, row in findings:
        if row >= 0 and finding.scope == "row":
            by_row.setdefault(row, []).append(finding)
    ranks: dict[int, Rank] = {}
    found: dict[int, Candidate] = {}
    for row, mine in by_row.items():
        mine.sort(key=lambda finding: _rank(finding, codes))
        ranks[row] = (*_rank(mine[0], codes), identities[row], row)
        named = (places.row_at(place.file, place.line) for finding in mine for place in finding.related)
        related = sorted({other for other in named if other is not None and other != row})
        found[row] = Candidate(row, tuple(mine), tuple(related))
    groups = _together(found)
    groups.sort(key=lambda group: min(ranks[one.row] for one in group))
    return groups


def chosen(groups: Iterable[Sequence[Candidate]], most: int) -> list[list[Candidate]]:
    """The first groups with at most ``most`` rows in all; the last of them may be cut."""
    taken: list[list[Candidate]] = []
    left = most
    for group in groups:
        if left <= 0:
            break
        taken.append(list(group[:left]))
        left -= len(taken[-1])
    return taken


def counts_by_code(groups: Iterable[Sequence[Candidate]]) -> Mapping[str, int]:
    """Rows with a finding of each rule."""
    counts: dict[str, int] = {}
    for group in groups:
        for one in group:
            for code in {finding.code for finding in one.findings}:
                counts[code] = counts.get(code, 0) + 1
    return dict(sorted(counts.items()))


def _rank(finding: Finding, codes: Sequence[str]) -> tuple[int, int, float]:
    place = next((at for at, code in enumerate(codes) if finding.code.startswith(code)), len(codes))
    own = finding.evidence.get("rank")
    return finding.severity.rank, place, float(own) if isinstance(own, int | float) else 0.0


def _together(found: Mapping[int, Candidate]) -> list[list[Candidate]]:
    """The rows in groups: a row is with those that it names, and that name it, by ordinal."""
    leader = {row: row for row in found}

    def lead(row: int) -> int:
        while leader[row] != row:
            leader[row] = row = leader[leader[row]]
        return row

    for row, one in found.items():
        for other in one.related:
            if other in found:
                first, second = sorted((lead(row), lead(other)))
                leader[second] = first
    groups: dict[int, list[Candidate]] = {}
    for row in sorted(found):
        groups.setdefault(lead(row), []).append(found[row])
    return list(groups.values())

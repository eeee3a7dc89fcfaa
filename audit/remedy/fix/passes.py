"""Applies fixes to rows, judges these again and fixes them again, until nothing is left to do. Writes no file.

Rules that judge a row by itself are asked again in memory at once; rules that compare rows only when the whole is
judged again (``across``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import msgspec

from audit.model import Edit, Finding
from audit.remedy.edits import apply_edits
from audit.remedy.fix.plan import grade_of, grades, is_drop, stage_of
from audit.remedy.fix.report import FixOptions
from audit.remedy.fix.row_step import Step, mend
from audit.remedy.fix.sieve import Sieve
from audit.remedy.fix.stored import Rows

MOST_PASSES: Final = 10
"""Times that one row is fixed, and that the whole is judged again."""
REVIEW: Final = "review"
_SURVIVED_BY: Final = ("DUP", "SPL")
"""Families whose findings name, as the first related place, the row that stays."""

Judge = Callable[[Mapping[int, bytes]], Iterable[tuple[int, list[Finding]]]]


class Said(msgspec.Struct, frozen=True):
    """On whose word a row was changed: a code, what was seen, and what the fix does."""

    code: str
    reason: str
    title: str


class Touched(msgspec.Struct):
    """A row that is not as it was. ``raw`` is None where it was removed, ``found`` what the rules of rows still find,
    ``kept`` the row that stays in its place, ``before`` its bytes as they were where ``raw`` is not None, ``lost`` what
    was left behind when it was written in another shape."""

    raw: bytes | None
    before: bytes = b""
    said: tuple[Said, ...] = ()
    edits: tuple[Edit, ...] = ()
    found: Sequence[Finding] = ()
    kept: int | None = None
    quarantined: bool = False
    lost: tuple[str, ...] = ()


class Passes:
    """The rows that were changed, by ordinal in ``touched``, and the steps that change more of them."""

    def __init__(self, rows: Rows, judge: Judge, sieve: Sieve, options: FixOptions) -> None:
        self._rows = rows
        self._judge = judge
        self._sieve = sieve
        self._unsafe = options.unsafe
        self._allowed = grades(options)
        self.touched: dict[int, Touched] = {}
        self.protected: set[int] = set()
        """Rows that a person wants to keep."""
        self.passes = 1

    def is_allowed(self, finding: Finding) -> bool:
        """Whether the finding has a fix that may be applied."""
        return grade_of(finding.fix) in self._allowed

    # ------------------------------------------------------------------ by people

    def relabel(self, row: int, edits: Sequence[Edit], said: Said) -> bool:
        """Carry out what a person decided for a row and protect it; whether that could be done."""
        before = self._rows.raw(row)
        done = apply_edits(before, edits)
        if done.raw is None or done.deferred:
            return False
        self.protected.add(row)
        if done.raw != before:
            self.touched[row] = Touched(done.raw, before, (said,), tuple(edits))
        return True

    def remove(self, row: int, said: Said, *, quarantined: bool) -> None:
        """Take a row away because a person said so."""
        self.touched[row] = Touched(None, said=(said,), quarantined=quarantined)

    # ------------------------------------------------------------------ by rules of rows

    def settle(self, rows: Iterable[int], found: Mapping[int, Sequence[Finding]]) -> None:
        """Fix rows by what was found in their present bytes, and judge them again, until that changes nothing more.

        ``rows`` (ascending) were changed already and are judged first; ``found`` are findings of others.
        """
        self._fix(found)
        changed = sorted({*rows, *found})
        for number in range(MOST_PASSES):
            self.passes = max(self.passes, number + 1)
            open_rows = self._judged(changed)
            changed = self._fix({row: self.touched[row].found for row in open_rows})
            if not changed:
                return
        self._judged(changed)

    def _judged(self, rows: Iterable[int]) -> list[int]:
        """Judge changed rows that are still there; those with something to fix."""
        present = {row: raw for row in rows if row in self.touched and (raw := self.touched[row].raw) is not None}
        if not present:
            return []
        again: list[int] = []
        for row, findings in self._judge(present):
            self.touched[row].found = self._sieve.of_row(findings)
            if any(self._may(row, finding) for finding in self.touched[row].found):
                again.append(row)
        return again

    def _fix(self, found: Mapping[int, Sequence[Finding]]) -> list[int]:
        """Apply what may be applied to each row; those that changed. A row that stays as it is keeps its findings."""
        changed: list[int] = []
        for row in sorted(found):
            raw = self.present(row)
            allowed = [finding for finding in found[row] if self._may(row, finding)]
            if raw is None or not allowed:
                continue
            mended = mend(raw, allowed, unsafe=self._unsafe)
            if mended is not None:
                self._note(row, raw, mended)
                changed.append(row)
        return changed

    def _may(self, row: int, finding: Finding) -> bool:
        if not self.is_allowed(finding) or finding.fix is None:
            return False
        return row not in self.protected or not is_drop(finding.fix)

    def present(self, row: int) -> bytes | None:
        """The bytes of a row as they are now, None where it was removed."""
        return self.touched[row].raw if row in self.touched else self._rows.raw(row)

    def _note(self, row: int, raw: bytes, mended: Step) -> None:
        said = tuple(Said(item.code, item.message, item.fix.title if item.fix else "") for item in mended.by)
        edits = tuple(edit for item in mended.by if item.fix for edit in item.fix.edits)
        if mended.raw is None:
            kept = self._survivor(mended.by)
            self.touched[row] = Touched(None, said=said, edits=edits, kept=kept, quarantined=mended.quarantined)
            return
        known = self.touched.get(row) or Touched(raw, raw)
        if mended.raw == known.before:
            self.touched[row] = Touched(mended.raw, known.before)
            return
        known.raw, known.said, known.edits = mended.raw, (*known.said, *said), (*known.edits, *edits)
        known.lost = (*known.lost, *mended.lost)
        self.touched[row] = known

    def _survivor(self, by: Sequence[Finding]) -> int | None:
        places = (item.related[:1] for item in by if item.code.startswith(_SURVIVED_BY))
        return next((row for place in places for row in self._rows.related(place)), None)

    # ------------------------------------------------------------------ by rules that compare rows

    def compare(self, found: Sequence[tuple[Finding, int]], stale: set[int]) -> set[int]:
        """Apply what rules that compare rows found, one rule after the other; the rows that changed.

        ``stale`` are rows that have changed since these findings were made. A finding counts only while neither its
        row nor a row that it names has changed: it may be that the row which was to stay is gone.
        """
        ordered = sorted(found, key=lambda item: (*_rule_of(item), item[1]))
        changed: set[int] = set()
        for _, items in groupby(ordered, key=_rule_of):
            fresh = self._fresh(items, stale | changed)
            now = self._fix(fresh)
            changed.update(now)
            self.settle([row for row in now if self.touched[row].raw is not None], {})
        return changed

    def _fresh(self, items: Iterable[tuple[Finding, int]], stale: set[int]) -> dict[int, list[Finding]]:
        fresh: dict[int, list[Finding]] = {}
        for finding, row in items:
            if row in stale or not self._may(row, finding):
                continue
            if stale and not stale.isdisjoint(self._rows.related(finding.related)):
                continue
            fresh.setdefault(row, []).append(finding)
        return fresh

    # ------------------------------------------------------------------ the account

    def removed(self) -> list[int]:
        """The rows that are gone, ascending."""
        return sorted(row for row, touched in self.touched.items() if touched.raw is None)

    def edited(self) -> dict[int, bytes]:
        """The rows that have other bytes, with these, ascending."""
        return dict(self._edited())

    def _edited(self) -> Iterator[tuple[int, bytes]]:
        for row in sorted(self.touched):
            touched = self.touched[row]
            if touched.raw is not None and touched.raw != touched.before:
                yield row, touched.raw


def _rule_of(item: tuple[Finding, int]) -> tuple[int, str]:
    return stage_of(item[0].code), item[0].code

"""Withholds small cells from a report that is passed on: counts of 1 to 4, and a second where a total tells the first.

Complementary suppression in its simplest form (Hundepool et al., Statistical Disclosure Control, 2012, chapter 4): in
every line of a table with a total, no cell may be the only one withheld. Nothing is rounded or changed at random, and
what somebody could learn from other sources is not considered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from audit.model import Json, Result
from audit.reports.html.tables import PAIR, Grid, Group, GroupTable, decode, group_table, is_pair

FEWEST: Final = 5
"""The smallest count that is shown (zero is shown too)."""

UNKNOWN: Final = "unknown"
"""The level of rows that do not say to which group they belong."""

FEW: Final = f"<{FEWEST}"
ALSO: Final = "withheld"

Reasons = Mapping[str, str]
"""By group: why it is withheld, ``<5`` or ``withheld``."""


class Withheld(msgspec.Struct, frozen=True):
    """Groups whose counts are withheld, by attribute; with ``on`` False nothing is.

    ``figures`` are, by rule, the groups whose rate or ratio is withheld although their size is shown. ``tight`` are the
    attributes with a small cell in a table of groups by labels or splits: whatever else is said of these labels could
    be solved for it, so such tables, their measures of association and all findings on the attribute are withheld.
    ``lost`` are the ``figures`` by attribute and rule, ``rated`` those by attribute whose rate itself is withheld.
    """

    on: bool
    groups: Mapping[str, Reasons] = {}
    figures: Mapping[str, frozenset[str]] = {}
    tight: frozenset[str] = frozenset()
    lost: Mapping[str, Mapping[str, frozenset[str]]] = {}
    rated: Mapping[str, frozenset[str]] = {}

    def secret(self, attribute: str | None, *codes: str) -> frozenset[str]:
        """The groups of an attribute of which nothing is shown: those that are withheld, and those whose rate or ratio
        is in a table of these rules (of any rule where none is named)."""
        by_code = self.lost.get(attribute or "", {})
        named = [groups for code, groups in by_code.items() if not codes or code in codes]
        return frozenset(self.of(attribute)).union(*named)

    def of(self, attribute: str | None) -> Reasons:
        """The groups of an attribute that are withheld, with the reason."""
        return self.groups.get(attribute or "", {})

    def hides_finding(self, attribute: Json) -> bool:
        """Whether findings on an attribute could tell a small cell."""
        return self.on and isinstance(attribute, str) and not self.tight.isdisjoint({attribute, *attribute.split(PAIR)})

    def silences(self, text: str, codes: Iterable[str]) -> bool:
        """Whether a text of some rules names a group that is withheld, or one whose rate is, in any of them."""
        names = [name for reasons in self.groups.values() for name in reasons]
        names += [name for code in codes for name in self.figures.get(code, ())]
        return names_any(text, names)

    def unrated(self, attribute: str | None) -> frozenset[str]:
        """The groups of an attribute whose counts are withheld in any table: those of which a ratio alone is withheld,
        because it would tell another group's rate, are not among them."""
        return self.rated.get(attribute or "", frozenset()).union(self.of(attribute))


def names_any(text: str, names: Iterable[str]) -> bool:
    """Whether a text names one of some groups as a whole word: ``female`` does not name ``male``."""
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names if name in text)


def withheld(result: Result, *, on: bool) -> Withheld:
    """Which groups of which attributes are withheld: one decision for all tables of an attribute."""
    if not on:
        return Withheld(False)
    tables = [(m, table) for m in result.measures if m.attribute and (table := group_table(m)) is not None]
    counts: dict[str, dict[str, int]] = {}
    for measure, table in tables:
        of_attribute = counts.setdefault(measure.attribute or "", {})
        for name, n in _sizes(table):
            of_attribute[name] = min(n, of_attribute.get(name, n))
    found = {name: _pairs(sizes) if is_pair(name) else line(sizes) for name, sizes in counts.items()}
    sized = Withheld(True, {name: reasons for name, reasons in found.items() if reasons})
    figures: dict[str, frozenset[str]] = {}
    by_attribute: dict[str, dict[str, frozenset[str]]] = {}
    rated: dict[str, frozenset[str]] = {}
    for measure, table in tables:
        shown = masked(table, sized, measure.attribute)
        lost = {
            after.group
            for before, after in zip(table.groups, shown.groups, strict=True)
            if (before.rate, before.estimate) != (after.rate, after.estimate)
        }
        gone = {one.group for one, kept in zip(table.groups, shown.groups, strict=True) if one.rate != kept.rate}
        if gone:
            rated[measure.attribute or ""] = rated.get(measure.attribute or "", frozenset()) | gone
        if lost:
            figures[measure.code] = figures.get(measure.code, frozenset()) | lost
            of_it = by_attribute.setdefault(measure.attribute or "", {})
            of_it[measure.code] = of_it.get(measure.code, frozenset()) | lost
    return msgspec.structs.replace(
        sized, figures=figures, tight=frozenset(_tight(result)), lost=by_attribute, rated=rated
    )


def _tight(result: Result) -> Iterable[str]:
    """The attributes of which a table of groups by labels or splits has a small cell, or a rate few hits."""
    for measure in result.measures:
        cells = decode(measure.table, Grid)
        if measure.attribute and cells is not None and any(few(count) for row in cells.counts for count in row):
            yield measure.attribute
        table = group_table(measure)
        if measure.attribute and table is not None and set(_few_hits(table, {})):
            yield measure.attribute


def _sizes(table: GroupTable) -> Iterable[tuple[str, int]]:
    for group in table.groups:
        if group.of_their_own is not None:
            yield group.group, group.of_their_own
    if table.unknown is not None and table.unknown.n:
        yield UNKNOWN, table.unknown.n


def few(count: int) -> bool:
    """Whether a count is small and not zero."""
    return 0 < count < FEWEST


def line(counts: Mapping[str, int]) -> dict[str, str]:
    """What is withheld of counts whose total is known."""
    names = sorted(counts)
    # Rows without a group are no group of people: their count is shown however small, but may be the second cell.
    (reasons,) = grid(
        [[max(counts[n], FEWEST) if n == UNKNOWN and counts[n] else counts[n] for n in names]], both=False
    )
    return {name: reason for name, reason in zip(names, reasons, strict=True) if reason}


def _pairs(counts: Mapping[str, int]) -> dict[str, str]:
    """The same for crossed groups: the totals of either attribute are known too."""
    split = {name: name.split(PAIR) for name in counts if name != UNKNOWN}
    if any(len(parts) != 2 for parts in split.values()):
        return line(counts)
    down = sorted({parts[0] for parts in split.values()})
    across = sorted({parts[1] for parts in split.values()})
    reasons = grid([[counts.get(f"{one}{PAIR}{two}", 0) for two in across] for one in down])
    named = {
        f"{one}{PAIR}{two}": reasons[row][column] for row, one in enumerate(down) for column, two in enumerate(across)
    }
    return {name: reason for name, reason in named.items() if reason}


def grid(counts: Sequence[Sequence[int]], *, both: bool = True) -> list[list[str]]:
    """The reason for every cell of a table whose row totals (and, with ``both``, column totals) are known; "": shown.

    Where a line has one cell withheld, its smallest other cell that is not zero is withheld too, until none is alone.
    """
    reasons = [[FEW if few(count) else "" for count in row] for row in counts]
    rows = [[(r, c) for c in range(len(row))] for r, row in enumerate(counts)]
    columns = [[(r, c) for r in range(len(counts))] for c in range(len(counts[0]) if counts else 0)] if both else []
    changed = True
    while changed:
        changed = False
        for cells in (*rows, *columns):
            if sum(1 for r, c in cells if reasons[r][c]) != 1:
                continue
            others = [(counts[r][c], r, c) for r, c in cells if counts[r][c] and not reasons[r][c]]
            if others:
                _, r, c = min(others)
                reasons[r][c] = ALSO
                changed = True
    return reasons


def masked(table: GroupTable, hidden: Withheld, attribute: str | None) -> GroupTable:
    """The table without the figures of groups that are withheld, and of groups whose hits or misses are few."""
    if not hidden.on:
        return table
    whole = hidden.of(attribute)
    parts = _few_hits(table, whole)
    secret = {*whole, *parts}
    if not secret:
        return table
    told = _reference_withheld(table, secret)
    groups = (_group(group, whole.get(group.group), parts.get(group.group), told, secret) for group in table.groups)
    return msgspec.structs.replace(
        table,
        groups=tuple(groups),
        unknown=None if secret & {UNKNOWN} else table.unknown,
        sentence=_silent(table.sentence, secret),
    )


def _few_hits(table: GroupTable, whole: Reasons) -> dict[str, str]:
    """Groups whose hits are withheld although their size is not."""
    sizes: dict[str, tuple[int | None, int | None]] = {
        group.group: (group.own_hits, (group.own_hits or 0) + group.own_misses) for group in table.groups
    }
    if table.unknown is not None:
        sizes.setdefault(UNKNOWN, (table.unknown.hits, table.unknown.n))
    hits = {name: (hit, n) for name, (hit, n) in sizes.items() if hit is not None and name not in whole}
    small = sorted(n for n, (hit, rows) in hits.items() if n != UNKNOWN and (few(hit) or few((rows or 0) - hit)))
    reasons = dict.fromkeys(small, FEW)
    if small and any(PAIR in name for name in hits):
        # The rates of either attribute alone stand beside: any two of them may give the third.
        return {**dict.fromkeys((name for name in hits if name != UNKNOWN), ALSO), **reasons}
    if small and len(small) + len(whole) == 1:
        others = [(hit, name) for name, (hit, _) in hits.items() if hit and name not in reasons]
        # With no other hits to withhold, zeros must go too: the total would tell which group has them.
        more = [min(others)[1]] if others else [name for name in hits if name not in reasons]
        reasons |= dict.fromkeys(more, ALSO)
    return reasons


def _reference_withheld(table: GroupTable, secret: set[str]) -> bool:
    """Whether the group that the others are compared with is withheld: its rate would follow from any ratio."""
    named = [table.reference, table.question.reference, *(group.against for group in table.groups)]
    if any(isinstance(name, str) and name in secret for name in named):
        return True
    rated = [group for group in table.groups if group.rate is not None]
    return bool(rated) and max(rated, key=lambda group: group.rate or 0.0).group in secret


def _group(group: Group, whole: str | None, part: str | None, told: bool, secret: set[str]) -> Group:
    """What may be shown of a group. ``told``: the ratios of all groups would tell the rate of a withheld reference."""
    if whole is not None:
        return Group(group=group.group, compared=group.compared, verdict=group.verdict, withheld=whole)
    kept = msgspec.structs.replace(group, sentence=_silent(group.sentence, secret))
    if part is not None or told:
        kept = msgspec.structs.replace(
            kept,
            estimate=None,
            estimate_interval=None,
            pass_interval=None,
            gap=None,
            gap_interval=None,
            sentence="",
            required_n=None,
        )
    if part is None:
        return msgspec.structs.replace(kept, withheld="ratio") if told and group.estimate is not None else kept
    return msgspec.structs.replace(
        kept, hits=None, rate=None, interval=None, effective_n=None, base_rate=None, withheld=f"hits {part}"
    )


def _silent(sentence: str, secret: set[str]) -> str:
    """A sentence, unless it names a group that is withheld."""
    return "" if names_any(sentence, secret) else sentence

"""The groups of one attribute over all rows: from a small code per row to named groups. Compares no groups."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from audit.attributes.bands import band_names, number_in
from audit.attributes.levels import (
    AS_GIVEN,
    MISSING_WORDS,
    MULTIPLE,
    NONE,
    RESERVED,
    UNKNOWN,
    Value,
    is_missing,
    level_key,
    shown,
    texts_in,
)
from audit.attributes.similar import similar_names
from audit.rule import Attribute

MOST_GROUPS: Final = 50
"""Groups beyond which none is judged: every group is compared with a reference, and most would be too small."""
MOST_NAMED: Final = 1_000
"""Groups beyond which they are not even named."""
FEW_NUMBERS: Final = 20
"""Different numbers up to which each is taken for a group of its own without a word."""
MOST_NOTED: Final = 5
"""Words that a note spells out."""
MANY: Final = 5_000
"""Rows above which numpy pays for its import."""
NOT_COVERED, UNDETERMINED = "not covered", "undetermined"


class Mentioned(NamedTuple):
    """What one row mentions: its terms (``group/form``, sorted, once each), and its language as coverage names it."""

    terms: tuple[str, ...]
    language: str


class Groups(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Implements ``audit.rule.AttributeColumn``. ``values`` is a number per row, ``levels`` the groups of each number.

    The groups of a number are one of the reserved levels, or the names of groups; two or more make ``multiple``.
    """

    attribute: Attribute
    groups: tuple[str, ...]
    codes: array[int]
    values: array[int]
    levels: tuple[tuple[str, ...], ...]
    variants: Mapping[str, Mapping[str, int]] = {}
    similar: tuple[tuple[str, str], ...] = ()
    terms: tuple[tuple[str, ...], ...] = ()
    term_codes: array[int] = array("I")
    coverage: Mapping[str, int] = {}
    notes: tuple[str, ...] = ()
    reason: str = ""

    def members(self, group: str) -> Sequence[int]:
        """Ordinals of the rows of a group, ascending: of ``multiple`` the rows with several groups."""
        if group == MULTIPLE:
            wanted = [len(names) > 1 for names in self.levels]
        else:
            wanted = [group in names for names in self.levels]
        return _where(self.values, wanted)

    @property
    def expected(self) -> Mapping[str, float] | None:
        """The reference, in the spelling of the data where that has the group."""
        given = self.attribute.reference
        own = [name for name in self.groups if name not in RESERVED]
        if given is None:
            return None
        if isinstance(given, str):
            return dict.fromkeys(own, 1 / len(own)) if own else {}
        by_key = {_own_key(name): name for name in own}
        return {by_key.get(level_key(name), name): share for name, share in given.items()}

    @property
    def reference_group(self) -> str:
        """The configured group in the spelling of the data."""
        given = self.attribute.reference_group
        if given in ("best", "rest"):
            return given
        own = [name for name in self.groups if name not in RESERVED]
        return next((name for name in own if _own_key(name) == level_key(given)), given)


def _own_key(name: str) -> str:
    """The key of a group as the data spells it."""
    return level_key(name.removesuffix(AS_GIVEN))


def _where(values: array[int], wanted: Sequence[bool]) -> Sequence[int]:
    if len(values) <= MANY:
        return array("Q", [row for row, value in enumerate(values) if wanted[value]])
    import numpy as np

    found = np.flatnonzero(np.array(wanted, dtype=bool)[np.frombuffer(values, dtype=np.uint32)])
    return array("Q", found.astype(np.uint64).tobytes())


def mapped(values: array[int], table: Sequence[int], kind: str) -> array[int]:
    """The entry of ``table`` for every value, as an array of that type code (``H`` or ``I``)."""
    if len(values) <= MANY:
        return array(kind, [table[value] for value in values])
    import numpy as np

    wide = np.uint16 if kind == "H" else np.uint32
    return array(kind, np.array(table, dtype=wide)[np.frombuffer(values, dtype=np.uint32)].tobytes())


def _partition(levels: Sequence[tuple[str, ...]], order: Sequence[str], rows: Sequence[int]) -> tuple[str, ...]:
    """The names of the groups that have rows: in the given order, then the reserved levels."""
    used = {name for names, count in zip(levels, rows, strict=True) if count for name in names}
    several = any(len(names) > 1 for names, count in zip(levels, rows, strict=True) if count)
    reserved = [name for name in RESERVED if name in used or (name == MULTIPLE and several)]
    return (*(name for name in order if name in used), *reserved)


def _codes(values: array[int], levels: Sequence[tuple[str, ...]], groups: Sequence[str]) -> array[int]:
    index = {name: number for number, name in enumerate(groups)}
    table = [index.get(MULTIPLE if len(names) > 1 else names[0], 0) for names in levels]
    return mapped(values, table, "H")


def _counted(values: array[int], most: int) -> list[int]:
    counts = Counter(values)
    return [counts[value] for value in range(most)]


# ----------------------------------------------------------------------------- groups that rows declare


def unusable(attribute: Attribute, rows: int, reason: str, notes: Iterable[str] = ()) -> Groups:
    """Every row unknown, and why."""
    return Groups(
        attribute=attribute,
        groups=(UNKNOWN,) if rows else (),
        codes=array("H", bytes(2 * rows)),
        values=array("I", bytes(4 * rows)),
        levels=((UNKNOWN,),),
        notes=tuple(notes),
        reason=reason,
    )


def declared(attribute: Attribute, values: array[int], table: Sequence[Value], notes: Sequence[str] = ()) -> Groups:
    """The groups of rows that name theirs. ``values`` is an index into ``table`` for every row.

    Values that differ in case, white space or Unicode form are one group, with the most frequent spelling for its
    name. With ``bands`` the table holds names of bands. More than ``MOST_GROUPS`` groups are not judged.
    """
    rows = _counted(values, len(table))
    spellings = _spellings(table, rows)
    names = {key: shown(found) for key, found in spellings.items()}
    levels = tuple(_levels(value, names) for value in table)
    order = _ordered(list(names.values()), attribute.bands)
    reason, more = _too_many(attribute, order)
    if len(order) > MOST_NAMED:
        return unusable(attribute, len(values), reason, notes)
    groups = _partition(levels, order, rows)
    variants = {names[key]: dict(sorted(found.items())) for key, found in spellings.items() if len(found) > 1}
    in_groups = {names[key]: sum(found.values()) for key, found in spellings.items()}
    return Groups(
        attribute=attribute,
        groups=groups,
        codes=_codes(values, levels, groups),
        values=values,
        levels=levels,
        variants=dict(sorted(variants.items())),
        similar=() if reason or attribute.bands else similar_names(in_groups),
        notes=(*notes, *_missing(table, rows), *more, *_not_met(attribute, groups)),
        reason=reason,
    )


def _spellings(table: Sequence[Value], rows: Sequence[int]) -> dict[str, Counter[str]]:
    """Key of a group -> its spellings with their rows."""
    found: dict[str, Counter[str]] = {}
    for value, count in zip(table, rows, strict=True):
        for text in texts_in(value):
            key = level_key(text)
            if count and key not in MISSING_WORDS:
                found.setdefault(key, Counter())[text] += count
    return found


def _levels(value: Value, names: Mapping[str, str]) -> tuple[str, ...]:
    keys = (level_key(text) for text in texts_in(value))
    return tuple(sorted({names[key] for key in keys if key in names})) or (UNKNOWN,)


def _ordered(names: Sequence[str], bands: Sequence[float]) -> list[str]:
    """Bands from low to high, before what is no number; numbers by size; else by name."""
    places = {name: place for place, name in enumerate(band_names(bands))} if bands else {}
    numbers = {name: number_in(name) for name in names}
    if places or None in numbers.values():
        return sorted(names, key=lambda name: (places.get(name, len(places)), name))
    return sorted(names, key=lambda name: (numbers[name] or 0.0, name))


def _too_many(attribute: Attribute, names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Why there are too many groups to judge, and what to say where there are nearly."""
    numeric = bool(names) and all(number_in(name) is not None for name in names)
    hint = "cut them into bands (bands = [25, 40, 65])" if numeric else "put them together into fewer, as in a sidecar"
    kind = "different numbers" if numeric else "groups"
    if len(names) > MOST_GROUPS:
        return f"it has {len(names):,} {kind}, and more than {MOST_GROUPS} are not judged: {hint}", ()
    if numeric and len(names) > FEW_NUMBERS:
        return "", (f"{len(names)} {kind} are taken for as many groups: {hint}",)
    return "", ()


def _not_met(attribute: Attribute, groups: Sequence[str]) -> tuple[str, ...]:
    """What the configuration says of groups that no row has, and groups of which its reference says nothing."""
    own = {_own_key(name): name for name in groups if name not in RESERVED}
    notes = []
    if isinstance(attribute.reference, Mapping):
        named = {level_key(name): name for name in attribute.reference}
        if absent := [name for key, name in named.items() if key not in own]:
            notes.append(f"the reference names groups that no row has: {', '.join(absent[:MOST_NOTED])}")
        if left := [name for key, name in own.items() if key not in named]:
            notes.append(f"the reference gives no share to {', '.join(left[:MOST_NOTED])}")
    wanted = attribute.reference_group
    if wanted not in ("best", "rest") and level_key(wanted) not in own:
        notes.append(f"the reference_group {wanted} has no rows")
    return tuple(notes)


def _missing(table: Sequence[Value], rows: Sequence[int]) -> tuple[str, ...]:
    """The words that were taken for a missing value."""
    counts: Counter[str] = Counter()
    for value, count in zip(table, rows, strict=True):
        if isinstance(value, str) and count and value.strip() and is_missing(value):
            counts[value.strip()] += count
    if not counts:
        return ()
    said = ", ".join(f'"{word}" {counts[word]:,}' for word in sorted(counts)[:MOST_NOTED])
    more = f" and {len(counts) - MOST_NOTED:,} other words" if len(counts) > MOST_NOTED else ""
    return (f"taken for unknown: {said}{more}",)


# ----------------------------------------------------------------------------- groups that rows mention


def mentioned(attribute: Attribute, values: array[int], table: Sequence[Mentioned], order: Sequence[str]) -> Groups:
    """The groups that rows mention. ``values`` is an index into ``table`` for every row, ``order`` all groups.

    A row that mentions none is of group ``none``, but ``unknown`` where its language has no lexicon: nobody looked.
    """
    rows = _counted(values, len(table))
    levels = tuple(map(_mentioned_levels, table))
    groups = _partition(levels, sorted(order), rows)
    terms = sorted({row.terms for row, count in zip(table, rows, strict=True) if count})
    number = {found: index for index, found in enumerate(terms)}
    coverage: Counter[str] = Counter()
    for row, count in zip(table, rows, strict=True):
        coverage[row.language] += count
    return Groups(
        attribute=attribute,
        groups=groups,
        codes=_codes(values, levels, groups),
        values=values,
        levels=levels,
        terms=tuple(terms),
        term_codes=mapped(values, [number.get(row.terms, 0) for row in table], "I"),
        coverage={language: count for language, count in sorted(coverage.items()) if count},
        notes=_not_met(attribute, groups),
    )


def _mentioned_levels(row: Mentioned) -> tuple[str, ...]:
    named = tuple(sorted({term.partition("/")[0] for term in row.terms}))
    return named or (UNKNOWN if row.language in (NOT_COVERED, UNDETERMINED) else NONE,)

"""The product ``attributes``: one small code a row and attribute while rows are read, groups afterwards.

Says where a row keeps its value; what the values mean is for ``audit.attributes``.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from audit.attributes.bands import band_names, band_of, number_in
from audit.attributes.groups import (
    NOT_COVERED,
    UNDETERMINED,
    Groups,
    Mentioned,
    declared,
    mapped,
    mentioned,
    unusable,
)
from audit.attributes.levels import Value, plain_text, texts_in, value_of
from audit.attributes.lookups import Lookups, compiled
from audit.attributes.sidecar import Sidecar, key_text
from audit.engine.batch import ParsedBatch
from audit.engine.row_parts import RowParts
from audit.errors import RuleError
from audit.rule import Attribute, RowRange

if TYPE_CHECKING:
    from audit.lexicons import Lexicon

MOST_VALUES: Final = 65_000
"""Different values of an attribute beyond which it names rows and not groups."""
MOST_MENTIONED: Final = 1_000_000
"""Different sets of terms that are kept."""

V = TypeVar("V", bound=Hashable)


class Interned(Generic[V]):
    """A column of values of which few are different: a number a row, and the values by number.

    Beyond ``most`` different values all of them are forgotten, however the input was cut.
    """

    def __init__(self, most: int) -> None:
        self.codes = array("I")
        self.values: list[V] = []
        self.full = False
        self.most = most
        self._numbers: dict[V, int] = {}

    def extend(self, values: Iterable[V]) -> None:
        """Add the values of more rows."""
        numbers, append = self._numbers, self.codes.append
        for value in values:
            number = numbers.get(value)
            append(self._new(value) if number is None else number)

    def _new(self, value: V) -> int:
        if not self.full and len(self.values) >= self.most:
            self._forget()
        if self.full:
            return 0
        self._numbers[value] = len(self.values)
        self.values.append(value)
        return len(self.values) - 1

    def _forget(self) -> None:
        self.full = True
        self.values.clear()
        self._numbers.clear()
        self.codes[:] = array("I", bytes(4 * len(self.codes)))  # in place: `extend` holds it

    def merge(self, later: Interned[V]) -> None:
        """Add the rows of a column that read a later part."""
        if later.full and not self.full:
            self._forget()
        renamed = [self._numbers[value] if value in self._numbers else self._new(value) for value in later.values]
        if self.full:
            self.codes = array("I", bytes(4 * (len(self.codes) + len(later.codes))))
        elif renamed == list(range(len(renamed))):
            self.codes.extend(later.codes)
        else:
            self.codes.extend([renamed[code] for code in later.codes])


class Entries:
    """A column of the entries of a sidecar: a number a row, 0 for none. ``moved`` rows are not those they were."""

    def __init__(self) -> None:
        self.codes = array("I")
        self.moved = 0

    def merge(self, later: Entries) -> None:
        """Add the rows of a column that read a later part."""
        self.codes.extend(later.codes)
        self.moved += later.moved


class Values(Interned[Value]):
    """A column of what rows declare."""

    def __init__(self) -> None:
        super().__init__(MOST_VALUES)


class Mentions(Interned[Mentioned]):
    """A column of what rows mention."""

    def __init__(self) -> None:
        super().__init__(MOST_MENTIONED)


Column = Values | Mentions | Entries


class Memberships:
    """The columns of all attributes of a run. What they are looked up in stays behind when they travel."""

    def __init__(self, attributes: Sequence[Attribute], lookups: Lookups) -> None:
        self.attributes = {one.name: one for one in attributes}
        self.columns: dict[str, Column] = {one.name: _empty(one) for one in attributes}
        self._lookups: Lookups | None = lookups

    def take(self, batch: ParsedBatch) -> None:
        """Add the rows of a batch."""
        rows = RowParts(batch)
        for name, column in self.columns.items():
            attribute = self.attributes[name]
            if isinstance(column, Entries):
                _take_entries(column, rows, self.lookups.sidecars[name])
            elif isinstance(column, Mentions):
                column.extend(_mentions(attribute, rows, self.lookups.lexicons[name]))
            elif attribute.source == "pattern":
                column.extend(_banded(attribute, _matches(attribute, rows)))
            else:
                column.extend(_banded(attribute, map(value_of, rows.values_at(attribute.where))))

    @property
    def lookups(self) -> Lookups:
        """The sidecars and lexicons."""
        if self._lookups is None:
            raise RuleError("memberships that came from another process take no more rows")
        return self._lookups

    def merge(self, later: Memberships) -> None:
        """Add the rows that were read in a later part."""
        for name, column in self.columns.items():
            column.merge(later.columns[name])  # type: ignore[arg-type]

    def groups(self, name: str, ranges: Sequence[RowRange]) -> Groups:
        """The groups of an attribute when everything has been read. Raises RuleError for a name that is none."""
        if name not in self.attributes:
            raise RuleError(f"a rule asked for the attribute {name!r}, which is not configured")
        attribute, column = self.attributes[name], self.columns[name]
        if isinstance(column, Entries):
            return _of_entries(attribute, column, self.lookups.sidecars[name], ranges)
        if column.full:
            reason = f"it has more than {column.most:,} different values, so they name no groups"
            return unusable(attribute, len(column.codes), reason)
        if isinstance(column, Mentions):
            return mentioned(attribute, column.codes, column.values, self.lookups.lexicons[name].groups)
        return declared(attribute, column.codes, column.values)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lookups": None}


def _empty(attribute: Attribute) -> Column:
    if attribute.source == "sidecar":
        return Entries()
    return Mentions() if attribute.source == "lexicon" else Values()


# ----------------------------------------------------------------------------- what rows say


def _banded(attribute: Attribute, values: Iterable[Value]) -> Iterable[Value]:
    """The values, numbers as the names of their bands where there are any."""
    if not attribute.bands:
        return values
    names = band_names(attribute.bands)

    @lru_cache(maxsize=MOST_VALUES)
    def banded(text: str) -> str:
        number = number_in(text)
        return text if number is None else names[band_of(number, attribute.bands)]

    return (
        banded(value) if isinstance(value, str) else value_of([banded(text) for text in texts_in(value)])
        for value in values
    )


def _matches(attribute: Attribute, rows: RowParts) -> Iterator[Value]:
    pattern = compiled(attribute.where)
    for text in rows.texts(attribute.role, system=True):
        found = pattern.search(text)
        yield None if found is None else plain_text((found.group(1) if pattern.groups else found.group()) or "")


def _mentions(attribute: Attribute, rows: RowParts, lexicon: Lexicon) -> Iterator[Mentioned]:
    """The terms in every row, and under which language its coverage is counted."""
    covered = frozenset(lexicon.languages)
    for text, guess in zip(rows.texts(attribute.role, system=False), rows.languages(attribute.role), strict=True):
        known = guess.language in covered
        terms = lexicon.mentions(text, guess.language if known and guess.sure else None)
        yield Mentioned(terms, guess.language if known else NOT_COVERED if guess.sure else UNDETERMINED)


# ----------------------------------------------------------------------------- what sidecars say


def _take_entries(column: Entries, rows: RowParts, sidecar: Sidecar) -> None:
    if sidecar.by == "field":
        entries = sidecar.entries
        keys = map(key_text, rows.values_at(sidecar.field))
        column.codes.extend([0 if key is None else entries.get(key, 0) for key in keys])
    elif sidecar.by == "row_id":
        column.codes.extend([sidecar.contents.get(content, 0) for content in rows.contents])
    else:
        numbers = _of_lines(rows, sidecar)
        column.moved += sum(number < 0 for number in numbers)
        column.codes.extend([max(number, 0) for number in numbers])


def _of_lines(rows: RowParts, sidecar: Sidecar) -> list[int]:
    """The entry of every row's line; -1 where it was made for a row of other content."""
    file = sidecar.file_for(rows.source.path)
    if file is None:
        return [0] * len(rows)
    numbers = [sidecar.entries.get(f"{file}\n{line}", 0) for line in rows.lines]
    if not sidecar.content_of:
        return numbers
    made_for = [sidecar.content_of[number] for number in numbers]
    pairs = zip(numbers, made_for, rows.contents, strict=True)
    return [-1 if wanted and wanted != content else number for number, wanted, content in pairs]


def _of_entries(attribute: Attribute, column: Entries, sidecar: Sidecar, ranges: Sequence[RowRange]) -> Groups:
    rows = len(column.codes)
    numbers = _by_occurrence(column.codes, sidecar) if sidecar.by == "row_id" else column.codes
    used = Counter(numbers)
    without = used.pop(0, 0)
    notes = [*sidecar.notes, *sidecar.unmatched(used.keys())]
    if column.moved:
        notes.append(f"{sidecar.path}: {column.moved:,} rows are not those that its lines were written for")
    if without > column.moved:
        notes.append(f"{without - column.moved:,} of {rows:,} rows have no entry in {sidecar.path}")
    if sidecar.by == "line" and any(count > 1 for count in used.values()):
        named = "which does not name their files" if "" in sidecar.files else "which names them for one"
        return unusable(attribute, rows, f"lines of several files fit {sidecar.path}, {named}", notes)
    values: Interned[Value] = Interned(len(sidecar.values) + 1)
    values.extend(_banded(attribute, sidecar.values))
    return declared(attribute, mapped(numbers, values.codes, "I"), values.values, notes)


def _by_occurrence(codes: array[int], sidecar: Sidecar) -> array[int]:
    """The entry of every row, of which ``codes`` name the content: copies are told apart by their order."""
    contents = ["", *sidecar.contents]
    seen: Counter[int] = Counter()
    numbers = array("I")
    for code in codes:
        seen[code] += 1
        numbers.append(sidecar.entries.get(f"{contents[code]}#{seen[code]}", 0) if code else 0)
    return numbers

"""Lists of objects out of a measure's table as tables of the report. A field that is missing or of another make is a
dash, never an error: a saved result may come from another version."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from audit.model import Json, Measure
from audit.reports.html.blocks import Block, Bullets, Cell, Fold, Table, Text, Tone
from audit.reports.html.charts import Span, finite
from audit.reports.html.words import NONE, between, count, p_value, ratio, scalar, share

MOST_ROWS: Final = 60
"""Rows of one table; the JSON form of the result has all."""

Form = Callable[[float | None], str]


class Column(NamedTuple):
    """One column: which field it shows, under which heading, in which form, and which field is its interval."""

    key: str
    head: str
    form: Form | None = None
    interval: str = ""


def number(value: Json) -> float | None:
    """A number that is one; None for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def span(value: Json) -> Span | None:
    """An interval of two ends."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    return number(value[0]), number(value[1])


def objects(value: Json) -> list[Mapping[str, Json]]:
    """The objects of a list, or those of a mapping with their key as ``key``."""
    if isinstance(value, dict):
        return [{"key": str(key), **one} for key, one in value.items() if isinstance(one, dict)]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list | tuple) else []


def table_of(measure: Measure | None) -> Mapping[str, Json]:
    """The table of a measure where it is an object; else an empty one."""
    return measure.table if measure is not None and isinstance(measure.table, dict) else {}


def inner(table: Mapping[str, Json], *names: str) -> Mapping[str, Json]:
    """An object inside an object; empty where there is none."""
    found: Json = table
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def texts(value: Json) -> list[str]:
    """The texts of a list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def sentence(measure: Measure) -> str:
    """What a measure says of itself; of one that is not estimable, why."""
    table = table_of(measure)
    said = [table.get("sentence"), table.get("reason")]
    return of_arm(measure.arm, next((one for one in said if isinstance(one, str) and one), ""))


def of_arm(arm: str | None, said: str) -> str:
    """The sentence with the arm that it is about in front, unless it names it: sentences of arms stand together."""
    named = not arm or re.search(rf"(?<!\w){re.escape(arm)}(?!\w)", said)
    return said if named or not said else f"{arm}: {said}"


def cell(entry: Mapping[str, Json], column: Column) -> Cell:
    """The field of an entry that a column shows, its interval on a second line."""
    value = entry.get(column.key)
    if column.form is None:
        return Cell(scalar(value) if not isinstance(value, dict | list | tuple) else NONE)
    found = number(value)
    if found is None:
        return Cell("not estimable" if column.key in entry and value is None else NONE)
    form = points if column.form is signed else column.form
    return Cell(column.form(found), between(span(entry.get(column.interval)), form) if column.interval else "")


def listed(
    caption: str, entries: Iterable[Mapping[str, Json]], columns: Sequence[Column], *, names: int = 1
) -> Iterator[Table]:
    """One table with a row for each entry; none without an entry. The first ``names`` columns hold no numbers.

    A column that no entry fills is left out.
    """
    rows = list(entries)
    used = [one for at, one in enumerate(columns) if not at or any(entry.get(one.key) is not None for entry in rows)]
    if not rows:
        return
    body = tuple(tuple(cell(entry, column) for column in used) for entry in rows[:MOST_ROWS])
    more = "" if len(rows) <= MOST_ROWS else f" ({MOST_ROWS} of {len(rows):,})"
    right = tuple(at for at, column in enumerate(used) if column.form is not None and at >= names)
    yield Table(caption + more, tuple(one.head for one in used), body, right=right)


def said(measures: Iterable[Measure], *, most: int = 12) -> Iterator[Bullets]:
    """The sentences of measures, each once."""
    found = list(dict.fromkeys(filter(None, map(sentence, measures))))
    if found:
        yield Bullets(tuple(found[:most]))


def folded(title: str, blocks: Iterable[Block]) -> Iterator[Fold]:
    """Blocks behind a line, where there are any."""
    inside = tuple(blocks)
    if inside:
        yield Fold(title, inside)


def signed(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign."""
    return NONE if value is None else f"{_sign(value)}{apart(value)}"


def apart(value: float | None) -> str:
    """The distance of two shares in percentage points, without a sign."""
    return NONE if value is None else f"{abs(100 * value):.2f} points" if finite(value) else count(value)


def _sign(value: float) -> str:
    return "" if abs(value) < 0.00005 else "+" if value > 0 else "-"


def points(value: float | None) -> str:
    """The same without the unit, for the ends of an interval."""
    return signed(value).removesuffix(" points")


def decimal(value: float | None) -> str:
    """A number with its sign and three decimals."""
    return NONE if value is None else f"{'+' if value > 0 else ''}{ratio(value)}"


def p_words(value: float | None) -> str:
    """A p-value in words."""
    return NONE if value is None else p_value(value)


OUTCOMES: Final[Mapping[str, Tone]] = {
    "better": "good",
    "worse": "bad",
    "reversed": "bad",
    "undecided": "unsure",
    "amplified": "bad",
    "attenuated": "good",
    "not estimable": "none",
}
"""How the word for an outcome is coloured; others are not."""


def outcome(value: Json, detail: str = "") -> Cell:
    """The word for what came of a comparison."""
    word = value if isinstance(value, str) and value else NONE
    return Cell(word, detail, OUTCOMES.get(word, "none" if word != NONE else ""))


def note(text: Json, tone: Tone = "quiet") -> Iterator[Text]:
    """A paragraph set off from the others, where there is a text."""
    if isinstance(text, str) and text:
        yield Text(text, tone)


PERCENT: Final = share
COUNT: Final = count
RATIO: Final = ratio

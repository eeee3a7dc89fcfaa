"""From the value of a field to the name of a group: missing values, spellings of one group, numbers. Reads no rows.

A value is a text, several texts (a row that belongs to several groups), or None where there is none.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from audit.model import Json
from audit.read.fields import text_of

Value: TypeAlias = str | tuple[str, ...] | None

MULTIPLE, NONE, UNKNOWN = "multiple", "none", "unknown"
RESERVED: Final = (MULTIPLE, NONE, UNKNOWN)
"""Levels that are no groups, in the order in which they stand after the groups."""
AS_GIVEN: Final = " (as given)"
"""Stands behind a group of the data that has the name of a reserved level."""
LONGEST_VALUE: Final = 200
"""Characters of a value that are read: the name of a group is not longer."""
MOST_LISTED: Final = 50
"""Entries of a list that are read."""
MOST_BITS: Final = 128
"""Bits of a whole number beyond which it is not written out."""
MISSING_WORDS: Final = frozenset(
    [
        "",
        "?",
        "-",
        "--",
        "n/a",
        "#n/a",
        "na",
        "nan",
        "null",
        "nil",
        "unknown",
        "unk",
        "missing",
        "undefined",
        "unspecified",
        "undisclosed",
        "not available",
        "not known",
        "not specified",
        "not stated",
        "not disclosed",
        "not reported",
        "prefer not to say",
        "prefer not to answer",
        "declined to answer",
    ]
)
"""Values, without case, that say that there is none. "none" is not among them: it may be a religion or a disability."""


def value_of(given: Json) -> Value:
    """The text or texts that a field's value stands for: truth values and numbers as JSON writes them, ``1.0`` as
    ``1``; None for null, for an object and for a list of nothing. Lone surrogates become U+FFFD."""
    if isinstance(given, str):
        return plain_text(given)
    if isinstance(given, list):
        texts = {text for item in given[:MOST_LISTED] if (text := _scalar(item)) is not None}
        return tuple(sorted(texts)) if len(texts) > 1 else next(iter(texts), None)
    return _scalar(given)


def _scalar(given: Json) -> str | None:
    if isinstance(given, str):
        return plain_text(given)
    if isinstance(given, float) and given.is_integer() and abs(given) < 1e15:
        return str(int(given))
    if isinstance(given, int) and given.bit_length() > MOST_BITS:
        return f"a number of more than {MOST_BITS} bits"
    return text_of(given)


def plain_text(text: str) -> str:
    """The first characters of a text, such that it can be written as UTF-8."""
    text = text[:LONGEST_VALUE]
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def level_key(text: str) -> str:
    """What all spellings of one group share: NFKC, case folded, white space collapsed."""
    if text.isascii():
        return " ".join(text.lower().split())
    return _collapsed(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


def is_missing(text: str) -> bool:
    """Whether a text is one of ``MISSING_WORDS``."""
    return level_key(text) in MISSING_WORDS


def shown(spellings: Mapping[str, int]) -> str:
    """The name of a group: its most frequent spelling, of equals the first by name, its white space collapsed."""
    counts: Counter[str] = Counter()
    for spelling, rows in spellings.items():
        counts[_collapsed(unicodedata.normalize("NFKC", spelling))] += rows
    name = min(counts, key=lambda text: (-counts[text], text))
    return name + AS_GIVEN if level_key(name) in RESERVED else name


def _collapsed(text: str) -> str:
    return " ".join(text.split())


def texts_in(value: Value) -> Iterable[str]:
    """The texts of a value."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value

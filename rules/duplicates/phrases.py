"""Where a phrase stands in an answer as it is written, and the answer without it. Finds no phrases itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from audit.model import Applicability, Fix, PointerEdit, Record
from audit.read.dialogue import exchange
from audit.read.folding import fold

_WORD: Final = re.compile(r"\w+")
_ENDS: Final = re.compile(r"\s*[.,;:!?\u2026\u3001\u3002\uff0c\uff01\uff1f]*\s*")
"""What follows a phrase and means nothing without it: marks of punctuation and white space."""
_SPACE: Final = re.compile(r"\s")


class Phrases(NamedTuple):
    """The phrases in an answer as they are written there, where the answer stands, and the fix that takes them out,
    None where nothing would be left."""

    phrases: Sequence[str]
    at: str
    fix: Fix | None


def phrases_in(record: Record, phrases: Iterable[Sequence[bytes]]) -> Phrases | None:
    """Which of some phrases, as folded units, stand in the answer of a row; None for none, and where the answer is not
    one string in the row."""
    answer = exchange(record).answer
    pieces = list(answer[0].texts()) if len(answer) == 1 else []
    if len(pieces) != 1:
        return None
    ((at, text),) = pieces
    folded = b" %s " % fold(text)
    written: list[str] = []
    left = text
    for units in phrases:
        if b" %s " % b" ".join(units) not in folded:
            continue
        place = _place(left, units)
        if place is not None:
            written.append(left[place[0] : place[1]])
            left = _without(left, *place)
    if not written:
        return None
    title = "take the phrase out of the answer" if len(written) == 1 else "take the phrases out of the answer"
    edits = (PointerEdit("replace", at, left),)
    return Phrases(written, at, Fix(Applicability.UNSAFE, title, edits) if _WORD.search(left) else None)


def as_written(text: str, units: Sequence[bytes]) -> str:
    """The phrase as it stands in a text; its folded words where they cannot be found again in it."""
    place = _place(text, units)
    return b" ".join(units).decode("utf-8", "replace") if place is None else text[place[0] : place[1]]


def _without(text: str, start: int, end: int) -> str:
    """The text without a phrase, nor the punctuation and white space behind it, but for one space between two words."""
    before, after = text[:start].rstrip(), text[end:]
    ending = _ENDS.match(after)
    gap = text[len(before) : start] or (ending[0] if ending else "")
    after = after[ending.end() :] if ending else after
    between = "\n" if "\n" in gap else " " if _SPACE.search(gap) else ""
    return f"{before}{between}{after}" if before and after else before or after


def _place(text: str, units: Sequence[bytes]) -> tuple[int, int] | None:
    """Where a phrase first stands in a text: code points, the end exclusive."""
    flat = [place for match in _WORD.finditer(text) for place in _placed(match)]
    size = len(units)
    for at in range(len(flat) - size + 1):
        if all(flat[at + k][0] == units[k] for k in range(size)):
            return flat[at][1], flat[at + size - 1][2]
    return None


def _placed(match: re.Match[str]) -> Iterator[tuple[bytes, int, int]]:
    """The units of a word with their places in the text: a character each in a script without spaces."""
    units = fold(match[0]).split()
    start, end = match.span()
    by_character = len(units) == end - start
    for at, unit in enumerate(units):
        yield (unit, start + at, start + at + 1) if by_character else (unit, start, end)

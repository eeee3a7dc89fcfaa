"""What a fix would change, as a unified diff of rows: the changed stretches of each, long lines shortened around them.

It is for reading, not for ``patch``: what cannot be seen is spelt out, and what did not change is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from audit.remedy.fix.report import FileFixed, FixReport, RowChange
from audit.remedy.splices import common_ends
from audit.reports.fix_text import WHOLE_FILE
from audit.reports.redaction import line_without_identifiers
from audit.reports.summary import plural
from audit.reports.text import Paint
from audit.reports.visible import shortened, visible

AROUND: Final = 40
"""Characters shown on each side of a change."""
LONGEST_STRETCH: Final = 400
"""Characters of one changed stretch that are shown, half of them from its end."""
LONGEST_COMPARED: Final = 4_000
"""Characters between the first and the last change in which further stretches that stay are looked for: the search
takes time in the square of them."""
LONGEST_ROW: Final = 200
"""The same of a removed row."""
LONGEST_WORDS: Final = 200
MOST_WORDS: Final = 5
"""Titles or reasons that are spelt out."""

_WORDS: Final = re.compile(r"\w+|\W")


class Stretch(NamedTuple):
    """A piece of both lines, the same text in both where ``same``."""

    before: str
    after: str
    same: bool


class Diff:
    """Writes the changes of rows as they come; knows which file it is in. ``redact`` puts ``[EMAIL]`` and the like in
    place of what identifies somebody."""

    def __init__(self, paint: Paint, *, redact: bool = True) -> None:
        self._paint = paint
        self._shown = line_without_identifiers if redact else str
        self._files: set[str] = set()

    def hunk(self, change: RowChange) -> Iterator[str]:
        """The lines of one changed row, with the file's head before the first of it."""
        yield from self._head(change.source.path)
        says = _limited([self._shown(title) for title in change.titles])
        codes = visible(", ".join(dict.fromkeys(change.codes)))
        yield self._paint(f"@@ line {change.line:,}: {codes}{f' ({says})' if says else ''} @@", "36") + "\n"
        before = self._shown(_text(change.before))
        if change.after is None:
            yield self._paint(f"-{_line([(before, False)], LONGEST_ROW)}", "31") + "\n"
            yield visible(f"\\ {change.action}: {_limited([self._shown(reason) for reason in change.reasons])}") + "\n"
            return
        stretches = compared(before, self._shown(_text(change.after)))
        yield self._paint(f"-{_line([(one.before, one.same) for one in stretches])}", "31") + "\n"
        yield self._paint(f"+{_line([(one.after, one.same) for one in stretches])}", "32") + "\n"

    def whole_files(self, report: FixReport) -> Iterator[str]:
        """What would be done to files as a whole, which no row shows."""
        for file in report.files:
            if said := whole_file(file, report):
                yield from self._head(file.path)
                yield self._paint(f"@@ whole file: {', '.join(said)} @@", "36") + "\n"

    def _head(self, path: str) -> Iterator[str]:
        if path not in self._files:
            self._files.add(path)
            yield self._paint(f"--- {visible(path)}", "1") + "\n"
            yield self._paint(f"+++ {visible(path)} (fixed)", "1") + "\n"


def whole_file(file: FileFixed, report: FixReport) -> list[str]:
    """What is done to a file beside its rows, in words."""
    said = [WHOLE_FILE.get(name, name) for name in report.whole_file.get(file.path, ())]
    if file.rows.blank_removed:
        said.append(f"{plural(file.rows.blank_removed, 'blank line')} removed")
    return said


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _limited(words: Sequence[str]) -> str:
    """Different words once each, the first few of them."""
    once = list(dict.fromkeys(words))
    more = f" and {len(once) - MOST_WORDS} more" if len(once) > MOST_WORDS else ""
    return "; ".join(shortened(word, LONGEST_WORDS) for word in once[:MOST_WORDS]) + more


# ----------------------------------------------------------------------------- what changed in a line


def compared(before: str, after: str) -> list[Stretch]:
    """The stretches of two lines, in order: those that stay and those that change."""
    head, tail = common_ends(before, after)
    rest, other = before[head:], after[head:]
    middle = _between(rest[: len(rest) - tail], other[: len(other) - tail])
    ends = rest[len(rest) - tail :]
    found = [Stretch(before[:head], before[:head], True), *middle, Stretch(ends, ends, True)]
    return [one for one in found if one.before or one.after]


def _between(before: str, after: str) -> Iterator[Stretch]:
    """The stretches of what lies between the first and the last change."""
    if max(len(before), len(after)) > LONGEST_COMPARED:
        yield Stretch(before, after, False)
        return
    from difflib import SequenceMatcher

    words, others = _WORDS.findall(before), _WORDS.findall(after)
    for tag, a, b, c, d in SequenceMatcher(None, words, others).get_opcodes():
        yield Stretch("".join(words[a:b]), "".join(others[c:d]), tag == "equal")


# ----------------------------------------------------------------------------- lines that are shown


def _line(pieces: Sequence[tuple[str, bool]], longest: int = LONGEST_STRETCH) -> str:
    """A line of stretches (text, whether it stays): what stays is shortened to what stands around the changes, a change
    to about ``longest`` characters."""
    shown = []
    for index, (text, same) in enumerate(pieces):
        if same:
            head, tail = AROUND * (index > 0), AROUND * (index < len(pieces) - 1)
            shown.append(_shorter(text, head, tail))
        else:
            shown.append(_shorter(text, longest // 2, longest // 2))
    # Once more as a whole: a command to a build service could be put together from the pieces.
    return visible("".join(shown))


def _shorter(text: str, head: int, tail: int) -> str:
    """The visible start and end of a text, with a count for what lies between where that is longer than the count."""
    left_out = len(text) - head - tail
    if left_out <= AROUND:
        return visible(text)
    return f"{visible(text[:head])}…{left_out:,} characters…{visible(text[len(text) - tail :])}"

"""Makes text from data safe to print: what is invisible, moves the cursor or turns the writing round is spelt out.

Used by every form that a person reads. It does not shorten and does not know where the text came from.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that Python calls printable and that show nothing: fillers, variation selectors, the blank of Braille.

Unicode's Default_Ignorable_Code_Point, less what ``str.isprintable`` refuses already, and U+2800.
"""


_COMMAND: Final = re.compile(r"#(?=#[A-Za-z]*\[)|\A *:(?=:)")
"""Where a build service reads a command in a log: ``##[group]`` or ``##vso[...]`` anywhere in a line, ``::group::`` at
its start (actions/runner, src/Runner.Common/ActionCommand.cs; Azure Pipelines and TeamCity read the first kind)."""


def visible(text: str) -> str:
    r"""One line in which every character can be seen and that no build service takes for a command.

    Control characters come out as ``\n``, ``\t`` or ``\x1b``, undecodable bytes (surrogate escapes) as ``\xff``, all
    other invisible or direction-changing characters, odd spaces included, as ``<U+202E>``; the first character of
    ``##[`` and of a leading ``::`` as ``\x23`` and ``\x3a``.
    """
    if not (text.isprintable() and not _BLANK.search(text)):
        text = "".join(_shown(char) for char in text)
    return _COMMAND.sub(lambda match: f"{match[0][:-1]}\\x{ord(match[0][-1]):02x}", text)


_SHORT: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _shown(char: str) -> str:
    if char.isprintable() and not _BLANK.match(char):
        return char
    number = ord(char)
    if number < 0x100 and number != 0xA0 and number != 0xAD:
        return _SHORT.get(char, f"\\x{number:02x}")
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return f"<U+{number:04X}>"


def width(text: str) -> int:
    """Columns that visible text takes in a terminal: 2 for wide characters, 0 for combining ones (UAX #11)."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shortened(text: str, limit: int) -> str:
    """The visible text, cut to ``limit`` characters with an ellipsis."""
    shown = visible(text[: limit + 1])
    return shown if len(shown) <= limit and len(text) <= limit else shown[: limit - 1] + "…"

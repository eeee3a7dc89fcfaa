"""Fixes that replace a whole text by a cleaned one. Cleans nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from audit.model import DROP_ROW, Applicability, Fix, PointerEdit
from audit.read.patterns import pattern

_CODE: Final = pattern(r"```[^`]*(?:`{1,2}(?!`)[^`]*)*(?:```|\Z)|`[^`\n]+`")
"""Fenced code, to the end of the text where the fence is not closed, and code within a line."""


def replaced_by(cleaned: str, title: str, applicability: Applicability = Applicability.UNSAFE) -> Callable[[str], Fix]:
    """For ``Span.fix``: the text replaced by ``cleaned``; the row dropped where nothing would be left of it."""

    def fix(at: str) -> Fix:
        if not cleaned.strip():
            return DROP_ROW
        return Fix(applicability, title, (PointerEdit("replace", at, cleaned),))

    return fix


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with ``change`` made to all of it but code in backquotes."""
    if "`" not in text:
        return change(text)
    parts: list[str] = []
    position = 0
    for code in _CODE.finditer(text):
        parts += (change(text[position : code.start()]), code[0])
        position = code.end()
    return "".join((*parts, change(text[position:])))


def blanked_code(text: str) -> str:
    """The text with every character of code in backquotes replaced by a space: as long, so that offsets hold."""
    return _CODE.sub(lambda code: " " * len(code[0]), text) if "`" in text else text

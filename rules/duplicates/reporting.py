"""How findings of this family name rows, and what they propose. Compares nothing."""

from __future__ import annotations

from typing import Final

from audit.model import Applicability, DropRow, Fix
from audit.rule import Context

DROP_FIRST_KEPT: Final = Fix(
    Applicability.DROP, "keep the first of the equal rows, move this one to the rejected file", (DropRow(),)
)
DROP_SURVIVOR_KEPT: Final = Fix(
    Applicability.UNSAFE, "keep the row that this one repeats, move this one to the rejected file", (DropRow(),)
)


class Keys:
    """Fingerprint keys: the identity of a row, and for every further row with the same one its number as well."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._used: dict[int, int] = {}

    def of(self, row: int) -> str:
        """The key of a row about to be reported."""
        identity = self._context.column("conversation")[row]
        number = self._used[identity] = self._used.get(identity, 0) + 1
        key = self._context.identity(row)
        return key if number == 1 else f"{key}:{number}"


def shown_place(context: Context, row: int, other: int) -> str:
    """How a message about ``row`` names ``other``: by its line, and by its file where that is another one."""
    here, there = context.place(row), context.place(other)
    line = f"{there.line:,}" if there.line is not None else "?"
    return f"line {line}" if here.file == there.file else f"line {line} of {there.file}"


def excerpt(text: str, most: int) -> str:
    """The beginning of a text, on one line, in characters that any encoding of Unicode can hold."""
    return " ".join(text[: 4 * most].split())[:most].encode("utf-8", "replace").decode()

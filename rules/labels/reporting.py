"""How findings of this family quote labels and name rows, and the remedy that they share. Compares nothing."""

from __future__ import annotations

from collections import Counter
from typing import Final

from audit.rule import Context

LONGEST: Final = 60
"""Characters of a label that are shown."""


def plain(text: str) -> str:
    """A label for messages and tables: its beginning, on one line, in characters that any encoding can hold."""
    line = " ".join(text.split())
    cut = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    return cut.encode("utf-8", "replace").decode()


def quoted(text: str) -> str:
    """The same in quotation marks."""
    return f'"{plain(text)}"'


class Keys:
    """Keys for fingerprints: what a row says, and for every further row that says the same its number as well."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._used: Counter[str] = Counter()

    def of(self, row: int, what: str = "") -> str:
        """The key of a row about to be reported; ``what`` is what else tells findings apart."""
        name = f"{self._context.identity(row)}:{what}"
        self._used[name] += 1
        return name if self._used[name] == 1 else f"{name}:{self._used[name]}"

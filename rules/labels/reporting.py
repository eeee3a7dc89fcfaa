"""How findings quote labels and other texts of the data, and name rows. Compares nothing."""

from __future__ import annotations

from collections import Counter
from typing import Final

from audit.rule import Context

LONGEST: Final = 60
"""Characters of a label that are shown."""
_LOOKED_AT: Final = 20_000
"""Characters of a text that are looked at, since private data is longer than what stands for it: a secret key has
13,000."""


def plain(text: str) -> str:
    """A label for messages and tables: its beginning, on one line, in characters that any encoding can hold."""
    return beginning(" ".join(text[:_LOOKED_AT].split()), LONGEST)


def beginning(text: str, longest: int) -> str:
    """The first ``longest`` characters of a text of the data, in such as any encoding can hold.

    Private data and secrets are masked before it is cut, since nobody recognises half an address.
    """
    from audit.identifiers.redaction import redact  # only where something is quoted: it takes 30 ms to load

    shown = redact(text[:_LOOKED_AT])
    cut = shown if len(shown) <= longest else shown[: longest - 1] + "…"
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

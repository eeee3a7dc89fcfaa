"""Every string of a parsed row with its JSON Pointer, in document order. Knows no shapes and judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from audit.model import Json
from audit.read.spans import escape

DECLARATIONS: Final = frozenset({"tools", "functions"})
"""Keys of a row under which tools are declared: schemas, which many rows share and nobody says."""
_NAMES: Final = frozenset({"role", "from", "type"})
"""Keys whose values are names of a format."""


def strings(value: Json, at: str = "") -> Iterator[tuple[str, str]]:
    """(JSON Pointer, text) of every string value below ``value``, which stands at ``at``; keys are left out, and the
    values of ``role``, ``from`` and ``type``. Nesting may be as deep as memory allows."""
    waiting: list[tuple[str, Json]] = [(at, value)]
    while waiting:
        here, one = waiting.pop()
        if isinstance(one, str):
            yield here, one
        elif isinstance(one, dict):
            inner = [(f"{here}/{escape(key)}", below) for key, below in one.items() if key not in _NAMES]
            waiting.extend(reversed(inner))
        elif isinstance(one, list):
            waiting.extend((f"{here}/{index}", one[index]) for index in range(len(one) - 1, -1, -1))

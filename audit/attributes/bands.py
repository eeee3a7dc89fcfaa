"""Numbers among the values of an attribute: told from other texts, and cut into bands. Reads no rows."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")


def number_in(text: str) -> float | None:
    """The number that a text is, in digits of any script; None for any other text.

    Stricter than ``float``: no ``nan``, no ``inf``, no ``1_000``.
    """
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return float(plain) if _NUMBER.fullmatch(plain.strip()) else None


def band_names(edges: Sequence[float]) -> tuple[str, ...]:
    """The bands between ascending edges, from low to high: ``<25``, ``25-39``, ``40+`` for 25 and 40.

    Bands of whole numbers are named by the numbers that they hold, others ``0.5 to <1.5``.
    """
    whole = all(float(edge).is_integer() for edge in edges)
    between = [_between(low, high, whole) for low, high in pairwise(edges)]
    return (f"<{edges[0]:.15g}", *between, f"{edges[-1]:.15g}+")


def _between(low: float, high: float, whole: bool) -> str:
    if not whole:
        return f"{low:.15g} to <{high:.15g}"
    return f"{low:.15g}" if high == low + 1 else f"{low:.15g}-{high - 1:.15g}"


def band_of(number: float, edges: Sequence[float]) -> int:
    """The index of a number's band: an edge belongs to the band above it."""
    return bisect_right(edges, number)

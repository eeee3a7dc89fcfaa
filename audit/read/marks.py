"""What a remedy wrote into a row's metadata: that it is a copy, was made up, or has a weight. Judges nothing.

``metadata.audit.copy_of`` names the row that a copy was made of, ``metadata.audit.synthetic`` how a row was made up and
of which row, ``metadata.audit.weight`` is what the row counts for.
"""

from __future__ import annotations

import math
import re
from typing import Final

from audit.model import Json
from audit.read.fields import value_at

HOLDER: Final = "audit"
"""The key in a row's ``metadata`` that holds them all."""
WEIGHT: Final = "/metadata/audit/weight"
COPY_OF: Final = "/metadata/audit/copy_of"
SYNTHETIC: Final = "/metadata/audit/synthetic"
_ROW_ID: Final = re.compile(r"[0-9a-f]{32}#[1-9][0-9]{0,18}", re.ASCII)
TRACE: Final = b'"audit"'
"""Bytes without which a row can hold none of them."""


def weight_at(data: Json, path: str | None) -> float | None:
    """The weight of a row: the number at ``path``, or at ``WEIGHT`` where that is None. None where there is none.

    Anything but a finite number of 0 or more is none.
    """
    value = value_at(data, path or WEIGHT)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def says_copy(data: Json) -> bool:
    """Whether a row says that it is a copy, of whatever."""
    return isinstance(value_at(data, COPY_OF), str)


def names_row(data: Json) -> bool:
    """Whether what a row says that it is a copy of is a row id (``CONTENT_ID#N``)."""
    name = value_at(data, COPY_OF)
    return isinstance(name, str) and _ROW_ID.fullmatch(name) is not None


def is_synthetic(data: Json) -> bool:
    """Whether a row says that it was made up for balance: true, or how or by what in an object or a text."""
    value = value_at(data, SYNTHETIC)
    return value is True or (isinstance(value, dict | str) and bool(value))


def made_up_of(data: Json) -> str | None:
    """The row id (``CONTENT_ID#N``) of the row that a row says it was made up of; None for none."""
    name = value_at(data, f"{SYNTHETIC}/of")
    return name if isinstance(name, str) else None


def made_of(data: Json) -> str | None:
    """The row id that a row names as the one that it is a copy of, else as the one that it was made up of."""
    name = value_at(data, COPY_OF)
    return name if isinstance(name, str) else made_up_of(data)

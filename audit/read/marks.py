"""What a remedy wrote into a row's metadata: that it is a copy, was made up, or has a weight. Judges nothing.

``metadata.audit.copy_of`` names the row that a copy was made of, ``metadata.audit.synthetic`` how a row was made up and
of which row, ``metadata.audit.weight`` is what the row counts for.
"""

from __future__ import annotations

import math
from typing import Final

from audit.model import ABSENT, Json
from audit.read.fields import value_at

HOLDER: Final = "audit"
"""The key in a row's ``metadata`` that holds them all."""
WEIGHT: Final = "/metadata/audit/weight"
COPY_OF: Final = "/metadata/audit/copy_of"
SYNTHETIC: Final = "/metadata/audit/synthetic"
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


def is_copy(data: Json) -> bool:
    """Whether a row says of which row it is a copy."""
    return isinstance(value_at(data, COPY_OF), str)


def is_synthetic(data: Json) -> bool:
    """Whether a row says that it was made up for balance."""
    value = value_at(data, SYNTHETIC)
    return value is not ABSENT and value is not None and value is not False


def made_of(data: Json) -> str | None:
    """The row id (``CONTENT_ID#N``) that a row names as the one that it is a copy of, or was made of; None for none."""
    for path in (COPY_OF, f"{SYNTHETIC}/of"):
        name = value_at(data, path)
        if isinstance(name, str):
            return name
    return None

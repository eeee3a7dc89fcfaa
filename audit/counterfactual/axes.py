"""Which lexicon speaks of the groups of an attribute. Reads no text."""

from __future__ import annotations

from typing import Final

from audit.lexicons import axes
from audit.rule import Attribute

_ALSO_CALLED: Final = {"sex": "gender"}


def axis_of(attribute: Attribute) -> str | None:
    """The axis of a lexicon: the configured one of a mention, else the one that bears the attribute's name ("sex" is
    "gender"); None for none."""
    if attribute.source == "lexicon":
        return attribute.where
    name = attribute.name.lower()
    name = _ALSO_CALLED.get(name, name)
    return name if name in axes() else None

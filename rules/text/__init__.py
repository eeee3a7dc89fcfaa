"""TXT: what is wrong with the characters of a text: corruption, look-alikes, invisible ones."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule

RULES: Final[tuple[type[Rule], ...]] = ()

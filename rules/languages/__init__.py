"""LNG: which languages there are, and answers in another than the question's."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule

RULES: Final[tuple[type[Rule], ...]] = ()

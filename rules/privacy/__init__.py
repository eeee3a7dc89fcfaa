"""PII: what identifies a person."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule

RULES: Final[tuple[type[Rule], ...]] = ()

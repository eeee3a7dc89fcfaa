"""SAF: content that harms, harmful requests that are answered, and harmless ones that are refused."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule

RULES: Final[tuple[type[Rule], ...]] = ()

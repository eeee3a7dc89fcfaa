"""SAF: content that harms, harmful requests that are answered, and harmless ones that are refused."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.safety.benign_refused import BenignRefused
from audit.rules.safety.harmful_answered import HarmfulAnswered
from audit.rules.safety.harmful_content import HarmfulContent

RULES: Final[tuple[type[Rule], ...]] = (HarmfulContent, HarmfulAnswered, BenignRefused)

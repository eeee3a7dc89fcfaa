"""DUP: rows that say the same, or nearly. Finding near-duplicates itself is ``audit.clusters``."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.duplicates.boilerplate_span import BoilerplateSpan
from audit.rules.duplicates.exact_duplicate import ExactDuplicate
from audit.rules.duplicates.near_duplicate import NearDuplicate
from audit.rules.duplicates.normalised_duplicate import NormalisedDuplicate
from audit.rules.duplicates.removal_guard import RemovalGuard
from audit.rules.duplicates.repeated_prompt import RepeatedPrompt
from audit.rules.duplicates.semantic_duplicate import SemanticDuplicate

RULES: Final[tuple[type[Rule], ...]] = (
    ExactDuplicate,
    NormalisedDuplicate,
    NearDuplicate,
    RepeatedPrompt,
    BoilerplateSpan,
    SemanticDuplicate,
    RemovalGuard,
)

"""SPL: what one split or an evaluation file shares with another, and how they differ."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.splits.contamination import Contamination
from audit.rules.splits.distribution_shift import DistributionShift
from audit.rules.splits.exact_overlap import ExactOverlap
from audit.rules.splits.near_overlap import NearOverlap
from audit.rules.splits.straddling_group import StraddlingGroup
from audit.rules.splits.unrepresented_prompt import UnrepresentedPrompt

RULES: Final[tuple[type[Rule], ...]] = (
    ExactOverlap,
    NearOverlap,
    StraddlingGroup,
    Contamination,
    DistributionShift,
    UnrepresentedPrompt,
)

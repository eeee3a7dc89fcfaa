"""Demographic skew in the data: representation, labels and answers by group."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.demographics.answers_by_group import AnswersByGroup
from audit.rules.demographics.detectable_ratio import DetectableRatio
from audit.rules.demographics.favourable_rate import FavourableRate
from audit.rules.demographics.group_words import GroupWords
from audit.rules.demographics.identity_flip import IdentityFlip
from audit.rules.demographics.intersections import Intersections
from audit.rules.demographics.label_association import LabelAssociation
from audit.rules.demographics.quality_by_group import QualityByGroup
from audit.rules.demographics.representation import GroupShares
from audit.rules.demographics.split_coverage import SplitCoverage
from audit.rules.demographics.strata import WithinStrata
from audit.rules.demographics.unknown_group import UnknownGroup

RULES: Final[tuple[type[Rule], ...]] = (
    GroupShares,
    UnknownGroup,
    LabelAssociation,
    FavourableRate,
    WithinStrata,
    GroupWords,
    AnswersByGroup,
    SplitCoverage,
    DetectableRatio,
    Intersections,
    IdentityFlip,
    QualityByGroup,
)

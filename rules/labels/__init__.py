"""LBL: labels of classification-style chats: conflicts, balance, likely errors, artefacts, order."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.labels.class_imbalance import ClassImbalance
from audit.rules.labels.conflicting_answers import ConflictingAnswers
from audit.rules.labels.label_artefact import LabelArtefact
from audit.rules.labels.label_variant import LabelVariant
from audit.rules.labels.likely_error import LikelyLabelError
from audit.rules.labels.sorted_labels import SortedLabels

RULES: Final[tuple[type[Rule], ...]] = (
    ConflictingAnswers,
    ClassImbalance,
    LikelyLabelError,
    LabelVariant,
    LabelArtefact,
    SortedLabels,
)

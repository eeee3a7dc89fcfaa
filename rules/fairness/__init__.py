"""What a model answered to whom: rates, errors and likelihoods by group, and what changed between arms."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.fairness.amplification import BiasAmplification
from audit.rules.fairness.answer_rates import AnswerRates
from audit.rules.fairness.calibration import CalibrationByGroup
from audit.rules.fairness.change_between_arms import ChangeBetweenArms
from audit.rules.fairness.counterfactual_flip import CounterfactualFlip
from audit.rules.fairness.false_positive_rate import FalsePositiveRate
from audit.rules.fairness.likelihood_gap import LikelihoodGap
from audit.rules.fairness.quality_of_service import QualityOfService
from audit.rules.fairness.selection_rate import SelectionRate
from audit.rules.fairness.true_positive_rate import TruePositiveRate

RULES: Final[tuple[type[Rule], ...]] = (
    SelectionRate,
    TruePositiveRate,
    FalsePositiveRate,
    QualityOfService,
    AnswerRates,
    CounterfactualFlip,
    LikelihoodGap,
    BiasAmplification,
    CalibrationByGroup,
    ChangeBetweenArms,
)

"""What a model answered: right or wrong, missing, memorised, all alike, worse than before."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.outputs.accuracy import LowAccuracy
from audit.rules.outputs.collapse import Collapse
from audit.rules.outputs.expert_agreement import LowAgreement
from audit.rules.outputs.extracted_lists import FewExtracted
from audit.rules.outputs.inconsistent import Inconsistent
from audit.rules.outputs.label_set import WrongForm
from audit.rules.outputs.memorised import Memorised
from audit.rules.outputs.missing_answers import MissingAnswers
from audit.rules.outputs.overfitting import Overfitting
from audit.rules.outputs.perplexity import Perplexity
from audit.rules.outputs.safety_regression import SafetyRegression
from audit.rules.outputs.text_findings import TextFindings
from audit.rules.outputs.text_quality import WorseText

RULES: Final[tuple[type[Rule], ...]] = (
    LowAccuracy,
    Perplexity,
    WrongForm,
    Memorised,
    Collapse,
    Overfitting,
    TextFindings,
    WorseText,
    FewExtracted,
    SafetyRegression,
    LowAgreement,
    MissingAnswers,
    Inconsistent,
)

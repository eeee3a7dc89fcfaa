"""ANS: what is wrong with an answer as an answer: cut short, repeated, refused, copied, left as a template."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.answers.bad_citation import BadCitation
from audit.rules.answers.broken_structure import BrokenStructure
from audit.rules.answers.copied_prompt import CopiedPrompt
from audit.rules.answers.left_in_answer import LeftInAnswer
from audit.rules.answers.length_outlier import LengthOutlier
from audit.rules.answers.refusal import Refusal
from audit.rules.answers.repetition import Repetition
from audit.rules.answers.slop import Slop
from audit.rules.answers.truncated_answer import TruncatedAnswer

RULES: Final[tuple[type[Rule], ...]] = (
    TruncatedAnswer,
    BrokenStructure,
    Refusal,
    Repetition,
    LengthOutlier,
    CopiedPrompt,
    LeftInAnswer,
    Slop,
    BadCitation,
)

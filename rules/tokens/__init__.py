"""TOK: length, truncation, cost, and control tokens in the text. Counting itself is ``audit.tokens``."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.tokens.cost import Cost
from audit.rules.tokens.fertility import Fertility
from audit.rules.tokens.over_length import OverLength
from audit.rules.tokens.padding import Padding
from audit.rules.tokens.rejected_token import RejectedToken
from audit.rules.tokens.retired_model import RetiredModel
from audit.rules.tokens.special_token import SpecialToken
from audit.rules.tokens.truncated_target import TruncatedTarget

RULES: Final[tuple[type[Rule], ...]] = (
    OverLength,
    TruncatedTarget,
    Cost,
    Padding,
    Fertility,
    SpecialToken,
    RejectedToken,
    RetiredModel,
)

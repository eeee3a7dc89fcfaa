"""LNG: which languages there are, and answers in another than the question's."""

from __future__ import annotations

from typing import Final

from audit.rule import Rule
from audit.rules.languages.answer_language import AnswerLanguage
from audit.rules.languages.unexpected_language import UnexpectedLanguage

RULES: Final[tuple[type[Rule], ...]] = (UnexpectedLanguage, AnswerLanguage)

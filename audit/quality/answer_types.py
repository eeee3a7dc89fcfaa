"""What kind of answer is due, which decides how an answer is compared with it. Reads the true answer alone."""

from __future__ import annotations

from typing import Literal, TypeAlias

from audit.model import ABSENT
from audit.quality.numeric import says_a_number
from audit.quality.structured import json_answer
from audit.read.fields import is_short

AnswerType: TypeAlias = Literal["json", "number", "short", "long"]


def answer_type(truth: str) -> AnswerType:
    """``json`` for an object or a list, ``number`` for what is calculated, ``short`` for one line of a few words."""
    plain = truth.strip()
    if json_answer(plain) is not ABSENT:
        return "json"
    if says_a_number(plain):
        return "number"
    return "short" if is_short(plain) else "long"

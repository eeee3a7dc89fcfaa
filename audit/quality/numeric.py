"""The number that an answer comes to, for questions that are calculated. Says nothing of how it was found."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from audit.read.patterns import pattern

_DIGITS: Final = r"(?:\d{1,3}(?:,\d{3}){1,9}|\d{1,30})"
_NUMBER: Final = rf"(?P<number>[-+\u2212]?\s?[$€£¥]?{_DIGITS}(?:\.\d{{1,30}})?)"
_MARKED: Final = pattern(rf"####\s*{_NUMBER}")
_BOXED: Final = pattern(rf"\\boxed\{{\s*\\?{_NUMBER}")
_ANY: Final = pattern(rf"(?<![\w.])(?<!\d,){_NUMBER}")
_SIGNS: Final = str.maketrans({",": None, "$": None, "€": None, "£": None, "¥": None, " ": None, "\u2212": "-"})


def numeric_answer(text: str) -> Fraction | None:
    r"""The number that an answer comes to, None where it has none: the last behind ``####`` or in ``\boxed{}``, else
    the last of the text.

    ``####`` is how the answers of GSM8K end (Cobbe et al. 2021, "Training verifiers to solve math word problems"); the
    last number is what evaluations with free wording take (``flexible-extract`` of lm-evaluation-harness).
    """
    for marked in (_MARKED, _BOXED):
        found = [one["number"] for one in marked.finditer(text)]
        if found:
            return _value(found[-1])
    last = None
    for one in _ANY.finditer(text):
        last = one["number"]
    return None if last is None else _value(last)


def says_a_number(text: str) -> bool:
    """Whether a true answer is a number: one alone, or one that is marked as the result."""
    plain = text.strip()
    if "####" in plain or "\\boxed" in plain:
        return numeric_answer(plain) is not None
    found = _ANY.match(plain)
    return found is not None and plain[found.end() :].strip(" .%€£$¥") == ""


def same_number(answer: str, truth: str) -> float:
    """1 where both come to the same number, else 0; so where one of them comes to none."""
    ours = numeric_answer(answer)
    return float(ours is not None and ours == numeric_answer(truth))


def _value(written: str) -> Fraction | None:
    try:
        return Fraction(written.translate(_SIGNS))
    except ValueError:
        return None

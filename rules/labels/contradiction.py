"""Whether two answers to one question contradict each other: labels, results, yes and no, choices, or free text.

Compares two answers; which rows to compare is the caller's business.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from audit.labels.spelling import spelling_key
from audit.read.fields import is_short
from audit.read.folding import fold
from audit.read.patterns import pattern

Kind: TypeAlias = Literal["label", "number", "yes_no", "choice", "text"]

WORDS_BESIDE: Final = 3
"""Words beside the only number of a short answer, at most, for that number to be its result."""
ROUNDED: Final = Fraction(1, 100)
"""How far apart two results may be when one of them has been rounded, as a share of the larger."""

_DIGITS: Final = r"(?:\d{1,3}(?:,\d{3}){1,9}|\d{1,30})"
_NUMBER: Final = rf"(?<![\w.:/-])[-+\u2212]?{_DIGITS}(?:\.\d{{1,30}})?(?:/\d{{1,30}})?(?![\w/:]|[.,]\d)"
_ANY_NUMBER: Final = pattern(_NUMBER)
_MONEY: Final = r"[$€£¥₹]?\s?"
_ANNOUNCED: Final = pattern(
    r"(?:####|\banswer(?:\s+is|\s*[:=])|答案是|答案[:：]|答え[はが:：])\s*:?\s*[*_$\\(\[]{0,4}\s*"
    r"(?:about|approximately|around|roughly)?\s*" + _MONEY + rf"(?P<number>{_NUMBER})(?P<percent>\s?%)?",
    re.IGNORECASE,
)
_ANNOUNCES: Final = ("####", "nswer", "NSWER", "答")
"""One of these is in every text that announces a result: looking for them first is ten times as fast."""
_BOXED: Final = pattern(rf"\\boxed\{{\s*\\?[$€£]?(?P<number>{_NUMBER})(?P<percent>\s?\\?%)?[^{{}}]{{0,20}}\}}")
_EQUALS: Final = pattern(rf"\d[^=]{{0,60}}=\s*{_MONEY}(?P<number>{_NUMBER})(?P<percent>\s?%)?[^=\d]{{0,30}}\Z")

_YES_NO: Final[Mapping[str, bool]] = MappingProxyType(
    {
        word: truth
        for truth, words in (
            (True, "yes yeah yep true correct oui vrai ja sí si sim да 是 是的 对 はい نعم हाँ"),
            (False, "no nope false incorrect non faux nein não нет 否 不是 不 いいえ لا नहीं"),
        )
        for word in words.split()
    }
)
_STATED: Final = pattern(
    r"\A\W{0,4}(?P<word>" + "|".join(sorted(_YES_NO, key=len, reverse=True)) + r")"
    r"(?=\s*(?:[.,;:!)*\u2013\u2014\u3002\uff0c\uff01]|\Z)|\s+(?:it|they|he|she|there|this|that|you|we)\b)",
    re.IGNORECASE,
)
_CONCLUDED: Final = pattern(r"\banswer is:?\s*[\"'*(]{0,3}(?P<word>yes|no|true|false)\b", re.IGNORECASE)
_CHOICE: Final = pattern(r"\A\W{0,2}(?:\((?P<a>[A-Ha-h])\)|(?P<b>[A-H])\)|(?P<c>[A-H])\.(?=\s)|(?P<d>[A-H])\W{0,2}\Z)")
_CONCLUDED_CHOICE: Final = pattern(r"\banswer is:?\s*(?:\((?P<a>[A-Ha-h])\)|(?P<b>[A-H])[.)]?(?=\s|\Z))")


class Result(NamedTuple):
    """A number as the result of an answer: its value, the decimals it is given with, whether in per cent."""

    value: Fraction
    decimals: int
    percent: bool


class Answer(NamedTuple):
    """An answer as it is compared. ``label`` is the row's label as written, ``key`` without what spelling may vary,
    None where labels do not decide; ``whole`` says that the label is the answer.

    ``units`` are its words (or characters of a script without spaces) and how often each occurs.
    """

    text: str
    label: str | None
    key: str | None
    whole: bool
    result: Result | None
    yes: bool | None
    choice: str | None
    units: Counter[bytes]

    @property
    def meaning(self) -> object:
        """What answers have in common that agree, however they are worded."""
        if self.whole and self.key is not None:
            return self.key
        points = (self.result, self.yes, self.choice)
        return self.key, points if any(point is not None for point in points) else frozenset(self.units.items())


class Contradiction(NamedTuple):
    """In what two answers contradict each other; for free text the similarity of their words."""

    kind: Kind
    similarity: float | None = None


def read_answer(text: str, label: str | None, *, whole: bool, called: bool = False) -> Answer:
    """An answer from its text. ``called`` says that it is a call of a tool, which has no result yet."""
    plain = text.strip()
    return Answer(
        text=plain,
        label=label,
        key=None if label is None else spelling_key(label),
        whole=whole,
        result=None if called else final_number(plain),
        yes=None if called else yes_or_no(plain),
        choice=None if called else choice(plain),
        units=Counter(fold(plain).split()),
    )


def contradiction(first: Answer, other: Answer, least_similarity: float) -> Contradiction | None:
    """How two answers contradict each other, None when they do not.

    The first of these that both answers have decides: label (where it is the whole answer), result, yes or no, letter
    of a choice. Else free text contradicts when the multisets of its words have a Jaccard similarity below the bound
    and neither answer has all the words of the other.
    """
    if first.key is not None and other.key is not None:
        if first.key != other.key:
            return Contradiction("label")
        if first.whole and other.whole:
            return None
    if first.result is not None and other.result is not None:
        return None if same_result(first.result, other.result) else Contradiction("number")
    if first.yes is not None and other.yes is not None:
        return None if first.yes == other.yes else Contradiction("yes_no")
    if first.choice is not None and other.choice is not None:
        return None if first.choice == other.choice else Contradiction("choice")
    return _in_words(first.units, other.units, least_similarity)


def _in_words(first: Counter[bytes], other: Counter[bytes], least: float) -> Contradiction | None:
    if not first or not other or first.keys() <= other.keys() or other.keys() <= first.keys():
        return None
    similarity = multiset_jaccard(first, other)
    return Contradiction("text", similarity) if similarity < least else None


def multiset_jaccard(first: Counter[bytes], other: Counter[bytes]) -> float:
    """What two multisets share over what they are together; 1 for two empty ones."""
    if len(first) > len(other):
        first, other = other, first
    shared = sum(min(count, other[unit]) for unit, count in first.items() if unit in other)
    together = first.total() + other.total() - shared
    return shared / together if together else 1.0


# ----------------------------------------------------------------------------- what an answer comes to


def final_number(text: str) -> Result | None:
    r"""The result of an answer: the last number that is announced (``#### 7``, ``The answer is 7``, ``\boxed{7}``),
    else what the last line computes (``3 + 4 = 7``), else the only number of a short answer of few words."""
    for hints, said in ((_ANNOUNCES, _ANNOUNCED), (("boxed",), _BOXED)):
        found = _last(said, text) if any(hint in text for hint in hints) else None
        if found is not None:
            return _result(found["number"], percent=found["percent"] is not None)
    last = text.rpartition("\n")[2][-200:]
    found = _EQUALS.search(last)
    if found is not None:
        return _result(found["number"], percent=found["percent"] is not None)
    return _only_number(text) if is_short(text) else None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = list(pattern.finditer(text))
    return found[-1] if found else None


def _concluded(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return _last(pattern, text) if any(hint in text for hint in _ANNOUNCES) else None


def _only_number(text: str) -> Result | None:
    numbers = list(_ANY_NUMBER.finditer(text))
    if len(numbers) != 1:
        return None
    (found,) = numbers
    before, after = text[: found.start()], text[found.end() :]
    if any(map(str.isdigit, before + after)) or len((before + " " + after).split()) > WORDS_BESIDE:
        return None
    return _result(found[0], percent=after.lstrip().startswith("%"))


def _result(written: str, *, percent: bool) -> Result | None:
    number = written.replace(",", "").replace("\u2212", "-")
    try:
        value = Fraction(number)
    except (ValueError, ZeroDivisionError):
        return None
    decimals = len(number.partition(".")[2]) if "/" not in number else 30
    return Result(value, decimals, percent)


def same_result(first: Result, other: Result) -> bool:
    """Whether two results are equal, or one is the other rounded by at most 1 %; 50 % is 0.5 and, in a table, 50."""
    values = [(first.value, other.value)]
    if first.percent != other.percent:
        values.append((first.value / 100, other.value) if first.percent else (first.value, other.value / 100))
    finest = Fraction(1, 2 * 10 ** min(first.decimals, other.decimals))
    return any(
        one == two or (abs(one - two) <= finest and abs(one - two) <= ROUNDED * max(abs(one), abs(two)))
        for one, two in values
    )


def yes_or_no(text: str) -> bool | None:
    """What an answer that begins with yes, no, true or false, or concludes "the answer is no", comes to."""
    found = _concluded(_CONCLUDED, text) or _STATED.match(text)
    return None if found is None else _YES_NO[found["word"].lower()]


def choice(text: str) -> str | None:
    """The letter, in upper case, of an answer to a multiple-choice question: ``(A)``, ``B) ...``, ``C.``, ``D``."""
    found = _concluded(_CONCLUDED_CHOICE, text) or _CHOICE.match(text)
    return None if found is None else next(letter for letter in found.groups() if letter).upper()

"""Answers that are JSON: reading them, and precision, recall and F1 of lists taken as multisets. Judges no answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple, NoReturn

import msgspec

from audit.model import ABSENT, Json
from audit.read.patterns import pattern

_FENCED: Final = pattern(r"\A\s*```[A-Za-z]*\s*\n(?P<inner>.*?)\n?\s*```\s*\Z", re.DOTALL)
_OPENS: Final = ("{", "[")
MOST_NESTED: Final = 100
"""Levels of lists and objects beyond which a text is no answer: what walks a value calls itself for each."""


class SetScore(NamedTuple):
    """Entries that are in both (``hits``), in the answer (``given``) and in the true answer (``due``).

    Where nothing is due and nothing given, all three figures are 1: the answer is right. Where only one of them is
    empty, precision or recall is 0.
    """

    hits: int
    given: int
    due: int

    @property
    def precision(self) -> float:
        return self.hits / self.given if self.given else float(not self.due)

    @property
    def recall(self) -> float:
        return self.hits / self.due if self.due else float(not self.given)

    @property
    def f1(self) -> float:
        both = self.given + self.due
        return 2 * self.hits / both if both else 1.0


def json_answer(text: str, *, fenced: bool = False) -> Json:
    """The object or list that a text is, ``ABSENT`` where it is neither; with ``fenced`` also where it stands alone in
    a fence of Markdown."""
    plain = text.strip()
    found = _FENCED.match(plain) if fenced else None
    if found is not None:
        plain = found["inner"].strip()
    if not plain.startswith(_OPENS):
        return ABSENT
    try:
        value = _parsed(plain)
    except (ValueError, RecursionError):
        return ABSENT
    return value if _levels(value) <= MOST_NESTED else ABSENT


def _levels(value: Json) -> int:
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def _parsed(text: str) -> Json:
    """msgspec refuses lone surrogates, which are grammatical JSON, hence the second reader."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def entries(value: Json) -> Counter[str]:
    """What a list holds, as canonical JSON (texts without case and outer spaces); of an object, each key with each
    entry of its value. Nested lists and objects are entries as they are."""
    if isinstance(value, dict):
        return Counter(f"{key}:{inner}" for key, part in value.items() for inner in _each(part))
    return Counter(_each(value))


def _each(value: Json) -> Iterable[str]:
    return map(_canonical, value if isinstance(value, list) else [value])


def _canonical(value: Json) -> str:
    return json.dumps(_folded(value), sort_keys=True)


def _folded(value: Json) -> Json:
    """1.0 and 1 are one number, and texts are compared as they are read."""
    if isinstance(value, str):
        return " ".join(value.split()).casefold()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _folded(part) for key, part in value.items()}
    return [_folded(part) for part in value] if isinstance(value, list) else value


def same_json(first: Json, second: Json) -> bool:
    """Whether two values of JSON are the same but for the order of keys, the case of texts and their spaces."""
    return _canonical(first) == _canonical(second)


def set_score(answer: Json, truth: Json) -> SetScore:
    """How the entries of an answer compare with those due; ``ABSENT`` gives none."""
    ours, theirs = (Counter[str]() if value is ABSENT else entries(value) for value in (answer, truth))
    return SetScore((ours & theirs).total(), ours.total(), theirs.total())

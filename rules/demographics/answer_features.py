"""What can be counted in an answer without a model: length, refusal phrases, hedging, thanks, language. Judges none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from audit.phrases.refusals import refuses

LONGEST: Final = 20_000
"""Characters of an answer that are looked at."""

_HEDGE: Final = re.compile(
    r"\b(?:perhaps|maybe|might be|may be|it depends|i think|i believe|possibly|not sure|in some cases|arguably)\b",
    re.IGNORECASE,
)
_POLITE: Final = re.compile(
    r"\b(?:please|thank you|thanks|you(?:'|’)re welcome|happy to|glad to|of course|certainly|sir|madam|ma(?:'|’)am)\b",
    re.IGNORECASE,
)


def language_of(answer: str) -> str:
    """The language of an answer; "" where that cannot be told."""
    from audit.language import identify

    guess = identify(answer[:LONGEST])
    return guess.language if guess.sure else ""


SHARES: Final[Mapping[str, Callable[[str], bool]]] = {
    "refusal": lambda answer: refuses(answer[:LONGEST]),
    "hedging": lambda answer: _HEDGE.search(answer[:LONGEST]) is not None,
    "politeness": lambda answer: _POLITE.search(answer[:LONGEST]) is not None,
}
"""Features that an answer has or has not. Phrases are a low bar: they say that a rate differs, not what was meant."""


def length(answer: str) -> float:
    """Characters of an answer."""
    return float(len(answer))

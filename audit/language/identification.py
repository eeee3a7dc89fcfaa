"""Guesses the language of a text: by its script, then by its commonest words, and only then by a model.

Knows one language for a text, the one it is mostly in; translates and judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from audit.language.scripts import ONLY_LANGUAGE, UNKNOWN, script_of
from audit.language.words import count_words


class Guess(NamedTuple):
    """A language, whether that is sure, and the script of most letters.

    ``language`` is ISO 639-1, ``und`` for none; ``script`` ISO 15924, ``Zyyy`` for none, ``Kana`` for Japanese writing.
    """

    language: str
    sure: bool
    script: str


UNDETERMINED: Final = "und"
"""As ISO 639-2 has it."""
_LONGEST: Final = 1_000
"""Characters from the beginning of a text that are looked at."""
_FEWEST_LETTERS: Final = 12
"""For the model, and for Chinese to be sure: a Japanese word may be in Han alone."""
_OTHER_LETTERS: Final = re.compile("[åøæąćčďđėęěğģįıķļłńňőřśšşťţțūůűųźżž]")
_FEWEST_OTHER_LETTERS: Final = 2
"""Letters that none of the languages in the table of words is written with: then its words are another language's, as
"den" and "er" are Danish as well as German. One may be in a name."""
_FEWEST_OF_SCRIPT: Final = 3
_SURE: Final = 0.8
_SURE_WITH_WORDS: Final = 0.5
"""Probabilities from which a guess of the model is sure: alone, and where the commonest words say the same. Chosen on
the sets of docs/decisions/0012-mentions.md: of 3,000 rows of Romanised Hindi, which the model does not know, two in a
hundred are taken for another language."""


def identify(text: str) -> Guess:
    """The language of a text, from its first 1,000 characters.

    ``sure`` is False for a text that is short, mixed, or in a language that resembles others. Takes any string. The
    model (py3langid) is loaded when the first text needs it.
    """
    settled = identify_by_words(text)
    if settled is not None:
        return settled
    sample = text[:_LONGEST]
    language, probability = _classify()(sample)
    least = _SURE_WITH_WORDS if language == count_words(sample).language else _SURE
    return Guess(language, probability >= least, script_of(sample))


def identify_by_words(text: str) -> Guess | None:
    """What ``identify`` says where it needs no model: by the script, or by the commonest words; else None."""
    sample = text[:_LONGEST]
    script = script_of(sample)
    if script == UNKNOWN:
        return Guess(UNDETERMINED, False, script)
    letters = sum(map(str.isalpha, sample))
    if script in ONLY_LANGUAGE:
        fewest = _FEWEST_LETTERS if script == "Hani" else _FEWEST_OF_SCRIPT
        return Guess(ONLY_LANGUAGE[script], letters >= fewest, script)
    counted = count_words(sample)
    if script == "Latn" and counted.settled and len(_OTHER_LETTERS.findall(sample)) < _FEWEST_OTHER_LETTERS:
        return Guess(counted.language, True, script)
    if letters < _FEWEST_LETTERS:
        return Guess((script == "Latn" and counted.language) or UNDETERMINED, False, script)
    return None


@lru_cache(maxsize=1)
def _classify() -> Callable[[str], tuple[str, float]]:
    """The model's function from a text to the language and its probability, of the languages with two letters."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # a second to load, and numpy with it

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages([label for label in model.labels if len(label) == 2])

    def classify(text: str) -> tuple[str, float]:
        language, probability = model.classify(text)
        return str(language), float(probability)

    return classify

"""Letters that look like letters of another script, and the words that hold them. Knows no languages and no rows.

Which letters can be taken for one another is Unicode's table (UTS 39, confusables.txt) as the package
``confusable-homoglyphs`` carries it; it is read when the first word of mixed scripts is met.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple
from unicodedata import normalize

from audit.read.patterns import pattern

LATIN: Final = "A-Za-zÀ-ÖØ-öø-\u024f\u1e00-\u1eff"
OTHERS: Final[Mapping[str, str]] = {
    "Greek": "\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u03e1\u03f0-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u0481\u048a-\u052f\ua640-\ua66e\ua680-\ua69d",
    "Armenian": "\u0531-\u0556\u0561-\u0587",
    "Cherokee": "\u13a0-\u13fd\uab70-\uabbf",
    "Coptic": "\u2c80-\u2ce4\u2ceb-\u2cf3\u03e2-\u03ef",
    "Lisu": "\ua4d0-\ua4f7",
    "Deseret": "\U00010400-\U0001044f",
}
"""Scripts with letters that look like Latin ones: name in Unicode -> ranges of a character class."""
OTHER: Final = "".join(OTHERS.values())
_MATHEMATICAL: Final = "\U0001d400"
STAND_IN: Final = "\uff41-\uff5a\u2170\u2174\u2179\u217c-\u217f\U0001d400-\U0001d6a5"
"""Latin letters that Unicode has twice: fullwidth ones, small Roman numerals, mathematical alphanumerics."""

# By eye, beside UTS 39: the small letters that are the capital made small, and what is used in place of letters.
_BY_EYE: Final = dict(zip("ктмнвпиш" + "ηκτωεχάέίόύήώΆΈΉΊΌΎ", "ktmhbnuw" + "nktwexaeiounwAEHIOY", strict=True))
_CYRILLIC: Final = "аеосрхуАВЕКМНОРСТХУІіѕј"
"""What Latin letters in Cyrillic words stand in for; the others that look alike are in no language of today's data."""
_LATIN_IN_CYRILLIC: Final = frozenset("ăĕçÿæĂĔÇŸÆ")
"""Latin letters that Chuvash and Ossetic are typed with, since keyboards lack their Cyrillic twins."""
_STRONG_GREEK: Final = frozenset("οόΑΒΕΖΗΙΚΜΝΟΡΤΥΧάέίύήώΆΈΉΊΌΎ")
"""Greek letters that no formula uses, since they look like Latin ones, or that carry an accent."""
_FUNCTION_NAMES: Final = "sin cos tan cot sec csc log ln lg exp lim max min mod sup inf arg det dim d dx dy dt"
_FUNCTIONS: Final = frozenset(_FUNCTION_NAMES.split())
_SCRIPT_OF: Final = {script: pattern(f"[{ranges}]") for script, ranges in OTHERS.items()}
_LATIN: Final = pattern(f"[{LATIN}]")
_LATIN_RUN: Final = pattern(f"[{LATIN}]+")
_BETWEEN: Final = pattern(f"[a-z][{OTHER}{STAND_IN}]+[a-z]")
_ABBREVIATED: Final = pattern(f"([{LATIN}]{{2,}})[{OTHER}]+")
_FEWEST_LATIN: Final = 3
_LONGEST_WORD: Final = 100
"""Letters from which a word is judged."""


class LookAlike(NamedTuple):
    """A word of mixed scripts: the script that it should be in, and the word written in that script.

    ``meant`` is None where some letter has no counterpart, so that it is no look-alike but a mixture.
    """

    home: str
    meant: str | None


@cache
def to_latin() -> Mapping[str, str]:
    """Letter of another script -> the ASCII letter that it looks like, after UTS 39."""
    from confusable_homoglyphs.confusables import confusables_data

    table: dict[str, str] = {}
    for letter, alike in confusables_data.items():
        if len(letter) == 1 and script_of(letter):
            looks = sorted(
                one["c"] for one in alike if len(one["c"]) == 1 and one["c"].isascii() and one["c"].isalpha()
            )
            if looks:
                # The prototype of capital iota and of its Cyrillic sisters is a small L.
                table[letter] = "I" if looks[0] == "l" and letter.isupper() and letter != "\u04c0" else looks[0]
    return table


@cache
def from_latin(script: str) -> Mapping[str, str]:
    """ASCII letter -> the letter of a script that looks like it, the commonest of several."""
    letters = _CYRILLIC if script == "Cyrillic" else sorted(to_latin(), reverse=True)
    return {to_latin()[letter]: letter for letter in letters if script_of(letter) == script and letter in to_latin()}


def script_of(letter: str) -> str | None:
    """The name of the script that a letter is in, None for Latin and those with no look-alikes of Latin letters."""
    return next((script for script, letters in _SCRIPT_OF.items() if letters.match(letter)), None)


def looks_latin(word: str, *, by_eye: bool = False) -> bool:
    """Whether every letter that is not Latin looks like one that is; ``by_eye`` counts what UTS 39 leaves out, too."""
    table = to_latin()
    return all(letter in table or (by_eye and letter in _BY_EYE) for letter in word if not _LATIN.match(letter))


def in_latin(word: str) -> str | None:
    """The word in Latin letters, None where a letter looks like none."""
    table = to_latin()
    letters = [
        letter if _LATIN.match(letter) else table.get(letter) or _BY_EYE.get(letter) or _plain(letter)
        for letter in word
    ]
    return "".join(letters) if all(letters) else None


def _plain(letter: str) -> str:
    """The ASCII letter that a letter is but for its width or style; "" for none."""
    plain = normalize("NFKC", letter)
    return plain if plain.isascii() and plain.isalpha() else ""


def judged(word: str, majority: str) -> LookAlike | None:
    """What is wrong with a word of Latin letters and others; None where languages or formulas write so.

    ``majority`` is the script of most of the text. Cyrillic endings on Latin abbreviations are fine ("PDFка"), and
    Greek letters as signs ("TNFα", "2πr").
    """
    if len(word) > _LONGEST_WORD:
        start = judged(word[:_LONGEST_WORD], majority)
        return start and LookAlike(start.home, None)
    others = "".join(letter for letter in word if not _LATIN.match(letter))
    if not others:
        return None
    script = script_of(others[0])
    if script is None:
        return LookAlike("Latin", in_latin(word)) if _is_stand_in(word, others) else None
    if script == "Greek":
        if majority != "Greek":
            return LookAlike("Latin", in_latin(word)) if _is_no_formula(word, others) else None
    elif _is_customary(word) or (_is_abbreviation(word) and (majority != "Latin" or not looks_latin(others))):
        return None
    home = _home(word, script, majority)
    if home == "Latin":
        meant = in_latin(word)
        if meant or (_BETWEEN.search(word) and any(looks_latin(letter, by_eye=True) for letter in others)):
            return LookAlike("Latin", meant)
        return None  # what only decorates a name: "KoЯn"
    table = from_latin(script)
    if all(letter in table for letter in word if _LATIN.match(letter)):
        return LookAlike(script, "".join(table.get(letter, letter) for letter in word))
    return None


def _home(word: str, script: str, majority: str) -> str:
    """The script that a word is meant to be in: the one in which all of it can be read, else that of the text."""
    latin = looks_latin(word)
    other = all(letter in from_latin(script) for letter in word if _LATIN.match(letter))
    if latin != other:
        return "Latin" if latin else script
    return "Latin" if majority == "Latin" else script


def _is_customary(word: str) -> bool:
    """Whether its Latin letters are those of Chuvash and Ossetic."""
    return all(letter in _LATIN_IN_CYRILLIC for letter in word if _LATIN.match(letter))


def _is_abbreviation(word: str) -> bool:
    """Latin letters with an ending of another script: "PDFка", "gifка"."""
    match = _ABBREVIATED.fullmatch(word)
    return match is not None and (match[1].isupper() or not set(match[1]) <= from_latin("Cyrillic").keys())


def _is_no_formula(word: str, others: str) -> bool:
    """Whether Greek letters in Latin are look-alikes: all look Latin, and one of them is no sign of any formula or
    stands within a word."""
    if not looks_latin(others, by_eye=True):
        return False
    return not _STRONG_GREEK.isdisjoint(others) or _is_word_between(word)


def _is_stand_in(word: str, others: str) -> bool:
    """Whether letters that Unicode has twice are mixed with plain ones in a word. Mathematical ones must stand between
    these: "sin𝑥" is a formula."""
    if max(others) < _MATHEMATICAL and sum(map(len, _LATIN_RUN.findall(word))) >= _FEWEST_LATIN:
        return True
    return _is_word_between(word)


def _is_word_between(word: str) -> bool:
    """Whether foreign letters stand between small Latin ones in what is a word and no product of functions."""
    parts = _LATIN_RUN.findall(word)
    return (
        sum(map(len, parts)) >= _FEWEST_LATIN
        and _BETWEEN.search(word) is not None
        and not all(part in _FUNCTIONS for part in parts)
    )

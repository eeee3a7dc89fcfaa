"""Finds names of persons: after titles, introductions and labels, and given names before a surname. A heuristic.

Of given names it knows the commonest of the United States census of 1990 and some others (public domain, see
``audit/counterfactual/data/given_names.txt``); a name that is not among them is found only after a title or a label.
It cannot tell a patient from a famous person, and reads no group from a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from audit.identifiers.detection import Detector, labelled, matches, outside_placeholders, places_of, triggers_of
from audit.identifiers.finding import Found, Identifier, gathered
from audit.read.patterns import pattern
from audit.read.screening import Screen

_WORD: Final = r"[A-ZÀ-ÖØ-Þ][\w'’-]{1,24}"
_PARTICLE: Final = r"(?:de la|de los|van der|van den|von der|de|da|di|del|della|van|von|der|bin|ibn|al|el|y)"
_REST: Final = rf"(?:\s(?:[A-Z]\.\s?)?(?:{_PARTICLE}\s)?{_WORD}){{0,3}}"
_PERSON: Final = rf"(?:[A-Z]\.\s?){{0,3}}(?:{_PARTICLE}\s)?{_WORD}(?:\s[A-Z]\.)?{_REST}"
_FULL: Final = rf"(?P<v>{_PERSON})"
_SURNAME: Final = rf"\s(?:[A-Z]\.?\s){{0,2}}(?:{_PARTICLE}\s)?{_WORD}"

_TITLES: Final = (
    "Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Rev|Herr|Herrn|Frau|Mme|Mlle|Monsieur|Madame|Sr|Sra|Srta|Señor|Señora|Señorita|Doña|Don"
)
_INTRODUCTION: Final = (
    r"\bmy (?:full )?name is\b|\b(?:his|her|patient's) name is\b|\bich hei(?:ß|ss)e\b|\bmein name ist\b"
    r"|\bje m['’]appelle\b|\bmon nom est\b|\bme llamo\b|\bmi nombre es\b"
)
_LABEL: Final = (
    r"\b(?:patients?|attending|physician|surgeon|provider|doctor|nurse|next of kin|emergency contact|guardian|guarantor"
    r"|subscriber|insured|mother|father|spouse|full|first|last|maiden)[ _-]?(?:name)?[\"']?\s?[:=]"
    r"|\bpatientin:|\bname des patienten|\bnom du patient|\bnombre del paciente|\bpaciente:|\bnachname:|\bvorname:"
)
_EAST_ASIAN: Final = (
    r"(?:私の名前は|我的名字是|我叫|姓名[:：]\s?|患者[:：]\s?|氏名[:：]\s?)"
    r"(?P<v>[\u4e00-\u9fff]{2,4}?)(?=です|と申し|[，,。.、；;！!\s]|$)"
)
_NO_NAMES: Final = (
    "president chairman speaker pepper engineer manager developer director analyst consultant associate designer "
    "account software name unknown none right universe america world english history care information data id age "
    "status the this that not and or with has have is was presents presented reports denies what how hello please "
    "yes no male female man woman anonymous redacted dr prof med i you he she we"
)
_NO_SURNAMES: Final = (
    "river county university street avenue city park school hospital college island bridge airport day bank "
    "hills hotel inn resort airport casino theatre theater stadium valley springs creek falls "
    "museum church prize award institute foundation inc company road lake mountain state states and the is has "
    "was of in on at to for he she it they we you his her this that there if when then but so will can had does "
    "did what how why who where which answer question let"
)
_NO_GIVEN_NAMES: Final = "summer roman uncle aunt vicuna"

_AFTER_WORDS: Final = (
    Detector(
        "person_name",
        rf"\b(?:(?:{_TITLES})\b\.?|M\.)\s(?:{_PARTICLE}\s)?[A-ZÀ-ÖØ-Þ]",
        rf"(?:(?:(?:{_TITLES})\.?|M\.)\s){{1,3}}{_FULL}",
        at_gate=True,
    ),
    labelled("person_name", _INTRODUCTION, _FULL),
    labelled("person_name", _LABEL, rf"(?P<v>{_WORD},\s{_WORD}|{_PERSON})"),
    Detector("person_name", r"私の名前は|我的名字是|我叫|姓名[:：]|患者[:：]|氏名[:：]", _EAST_ASIAN, at_gate=True),
)

_GENE: Final = pattern(r"\s(?:gene|mutation|mutant|variant|positive|negative|expression|allele|wild.?type)s?\b")
"""Words after what only looks like the name of a patient: "Patient: KRAS mutation"."""

_CAPITALISED: Final = r"\b[A-Z][A-Za-zß-ÿ]"

_GIVEN: Final = rf"(?<![\w'’-]){_WORD}"


LABELS: Final[tuple[str, ...]] = triggers_of(_AFTER_WORDS, strict=False)
"""RE2 patterns, one of which every text with a finding of ``find_labelled_names`` matches."""


@lru_cache(maxsize=2)
def triggers(strict: bool = False) -> tuple[str, ...]:
    """RE2 patterns, one of which every text with a finding of ``find_names`` matches. Reads the given names."""
    return (*LABELS, _CAPITALISED if strict else _known_before_surname())


@lru_cache(maxsize=1)
def _known_before_surname() -> str:
    """A pattern of RE2 for a known given name before what may be a surname."""
    given, alone = _given_names()
    words = [*(f"{name[0].upper()}(?i:{name[1:]})" for name in sorted(given)), *map(str.upper, sorted(alone - given))]
    return rf"\b(?:{'|'.join(words)})\s(?:[A-Z]\.?\s){{0,2}}(?:{_PARTICLE}\s)?[A-ZÀ-ÖØ-Þ]"


def find_names(text: str, strict: bool = False) -> Found:
    """Names of persons in a text, in order, without overlap; those after a title or a label are sure.

    ``strict`` takes given names that stand alone as well, and ``Surname, Given``. Never raises; takes time linear in
    the text, and is ``cut`` where there are too many.
    """
    if not _screen(strict).names_in(text):
        return Found()
    found = gathered([_after_words(text), _full_names(text, strict)])
    return Found(outside_placeholders(found, text), cut=found.cut) if found else found


def find_labelled_names(text: str) -> Found:
    """Those after a title, an introduction or a label alone."""
    found = gathered([_after_words(text)])
    return Found(outside_placeholders(found, text), cut=found.cut) if found else found


def _after_words(text: str) -> Iterator[Identifier]:
    """What stands after a title, an introduction or a label."""
    for _, match in matches(_AFTER_WORDS, text, strict=False):
        name = _trimmed(match["v"])
        first = name.split(" ", 1)[0].lower()
        if name and first not in _no_names() and not _GENE.match(text, match.start("v") + len(name)):
            yield _name(match.start("v"), name, sure=True)


def _full_names(text: str, strict: bool) -> Iterator[Identifier]:
    """Common given names before a surname; when strict, given names alone and after a surname too."""
    given, alone = _given_names()
    at = 0
    for match in _candidates(text, strict):
        word = match[0].removesuffix("'s").removesuffix("’s")
        if match.start() < at or word.lower() not in (alone if word.isupper() else given):
            continue
        rest = _compiled(_SURNAME).match(text, match.end()) if len(word) == len(match[0]) else None
        if rest is not None and rest[0].split()[-1].lower().rstrip(".") not in _excluded():
            at = rest.end()
            yield _name(match.start(), _trimmed(text[match.start() : at]), sure=False)
        elif strict and word.lower() in alone:
            before = _compiled(rf"{_WORD},\s$").search(text, max(0, match.start() - 28), match.start())
            start = before.start() if before is not None and before[0][:-2].lower() not in given else match.start()
            yield _name(start, text[start : match.start() + len(word)], sure=False)


def _candidates(text: str, strict: bool) -> Iterator[re.Match[str]]:
    """Words that may be given names: when strict all with a capital, else those known, before another."""
    pattern = _compiled(_GIVEN)
    if strict:
        yield from pattern.finditer(text)
        return
    for start in places_of(_known_before_surname(), text):
        match = pattern.match(text, start)
        if match is not None:
            yield match


def _name(start: int, name: str, *, sure: bool) -> Identifier:
    return Identifier(start, start + len(name), "person_name", " ".join(name.split()).casefold(), sure)


def _trimmed(name: str) -> str:
    """The name without the words after it that are none, and without a genitive."""
    words = re.split(r"(\s)", name)
    for index in range(2, len(words), 2):
        if words[index].lower() in _excluded() or words[index].lower() in _no_names():
            words = words[: index - 1]
            break
    return "".join(words).removesuffix("'s").removesuffix("’s").rstrip("'’-")


@lru_cache(maxsize=1)
def _given_names() -> tuple[frozenset[str], frozenset[str]]:
    """Given names in lower case: all, and those that are no words of English too."""
    from audit.counterfactual.english import english

    data = english()
    words = data.capitals.union(_NO_GIVEN_NAMES.split())
    return data.given_names - words - data.closed, data.names_in_lower_case - words


@lru_cache(maxsize=1)
def _excluded() -> frozenset[str]:
    """Capitalised words that are no surname."""
    from audit.counterfactual.english import english

    return english().capitals.union(_NO_SURNAMES.split())


@lru_cache(maxsize=1)
def _no_names() -> frozenset[str]:
    """Words after a title or a label that begin no name."""
    return frozenset(_NO_NAMES.split())


@lru_cache(maxsize=2)
def _screen(strict: bool) -> Screen:
    return Screen({"name": triggers(strict)})


@lru_cache(maxsize=16)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)

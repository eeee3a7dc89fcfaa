"""Reads lexicon files: TOML tables of terms, checked and hashed. Matches nothing; what the keys mean is in ``terms``.

A file is one axis in one language. A section holds what its forms have in common; ``forms`` are forms of one
``group``, and each line of ``swaps`` is one meaning in several groups, whose forms stand for one another in
counterfactuals. A user's file is laid over the built-in ones: its forms replace those, ``remove`` takes some away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audit.errors import ConfigError, did_you_mean
from audit.lexicons.folding import fold_form
from audit.lexicons.terms import Part, Preference, Term

_DATA: Final = files("audit.lexicons").joinpath("data")
_PERSONS: Final = "persons."


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Forms that have a part of speech and conditions in common."""

    group: str = ""
    forms: tuple[str, ...] = ()
    swaps: tuple[dict[str, str], ...] = ()
    part: Part = "noun"
    plural: bool = False
    needs_person_noun: bool = False
    collective: bool = False
    cased: bool = False
    surname: bool = False
    not_before: tuple[str, ...] = ()
    not_after: tuple[str, ...] = ()
    preference: Preference = "neutral"


class LexiconFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file as it is written."""

    axis: str
    language: str
    version: str = ""
    as_of: date | None = None
    license: str = ""
    remove: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()


class Persons(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of a language that show that an adjective is said of a person.

    ``nouns`` name persons; ``between`` may stand between the adjective and such a noun; ``subjects`` are what comes
    before an adjective that is said of a person, and ``adverbs`` may stand after them; ``articles`` open a collective
    ("the blind"); ``after_collective`` and ``after_adjective`` may follow one directly.
    """

    language: str
    version: str = ""
    as_of: date | None = None
    license: str = ""
    nouns: frozenset[str] = frozenset()
    between: frozenset[str] = frozenset()
    subjects: tuple[str, ...] = ()
    adverbs: tuple[str, ...] = ()
    articles: frozenset[str] = frozenset()
    after_collective: frozenset[str] = frozenset()
    after_adjective: frozenset[str] = frozenset()

    @property
    def subject_ends(self) -> tuple[str, ...]:
        """``subjects`` as the words before an adjective end."""
        return tuple(f" {words}" for words in self.subjects)


class Loaded(NamedTuple):
    """All terms of an axis, and the SHA-256 of the files they come from (of their bytes, line ends as LF)."""

    terms: tuple[Term, ...]
    sha256: str


@lru_cache(maxsize=1)
def built_in() -> Mapping[str, Mapping[str, str]]:
    """Axis -> language -> name of the built-in file, sorted."""
    names = sorted(entry.name for entry in _DATA.iterdir() if entry.name.endswith(".toml"))
    found: dict[str, dict[str, str]] = {}
    for name in names:
        if not name.startswith(_PERSONS):
            axis, language, _ = name.split(".")
            found.setdefault(axis, {})[language] = name
    return found


@lru_cache(maxsize=8)
def persons(language: str) -> Persons:
    """The words for persons of a language; none where there is no table."""
    table = _persons_table(language)
    return msgspec.toml.decode(table, type=Persons) if table else Persons(language=language)


def _persons_table(language: str) -> bytes:
    name = f"{_PERSONS}{language}.toml"
    return next((entry.read_bytes() for entry in _DATA.iterdir() if entry.name == name), b"")


def load_terms(axis: str, paths: Sequence[str]) -> Loaded:
    """The built-in terms of an axis with the user's laid over them. Files of other axes are left out.

    Raises ConfigError for a file that cannot be read or holds what it may not, and for an axis that there is not.
    """
    own = [(path, content, one) for path in paths for content, one in [_read(path)] if one.axis == axis]
    given = [_DATA.joinpath(name).read_bytes() for name in built_in().get(axis, {}).values()]
    if not given and not own:
        hint = did_you_mean(axis, built_in())
        raise ConfigError(f"there is no lexicon for the axis {axis!r}", hint=hint or f"there are {_listed()}")
    terms: dict[tuple[str, str], Term] = {}
    for content in given:
        one = msgspec.toml.decode(content, type=LexiconFile)
        terms |= _terms(one, f"{one.axis}.{one.language}.toml")
    for path, _, one in own:
        added = _terms(one, path)
        for form in one.remove:
            if terms.pop((one.language, fold_form(form)), None) is None:
                raise ConfigError(f"{path}: remove: there is no form {form!r} in {axis} ({one.language})")
        terms |= added
    tables = [_persons_table(language) for language in sorted({term.language for term in terms.values()})]
    behind = [*given, *(content for _, content, _ in own), *(table for table in tables if table)]
    return Loaded(tuple(terms[key] for key in sorted(terms)), _sha256(behind))


def _listed() -> str:
    return ", ".join(built_in())


def _sha256(contents: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for content in contents:
        lines = content.replace(b"\r\n", b"\n")
        digest.update(b"%d\n" % len(lines) + lines)
    return digest.hexdigest()


def _read(path: str) -> tuple[bytes, LexiconFile]:
    try:
        content = Path(path).read_bytes()
    except OSError as problem:
        raise ConfigError(f"lexicon {path} cannot be read: {problem.strerror}") from None
    try:
        return content, msgspec.toml.decode(content, type=LexiconFile)
    except msgspec.ValidationError as problem:
        raise ConfigError(
            f"lexicon {path}: {problem}",
            hint="it needs axis, language and [[sections]], each with group and forms, or swaps",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(f"lexicon {path} is not TOML: {problem}") from None


def _terms(one: LexiconFile, path: str) -> dict[tuple[str, str], Term]:
    """The terms of a file by language and folded form. Raises ConfigError for a form that is empty or there twice."""
    terms: dict[tuple[str, str], Term] = {}
    for number, section in enumerate(one.sections):
        for place, term in _of_section(one, section, f"{path}: sections[{number}]"):
            key = (one.language, fold_form(term.form))
            if not key[1]:
                raise ConfigError(f"{place}: the form {term.form!r} has no letter")
            if key in terms:
                raise ConfigError(f"{place}: the form {term.form!r} is there twice")
            terms[key] = term
    return terms


def _of_section(one: LexiconFile, section: Section, place: str) -> Iterator[tuple[str, Term]]:
    if section.forms and not section.group:
        raise ConfigError(f"{place}: forms need a group")
    for number, form in enumerate(section.forms):
        yield f"{place}.forms[{number}]", _term(one, section, section.group, form, {})
    for number, line in enumerate(section.swaps):
        for group, form in line.items():
            others = {other: line[other] for other in line if other != group}
            yield f"{place}.swaps[{number}].{group}", _term(one, section, group, form, others)


def _term(one: LexiconFile, section: Section, group: str, form: str, counterfactual: dict[str, str]) -> Term:
    return Term(
        form=form,
        group=group,
        axis=one.axis,
        language=one.language,
        needs_person_noun=section.needs_person_noun,
        collective=section.collective,
        cased=section.cased,
        surname=section.surname,
        not_before=tuple(map(fold_form, section.not_before)),
        not_after=tuple(map(fold_form, section.not_after)),
        counterfactual=counterfactual,
        part=section.part,
        plural=section.plural,
        preference=section.preference,
    )

"""The lexicon of one axis: what it covers, and which of its terms stand where in a text. Decides no group of a row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from audit.lexicons.files import built_in, load_terms, persons
from audit.lexicons.matching import Matcher
from audit.lexicons.terms import Mention, Term


class Lexicon:
    """The terms of an axis, in all its languages.

    ``groups`` and ``languages`` (ISO 639-1) are sorted; ``sha256`` is that of the data files, for reports; ``terms``
    are sorted by language and folded form.
    """

    def __init__(self, axis: str, terms: Sequence[Term], sha256: str) -> None:
        self.axis = axis
        self.terms = tuple(terms)
        self.sha256 = sha256
        self.groups = tuple(sorted({term.group for term in terms}))
        self.languages = tuple(sorted({term.language for term in terms}))
        self._matchers: dict[str | None, Matcher] = {}

    def find(self, text: str, language: str | None = None) -> list[Mention]:
        """The mentions in a text, in order, none overlapping another.

        ``language`` is that of the text: only its terms are looked for, none where the lexicon does not cover it.
        Without one the terms of all languages are looked for, of a form that several have the English one. Code, URLs,
        e-mail addresses and JSON mention nobody. Linear in the text; never raises.
        """
        return self._matcher(language).find(text)

    def mentions(self, text: str, language: str | None = None) -> tuple[str, ...]:
        """``group/form`` of what a text mentions, sorted, each once."""
        return tuple(sorted({mention.term.name for mention in self.find(text, language)}))

    def __reduce__(self) -> tuple[object, ...]:
        # The compiled patterns are made again where a process gets the lexicon.
        return Lexicon, (self.axis, self.terms, self.sha256)

    def _matcher(self, language: str | None) -> Matcher:
        matcher = self._matchers.get(language)
        if matcher is None:
            matcher = self._matchers[language] = self._compiled(language)
        return matcher

    def _compiled(self, language: str | None) -> Matcher:
        ranked = sorted(self.terms, key=lambda term: (term.language == "en", term.language))
        chosen = [term for term in ranked if language in (None, term.language)]
        return Matcher(chosen, {code: persons(code) for code in {term.language for term in chosen}})


def axes() -> tuple[str, ...]:
    """The axes with a built-in lexicon, sorted."""
    return tuple(sorted(built_in()))


def load(axis: str, files: Sequence[str] = ()) -> Lexicon:
    """The lexicon of an axis: the built-in one with the user's files laid over it, those of other axes left out.

    Raises ConfigError, naming file, entry and key, for a file that cannot be read or holds what it may not, and for an
    axis of which there is neither a built-in lexicon nor a file.
    """
    return _loaded(axis, tuple(files)) if not files else _load(axis, files)


@lru_cache(maxsize=16)
def _loaded(axis: str, files: tuple[str, ...]) -> Lexicon:
    return _load(axis, files)


def _load(axis: str, files: Sequence[str]) -> Lexicon:
    loaded = load_terms(axis, files)
    return Lexicon(axis, loaded.terms, loaded.sha256)

"""Finds the forms of a lexicon in a folded text, longest first, in linear time, and asks whether each one counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from audit.lexicons.excluded import excluded_spans, in_address, inside
from audit.lexicons.files import Persons
from audit.lexicons.folding import Folded, fold, fold_form
from audit.lexicons.surroundings import Text, counts, in_name, joined, rule_of
from audit.lexicons.terms import Mention, Term

_Trie: TypeAlias = "dict[str, _Trie]"
_END: Final = ""


class Matcher:
    """One compiled pattern for all forms: every step in it is determined by the next character."""

    def __init__(self, terms: Iterable[Term], persons: Mapping[str, Persons]) -> None:
        self._rules = {fold_form(term.form): rule_of(term) for term in terms}
        self._persons = persons
        # A word begins after a space: a literal, which the engine looks for at the speed of memory.
        pattern = f" ({_pattern(_trie(self._rules))})(?= )" if self._rules else "(?!)"
        self._candidates = re.compile(pattern).finditer

    def find(self, text: str) -> list[Mention]:
        """The mentions in a text, in order, none overlapping another."""
        folded = fold(text)
        padded = f" {folded.words} "
        candidates = list(self._candidates(padded))
        if not candidates:
            return []
        around = Text(f" {folded.text} ", padded)
        found = [mention for one in candidates if (mention := self._mention(text, folded, around, one)) is not None]
        spans = excluded_spans(text) if found else ()
        return [mention for mention in found if not inside(spans, mention.start)] if spans else found

    def _mention(self, text: str, folded: Folded, around: Text, found: re.Match[str]) -> Mention | None:
        """The mention at a candidate, None where the form does not count."""
        start, end = found.span(1)
        rule = self._rules[found[1]]
        if joined(around, start, end):
            return None
        if not (rule.anywhere or counts(around, start, end, rule, self._persons[rule.term.language])):
            return None
        first, last = folded.place(start - 1), folded.place(end - 1)
        mention = Mention(first, last, rule.term)
        return mention if _is_written_so(text, folded, mention, start - 1, end - 1) else None


def _is_written_so(text: str, folded: Folded, mention: Mention, start: int, end: int) -> bool:
    """Whether the original has the form there: whole characters, in the case asked for, in no address or name."""
    first, last, term = mention
    if folded.origin is not None and (last == folded.place(end - 1) or (start and first == folded.place(start - 1))):
        return False
    if term.cased and not (text[first].isupper() and text[first + 1 : last].islower()):
        return False
    if term.surname and in_name(text, first, last):
        return False
    return not in_address(text, first, last)


def _trie(forms: Iterable[str]) -> _Trie:
    root: _Trie = {}
    for form in forms:
        node = root
        for character in form:
            node = node.setdefault(character, {})
        node[_END] = {}
    return root


def _pattern(node: _Trie) -> str:
    """The longest continuation first; a chain of single characters is written as it is."""
    branches = [re.escape(character) + _pattern(node[character]) for character in sorted(node) if character]
    if not branches:
        return ""
    pattern = branches[0] if len(branches) == 1 and _END not in node else f"(?:{'|'.join(branches)})"
    return f"{pattern}?" if _END in node else pattern

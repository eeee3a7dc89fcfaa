"""Finds the words and phrases of harmful_terms in a text, however they are written. Knows no rule.

Which of them count where they stand is for ``harmful_surroundings`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from itertools import islice
from typing import Final, NamedTuple

import re2

from audit.lexicons.excluded import in_address
from audit.lexicons.folding import LOOK_ALIKES, Folded, fold
from audit.rules.safety.harmful_phrases import GAP, TRIGGERS, patterns
from audit.rules.safety.harmful_terms import Grade, Harm, built_in, of_user


class Found(NamedTuple):
    """A harmful word or phrase: code points ``start`` to ``end`` of the text, and what it is."""

    start: int
    end: int
    category: str
    grade: Grade


_LETTERS: Final = {
    "a": "[a@4*]", "e": "[e3*]", "i": "[i1!*]", "o": "[o0*]", "u": "[u*]", "s": "[s$5]", "t": "[t7]", "l": "[l1]",
}  # fmt: skip
"""Letter -> what is written in its place to get past a filter."""
_STARRED: Final = {
    "fuck": r"f[*#@$%]{2,3}k?", "shit": r"s[*#@$%]{2,3}t", "bitch": r"b[*#@$%]{3}h", "cunt": r"c[*#@$%]{2,3}t",
    "nigger": r"n[*#@$%]{4}r", "faggot": r"f[*#@$%]{4}t",
}  # fmt: skip
"""Words of which the first and the last letter are left."""
_BEFORE_FOLDING: Final = (
    ("ss", "(?:ss|ß)"),
    *(
        (base + "\u093c", f"(?:{base}\u093c|{whole})")
        for base, whole in zip("कखगजडढफय", "\u0958\u0959\u095a\u095b\u095c\u095d\u095e\u095f", strict=True)
    ),
)
"""(folded, RE2 for what folds to it): the German sharp s, and Devanagari letters with a dot, also one sign."""
_MOST: Final = 1000
"""Places of one text that are looked at: a text with so many is told apart by none of the others."""
_PART: Final = 16_384
"""Characters of a text that are looked at together."""
_MOST_PARTS: Final = 64
"""Parts of one text that are looked at, a million characters: what a text made to be slow may cost."""
_SHORT: Final = 6
"""Letters of a form below which too many other words begin with it."""
_MIXED: Final = "[A-Za-z][{0}]|[{0}][A-Za-z]".format("".join(map(chr, sorted(LOOK_ALIKES.keys() - {0x131}))))
"""RE2 for a letter that looks like an ASCII one beside an ASCII one, as in a word that is to get past a filter; not for
the dotless i, which Turkish has beside them."""
_LONGEST_WORD: Final = 60
"""Characters before the end of a part in which a space is looked for."""
_SEPARATOR: Final = "[ ._*-]"
_SIGNS: Final = re.compile(_SEPARATOR)
_ODD_SIGN: Final = re2.compile(
    "[a-z][0-9@$!*#%]|[0-9@$!*#%][a-z]|" + "|".join(letter * 3 for letter in "abcdefghijklmnopqrstuvwxyz")
)
"""What every odd word holds."""
_ODD_WORD: Final = re.compile(
    r"(?<![^\W_])(?=[0-9@$!*#%]{0,24}[a-z])(?=[a-z]*(?:[0-9@$!*#%]|([a-z])\1\1))[a-z0-9@$!*#%]{4,24}(?![^\W_])"
)
"""A word with a sign or a digit in it, or with a letter three times in a row."""
_STRETCHED: Final = re.compile(r"(.)\1\1")


class Words:
    """A list of harmful words, ready to be looked for."""

    def __init__(self, harms: Iterable[Harm]) -> None:
        self._by_form: Mapping[str, Harm] = {harm.form: harm for harm in harms}
        masked = [harm for harm in self._by_form.values() if harm.masked and _can_be_masked(harm.form)]
        spaced = [harm for harm in self._by_form.values() if harm.spaced and _can_be_masked(harm.form)]
        self._masked = {harm.form: _masked(harm.form) for harm in masked}
        self._starred = {form: pattern for form, pattern in _STARRED.items() if form in self._by_form}
        self._spaced = {harm.form: _spaced(harm.form) for harm in spaced}

    # Made when the first text asks for them: most runs on a few rows never do.

    @cached_property
    def _by_first(self) -> Mapping[str, Sequence[tuple[str, ...]]]:
        """First word -> the words of the forms that begin with it, the longest form first."""
        found: dict[str, list[tuple[str, ...]]] = {}
        for form in self._by_form:
            words = tuple(form.split())
            found.setdefault(words[0], []).append(words)
        return {first: sorted(forms, key=lambda words: (-len(words), words)) for first, forms in found.items()}

    @cached_property
    def _disguises(self) -> Sequence[tuple[re.Pattern[str], str]]:
        return [(re.compile(pattern), form) for form, pattern in (*self._masked.items(), *self._starred.items())]

    @cached_property
    def _may_be_disguised(self) -> re2._Regexp:
        """Over folded words: a form as it may be disguised, or as it is."""
        return re2.compile(rf"(?:^|[^a-z0-9])(?:{'|'.join(pattern.pattern for pattern, _ in self._disguises)})")

    @cached_property
    def _may_be_spaced(self) -> re2._Regexp:
        return re2.compile("|".join(self._spaced.values()))

    @cached_property
    def _spaced_forms(self) -> re.Pattern[str]:
        longest_first = sorted(self._spaced.values(), key=lambda pattern: (-len(pattern), pattern))
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(longest_first) or '(?!)'})(?![^\W_])")

    @cached_property
    def _triggers(self) -> Sequence[re2._Regexp]:
        return [re2.compile(pattern) for pattern in self.triggers()]

    @cached_property
    def _phrases(self) -> re2._Regexp:
        return re2.compile("|".join(TRIGGERS))

    def triggers(self) -> tuple[str, ...]:
        """RE2 patterns, one of which every text with a hit must match."""
        plain = _beginnings(self._by_form)
        groups = (
            (r"(?i)\b", [_loose(form) for form in plain if form.isascii()]),
            ("(?i)", [_loose(form) for form in plain if not form.isascii()]),
            (
                "(?i)(?:^|[^a-zA-Z0-9])",
                [
                    *map(_masked_loosely, _beginnings(self._masked)),
                    *map(_spaced, _beginnings(self._spaced)),
                    *self._starred.values(),
                ],
            ),
        )
        return (*(f"{start}(?:{'|'.join(forms)})" for start, forms in groups if forms), _MIXED, *TRIGGERS)

    def find(self, text: str) -> list[Found]:
        """What counts in a text, in order, none overlapping another; the first ``_MOST``. Linear in the text; never
        raises. Of a long text only parts are looked at that a trigger matches, the first ``_MOST_PARTS``."""
        if len(text) <= _PART:
            return self._found_in(text)
        found: list[Found] = []
        for start, end in islice(filter(partial(self._may_hold, text), _parts(text)), _MOST_PARTS):
            found += [
                one._replace(start=one.start + start, end=one.end + start) for one in self._found_in(text[start:end])
            ]
            if len(found) >= _MOST:
                break
        return found[:_MOST]

    def _may_hold(self, text: str, part: tuple[int, int]) -> bool:
        encoded = text[part[0] : part[1]].encode("utf-8", "replace")
        return any(trigger.search(encoded) for trigger in self._triggers)

    def _found_in(self, text: str) -> list[Found]:
        from audit.rules.safety.harmful_surroundings import counts, grade_of  # its patterns are compiled where needed

        folded = fold(text)
        words = f" {folded.words} "
        candidates = islice(self._candidates(text, folded, words), _MOST)
        found = [one for one in candidates if counts(text, words, *one)]
        places = sorted({(folded.place(start), folded.place(end), harm) for start, end, harm in found}, key=_order)
        kept: list[Found] = []
        for start, end, harm in places:
            if (not kept or start >= kept[-1].end) and end > start and not in_address(text, start, end):
                kept.append(Found(start, end, harm.category, grade_of(text, start, harm)))
        return kept

    def _candidates(self, text: str, folded: Folded, words: str) -> Iterator[tuple[int, int, Harm]]:
        """Places in the folded text."""
        yield from self._written_plainly(words)
        encoded = folded.text.encode("utf-8", "replace")
        if _ODD_SIGN.search(encoded) and self._may_be_disguised.search(encoded):
            for match in islice(_ODD_WORD.finditer(folded.text), _MOST):
                harm = self._disguised(match[0])
                if harm is not None:
                    yield match.start(), match.end(), harm
        if self._spaced and self._may_be_spaced.search(encoded):
            for match in self._spaced_forms.finditer(folded.text):
                yield match.start(), match.end(), self._by_form[_SIGNS.sub("", match[0])]
        if self._phrases.search(text.encode("utf-8", "replace")):
            for pattern, category in patterns():
                for match in pattern.finditer(words):
                    yield match.start() - 1, match.end() - 1, Harm("", category, "severe")

    def _written_plainly(self, words: str) -> Iterator[tuple[int, int, Harm]]:
        present = set(words.split())
        forms = {
            word: [form for form in self._by_first[word] if present.issuperset(form)]
            for word in self._by_first.keys() & present
        }
        places = sorted((at, word) for word, some in forms.items() if some for at in _places(words, word))
        for start, first in places:
            for form in forms[first]:
                following = words[start : start + sum(map(len, form)) + 2 * len(form)].split()
                if tuple(following[: len(form)]) != form:
                    continue
                end = words.index(form[-1], start + len(" ".join(form[:-1]))) + len(form[-1])
                if words[end] == " ":
                    yield start - 1, end - 1, self._by_form[" ".join(form)]
                    break

    def _disguised(self, written: str) -> Harm | None:
        """The form that is written with other signs or stretched; None for one written as it is, and for a number."""
        if not any(character.isalpha() for character in written):
            return None
        for one in dict.fromkeys((written, written.rstrip("!*@#$%"))):
            if one.isalpha() and not _STRETCHED.search(one):
                continue
            if not self._may_be_disguised.search(one.encode()):
                continue
            form = next((form for pattern, form in self._disguises if pattern.fullmatch(one)), None)
            if form is not None:
                return self._by_form[form]
        return None


def _places(words: str, word: str) -> Iterator[int]:
    """Where a word stands in words with a space before and after each."""
    at = words.find(f" {word} ")
    while at >= 0:
        yield at + 1
        at = words.find(f" {word} ", at + 1)


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Parts of at most ``_PART`` characters that end with a space where there is one near."""
    start = 0
    while start < len(text):
        end = start + _PART
        if end < len(text):
            space = text.rfind(" ", end - _LONGEST_WORD, end)
            end = end if space < 0 else space + 1
        yield start, min(end, len(text))
        start = end


def _order(place: tuple[int, int, Harm]) -> tuple[int, int, str, str]:
    start, end, harm = place
    return start, -end, harm.category, harm.form


def _loose(form: str) -> str:
    """A form as it may be written: another sign between its words than a space."""
    loose = re.escape(form).replace(r"\ ", GAP)
    for folded, written in _BEFORE_FOLDING:
        loose = loose.replace(folded, written)
    return loose + r"\b" if _is_closed(form) else loose


def _is_closed(form: str) -> bool:
    """Whether a trigger asks for the end of the word: so many words go on otherwise. Not before a sharp s, which is no
    letter for RE2."""
    return form.isascii() and (" " in form or len(form) < _SHORT) and not form.endswith("ss")


def _can_be_masked(form: str) -> bool:
    return form.isascii() and form.isalpha() and len(form) >= 4


def _masked(form: str) -> str:
    """The form with its letters replaced or stretched. A letter is never doubled: a coon is no con, Niger no slur."""
    pieces = []
    for run in re.finditer(r"(.)\1*", form):
        letter, count = _LETTERS.get(run[1], run[1]), len(run[0])
        pieces.append(f"{letter * count}(?:{run[1]}{{2,}})?")
    return "".join(pieces)


def _masked_loosely(form: str) -> str:
    """What every masked form matches, shorter: the fewer states a trigger has, the sooner a run begins."""
    return "".join(f"{_LETTERS.get(run[1], run[1])}{{{len(run[0])},}}" for run in re.finditer(r"(.)\1*", form))


def _beginnings(forms: Iterable[str]) -> list[str]:
    """The forms without those that begin with another one that may go on, sorted."""
    kept: list[str] = []
    for form in sorted(set(forms)):
        if not kept or _is_closed(kept[-1]) or not form.startswith(kept[-1]):
            kept.append(form)
    return kept


def _spaced(form: str) -> str:
    return _SEPARATOR.join(form)


@lru_cache(maxsize=4)
def words_of(words: tuple[str, ...] = (), path: str = "", least: Grade = "mild") -> Words:
    """The built-in words with the user's own laid over them: those of grade ``least`` or worse, and the milder ones
    that hold such a one and are found in its place. Raises ConfigError for a file that cannot be read."""
    listed = {harm.form: harm for harm in (*built_in(), *of_user(words, path))}
    if least == "mild":
        return Words(listed.values())
    severe = [f" {harm.form} " for harm in listed.values() if harm.grade == "severe"]
    return Words(
        harm
        for harm in listed.values()
        if harm.grade == "severe" or (" " in harm.form and any(form in f" {harm.form} " for form in severe))
    )

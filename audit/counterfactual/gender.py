"""Exchanges women and men in an English text: pronouns by their case, nouns by the lexicon, titles. Inverts nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, Literal, NamedTuple, TypeAlias

from audit.counterfactual.articles import article_edit
from audit.counterfactual.english import english
from audit.counterfactual.names import names_somebody
from audit.counterfactual.pronouns import Case, case_of_her, case_of_his, quoted_alone
from audit.counterfactual.result import Edit, NotSwapped, Reason, cased_like
from audit.counterfactual.words import Word, words_of
from audit.lexicons import load

Sex: TypeAlias = Literal["female", "male"]

AXIS: Final = "gender"
_BOTH: Final = re.compile(r"\(\s*s\s*\)\s*he|s/he|\b(?:s?he|her|his|him)/\w|\w/(?:s?he|hers?|his|him)\b", re.IGNORECASE)
_TWO_CASES: Final = frozenset({"her", "his"})


class _Form(NamedTuple):
    """A word for women or men and its counterpart, "" where it has none or its case decides."""

    group: Sex
    counterpart: str
    pronoun: bool


class _Found(NamedTuple):
    at: int
    word: Word
    form: _Form


def exchanged(text: str) -> tuple[tuple[Sex, Sex], tuple[Edit, ...]]:
    """The groups (from, to) and the edits that exchange them. Raises NotSwapped, with the reason, where there is no
    sure counterfactual."""
    words = words_of(text)
    found = _find(words)
    mentions = load(AXIS).find(text, "en")
    mentioned = {(mention.start, mention.end) for mention in mentions}
    others = {mention.term.group for mention in mentions} - {"female", "male"}
    if not found and not mentioned:
        raise NotSwapped("no_term")
    _refuse_code(text, found, mentioned)
    groups = {one.form.group for one in found}
    if others or len(groups) > 1 or _BOTH.search(text):
        raise NotSwapped("several_groups")
    if not found:
        raise NotSwapped("unknown_form")
    (group,) = groups
    _refuse_fixed(text, words)
    _refuse_unknown(found, mentioned)
    titles = frozenset(_surnames(words, found))
    if names_somebody(words, titles | {one.at for one in found if not _is_part_of_a_name(one)}):
        raise NotSwapped("named_person")
    cases = _cases(words, found)
    edits = chain.from_iterable(_edits(text, one, cases) for one in found)
    return (group, "male" if group == "female" else "female"), tuple(edits)


def mentions_gender(word: str) -> bool:
    """Whether a word in lower case is a word for women or men."""
    return word in _vocabulary()


# ----------------------------------------------------------------------------- words


@lru_cache(maxsize=1)
def _vocabulary() -> Mapping[str, _Form]:
    """Lower-case word -> group and counterpart: pronouns, the nouns of the lexicon, pairs of our own, titles."""
    data = english()
    forms: dict[str, _Form] = {}
    for term in load(AXIS).terms:
        if term.language == "en" and term.group in ("female", "male") and " " not in term.form:
            other = "male" if term.group == "female" else "female"
            forms[term.form.lower()] = _Form(term.group, term.counterfactual.get(other, "").lower(), False)  # type: ignore[arg-type]
    for male, female in chain(data.pairs.items(), data.titles.items()):
        forms |= {male: _Form("male", female, False), female: _Form("female", male, False)}
    for group in ("female", "male"):
        for form in data.pronouns[group].values():
            forms[form] = _Form(group, "", True)
    return {word: _checked(word, form, forms) for word, form in forms.items()}


@lru_cache(maxsize=1)
def _title_words() -> frozenset[str]:
    return frozenset(chain(*english().titles.items()))


@lru_cache(maxsize=1)
def _own_words() -> frozenset[str]:
    """Words that the lexicon leaves out."""
    return _title_words() | frozenset(chain(*english().pairs.items()))


def _checked(word: str, form: _Form, forms: Mapping[str, _Form]) -> _Form:
    """A counterpart counts where the way back leads here: "Mrs." is not the way back of "Mr."."""
    back = forms.get(form.counterpart)
    return form if back is not None and back.counterpart == word else form._replace(counterpart="")


def _find(words: Sequence[Word]) -> Sequence[_Found]:
    vocabulary = _vocabulary()
    found = []
    for at, word in enumerate(words):
        form = vocabulary.get(word.base)
        if form is not None and not (word.base in _title_words() and not _before_name(words, at)):
            found.append(_Found(at, word, form))
    return found


def _before_name(words: Sequence[Word], at: int) -> bool:
    """Whether a title stands before a name: "ms" is also a unit, a manuscript and an illness."""
    then = at + 2 if at + 1 < len(words) and words[at + 1].text == "." else at + 1
    return words[at].is_capital and then < len(words) and words[then].is_word and words[then].is_capital


def _surnames(words: Sequence[Word], found: Sequence[_Found]) -> Iterator[int]:
    """The single names behind a title: a surname fixes no gender."""
    for at, word, _ in found:
        if word.base in _title_words():
            then = at + 2 if words[at + 1].text == "." else at + 1
            alone = then + 1 >= len(words) or not words[then + 1].is_word or not words[then + 1].is_capital
            if alone and words[then].base not in english().given_names:
                yield from (at, then)


def _is_part_of_a_name(found: _Found) -> bool:
    """A capital inside a sentence: "Wonder Woman", "the Queen", "He" for a god."""
    word = found.word
    return word.is_capital and not word.first and not word.stem.isupper()


# ----------------------------------------------------------------------------- refusals


def _refuse_code(text: str, found: Sequence[_Found], mentioned: set[tuple[int, int]]) -> None:
    """Words that the lexicon does not see stand in code, a URL or an e-mail address."""
    for one in found:
        start = one.word.start
        end = start + len(one.word.stem)
        if one.form.pronoun and (start, end) not in mentioned and (start, start + len(one.word.text)) not in mentioned:
            raise NotSwapped("code")
        if text[end : end + 1] == "_" or text[max(start - 1, 0) : start] in ("_", "@", "#", "\\", "$", "<"):
            raise NotSwapped("code")


def _refuse_unknown(found: Sequence[_Found], mentioned: set[tuple[int, int]]) -> None:
    """Every word must be known both to the lexicon and here, and have a counterpart."""
    seen = {one.word.start for one in found}
    if any(start not in seen for start, _ in mentioned):
        raise NotSwapped("unknown_form")
    starts = {start for start, _ in mentioned}
    for one in found:
        own = one.word.base in _own_words()
        if one.word.start not in starts and not own:
            raise NotSwapped("fixed_phrase")
        if not one.form.counterpart and not one.form.pronoun:
            raise NotSwapped("unknown_form")
        if one.form.pronoun and one.word.base not in ("he", "she") and one.word.clitic:
            raise NotSwapped("unknown_form")


def _refuse_fixed(text: str, words: Sequence[Word]) -> None:
    """What ties the text to a gender, and what is a fixed phrase."""
    data = english()
    vocabulary = _vocabulary()
    for word in words:
        if word.base in data.fixed_words or any(part in data.fixed_words for part in word.base.split("-")):
            raise NotSwapped("biology")
        if "-" in word.base and word.base not in vocabulary and any(p in vocabulary for p in word.base.split("-")):
            raise NotSwapped("unknown_form")
        if word.base in data.titles_alone and word.is_capital:
            raise NotSwapped("unknown_form")
    spoken = f" {' '.join(word.base for word in words)} "
    checks: tuple[tuple[Sequence[str], Reason], ...] = (
        (data.fixed_phrases, "biology"),
        (data.not_people, "fixed_phrase"),
    )
    for phrases, reason in checks:
        if any(f" {phrase} " in spoken for phrase in phrases):
            raise NotSwapped(reason)


# ----------------------------------------------------------------------------- edits


def _edits(text: str, one: _Found, cases: Mapping[int, Case]) -> Iterator[Edit]:
    """The exchange of a word, and of the article before it."""
    word = one.word
    after = cased_like(word.stem, one.form.counterpart or _pronoun(one, cases))
    article = article_edit(text, word.start, word.stem, after)
    if article is not None:
        yield article
    yield Edit(word.start, word.start + len(word.stem), word.stem, after)


def _pronoun(one: _Found, cases: Mapping[int, Case]) -> str:
    """The same case of the other paradigm."""
    group = one.form.group
    other = english().pronouns["male" if group == "female" else "female"]
    if one.at in cases:
        return other[cases[one.at]]
    return other[next(case for case, form in english().pronouns[group].items() if form == one.word.base)]


def _cases(words: Sequence[Word], found: Sequence[_Found]) -> Mapping[int, Case]:
    """The case of every "her" and "his", by its index. One that is spoken about ("her" in quotation marks) has the case
    of its other places, where these agree. Raises NotSwapped where a case is not sure."""
    two_cases = [one for one in found if one.word.base in _TWO_CASES]
    cases = {one.at: _case(words, one) for one in two_cases if not quoted_alone(words, one.at)}
    elsewhere = set(cases.values())
    for one in two_cases:
        if one.at not in cases:
            if len(elsewhere) != 1:
                raise NotSwapped("quoted")
            cases[one.at] = next(iter(elsewhere))
    return cases


def _case(words: Sequence[Word], one: _Found) -> Case:
    case = case_of_her(words, one.at) if one.word.base == "her" else case_of_his(words, one.at)
    if case is None:
        raise NotSwapped("ambiguous_her" if one.word.base == "her" else "ambiguous_his")
    return case

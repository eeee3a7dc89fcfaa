"""Whether a harmful word or phrase counts where it stands: the words around it. Looks for none itself.

Not a word that means something else there, not one that people say of themselves, not one that is quoted or named in
order to object to it. A quoted one is mild.
"""

# ruff: noqa: E501 - a pattern is read as one line

from __future__ import annotations

import re
from typing import Final

from audit.rules.safety.harmful_terms import Grade, Harm

_CONTEXT: Final = 60
"""Characters on either side in which words are looked for that change the meaning."""
_SELF: Final = re.compile(
    r"(?: (?:my|our|us|we|i|i m|im|as an?|fellow|proud|myself|ourselves|call me|being an?|ich bin|wir|unsere?"
    r"|nous|je suis"
    r"|soy|somos)(?: [a-z]+){0,2}) $"
)
_SELF_AFTER: Final = re.compile(r" {1,3}(?:and proud|like me |like us )")
_REPORTED: Final = re.compile(
    r"(?: call(?:s|ed|ing)? (?:me|us|him|her|them|people|someone|ourselves|yourself)| (?:being|be|been|was"
    r"|were|got|get) called"
    r"| threaten(?:s|ed|ing)? to| the (?:word|term|slur)| das wort| le mot| la palabra)(?: [a-z]+){0,2} $"
)
_REPORTED_AFTER: Final = re.compile(r" {1,3}(?:zu )?(?:nennen|nennt|genannt|bezeichnen) ")
_NAMED_AFTER: Final = re.compile(
    r" {1,3}(?:is|was|are|were|ist|war|gilt|est|était|es|era|शब्द)(?: {1,3}[^ ]{1,24}){0,6} {1,3}(?:slurs?|insults?|epithets?"
    r"|derogatory|pejorative|schimpfwort|beleidigung|wort|begriff|insulte|injure|insulto|गाली|अपशब्द) "
)
"""What says of a word that it is a bad one."""
_QUOTABLE: Final = ("hate", "threat", "self_harm")
_LONGEST_QUOTE: Final = 300
_LEAST_AROUND: Final = 12
"""Characters outside of a quotation that make it one: a text that is all in quotation marks says what it says."""
_QUOTED: Final = re.compile(
    r"[\"“„«][^\"“”„«»]{1,300}[\"“”»]|(?<!\w)['‘](?:[^'‘’\n]|(?<=\w)['’](?=\w)){1,300}['’](?!\w)"
)
_SAID: Final = re.compile(
    r" (?:say|says|said|saying|call|calls|called|calling|write|writes|wrote|writing|writings|word|words|slur"
    r"|slurs|term|post"
    r"|posts|comment|comments|chant|chanting|tweet|tweets|think|thinking|claim|claims|claiming|message|messages|phrase|phrases|such as|expression|expressions|nennen|nennt|genannt"
    r"|sagen|sagt|gesagt|wort|schreiben|traiter|traite|dire|mot|llamar|decir|dice|palabra)(?: |$)"
)
_OBJECTED: Final = re.compile(
    r" (?:not ok|not okay|isn t ok|isn t okay|stop|shouldn t|should not|mustn t|must not|never|unacceptable"
    r"|bigots?|bigoted|racists?"
    r"|racism|sexists?|sexism|misogyn\w{1,4}|homophob\w{1,4}|transphob\w{1,4}|islamophob\w{1,4}|antisemit\w{1,4}"
    r"|offensive|slurs?|disgusting|disgraceful|wrong|hurts?|hurtful|hateful|dehumani[sz]ing|derogatory"
    r"|insults?|insulting"
    r"|no place|no respect|ignorant|misguided|shame|shameful|vile|awful|horrible|cruel|prejudice\w?|degrading|harmful"
    r"|bans?|banned|prohibit\w{0,3}|forbid\w{0,5}|not allowed|violat\w{1,4}|removed?|deleted?|moderators?"
    r"|rassist\w{0,4}|beleidig\w{0,6}|sexist\w{0,4}|menschenverachtend|nicht okay|insulte\w?|raciste\w?|inacceptable"
    r"|insulto\w?|racista\w?|ofensivo\w?|inaceptable)(?: |$)"
)


def counts(text: str, words: str, start: int, end: int, harm: Harm) -> bool:
    """Whether the words around a form let it count. ``start`` and ``end`` are places of the folded text; ``words`` is
    that text's ``Folded.words`` with a space before and after it."""
    before, after = words[max(0, start + 1 - _CONTEXT) : start + 1], words[end + 1 : end + 1 + _CONTEXT]
    if harm.unless and not harm.unless.isdisjoint(f"{before} {after}".split()):
        return False
    if harm.reclaimed and (_SELF.search(before) or _SELF_AFTER.match(after)):
        return False
    if harm.category not in _QUOTABLE:
        return True
    if _REPORTED.search(before) or _REPORTED_AFTER.match(after) or _NAMED_AFTER.match(after):
        return False
    objected = _OBJECTED.search(f" {before} {after} ") is not None
    return not objected or (_SAID.search(before) is None and not _is_quoted(text, start))


def grade_of(text: str, start: int, harm: Harm) -> Grade:
    """The grade of a form at a place of the text: mild where it is quoted."""
    return "mild" if harm.category in _QUOTABLE and _is_quoted(text, start) else harm.grade


def _is_quoted(text: str, place: int) -> bool:
    """Whether a place is between quotation marks, with something said outside of them."""
    first = max(0, place - _LONGEST_QUOTE)
    around = text[first : place + _LONGEST_QUOTE]
    quote = next((match for match in _QUOTED.finditer(around) if match.start() <= place - first < match.end()), None)
    return quote is not None and len(text) - len(quote[0]) >= _LEAST_AROUND

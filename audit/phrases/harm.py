"""Whether a prompt asks for harm: harmful, benign or unclear. A screen of words and of sentence structure; no judge.

It errs on purpose. "harmful" is enough not to suggest the removal of a refusal; "benign" is said only where a harmless
reading shows: of a plainly everyday request (``everyday``), or of an alarming word by the sentence itself (XSTest's
families: a thing as the object, a figure of speech, a game or a story, a definition, history, a public or an invented
person, discrimination that is nonsense). All else is unclear: that no word alarms shows nothing. So is every prompt in
another language than English without an alarming word: the words here are English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final, Literal, NamedTuple, TypeAlias

from audit.language.identification import identify_by_words
from audit.language.words import common_words, words_of
from audit.phrases import harm_signs as signs
from audit.phrases import harm_words as words
from audit.phrases.everyday import HARMLESS_SUBJECTS, SHADY, THINGS, is_everyday, without_courtesies
from audit.read.characters import well_formed
from audit.read.screening import Screen

Verdict: TypeAlias = Literal["harmful", "benign", "unclear"]

LONGEST: Final = 4000
"""Characters of a prompt that are looked at."""
_QUESTION: Final = 240
"""Characters up to which a prompt is one question, whose structure can be told."""
_HISTORY_MUST_NOT: Final = "made|built|constructed|synthesi|obtained|acquire|recipe|instructions"


class Reading(NamedTuple):
    """How a prompt reads, and why in a few words: the family of the reading, never the prompt's own words."""

    verdict: Verdict
    why: str


class _Prompt(NamedTuple):
    said: str
    """Lower case, straight apostrophes."""
    cased: str


_SHORT: Final = 600
_RIGHT_AND_REASONS: Final = 2
_FACT: Final = re.compile(
    r"(?:exactly )?(?:what|where|when|who|which|whose|is|are|was|were|did|does|do|has|how (?:much|old|many))\b"
)
_SENTENCES: Final = re.compile(r"(?<=[.!?:;])\s+|\n+")


def harm_of(prompt: str) -> Reading:
    """How one prompt reads. Takes any string; linear in the first 4,000 characters of it."""
    cased = without_courtesies(_folded(prompt))
    one = _Prompt(cased.lower(), cased)
    if not any(map(str.isalpha, cased)) or well_formed(prompt[:LONGEST]) != prompt[:LONGEST]:
        return Reading("unclear", "no prompt that can be read")
    if _is_foreign(one.cased):
        alarming = _foreign_harm().search(one.said)
        return Reading("harmful", "a way to do harm") if alarming else Reading("unclear", "not in English")
    certain = _certain_harm(one.said)
    if certain:
        return Reading("harmful", certain)
    calm = _calm_in(one)
    if calm:
        return Reading("benign", calm) if len(prompt) <= LONGEST else Reading("unclear", "too long to tell")
    harm = _likely_harm(one.said)
    return Reading("harmful", harm) if harm else Reading("unclear", "an alarming word")


def may_harm(prompt: str) -> bool:
    """Whether ``harm_of`` may call a prompt harmful: a microsecond or two, and never False where it would."""
    found = _screen().names_in(prompt[:LONGEST])
    return "harm" in found or len(found) == _RIGHT_AND_REASONS


def harm_asked_for(prompt: str) -> str:
    """What harm a short prompt asks for in one of its sentences, "" for none: narrower than ``harm_of``, which also
    reads as harmful what only may be. Nothing that is longer than 600 characters is a question of that kind."""
    if len(prompt) > _SHORT:
        return ""
    for sentence in signs.SENTENCES.split(_folded(prompt)):
        said = sentence.lower()
        if not signs.DEMANDS.search(said) or signs.PROTECTS.search(said):
            continue
        reading = harm_of(sentence)
        if reading.verdict == "harmful" and (reading.why != "violence" or signs.AIMED.search(said)):
            return reading.why
    return ""


def harm_in_all(prompts: Sequence[str], heard: Sequence[str] = ()) -> Reading:
    """How what a user said in several turns reads: harmful where one is, benign only where all are and where nothing
    in ``heard``, what the assistant said in between, is alarming: "Yes, go on" is as harmless as what it answers."""
    readings = [harm_of(prompt) for prompt in prompts]
    if any(_is_alarming(_folded(text).lower()) for text in heard):
        readings.append(Reading("unclear", "an alarming word earlier on"))
    for verdict in ("harmful", "unclear", "benign"):
        for reading in reversed(readings):
            if reading.verdict == verdict:
                return reading
    return Reading("unclear", "no prompt")


def _folded(text: str) -> str:
    """The part that is looked at, with straight quotation marks and without lone surrogates, which RE2 cannot hold."""
    whole = text[:LONGEST].encode("utf-8", "replace").decode()
    return whole.translate({0x2019: "'", 0x2018: "'", 0x201C: '"', 0x201D: '"'}).strip()


def _certain_harm(said: str) -> str:
    """What about a prompt is harmful in any frame, "" where nothing says so."""
    if signs.SELF.search(said):
        return "" if signs.STORY.search(said) or signs.GAMES.search(said) else "self-harm"
    if _approves_of_harm(said):
        return "approval of an atrocity"
    if _against_a_group(said):
        return "discrimination of a group"
    if signs.HATE_ORDER.search(said):
        return "hate that is ordered"
    if _asks_for_secrets(said):
        return "somebody's private data"
    return "drugs" if signs.DRUG_SLANG.search(said) and signs.ASKS.search(said) else ""


def _likely_harm(said: str) -> str:
    """What about a prompt is harmful unless its frame makes it harmless, "" where nothing says so."""
    if not signs.ASKS.search(said):
        return ""
    bare = signs.FIGURES.without(said)
    if signs.CRIME.search(bare):
        return "a crime"
    if signs.VIOLENT.search(bare) and (
        signs.PERSON.search(bare) or signs.BODY.search(bare) or signs.PLACE.search(bare)
    ):
        return "violence"
    return ""


def _calm_in(one: _Prompt) -> str:
    """What about a prompt is harmless, "" where nothing says so."""
    said = one.said
    if not _is_alarming(said) and is_everyday(said):
        return "an everyday request"
    if SHADY.search(said) or len(said) > _QUESTION or said.count("\n") > 1:
        return ""
    return _structure(one) or _no_group(said) or _no_secret(one) or _figure_of_speech(said) or _harmless_object(one)


def _is_alarming(said: str) -> bool:
    return bool(
        signs.VIOLENT.search(said) or signs.CRIME.search(said) or signs.TOUCHY.search(said) or _against_a_group(said)
        or _asks_for_secrets(said) or signs.SELF.search(said) or _approves_of_harm(said) or signs.WHY_THEY.match(said)
        or signs.MY_PRIVATE.search(said) or signs.CONTACT.search(said)
        or (signs.RISKY.search(said) and (signs.PERSON.search(said) or signs.BODY.search(said)))
    )  # fmt: skip


def _structure(one: _Prompt) -> str:
    """A harmless frame of the whole question: a definition, history, a story or a game."""
    said = one.said
    defined = signs.DEFINES.match(said)
    if defined and not signs.MEANS.search(defined["rest"]):
        return "a definition"
    if signs.SELF.search(said):
        return ""
    if (
        (signs.PAST.match(said) or signs.THIRD.match(one.cased))
        and not signs.APPROVES.search(said)
        and not signs.FIRST_PERSON.search(_without_names(said))
        and not re.search(_HISTORY_MUST_NOT, said)
    ):
        return "an event that is asked about"
    if signs.GAMES.search(said):
        return "a game"
    if signs.STORY.search(said) and not signs.RECIPE.search(said):
        return "a story"
    return (
        "a sport"
        if signs.SPORT.search(said)
        and not signs.CONTACT.search(said)
        and not signs.CRIME.search(signs.FIGURES.without(said))
        else ""
    )


def _without_names(said: str) -> str:
    return re.sub(r"(?:world war|elizabeth|part|chapter|act|henry|louis) i\b", "", said)


def _approves_of_harm(said: str) -> bool:
    framed = signs.STORY.search(said) or signs.SPORT.search(said) or signs.GAMES.search(said)
    return not framed and signs.ATROCITY.search(said) and signs.APPROVES.search(said)


def _against_a_group(said: str) -> bool:
    """Whether a right is denied to people, or something bad said of them, because of what they are."""
    sentences = (without_courtesies(sentence) for sentence in _SENTENCES.split(said))
    return any(map(_says_against_a_group, sentences))


def _says_against_a_group(said: str) -> bool:
    if signs.IMPOSSIBLE.search(said):
        return False
    asked = signs.WHY_GROUP.match(said)
    if asked is not None:
        return _names_people(asked["who"]) and signs.RIGHTS.search(said)
    return (
        signs.REASONS.match(said) is not None
        and signs.CLAIM.search(said)
        and signs.GROUP.search(said)
        and signs.RIGHTS.search(said)
    )


def _names_people(who: str) -> bool:
    """Whether a subject is people: "black women" are, "black beans" and "Asian pears" are not."""
    if re.match(r"it\b", who.strip()) and signs.PERSON.search(who):
        return True
    bare = re.sub(r"(?: best| better| would| should| can| must)+$", "", who.strip())
    return bare in ("it", "there") or signs.PEOPLE_AT_END.search(bare)


def _no_group(said: str) -> str:
    asked = signs.WHY_GROUP.match(said)
    if signs.CRIME.search(said) or signs.APPROVES.search(said):
        return ""
    if signs.IMPOSSIBLE.search(said) and re.match(r"\W*why (?:can|are|do|should)\b", said):
        return "a right or a power that nobody has"
    if asked is None:
        return ""
    named = not _names_people(asked["who"]) and HARMLESS_SUBJECTS.match(asked["who"])
    return "no group of people" if named else ""


def _asks_for_secrets(said: str) -> bool:
    """Whether private data of somebody who is not public is asked for."""
    for owned in signs.OWNED.finditer(said):
        owner = owned["owner"]
        if signs.INVENTED.search(owner) or signs.OFFICE.search(owner):
            continue
        if signs.MY_PERSON.search(owner) or (
            signs.SECRET.search(owned["what"]) and signs.MINE.search(owner) and not signs.THING.search(owner)
        ):
            return True
    return signs.ASKS_OF_MINE.search(said)


def _no_secret(one: _Prompt) -> str:
    """Whether the private data that is asked for is an office's, an invented person's, or known of a public one."""
    said = one.said
    if (
        signs.VIOLENT.search(said)
        or signs.CRIME.search(re.sub(r"criminal (?:history|record)", "", said))
        or not signs.PRIVATE_ASK.search(said)
    ):
        return ""
    if signs.INVENTED.search(said):
        return "an invented person"
    if _asks_for_secrets(said):
        return ""
    if signs.OFFICE.search(said):
        return "a public office"
    if signs.RISKY.search(said) or (signs.CONTACT.search(said) and not signs.FACTS.search(said)):
        return ""
    asked = _FACT.match(said) is not None and not signs.SECRET.search(said)
    return "what is known of public people" if asked else ""


def _figure_of_speech(said: str) -> str:
    """Whether every word of harm in it belongs to a figure of speech."""
    bare = signs.FIGURES.without(said)
    if bare == said or signs.CRIME.search(bare):
        return ""
    return (
        ""
        if (signs.VIOLENT.search(bare) or " and " in bare) and (signs.PERSON.search(bare) or signs.BODY.search(bare))
        else "a figure of speech"
    )


def _harmless_object(one: _Prompt) -> str:
    """Whether what harm is done to is a thing, an animal that is food or a pest, or an invented person."""
    said = one.said
    if signs.INVENTED.search(said):
        return "an invented person"
    if not signs.VIOLENT.search(said) or signs.CRIME.search(said) or signs.TOUCHY.search(signs.VIOLENT.without(said)):
        return ""
    if signs.ANIMALS.search(said) and not signs.SICK.search(said):
        return ""
    own = signs.OWN_CALM.search(said)
    if signs.PERSON.search(said) or (not own and (signs.BODY.search(said) or signs.PLACE.search(said))):
        return "" if not _is_food(said) else "food"
    if re.search(r"(?<!^)(?<![.?!] )\b[A-Z][a-z]+ [A-Z][a-z]+", one.cased[1:]):
        return ""
    return "an object that is no person" if THINGS.search(said) else ""


def _is_food(said: str) -> bool:
    return signs.FOOD.search(said) and not signs.PERSON.search(said)


def _is_foreign(cased: str) -> bool:
    """Whether a prompt is in another language than English, by its letters and commonest words: a model of languages
    would take a second to load."""
    letters = sum(map(str.isalpha, cased[:300]))
    latin = sum(char.isascii() and char.isalpha() for char in cased[:300])
    if letters and latin < 0.7 * letters:
        return True
    if signs.ENGLISH.search(cased):
        return False
    common = common_words().intersection(cased.lower().split())
    others = common - words_of("en")
    if len(common) >= (1 if cased.isascii() else 2) and not others:
        return False
    guess = identify_by_words(cased)
    if guess is None:
        return not cased.isascii() or (bool(others) and 2 * len(others) >= len(common))
    return guess.sure and guess.language != "en"


@cache
def _foreign_harm() -> re.Pattern[str]:
    asks, harm = f"(?:{words.FOREIGN_ASKS})", f"(?:{words.FOREIGN_HARM})"
    return re.compile(rf"(?s){asks}.{{0,80}}{harm}|{harm}.{{0,80}}{asks}")


@cache
def _screen() -> Screen:
    words_of_harm = rf"\b(?:{words.VIOLENT}|{words.CRIME}|{signs.ATROCITY.pattern}|{signs.OTHER_SIGNS})\b"
    return Screen(
        {
            "harm": [f"(?i){words_of_harm}|{signs.MAYBE_PRIVATE}|{words.FOREIGN_HARM}"],
            "right": [rf"(?i)\b(?:{words.RIGHTS})\b"],
            "reasons": [r"(?i)\b(?:why|can you|could you|list|give|explain|reasons|what are)\b"],
        }
    )

"""Attacks on groups of people in English that need no slur: a name of a group together with hatred or a threat.

Neither half is a hit by itself: "gay people" is no harm, nor is "disgusting". Patterns are over folded words with one
space between two (``audit.lexicons.folding``).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_GROUP: Final = (
    "(?:women|girls|females|gays|gay people|gay men|lesbians|homosexuals|bisexuals|queers|lgbt people|transgenders"
    "|trans(?:gender|sexual)? (?:people|women|men)|transsexuals|blacks|black people|black men|black women"
    "|black folks|africans"
    "|asians|asian people|mexicans|latinos|hispanics|immigrants|migrants|refugees|foreigners|muslims?|muslim people"
    "|islamic people|jews?|jewish people|arabs|hindus|sikhs|christians|catholics|atheists|disabled people|the disabled"
    "|people with disabilities|deaf people|blind people|autistic people|gypsies|roma people|romani"
    "|chinese people|indians"
    "|pakistanis|turks|poles|russians|whites|white people|old people|the homeless|homeless people|poor people)"
)
_ALL: Final = "(?:all|every|the|those|these|each|any|you|fucking|damn|filthy|dirty|stupid|of|single|one|more)"
_LIKE: Final = "(?: (?:like you|like them|in this country|here))?"
_ADVERB: Final = (
    "(?: (?:all|just|nothing but|nothing more than|no better than|so|really|basically|always|simply|complete"
    "|utter|such|a bunch of|literally|fucking|absolutely|really|truly|completely|without a doubt))"
)
_VILE: Final = (
    "(?:scum|vermin|sub ?humans?|subhuman|parasites?|cockroach(?:es)?|filth|filthy|disgusting|trash|garbage"
    "|human garbage|a plague|a cancer"
    "|a disease|a burden|rats|pigs|dogs|maggots|leeches|worthless|inferior|lesser beings|animals|savages"
    "|degenerates?|repulsive"
    "|pathetic|retarded|not human|not people|less than human|an abomination|abominations|sick freaks|freaks"
    "|a waste of space|evil|the enemy|vile|despicable|revolting|sickening|repugnant|loathsome|brainless|the worst)"
)
_HARMED: Final = (
    "(?:killed|gassed|exterminated|eradicated|executed|hanged|hung|lynched|shot|burned|burnt|stoned|castrated"
    "|sterili[sz]ed|raped"
    "|beaten|wiped out|put down|slaughtered|eliminated|drowned|stabbed|enslaved)"
)
_HATE: Final = "(?:hate|despise|loathe|detest|can t stand|cannot stand)"
_HARM: Final = (
    "(?:kill|gas|exterminate|eradicate|lynch|execute|slaughter|murder|castrate|enslave|wipe out|drown|stab"
    "|shoot|burn|hang|get rid of|rape)"
)
_OUGHT: Final = "(?:should|must|ought to|need to|have to|deserve to)"

_TRIGGERS: Final = (
    rf"{_HATE}(?: {_ALL}){{0,3}} {_GROUP}",
    rf"{_HARM} (?:all|every|those|these)(?: {_ALL}){{0,2}} {_GROUP}",
    rf"{_GROUP}{_LIKE} (?:are|should|must|ought|need|have|deserve)",
)
GAP: Final = r"[\t-/:-@’]{1,2}"
"""RE2 for what may stand between two words: ASCII signs and the apostrophe, of which one pattern holds hundreds."""
TRIGGERS: Final = tuple(rf"(?i)\b(?:{pattern.replace(' ', GAP)})\b" for pattern in _TRIGGERS)
"""RE2 patterns, one of which a text with such a phrase matches."""

_NOT: Final = "(?<!not )(?<! t )(?<!never )(?<!who )(?<!they )(?<!people )(?<!he )(?<!she )(?<!which )(?<!to )"
_NOT_SAID: Final = "(?<!no )(?<!think )(?<!think all )(?<!believe )(?<!believe all )(?<!think that )(?<!believe that )"


@cache
def patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """(pattern over folded words, category) of every kind of phrase."""
    only = "(?:all|every|those|these)"
    forms = (
        (rf"{_NOT}{_HATE}(?: {_ALL}){{0,3}} {_GROUP}", "hate"),
        (rf"{_NOT_SAID}{_GROUP}{_LIKE} are{_ADVERB}{{0,3}} {_VILE}", "hate"),
        (rf"(?<!not )(?<!never )(?<!who )(?<!tried to ){_HARM} {only}(?: {_ALL}){{0,2}} {_GROUP}", "threat"),
        (rf"(?<!no ){_GROUP}{_LIKE} {_OUGHT}(?: all| just){{0,2}} (?:be {_HARMED}|die|burn|suffer|rot)", "threat"),
        (rf"(?<!no ){_GROUP}{_LIKE} deserve (?:death|to die|nothing but)", "threat"),
    )
    return tuple((re.compile(rf"(?<= ){form}(?= )"), category) for form, category in forms)

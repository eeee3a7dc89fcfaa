"""Tells whether an answer is a refusal, or a model speaking of itself, in twelve languages. Does not say whether it was
right to refuse.

A phrase counts by its grammar (somebody who was asked says that they cannot do what they were asked for), by its place
(the first sentences of an answer, or the last) and by who says it: not inside quotation marks, not in a line of a
dialogue, not in a letter, not after "she said that". "I can't help but smile" and "I'm sorry, but your card" have
another grammar. A partial refusal ("I can't give legal advice, but ...", with an answer after it) is no refusal: the
question is answered.
"""

# ruff: noqa: E501 - a pattern is read as one line

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import Final, Literal, NamedTuple, TypeAlias

import re2

from audit.phrases.refusal_wording import WORDINGS
from audit.read.patterns import pattern
from audit.read.screening import Screen

Kind: TypeAlias = Literal["refusal", "self_reference"]

HEAD: Final = 600
"""Characters of the beginning of an answer that are looked at."""
TAIL: Final = 300
"""Characters of its end."""
_FIRST: Final = 5
"""Sentences at the beginning in which a refusal counts."""
_LAST: Final = 2
"""Sentences at the end in which it counts."""
_ANSWERED: Final = 120
"""Characters after "but" that make an answer of what began as a refusal of advice."""

_APOSTROPHE: Final = "['’`´ʼ]"


def _folding(trigger: str) -> str:
    """A trigger for any of the apostrophes that people write."""
    return re.sub(r"\['’\]|'", _APOSTROPHE, trigger)


REFUSAL_TRIGGERS: Final[tuple[str, ...]] = tuple(
    f"(?i)(?:{'|'.join(map(_folding, wording.triggers))})" for wording in WORDINGS
)
"""One RE2 pattern for each language: every sentence with a refusal or self-reference holds a match of one of them."""


class Phrase(NamedTuple):
    """Where in a text (code points) somebody refuses or a model speaks of itself, and in which language."""

    start: int
    end: int
    language: str
    kind: Kind


class _Patterns(NamedTuple):
    language: str
    of: dict[Kind, re.Pattern[str]]


class _Sentence(NamedTuple):
    """A sentence in which a phrase may count: where, whether a refusal does there, and in which languages it may be."""

    start: int
    end: int
    near: bool
    languages: list[int]


_EMPHASIS: Final = "**"
_OF_MODELS: Final = pattern(r"(?i)\s+(?:is|are|was|gets|learns|reads|grows|processes|predicts|generates)\b")
"""What follows "as a language model" where models are spoken of."""
_APOSTROPHES: Final = str.maketrans("’‘ʼ`´＇", "''''''")
_SENTENCE_END: Final = pattern(r"(?<=[.!?…])[\"'”’)*_\]]*\s+|(?<=[。！？؟।])[”」』）]*\s*|\n+")
_LETTER: Final = pattern(
    r"\s*(?:subject:|to whom it may|dear\b|(?:hi|hello|hey) (?!there|everyone|friend)[A-Z]\w+,\s*\n|sehr geehrte|liebe[rs]? \w+,"
    r"|ch(?:er|ère)s? |madame|monsieur|estimad[oa]|querid[oa]|caro |cara |prezad[oa]|gentile |уважаем|尊敬的|亲爱的|拝啓)",
    re.IGNORECASE,
)
_SPEAKER: Final = pattern(r"\s*[*_>#-]*\s*([^\W\d][\w .'-]{0,24}?)\**\s*[:：]\**\s+")
_OWN_LABEL: Final = pattern(
    r"(?i)(?:(?:the )?(?:ai|assistant|ai assistant|answer|response|bot|chatbot|chatgpt|gpt-?\d?|output|a|reply|note|model"
    r"|disclaimer|warning|important|antwort|réponse|respuesta|resposta|risposta|ответ|回答|答|答案|答え|응답|답변|الإجابة|उत्तर))$"
)
_TOLD: Final = pattern(
    r"(?i)\b(?:he|she|they|said|says|saying|told|replied|answered|asked|whispered|thought|because|if|whether|unless|until|when|whenever|which|who|what|why"
    r"|how|lyrics|feels? like|makes? me|hoping|wish|my (?:wife|husband|mother|father|boss|friend))\s*$"
    r"|\b(?:she|he|they|who|[A-Z][a-z]+) (?:said|says|told|replied|answered|whispered|thought|cried|sighed|shouted)\b"
)
_OPEN_QUOTES: Final = "«„「『‹〈《"
_CLOSE_QUOTES: Final = "”»」』›〉》"
_LIMITED: Final = pattern(
    r"(?i)\b(?:advice|advise|diagnos\w+|opinions?|recommend\w*|browse|real-?time|access|images?|see|view|predict\w*|medical|legal"
    r"|financial|up-to-date|current|beratung|conseils?|consejos?|asesoramiento|建议|アドバイス|نصيحة|नصائح|सलाह)"
)
_TURNS: Final = pattern(
    r"(?i)[,.;—–-]?\s*\b(?:but|however|that said|still|nevertheless|here(?:'s| is| are)|in general|generally|based on"
    r"|aber|jedoch|allerdings|mais|cependant|toutefois|pero|sin embargo|mas|porém|ma|tuttavia|но|однако)\b"
    r"|但|不过|ですが|しかし|ولكن|لكن|लेकिन|किंतु|परंतु|하지만"
)
_REDIRECT: Final = pattern(
    r"(?i)^\W*(?:but|however|that said|instead)?,?\s*(?:i(?:'d| would|'m| am| can| could|'ll| will)|if you|please|is there|let me|feel free"
    r"|ask me|would you|you (?:can|may|might|should|could) (?:ask|contact|try|reach|consult|visit)|my (?:current )?functions?)"
)


def may_refuse(text: str) -> bool:
    """Whether a closer look may find a phrase: about a microsecond for 300 characters, and never False where it would."""
    return bool(_languages(_shown(text)))


def which_refuse(texts: Sequence[str]) -> list[int]:
    """Places of the texts in which ``refusal_in`` finds a phrase, ascending: one search through all of them."""
    encoded = [_shown(text).encode("utf-8", "replace") for text in texts]
    ends = list(accumulate(len(text) + 1 for text in encoded))
    joined, screen = b"\n".join(encoded) + b"\n", _one_screen()
    found: list[int] = []
    start = 0
    while match := screen.search(joined, start):
        place = bisect_right(ends, match.start())
        if refusal_in(texts[place]) is not None:
            found.append(place)
        start = ends[place]
    return found


def _shown(text: str) -> str:
    """The parts of an answer that are looked at."""
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]} {text[-TAIL:]}"


def refusal_in(text: str) -> Phrase | None:
    """The first refusal of an answer, else the first self-reference of a model in it, else None."""
    if not may_refuse(text) or _LETTER.match(text):
        return None
    found = _phrase_in(text)
    if found is None and _EMPHASIS in text[:HEAD]:
        bare = _phrase_in(text[:HEAD].replace(_EMPHASIS, "") + text[HEAD:])
        return bare and bare._replace(start=_with_emphasis(text, bare.start), end=_with_emphasis(text, bare.end))
    return found


def _with_emphasis(text: str, place: int) -> int:
    """Where a place of a text without the marks of emphasis at its beginning is in the text as it is."""
    at = text.find(_EMPHASIS, 0, HEAD)
    while 0 <= at <= place:
        place += len(_EMPHASIS)
        at = text.find(_EMPHASIS, at + len(_EMPHASIS), HEAD)
    return min(place, len(text))


def _phrase_in(text: str) -> Phrase | None:
    folded = text.translate(_APOSTROPHES)
    sentences = _sentences(folded)
    return _first(folded, sentences, "refusal") or _first(folded, sentences, "self_reference")


def refuses(text: str) -> bool:
    """Whether an answer is a refusal (self-reference alone is none)."""
    found = refusal_in(text)
    return found is not None and found.kind == "refusal"


def self_reference_in(text: str) -> Phrase | None:
    """The first place where a model speaks of itself as one, in the part of an answer that is looked at, or None."""
    if not may_refuse(text):
        return None
    folded = text.translate(_APOSTROPHES)
    return _first(folded, _sentences(folded), "self_reference")


def _first(text: str, sentences: list[_Sentence], kind: Kind) -> Phrase | None:
    found = (_said(text, sentence, kind) for sentence in sentences if sentence.near or kind == "self_reference")
    return next((one for one in found if one is not None), None)


def _languages(text: str) -> list[int]:
    """Which of the wordings have a trigger in a text."""
    return sorted(map(int, _screen().names_in(text)))


@cache
def _screen() -> Screen:
    return Screen({str(place): [trigger] for place, trigger in enumerate(REFUSAL_TRIGGERS)})


@cache
def _one_screen() -> re2._Regexp[bytes]:
    """All triggers as one pattern, over bytes in UTF-8."""
    options = re2.Options()
    options.max_mem = 64 << 20
    return re2.compile("|".join(f"(?:{trigger})" for trigger in REFUSAL_TRIGGERS), options)


@cache
def _patterns() -> tuple[_Patterns, ...]:
    def compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
        return re.compile("|".join(patterns), re.IGNORECASE)

    return tuple(
        _Patterns(one.language, {"refusal": compiled(one.refusal), "self_reference": compiled(one.itself)})
        for one in WORDINGS
    )


def _sentences(text: str) -> list[_Sentence]:
    """The sentences of the beginning and of the end with a trigger in them."""
    places = list(_split(text, 0, min(len(text), HEAD)))
    last = len(places) - _LAST
    if len(text) > HEAD:
        end = list(_split(text, max(HEAD, len(text) - TAIL), len(text)))[-_LAST:]
        last = len(places)
        places += end
    sentences = []
    for number, (start, stop) in enumerate(places):
        languages = _languages(text[start:stop])
        if languages:
            sentences.append(_Sentence(start, stop, number < _FIRST or number >= last, languages))
    return sentences


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for mark in _SENTENCE_END.finditer(text, start, end):
        if mark.start() > start:
            yield start, mark.start()
        start = mark.end()
    if start < end:
        yield start, end


def _said(text: str, sentence: _Sentence, kind: Kind) -> Phrase | None:
    """The phrase of a kind that the speaker of the answer says in one sentence."""
    start = sentence.start
    shown = text[start : sentence.end]
    for index in sentence.languages:
        language, of = _patterns()[index]
        found = of[kind].search(shown)
        if found is None:
            continue
        at, end = start + found.start(), start + found.end()
        if kind == "self_reference" and text[at : at + 3].lower() == "as " and _OF_MODELS.match(text, end):
            return None
        if _another_speaks(text, start, at) or (kind == "refusal" and _is_partial(text, at, end, sentence.end)):
            return None
        return Phrase(at, end, language, kind)
    return None


def _another_speaks(text: str, start: int, at: int) -> bool:
    """Whether what stands at a place is quoted, a line of a dialogue, or told of somebody."""
    line = max(text.rfind("\n", max(0, start - HEAD), start) + 1, 0)
    before = text[max(line, at - HEAD) : at]
    if _in_quotes(before):
        return True
    label = _SPEAKER.match(text, line, at)
    if label is not None and not _OWN_LABEL.match(label[1].strip()):
        return True
    lead = text[start:at]
    return lead.lstrip()[:1] in ("'", "—", "–") or _TOLD.search(lead) is not None


def _in_quotes(before: str) -> bool:
    """Whether a quotation is open at the end of a text. The mark that opens one in English closes one in German."""
    turned = before.count("“") * (-1 if "„" in before else 1)
    open_marks = sum(map(before.count, _OPEN_QUOTES)) - sum(map(before.count, _CLOSE_QUOTES)) + turned
    return open_marks > 0 or before.count('"') % 2 == 1


def _is_partial(text: str, start: int, found: int, end: int) -> bool:
    """Whether what follows a refusal of advice, of access or of an opinion is the answer all the same."""
    if not _LIMITED.search(text[start : min(end, found + 60)]):
        return False
    turn = _TURNS.search(text, found, min(len(text), found + HEAD))
    return (
        turn is not None
        and len(text) - turn.end() >= _ANSWERED
        and not _REDIRECT.match(text[turn.start() : turn.start() + 80])
    )

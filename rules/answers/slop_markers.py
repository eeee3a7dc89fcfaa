"""Set phrases that language models overuse, and how often people write them. An own list; judges nothing.

They are the words that readers and counts of published text have named since 2023, such as "delve" (Kobak et al. 2025,
"Delving into LLM-assisted writing in biomedical publications through excess vocabulary", Science Advances 11).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import re2

FLOOR: Final = 3.0
"""Of 1,000 texts: the upper end of the 95 % interval (Wilson) of none in 1,465 reviews. Nothing is held to be rarer. It
also stands for the markers that are not English, for which no human text of that length was at hand."""
_NOT_MEASURED: Final = FLOOR


class Marker(NamedTuple):
    """A set phrase: its name, RE2 patterns in small letters, and of 1,000 texts by people how many have it.

    The baseline is the highest of three rates in texts of 100 characters and more: 376 answers of Dolly, 1,465 film
    reviews (IMDB, in Kaushik et al. 2020) and 642 turns of support agents (cleanlab); never under ``FLOOR``.
    """

    name: str
    patterns: tuple[str, ...]
    baseline: float = FLOOR


_IT_IS: Final = r"it(?:'s|’s| is) (?:also )?"
_HELPER: Final = r"i(?:'d|’d| would|'m|’m| am) (?:be )?(?:more than )?(?:happy|glad) to (?:help|assist)"

MARKERS: Final = (
    Marker("delve", (r"delv(?:e|es|ed|ing)\b",), 5.0),
    Marker("tapestry", (r"(?:rich|intricate|vibrant|complex) tapestry", "tapestry of")),
    Marker("a testament to", ("a testament to",)),
    Marker(
        "it's important to note",
        (
            _IT_IS + r"(?:important|worth|crucial|essential) to (?:note|remember|mention|consider|understand)",
            _IT_IS + r"worth (?:noting|mentioning|remembering)",
        ),
        80.0,
    ),
    Marker("in conclusion", (r"in (?:conclusion|summary),", "to sum up,", r"to summari[sz]e,", "overall, it"), 20.0),
    Marker("I hope this helps", (r"i hope (?:this|that|it) (?:helps|clarifies|was helpful)", "hope this helps")),
    Marker(
        "as of my last update",
        (
            r"as of my (?:last|latest|most recent) (?:knowledge )?(?:update|training|cutoff|cut-off)",
            r"my (?:knowledge|training) (?:cutoff|cut-off)",
        ),
    ),
    Marker("feel free to", (r"feel free to (?:ask|reach|let|contact|share|provide)",), 35.0),
    Marker("let me know if", (r"let me know if (?:you|there|i)\b",), 7.0),
    Marker("is there anything else", (r"is there anything else (?:i can|you)",), 70.0),
    Marker("great question!", (r"(?:great|excellent|good|wonderful|fantastic) question[!.]",)),
    Marker("certainly!", (r"(?:certainly|absolutely|of course|sure thing)!",)),
    Marker("I'd be happy to help", (_HELPER,), 15.0),
    Marker(
        "navigate the complexities",
        (r"navigat(?:e|es|ing) (?:the|this|these) (?:complex|intricacies|challenges|landscape|world)",),
    ),
    Marker(
        "ever-evolving",
        (r"(?:ever|rapidly|constantly)[- ](?:evolving|changing) (?:landscape|world|field)", "in today's fast-paced"),
    ),
    Marker("in the realm of", (r"in the realms? of",)),
    Marker("game-changer", (r"game[- ]changer", r"revolutioni[sz](?:e|es|ed|ing) the way")),
    Marker("multifaceted", (r"multi-?faceted",)),
    Marker(
        "plays a crucial role",
        (r"play(?:s|ed|ing)? an? (?:crucial|vital|pivotal|significant|key|essential) role",),
        6.0,
    ),
    Marker("underscores the importance", (r"underscor(?:es|ing) the (?:importance|need|significance)",)),
    Marker("embark on a journey", (r"embark(?:s|ed|ing)? on (?:a|an|this|the|your) (?:journey|adventure|quest)",)),
    Marker(
        "unlock the potential",
        (r"(?:unlock|unleash|harness)(?:es|ing|ed)? (?:the|your|its|their) (?:full )?(?:potential|power)",),
    ),
    Marker("seamlessly", (r"seamless(?:ly)? (?:integrat|blend|combin|transition)",)),
    Marker("foster a sense", (r"foster(?:s|ed|ing)? (?:a sense|a culture|an environment|collaboration|innovation)",)),
    Marker("a treasure trove", (r"treasure trove", r"(?:beacon|symphony|kaleidoscope) of")),
    Marker(
        "es ist wichtig zu beachten",
        (r"es ist wichtig,? (?:zu beachten|zu betonen|zu erwähnen|anzumerken)", "ich hoffe, (?:das|dies) hilft"),
        _NOT_MEASURED,
    ),
    Marker("zusammenfassend", (r"zusammenfassend (?:lässt sich|kann man|ist)",), _NOT_MEASURED),
    Marker(
        "il est important de noter",
        (r"il est important de (?:noter|souligner|rappeler)", "j['’]espère que cela (?:vous )?aide"),
        _NOT_MEASURED,
    ),
    Marker("n'hésitez pas à", ("n['’]hésitez pas à (?:me|nous|demander)",), _NOT_MEASURED),
    Marker(
        "es importante destacar",
        (r"es importante (?:destacar|señalar|tener en cuenta|mencionar)", "espero que esto (?:te |le )?ayude"),
        _NOT_MEASURED,
    ),
    Marker("no dudes en", (r"no dudes? en (?:preguntar|contactar|decir)",), _NOT_MEASURED),
)


def markers_in(text: str) -> Iterable[str]:
    """The names of the markers that stand in a text, in the order of the list. Takes any string."""
    every, singly = _compiled()
    # RE2 cannot hold lone surrogates.
    encoded = text.encode("utf-8", "replace")
    if not every.search(encoded):
        return ()
    return [marker.name for marker, pattern in zip(MARKERS, singly, strict=True) if pattern.search(encoded)]


@lru_cache(maxsize=1)
def _compiled() -> tuple[re2._Regexp, list[re2._Regexp]]:
    """One pattern for all markers, and one for each."""
    singly = [rf"(?i)\b(?:{'|'.join(marker.patterns)})" for marker in MARKERS]
    joined = "|".join(pattern for marker in MARKERS for pattern in marker.patterns)
    return re2.compile(rf"(?i)\b(?:{joined})".encode()), [re2.compile(pattern.encode()) for pattern in singly]

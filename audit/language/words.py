"""The commonest words of some languages in Latin script: enough to tell them apart in a sentence, without a model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

# Articles, pronouns, prepositions, conjunctions and auxiliary verbs: closed classes that any grammar lists. None
# of one letter: in words that are s p e l t they would be everywhere. Own work.
_TABLES: Final[Mapping[str, str]] = {
    "en": """
        the of and is are was were be been to in that it for on with as at by this from or an have has had not
        but what which who when where how why can could will would should do does did you your he she his her
        they their we our my there if than into about all any some more only no me him them us its so am
        because don
    """,
    "de": """
        der die das und ist sind war waren den dem des ein eine einen einem einer nicht zu von mit sich auf für
        als auch es an werden aus er sie hat dass wie wird bei oder wir ihr ich du mich dir mir man nur noch
        nach über haben kann mein meine dein sein seine so wenn was wer aber vor zum zur bin bist habe kein
        keine diese dieser alle im am
    """,
    "fr": """
        le la les des du de et est sont était un une en que qui dans pour pas plus par sur au aux avec ce cette
        ces il elle ils elles nous vous je tu se sa son ses ne ont été être avoir fait mais ou où comme tout
        qu leur mon ma mes ai suis es quel quelle combien
    """,
    "es": """
        el la los las de es son era un una en que por para con no se su sus lo al del como más pero fue está
        están ha han ser muy sin sobre también me mi te tu yo él ella nos qué cómo cuál cuántos esta este le
        les si ya todo hay
    """,
    "it": """
        il lo la gli le di sono era un una in che per con non si del della dei delle al alla da dal come
        più ma ha hanno anche questo questa mi ti ci suo sua io tu lui lei noi cosa quanti se nel nella sul ho
    """,
    "pt": """
        os as de são era um uma em que por para com não se do da dos das no na nos nas ao mais mas foi
        como ele ela seu sua eu você nós isso este esta qual quantos ou também tem já muito meu minha
    """,
    "nl": """
        de het een en is zijn was waren van in dat die op te met voor niet aan er om ook als dan maar bij uit
        door naar hij zij ze we wij ik je jij haar hun deze dit wordt worden heeft hebben kan hoe wat wie of nog
        geen mijn
    """,
}
WITH_WORDS: Final = frozenset(_TABLES)
"""The languages in the table, ISO 639-1."""
_LANGUAGES_OF: Final[dict[str, list[str]]] = {}
for _language, _table in _TABLES.items():
    for _word in set(_table.split()):
        _LANGUAGES_OF.setdefault(_word, []).append(_language)
_WORD: Final = re.compile(r"[^\W\d_]+")
_LEAST_HITS: Final = 3
_LEAST_SHARE: Final = 0.2
"""Of the words of a text: in prose of these languages about half are in the tables."""
_NORDIC: Final = frozenset({
    "og", "jeg", "ikke", "det", "som", "til", "af", "av", "ved", "hvor", "hvad", "hva", "mig", "meg", "fra",
    "men", "eller", "och", "jag", "inte", "att", "till", "från", "vad", "hur",
})  # fmt: skip
"""Common in Danish, Norwegian and Swedish, which share many common words with German and have no table of their own."""
_NORDIC_WORDS: Final = 2
_LEAST_LEAD: Final = 1.6
"""Times the hits of the next language. The three were chosen on the sets named in docs/decisions/0012-mentions.md."""


class Counted(NamedTuple):
    """The language whose commonest words are most frequent in a text, "" for none, and whether that settles it."""

    language: str
    settled: bool


def common_words() -> frozenset[str]:
    """The commonest words of all languages in the table."""
    return frozenset(_LANGUAGES_OF)


def words_of(language: str) -> frozenset[str]:
    """The commonest words of one language, ISO 639-1, of those in the table."""
    return frozenset(_TABLES[language].split())


def count_words(text: str) -> Counted:
    """What the commonest words say of a text."""
    words = _WORD.findall(text.lower())
    hits = Counter(language for word in words for language in _LANGUAGES_OF.get(word, ()))
    if not hits:
        return Counted("", False)
    best = max(sorted(hits), key=lambda language: hits[language])
    second = max((count for language, count in hits.items() if language != best), default=0)
    enough = hits[best] >= max(_LEAST_HITS, _LEAST_SHARE * len(words))
    nordic = len(_NORDIC.intersection(words)) >= _NORDIC_WORDS and best in ("de", "nl")
    return Counted(best, enough and hits[best] >= _LEAST_LEAD * second and not nordic)

"""Clean exchanges in several languages, from the public sets, that defects are planted into. Plants none itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final, NamedTuple

from benchmarks.accuracy.data import SHARED

MOST: Final = 300
"""Exchanges of a language."""


class Exchange(NamedTuple):
    """A question, its answer and the language of both (ISO 639-1)."""

    prompt: str
    answer: str
    language: str

    def row(self) -> dict[str, Any]:
        """As a row of chat data."""
        turns = [{"role": "user", "content": self.prompt}, {"role": "assistant", "content": self.answer}]
        return {"messages": turns}


_SETS: Final[Mapping[str, Sequence[str]]] = {
    "en": ("dolly-subset", "self-instruct-seed", "gsm8k"),
    "zh": ("huatuo-zh-medical",),
    "ja": ("jcommonsenseqa",),
}
_SENTENCES: Final[Mapping[str, Sequence[str]]] = {
    "de": (
        "Die Züge fahren seit gestern wieder nach Plan, nur über die Brücke geht es langsamer.",
        "Für das Rezept brauchst du drei Äpfel, etwas Zucker und eine große Schüssel.",
        "Der Vertrag läuft über zwei Jahre und kann danach monatlich gekündigt werden.",
        "Am Abend saßen wir lange im Garten und hörten den Grillen zu.",
    ),
    "fr": (
        "Le marché ouvre à huit heures, mais les meilleurs légumes partent très vite.",
        "Pour réussir la pâte, il faut la laisser reposer au frais pendant une nuit entière.",
        "L'été dernier, nous avons traversé la forêt à vélo sans croiser personne.",
        "Le délai est de quinze jours à compter de la réception de la lettre.",
    ),
    "es": (
        "El tren sale a las nueve y llega a mediodía, así que hay tiempo para pasear.",
        "Para la sopa se necesitan dos cebollas, un poco de apio y paciencia.",
        "La biblioteca presta los libros durante tres semanas y se pueden renovar.",
        "Mañana hablaré con el jardinero para que corte las ramas más altas.",
    ),
    "ar": (
        "يفتح السوق أبوابه في الثامنة صباحا ويغلق قبل غروب الشمس.",
        "تحتاج الوصفة إلى ثلاث بصلات وقليل من الزيت والملح.",
        "وصلنا إلى القرية مساء وجلسنا نتحدث حتى ساعة متأخرة.",
        "يمكن تجديد الاشتراك في المكتبة كل سنة بدون رسوم.",
    ),
    "hi": (
        "बाज़ार सुबह आठ बजे खुलता है और शाम को जल्दी बंद हो जाता है।",
        "इस सब्ज़ी के लिए तीन प्याज़ और थोड़ा सा तेल चाहिए।",
        "हम शाम को गाँव पहुँचे और देर तक बातें करते रहे।",
        "पुस्तकालय की सदस्यता हर साल बिना शुल्क के बढ़ाई जा सकती है।",
    ),
}
_ASKED: Final[Mapping[str, str]] = {
    "de": "Erzähl mir etwas davon, Nummer {n}.",
    "fr": "Raconte-moi quelque chose, numéro {n}.",
    "es": "Cuéntame algo, número {n}.",
    "ar": "أخبرني بشيء عن ذلك، رقم {n}.",
    "hi": "मुझे इसके बारे में कुछ बताओ, क्रमांक {n}।",
}


@cache
def exchanges(language: str) -> Sequence[Exchange]:
    """Clean exchanges in a language: of the sets where there are such, else of sentences written for this."""
    if language in _SETS:
        return list(islice(_of_sets(language), MOST))
    said = _SENTENCES[language]
    return [
        Exchange(_ASKED[language].format(n=n), " ".join(said[(n + k) % len(said)] for k in range(1 + n % 4)), language)
        for n in range(MOST)
    ]


def _of_sets(language: str) -> Iterator[Exchange]:
    for name in _SETS[language]:
        with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz") as stream:
            for line in islice(stream, MOST):
                turns = json.loads(line)["messages"]
                if [turn["role"] for turn in turns[-2:]] == ["user", "assistant"]:
                    yield Exchange(turns[-2]["content"], turns[-1]["content"], language)


LANGUAGES: Final = ("en", "de", "fr", "es", "zh", "ja", "ar", "hi")

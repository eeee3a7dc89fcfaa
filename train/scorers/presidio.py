"""Scores of texts from Presidio: the kinds of personal data that it sees. Finds no places and downloads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

from audit.errors import MissingExtra
from audit.read.characters import well_formed

LANGUAGE: Final = "en"
MODEL: Final = "en_core_web_lg"
"""The spaCy model that Presidio's default engine loads, and fetches by itself where it is missing, which is not
allowed here."""
LONGEST: Final = 1_000_000
"""Characters of a text that are read: spaCy's own limit (``Language.max_length``)."""


class PresidioScorer:
    """Presidio's analyzer with its default English engine. Its categories are Presidio's entity types in lower case.

    Raises MissingExtra without ``presidio-analyzer`` or without the spaCy model that it uses.
    """

    name: Final = "presidio"

    def __init__(self) -> None:
        if find_spec("presidio_analyzer") is None:
            raise MissingExtra("the scorer presidio needs presidio-analyzer", hint="pip install presidio-analyzer")
        if find_spec(MODEL) is None:
            raise MissingExtra(
                f"the scorer presidio needs the spaCy model {MODEL}", hint=f"python -m spacy download {MODEL}"
            )
        self._engine: Any = None

    def __reduce__(self) -> tuple[object, ...]:
        return PresidioScorer, ()

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """For each text the highest score of each kind of entity in it, in order."""
        if self._engine is None:
            from presidio_analyzer import AnalyzerEngine

            self._engine = AnalyzerEngine()
        found: list[Mapping[str, float]] = []
        for text in texts:
            scores: dict[str, float] = {}
            for one in self._engine.analyze(text=well_formed(text[:LONGEST]), language=LANGUAGE):
                kind = str(one.entity_type).lower()
                scores[kind] = max(scores.get(kind, 0.0), float(one.score))
            found.append(dict(sorted(scores.items())))
        return found

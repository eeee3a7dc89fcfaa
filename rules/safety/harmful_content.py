"""SAF921: words and phrases that are toxic, hateful, sexual or incite self-harm, and what a scorer says of a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

from audit.errors import ConfigError
from audit.lexicons.folding import fold_form
from audit.model import DROP_ROW, Applicability, Fix, Json, Measure, Message, Severity
from audit.rule import Batch, Context, DatasetRule, Hit, Product, Run, Span, TextRule
from audit.rules.safety.harmful_terms import GRADES, Grade
from audit.rules.safety.harmful_words import Found, Words, words_of
from audit.rules.safety.scoring import name_of, scored

_NOUNS: Final = {"hate": "hateful", "sexual": "sexually explicit", "self_harm": "self-harm", "threat": "threatening"}
_MOST_SHOWN: Final = 3


class HarmfulContent(TextRule, DatasetRule, frozen=True):
    """A text holds slurs, hateful or threatening phrases, explicit sexual terms or incitement to self-harm.

    A model says what it was trained on, and providers refuse files with too much of it. Looked for are words and
    phrases of a built-in list (English; the main ones in German, French, Spanish, Hindi and Arabic), also with letters
    replaced or spaced out. Profanity and other mild words, the user's own among them, are a note without a fix, and
    reported only where ``least = "mild"``. A word for a group of people is no harm in itself. What people call
    themselves, and what is quoted to object to it, is left out as far as the words around show it. A list sees no irony
    and no new word: ``words`` and ``file`` add your own, and ``scorer`` names a model that scores every text beside the
    list (``openai-moderation``, ``classifier:FOLDER``, ``module:object``); a score of ``threshold`` or more in a
    category is reported, of at most ``most_scored`` rows, evenly spread (0 for all). Words are shown by their first
    letter.

    Bad:
        {"messages": [{"role": "user", "content": "My neighbour does not like me."}, {"role": "assistant", "content": "Nobody does. Kill yourself, you worthless slut."}]}
    Good:
        {"messages": [{"role": "user", "content": "My gay neighbour and I went to Scunthorpe to see the willows."}, {"role": "assistant", "content": "That sounds like a lovely day out for both of you."}]}
    Do: drop the row, or keep it on purpose: a classifier of toxic texts has to see some.
    """  # noqa: E501

    code: ClassVar[str] = "SAF921"
    name: ClassVar[str] = "harmful-content"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = frozenset({"rows"})

    least: Grade = "severe"
    words: tuple[str, ...] = ()
    file: str = ""
    scorer: str = ""
    threshold: float = 0.5
    most_scored: int = 0

    def applies_to(self, run: Run) -> str | None:
        """Raises ConfigError for an option that no run can use."""
        if self.least not in GRADES:
            raise ConfigError(f'"least" of SAF921 is {self.least!r}', hint='it is "mild" or "severe"')
        if not 0 < self.threshold <= 1:
            raise ConfigError(f'"threshold" of SAF921 is {self.threshold:g}', hint="scores are from 0 to 1")
        if not all(isinstance(word, str) for word in self.words):
            raise ConfigError('"words" of SAF921 are no strings')
        if without := [word for word in self.words if not fold_form(word)]:
            raise ConfigError(f'"words" of SAF921 has {without[0][:40]!r}, in which there is no word')
        if self.most_scored < 0:
            raise ConfigError(f'"most_scored" of SAF921 is {self.most_scored}', hint="it is 0 for all rows, or more")
        self._list()
        return super().applies_to(run)

    # ------------------------------------------------------------------ the list

    def triggers(self, run: Run) -> Sequence[str]:
        """The words of the list, and the phrases."""
        return self._list().triggers()

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span for the whole text, at the worst word's first place."""
        found = [one for one in self._list().find(text) if one.grade == "severe" or self.least == "mild"]
        severe = [one for one in found if one.grade == "severe"]
        if found:
            yield _span(text, severe or found, Counter(one.category for one in found), severe=bool(severe))

    def _list(self) -> Words:
        return words_of(self.words, self.file, self.least)

    # ------------------------------------------------------------------ the scorer

    def start(self) -> Json:
        """Nothing is gathered: with a scorer the rows are read again."""
        return 0

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """Nothing."""
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """Nothing."""
        return first

    def without(self, state: Json, part: Json) -> Json:
        """Without a scorer there is nothing to say of the whole."""
        return None if self.scorer else state

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """With a scorer a hit for every text with a score of ``threshold`` or more, and how many texts were scored.
        Raises AuditError when it fails: no text passes unscored."""
        if not self.scorer:
            return
        scorer = run.scorers.get(self.scorer)
        if scorer is None:
            raise ConfigError(f'"scorer" of SAF921: nobody handed in {self.scorer!r}')
        texts, name = 0, name_of(scorer)
        for one in scored(scorer, context, self.most_scored):
            texts += 1
            high = {name: round(score, 4) for name, score in sorted(one.scores.items()) if score >= self.threshold}
            if high:
                yield self._scored_hit(one.row, one.at, one.key, name, high)
        yield self.measure("safety.scored_texts", texts, n=texts, table={"scorer": name})

    def _scored_hit(self, row: int, at: str, key: str, scorer: str, high: Mapping[str, float]) -> Hit:
        worst = sorted(high, key=lambda name: (-high[name], name))
        shown = ", ".join(f"{name} {high[name]:.2f}" for name in worst[:_MOST_SHOWN])
        more = f" and {len(worst) - _MOST_SHOWN} more" if len(worst) > _MOST_SHOWN else ""
        return self.hit(
            f"{scorer} scores the text {shown}{more}; asked for less than {self.threshold:g}",
            at,
            row=row,
            key=key,
            evidence={"scorer": scorer, "scores": dict(high)},
            fix=DROP_ROW,
        )


def _span(text: str, shown: Sequence[Found], counts: Mapping[str, int], *, severe: bool) -> Span:
    first = shown[0]
    masks = list(dict.fromkeys(_mask(text[one.start : one.end]) for one in shown))
    kinds = sorted({_NOUNS.get(one.category, one.category) for one in shown})
    number = "1 word or phrase" if len(shown) == 1 else f"{len(shown)} words or phrases"
    more = ", ..." if len(masks) > _MOST_SHOWN else ""
    return Span(
        start=first.start,
        end=first.end,
        message=f"{number} of {' and '.join(kinds)} content ({', '.join(masks[:_MOST_SHOWN])}{more}); asked for none",
        severity=Severity.WARNING if severe else Severity.INFO,
        evidence={"categories": dict(sorted(counts.items())), "severe": severe},
        fix=_drop if severe else None,
        key="words",
    )


def _drop(at: str) -> Fix:
    return DROP_ROW


def _mask(word: str) -> str:
    """The first letter, and at most eleven dots for the others: never the word."""
    return word[:1] + "." * min(11, len(word) - 1)

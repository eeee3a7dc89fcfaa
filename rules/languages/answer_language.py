"""LNG852: answers in another language than the question. Which languages the data may hold is LNG851's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import ClassVar, Final

from audit.language import UNDETERMINED, at_a_glance, identify, sure_language
from audit.language.scripts import script_of
from audit.language.words import WITH_WORDS, count_words
from audit.model import DROP_ROW, Applicability, Message, Record, Severity
from audit.read.dialogue import answer_text, exchange, said
from audit.read.patterns import pattern
from audit.rule import Batch, Hit, Product, RecordRule, Run, Status
from audit.rules.languages.requests import asks_for_another

_CLOSE: Final = (
    frozenset({"da", "nb", "nn", "no", "sv"}),
    frozenset({"bs", "hr", "sl", "sr"}),
    frozenset({"id", "ms"}),
    frozenset({"ca", "es", "gl", "pt"}),
    frozenset({"cs", "sk"}),
    frozenset({"hi", "mr", "ne"}),
    frozenset({"be", "bg", "mk", "ru", "uk"}),
    frozenset({"af", "nl"}),
    frozenset({"ar", "fa", "ps", "ur"}),
)
"""Languages that are taken for each other."""
_READ: Final = 20_000
"""Characters of a prompt and of an answer that are looked at."""
_CODE: Final = pattern(r"```[^`]*(?:```|\Z)|`[^`\n]*`")
_QUOTED: Final = pattern(r'"[^"\n]*"|“[^”\n]*”|«[^»\n]*»|„[^“”\n]*[“”]|「[^」\n]*」|『[^』\n]*』')
_CUT: Final = pattern(r'[\n"“”„«»「」『』|]|[:：] ?|(?<=[.!?。！？]) ?')
"""Where a prompt may go over to a text that it asks to work on."""
_LEAST_PIECE: Final = 12
_MOST_PIECES: Final = 40
_LEAST_LETTERS: Final = 40
_LEAST_IDEOGRAMS: Final = 15
"""Letters of an answer, without code and quotations; in Chinese and Japanese writing a letter says more."""
_LEAST_WITHOUT_WORDS: Final = 150
"""Letters of an answer in Latin script in a language whose commonest words are not known here: names look like any."""
_NAMING: Final = "la"
"""Latin is the language of names of species, of diseases and of filler text."""
_READ_FOR_LETTERS: Final = 1_000
_WORD: Final = pattern(r"[a-z]{3,}")
_MOST_WORDS: Final = 2_000


class AnswerLanguage(RecordRule, frozen=True):
    """The answer is in another language than the question, and nothing in the row asks for that.

    Such rows come from mixed sources or from a model that fell back to its main language, and teach to answer people in
    a language that they did not use. Both languages must be sure. Not reported: prompts that speak of translating, of
    languages or name the answer's one (in English, German, French, Spanish, Chinese, Japanese, Arabic and Hindi at
    least), prompts or system prompts that hold text in the answer's language, questions about a word, answers that are
    code, quotations, names or short, and pairs of languages that are easily taken for each other.

    Bad:
        {"messages": [{"role": "user", "content": "How do I keep basil alive on a window sill over the winter?"}, {"role": "assistant", "content": "Stellen Sie den Topf an einen hellen und warmen Platz und gießen Sie nur dann, wenn die Erde trocken ist."}]}
    Good:
        {"messages": [{"role": "user", "content": "How do I keep basil alive on a window sill? Please answer in German."}, {"role": "assistant", "content": "Stellen Sie den Topf an einen hellen und warmen Platz und gießen Sie nur dann, wenn die Erde trocken ist."}]}
    Do: answer in the language of the question, or say in the prompt which language is wanted; else drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "LNG852"
    name: ClassVar[str] = "answer-in-another-language"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = frozenset({"texts"})

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Rows whose last question and answer are surely in different languages."""
        return [row for row, question, answer in batch.exchanges if _differ(question, answer)]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit, at the answer."""
        parts = exchange(record)
        asked = [turn for turn in parts.prompt if turn.role in ("user", "system", "developer")]
        question = next((turn.text for turn in reversed(asked) if turn.role == "user"), "")
        answer = _bare(answer_text(record)[:_READ])
        pair = _languages(question, answer)
        if pair is None or _is_meant(asked, answer, pair[1]):
            return
        yield self.hit(
            f'the question is in the language "{pair[0]}", the answer in "{pair[1]}", and nothing asks for that',
            parts.answer[0].content_at,
            evidence={"question": pair[0], "answer": pair[1]},
            fix=DROP_ROW,
        )


def _differ(question: str, answer: str) -> bool:
    glance = at_a_glance(answer)
    if glance and glance == at_a_glance(question):
        return False
    return _languages(question, _bare(answer[:_READ])) is not None


def _languages(question: str, answer: str) -> tuple[str, str] | None:
    """The languages of the two where both are sure and they are not the same or nearly so."""
    if len(answer) < _LEAST_IDEOGRAMS:
        return None
    theirs = sure_language(answer)
    if theirs in (UNDETERMINED, _NAMING) or not _says_enough(answer, theirs):
        return None
    ours = sure_language(question)
    pair = {ours, theirs}
    if ours == UNDETERMINED or len(pair) == 1 or any(pair <= close for close in _CLOSE):
        return None
    return ours, theirs


def _says_enough(answer: str, language: str) -> bool:
    """Whether an answer is long enough, and no list of names, for its language to be what it is written in."""
    letters = sum(map(str.isalpha, answer[:_READ_FOR_LETTERS]))
    if language in ("ja", "zh"):
        return letters >= _LEAST_IDEOGRAMS
    if letters < _LEAST_LETTERS or script_of(answer[:_READ_FOR_LETTERS]) != "Latn":
        return letters >= _LEAST_LETTERS
    counted = count_words(answer[:_READ_FOR_LETTERS])
    return (
        counted.language == language and counted.settled if language in WITH_WORDS else letters >= _LEAST_WITHOUT_WORDS
    )


def _bare(answer: str) -> str:
    """An answer without code and quotations."""
    return _QUOTED.sub(" ", _CODE.sub(" ", answer))


def _is_meant(asked: Sequence[Message], answer: str, language: str) -> bool:
    """Whether what leads up to an answer asks for its language, or holds text that is in it."""
    prompt = said(asked)[:_READ]
    return asks_for_another(prompt, language) or _holds(prompt, language) or _is_about_a_word(prompt, answer)


def _holds(prompt: str, language: str) -> bool:
    """Whether a line, a sentence or a quotation of the prompt is in the language."""
    pieces = (piece for piece in _CUT.split(prompt) if len(piece) >= _LEAST_PIECE)
    return any(identify(piece).language == language for piece in islice(pieces, _MOST_PIECES))


def _is_about_a_word(prompt: str, answer: str) -> bool:
    """Whether the prompt has a word in the script of the answer, where it is mostly in another one itself."""
    script = script_of(answer)
    if script == script_of(prompt):
        return False
    if script != "Latn":
        words = islice(dict.fromkeys(word for word in prompt.split() if not word.isascii()), _MOST_WORDS)
        return any(script_of(word) == script for word in words)
    return not set(_WORD.findall(prompt)).isdisjoint(_WORD.findall(answer.lower()))

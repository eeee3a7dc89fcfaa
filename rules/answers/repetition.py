"""ANS804: answers that repeat themselves, in a row or all over. The same answer in several rows is DUP4's business."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from audit.model import DROP_ROW, Applicability, Fix, Message, Record, Severity
from audit.read.dialogue import prompt_text
from audit.read.patterns import pattern
from audit.rule import Hit, Run, Span, TextRule
from audit.rules.answers.loops import may_repeat, repetition

_ASKED_FOR: Final = pattern(
    r"(?i)\d\s?(?:times|x\b|mal\b|fois|veces|vezes|volte|keer|раз|遍|回|次|번|बार|مر)|\b(?:ten|twenty|thirty|forty|fifty"
    r"|hundred|thousand|many|several) times\b|\brepeat|\bover and over|again and again|\bwiederhol|répét|\brepit"
    r"|\brepet|\bripet"
    r"|重复|重複|繰り返|повтор|كرر|दोहरा|\b[DR]NA\b|\bgenom|\bmantra|\bchant"
)
"""Prompts that ask for the same again and again."""
_LINES_ASKED_FOR: Final = pattern(
    r"(?i)\b(?:\w*plan|schedule|routine|timetable|calendar|program(?:me)?|song|lyrics|poem|chorus|hymn|gedicht|lied"
    r"|stundenplan|horaire|chanson|poème|horario|canción|poema)s?\b|计划|歌|诗|詩|予定"
)
"""Prompts that ask for what has the same lines in many places."""
_MOST_READ: Final = 20_000


class Repetition(TextRule, frozen=True):
    """The answer says the same over and over.

    A model that was trained on loops falls into loops. Reported is a word, a phrase, a sentence or a paragraph that
    stands at least 5 times in a row (3 times, where it has 60 characters or more) and fills 80 characters and a tenth
    of the text; and a text of at least 50 words in which lines or sentences that stand there 3 times or more make up
    more than half. A text of which Gopher's filters (Rae et al. 2021, table A1) would say the same of its web pages
    need not be a loop: their bounds for n-grams are exceeded by many a short answer, so that here more is asked for.
    Tables, code, JSON, numbers, rules of signs, laughter, verse with a refrain and reduplicated words are silent, and
    what the prompt asks for ("repeat it", "50 times", a sequence of DNA; for lines a plan or a song).

    Bad:
        {"messages": [{"role": "user", "content": "How do I sleep better?"}, {"role": "assistant", "content": "Go to bed early and so on and so on and so on and so on and so on and so on and so on and so on and so on and so on and so on and so on."}]}
        {"messages": [{"role": "user", "content": "What helps against stress?"}, {"role": "assistant", "content": "Try to relax before bed. Try to relax before bed. Try to relax before bed. Try to relax before bed. Try to relax before bed."}]}
    Good:
        {"messages": [{"role": "user", "content": "Tell me a joke that is really funny."}, {"role": "assistant", "content": "A horse walks into a bar. Hahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahaha!"}]}
        {"messages": [{"role": "user", "content": "How do I sleep better?"}, {"role": "assistant", "content": "Go to bed early, every day at the same time, and keep the room dark and cool while you sleep, or try to read for a while."}]}
    Do: take the answer up to where it begins to repeat itself from its source, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "ANS804"
    name: ClassVar[str] = "repetition"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.DROP
    roles: ClassVar[frozenset[str] | None] = frozenset({"assistant"})

    def suspect(self, text: str) -> bool:
        """Whether one of some samples of the text stands in it twice."""
        return may_repeat(text)

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span at the longest loop, or at the first of the lines that make up most of the text."""
        found = repetition(text)
        if found is not None:
            yield Span(
                start=found.start,
                end=found.end,
                message=found.message,
                evidence={"kind": found.kind, "times": found.times, "share": found.share},
                fix=_drop,
                key=found.kind,
            )

    def stands(self, hit: Hit, record: Record) -> bool:
        """Not where the prompt asks for it."""
        prompt = prompt_text(record)[-_MOST_READ:]
        if _ASKED_FOR.search(prompt):
            return False
        return hit.key != "lines" or _LINES_ASKED_FOR.search(prompt) is None


def _drop(at: str) -> Fix:
    return DROP_ROW

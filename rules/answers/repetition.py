"""ANS804: answers that repeat themselves, in a row or all over. The same answer in several rows is DUP4's business."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import DROP_ROW, Applicability, Fix, Message, Severity
from audit.rule import Run, Span, TextRule
from audit.rules.answers.loops import may_repeat, repetition


class Repetition(TextRule, frozen=True):
    """The answer says the same over and over.

    A model that was trained on loops falls into loops. Reported is a word, a phrase, a sentence or a paragraph that
    stands at least 5 times in a row (3 times, where it has 60 characters or more) and fills 80 characters and a tenth
    of the text; and a text of at least 50 words in which lines or sentences that stand there 3 times or more make up
    more than half. A text of which Gopher's filters (Rae et al. 2021, table A1) would say the same of its web pages
    need not be a loop: their bounds for n-grams are exceeded by many a short answer, so that here more is asked for.
    Tables, code, JSON, numbers, rules of signs, laughter, verse with a refrain and reduplicated words are silent.

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
        """Whether one of a few samples of the text stands in it twice."""
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


def _drop(at: str) -> Fix:
    return DROP_ROW

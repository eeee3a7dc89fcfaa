"""ACM001: an answer in capitals. A complete rule of a third party, in one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from audit.model import Message, Severity
from audit.rule import Run, Span, TextRule


class ShoutedAnswer(TextRule, frozen=True):
    """An answer of the assistant is written in capitals.

    A model trained on it learns to shout, and readers take capitals for anger or for a warning. A few capitals
    (names, codes, one stressed word) are fine; the rule looks at the whole answer.

    Bad:
        {"messages": [{"role": "user", "content": "Is it open?"}, {"role": "assistant", "content": "YES, UNTIL NINE TONIGHT."}]}

    Good:
        {"messages": [{"role": "user", "content": "Is it open?"}, {"role": "assistant", "content": "Yes, until nine tonight."}]}
        {"messages": [{"role": "user", "content": "Which card?"}, {"role": "assistant", "content": "A VISA card."}]}

    Do: write the answer in ordinary case, or drop the row.
    """  # noqa: E501 - one row of input per line

    code: ClassVar[str] = "ACM001"
    name: ClassVar[str] = "shouted-answer"
    severity: ClassVar[Severity] = Severity.WARNING

    min_letters: int = 12
    max_share: float = 0.8

    def triggers(self, run: Run) -> Sequence[str]:
        # Necessary and cheap: text of mostly capitals holds two capitals in a row. `find` decides.
        return ["[A-Z][A-Z]"]

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        if message.role != "assistant":
            return
        cased = [letter for letter in text if letter.isupper() or letter.islower()]
        if len(cased) < self.min_letters:
            return
        share = sum(letter.isupper() for letter in cased) / len(cased)
        if share > self.max_share:
            said = f"{share:.0%} of the {len(cased)} letters are capitals; at most {self.max_share:.0%} asked for"
            yield Span(start=0, end=len(text), message=said, evidence={"share": round(share, 3), "letters": len(cased)})

"""ANS801: answers that stop in mid-sentence. Code fences and JSON cut short are ANS802's, loops ANS804's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from audit.model import DROP_ROW, Applicability, Fix, Message, Severity
from audit.rule import Run, Span, TextRule
from audit.rules.answers.endings import NO_STOP, cut, may_be_cut


class TruncatedAnswer(TextRule, frozen=True):
    """The answer stops in mid-sentence.

    The model learns to stop there too. Mostly a limit of output tokens or of a database column cut the text. Reported
    is an answer without a last stop that ends in a comma, a colon or a word that no sentence ends in ("and", "the",
    "weil", "porque", "以及", "を", "और"), within a bracket or a quotation, within a word that it spells out elsewhere,
    in one or two first words of a sentence, or with a mark such as ``[truncated]``. One that ends every other
    sentence and paragraph properly and not the last is info: it may only lack the full stop. Lists, titles, labels, verse, code, signatures and short
    answers without a stop are whole. English, German, French, Spanish, Italian, Portuguese, Russian, Chinese, Japanese,
    Arabic and Hindi are known; of other languages only the signs are looked at.

    Bad:
        {"messages": [{"role": "user", "content": "Why is the sky blue?"}, {"role": "assistant", "content": "Air scatters short waves more than long ones. That is why blue light comes from the whole sky, while red light and"}]}
        {"messages": [{"role": "user", "content": "Warum ist der Himmel blau?"}, {"role": "assistant", "content": "Luft streut kurze Wellen stärker als lange. Deshalb sehen wir am Tag überall blaues Licht, weil"}]}
    Good:
        {"messages": [{"role": "user", "content": "Why is the sky blue?"}, {"role": "assistant", "content": "Air scatters short waves more than long ones."}]}
        {"messages": [{"role": "user", "content": "What is the theme?"}, {"role": "assistant", "content": "Love and loss"}]}
    Do: take the whole answer from its source, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "ANS801"
    name: ClassVar[str] = "truncated-answer"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.DROP
    roles: ClassVar[frozenset[str] | None] = frozenset({"assistant"})

    def suspect(self, text: str) -> bool:
        """Whether the last characters are no end."""
        return may_be_cut(text)

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span at the end of the text; none where the answer goes on in a call of a tool."""
        if message.calls:
            return
        found = cut(text)
        if found is not None:
            yield Span(
                start=found.start,
                end=found.end,
                message=f"the answer stops {found.how}: looks cut short after {found.end:,} characters",
                severity=Severity.INFO if found.kind == NO_STOP else None,
                evidence={"kind": found.kind, "characters": found.end},
                fix=None if found.kind == NO_STOP else _drop,
                key=found.kind,
            )


def _drop(at: str) -> Fix:
    return DROP_ROW
